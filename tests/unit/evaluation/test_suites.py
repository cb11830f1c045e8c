"""What must agree between a platform and measurements, and what is only remarked."""

import pytest

from annette.errors import OptionError
from annette.evaluation.suites import compare_environments, measuring_options
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
    assert compare_environments(fitted(), HERE) == ()


@pytest.mark.parametrize(("key", "value"), [("runtime", "openvino"), ("precision", "bf16"), ("threads", "2")])
def test_what_makes_estimates_meaningless_is_refused(key, value):
    with pytest.raises(OptionError, match=f"{key} .*{value}"):
        compare_environments(fitted(), {**HERE, key: value})


def test_other_processors_and_versions_are_remarked():
    (note,) = compare_environments(fitted(), {**HERE, "cpu": "B", "cpu_flags": "avx512f"})
    assert "another processor" in note
    assert "'B'" in note
    (note,) = compare_environments(fitted(), {**HERE, "runtime_version": "2"})
    assert "version of the runtime" in note


def test_a_platform_without_provenance_still_states_its_threads():
    (note,) = compare_environments(platform(), HERE)
    assert "not compared" in note
    with pytest.raises(OptionError, match="threads"):
        compare_environments(platform(threads=4), HERE)


def test_measuring_takes_the_platforms_threads_and_precision_where_the_backend_has_them():
    assert measuring_options(fitted(), ["threads"], {}) == {"threads": "1"}
    assert measuring_options(fitted(precision="bf16"), ["threads", "precision"], {}) == {
        "threads": "1",
        "precision": "bf16",
    }
    assert measuring_options(fitted(), ["threads"], {"threads": "3", "x": "y"}) == {"threads": "3", "x": "y"}
