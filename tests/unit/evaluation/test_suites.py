"""What must agree between a platform and measurements, and what is only remarked."""

import pytest

from annette.api import measure
from annette.bench.dataset import Dataset
from annette.bench.named_backends import option_names, parse_options
from annette.devices.arm_ethos_u.backend import VelaOptions
from annette.errors import DatasetError, OptionError
from annette.evaluation.suites import (
    compare_environments,
    is_dataset,
    listed_networks,
    measured_networks,
    measuring_options,
)
from annette.platforms import Provenance, load_platform
from tests.unit.samples import platform, small_network

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


def test_measuring_takes_whatever_the_provenance_states_of_the_backends_options():
    """A compiler's target is part of its environment, the accelerator as the device."""
    target = {"device": "ethos-u65-512", "memory_mode": "Shared_Sram", "system_config": "Ethos_U65_Embedded"}
    stated = platform(provenance=Provenance("a test", versions=tuple(target.items())))
    options = measuring_options(stated, ["accelerator", "memory_mode", "system_config", "config"], {})
    assert options.pop("accelerator") == target.pop("device")
    assert options == target
    with pytest.raises(OptionError, match="accelerator 'ethos-u55-128'"):
        compare_environments(stated, {**target, "device": "ethos-u55-128"})


@pytest.mark.parametrize("name", ["ethos-u55-128", "ethos-u65-512", "ethos-u65-512-sram", "ethos-u85-512"])
def test_shipped_ethos_u_platforms_say_what_measures_them(name):
    shipped = load_platform(name)
    assert dict(shipped.provenance.versions)["runtime"] == "vela"
    chosen = parse_options("vela", measuring_options(shipped, option_names("vela"), {}))
    environment = {"runtime": "vela", "precision": "int8", **VelaOptions(**chosen).target().described()}
    assert all("another" not in note for note in compare_environments(shipped, environment))


def test_the_whole_networks_of_a_dataset_are_a_suite(tmp_path):
    path = tmp_path / "measured.sqlite"
    measure([small_network()], backend="vela", out=path)
    assert is_dataset(path)
    (listed,) = listed_networks(str(path))
    assert (listed.name, listed.latency_s) == ("small", None)
    (measured,) = measured_networks(path, load_platform("ethos-u55-128"))
    assert measured.latency_s > 0
    with pytest.raises(OptionError, match="do not compare"):
        measured_networks(path, load_platform("ethos-u85-512"))


def test_a_dataset_without_whole_networks_says_what_takes_it(tmp_path):
    path = tmp_path / "kernels.sqlite"
    Dataset.create(path).close()
    with pytest.raises(DatasetError, match=r"no whole network.*annette fit takes its kernels"):
        measured_networks(path)
    assert not is_dataset(tmp_path / "nothing.sqlite")
