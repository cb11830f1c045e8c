"""What must agree between a platform and measurements, and what is only remarked."""

import pytest

from annette.errors import OptionError
from annette.evaluation.agreement import agreement, measuring_options
from annette.platforms import Provenance
from tests.unit.samples import platform

HERE = {
    "runtime": "onnxruntime",
    "runtime_version": "1",
    "precision": "fp32",
    "threads": "1",
    "cpu": "A",
    "cpu_flags": "avx2",
}


def fitted(**changes):
    return platform(provenance=Provenance("a test", versions=tuple({**HERE, **changes}.items())))


def test_the_same_environment_needs_no_remark():
    assert agreement(fitted(), HERE) == ()


@pytest.mark.parametrize(("key", "value"), [("runtime", "openvino"), ("precision", "bf16"), ("threads", "2")])
def test_what_makes_estimates_meaningless_is_refused(key, value):
    with pytest.raises(OptionError, match=f"{key} .*{value}"):
        agreement(fitted(), {**HERE, key: value})


def test_other_processors_and_versions_are_remarked():
    (note,) = agreement(fitted(), {**HERE, "cpu": "B", "cpu_flags": "avx512f"})
    assert "another processor" in note
    assert "'B'" in note
    (note,) = agreement(fitted(), {**HERE, "runtime_version": "2"})
    assert "version of the runtime" in note


def test_a_platform_without_provenance_still_states_its_threads():
    (note,) = agreement(platform(), HERE)
    assert "not compared" in note
    with pytest.raises(OptionError, match="threads"):
        agreement(platform(threads=4), HERE)


def test_measuring_takes_the_platforms_threads_and_precision_where_the_backend_has_them():
    assert measuring_options(fitted(), ["threads"], {}) == {"threads": "1"}
    assert measuring_options(fitted(precision="bf16"), ["threads", "precision"], {}) == {
        "threads": "1",
        "precision": "bf16",
    }
    assert measuring_options(fitted(), ["threads"], {"threads": "3", "x": "y"}) == {"threads": "3", "x": "y"}
