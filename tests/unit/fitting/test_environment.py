"""Datasets are fitted together only where they belong together, in a precision that is stated."""

import pytest

from annette.errors import FitError
from annette.fitting.environment import common_environment, precision_of
from tests.unit.fitting.synthetic import ENVIRONMENT, dataset

_SILENT = {key: value for key, value in ENVIRONMENT.items() if key != "precision"}


def environment(tmp_path, found, precision=None):
    with dataset(tmp_path / "d.sqlite", 1, environment=found) as opened:
        return common_environment([opened], precision)


@pytest.mark.parametrize(("name", "bits"), [("fp32", 32), ("bf16", 16), ("fp16", 16), ("int8", 8)])
def test_precisions_have_their_bits(tmp_path, name, bits):
    found = environment(tmp_path, {**ENVIRONMENT, "precision": name})
    assert precision_of(found).activation_bits == precision_of(found).weight_bits == bits


def test_a_missing_precision_is_refused_with_its_remedy(tmp_path):
    with pytest.raises(FitError, match="--precision"):
        environment(tmp_path, _SILENT)


def test_a_stated_precision_is_recorded(tmp_path):
    assert environment(tmp_path, _SILENT, "int8")["precision"] == "int8"


@pytest.mark.parametrize(
    ("found", "stated", "message"),
    [
        ({**ENVIRONMENT, "precision": "fp8"}, None, "'fp8' is not known"),
        (_SILENT, "posit", "'posit' is not known"),
        (ENVIRONMENT, "int8", "measured in 'fp32'"),
    ],
)
def test_unknown_and_contradicted_precisions_are_refused(tmp_path, found, stated, message):
    with pytest.raises(FitError, match=message):
        environment(tmp_path, found, stated)


def test_mixed_precisions_are_refused(tmp_path):
    with (
        dataset(tmp_path / "a.sqlite", 1) as first,
        dataset(tmp_path / "b.sqlite", 1, environment={**ENVIRONMENT, "precision": "int8"}) as second,
        pytest.raises(FitError, match="precision is 'fp32' in one and 'int8' in another"),
    ):
        common_environment([first, second])
