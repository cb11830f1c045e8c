"""OpenVINO on networks of the zoo: which layers its kernels run, and what its counters are worth."""

from __future__ import annotations

import pytest

from annette.bench.backend import Subject
from annette.bench.profile_matching import match_profile
from annette.devices.openvino_cpu.backend import OpenvinoBackend, OpenvinoOptions
from annette.errors import BackendRunError, OptionError
from annette.network import zoo
from annette.network.builder import NetworkBuilder
from annette.network.load import load_network
from annette.network.writers.onnx import write_onnx

pytestmark = pytest.mark.skipif(not OpenvinoBackend.available().usable, reason="openvino is not installed")


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "shufflenet_v2_x0_5", "squeezenet1_1", "mnasnet0_5"])
def test_the_kernels_of_the_zoo_are_matched(name):
    network = zoo.build(name)
    with OpenvinoBackend(OpenvinoOptions()).compile(Subject(network)) as compiled:
        found = match_profile(network, compiled.profile(3).entries)
    assert found.matched_share > 0.97
    claimed = {layer for kernel in found.kernels for layer in kernel.layers}
    assert {layer.name for layer in network.layers if layer.workload.macs} <= claimed


def test_parts_that_the_compiler_named_itself_belong_to_their_layer():
    net = NetworkBuilder("tokens")
    x = net.input("x", (1, 64, 96))
    x = net.layer_norm(net.fully_connected(x, 96, name="project"), name="norm")
    network = net.build(net.fully_connected(x, 192, name="expand"))
    with OpenvinoBackend(OpenvinoOptions()).compile(Subject(network)) as compiled:
        found = match_profile(network, compiled.profile(3).entries)
    assert not found.unmatched
    sets = [kernel.layers for kernel in found.kernels]
    assert ("expand", "expand/bias") in sets, "the product lends its bias its time"
    claimed = [layer for layers in sets for layer in layers]
    assert len(claimed) == len(set(claimed))


def test_a_users_file_is_measured_as_it_is(tmp_path):
    path = tmp_path / "net.onnx"
    write_onnx(zoo.build("squeezenet1_1"), path)
    with OpenvinoBackend(OpenvinoOptions()).compile(Subject(load_network(path), path)) as compiled:
        assert min(compiled.run(2)) > 0


def test_precision_is_part_of_the_environment():
    assert OpenvinoBackend(OpenvinoOptions(precision="bf16")).environment()["precision"] == "bf16"
    with pytest.raises(OptionError, match="precision 'int4'"):
        OpenvinoOptions(precision="int4")


def test_a_file_that_it_refuses_is_an_error_of_one_line(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"not a model")
    subject = Subject(zoo.build("squeezenet1_1"), path)
    with (
        OpenvinoBackend(OpenvinoOptions()).compile(subject) as compiled,
        pytest.raises(BackendRunError, match=r"OpenVINO refuses 'squeezenet1_1': .+") as caught,
    ):
        compiled.run(1)  # The runtime's own compilation waits until it is known whether to profile.
    assert "\n" not in str(caught.value)
