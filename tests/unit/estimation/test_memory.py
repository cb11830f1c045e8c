"""Memory beside latency: where the figures come from, and what is not known."""

from dataclasses import replace

import pytest

import annette
from annette.estimation.memory import Memory, memory_of
from annette.network.builder import NetworkBuilder


def test_each_runtime_has_its_own_plan():
    methods = {name: annette.estimate("squeezenet1_1", name).memory.method for name in (
        "ethos-u55-128", "epyc-onnxruntime", "ncs2-openvino", "zcu102-dnndk"
    )}  # fmt: skip
    assert methods == {
        "ethos-u55-128": "vela", "epyc-onnxruntime": "onnxruntime", "ncs2-openvino": "liveness",
        "zcu102-dnndk": "liveness",
    }  # fmt: skip


def test_what_a_runtime_allocates_is_unknown_where_only_liveness_is():
    memory = annette.estimate("squeezenet1_1", "ncs2-openvino").memory
    assert memory.allocated_bytes is None
    assert memory.by_memory == {}
    assert "OpenVINO" in memory.reason
    assert memory.peak_activation_bytes == max(memory.alive_bytes)


@pytest.mark.parametrize("platform", ["ethos-u55-128", "ethos-u65-512", "epyc-onnxruntime", "zcu102-dnndk"])
def test_bytes_are_those_of_the_estimates_kernels(platform):
    estimate = annette.estimate("mobilenet_v2", platform)
    memory = estimate.memory
    assert len(memory.alive_bytes) == len(estimate.kernels)
    peak = memory.alive_bytes.index(memory.peak_activation_bytes)
    assert estimate.kernels[peak].name == memory.peak_kernel
    assert memory.allocated_bytes is None or memory.allocated_bytes >= memory.peak_activation_bytes


def test_weights_are_the_constants_at_the_platforms_precision():
    assert annette.estimate("resnet18", "ncs2-openvino").memory.weights_bytes == pytest.approx(2 * 11.69e6, rel=0.01)
    assert annette.estimate("resnet18", "zcu102-dnndk").memory.weights_bytes == pytest.approx(11.69e6, rel=0.01)


def test_samples_one_by_one_need_no_more_than_one():
    one, three = (annette.estimate("resnet18", "zcu102-dnndk", batch=batch).memory for batch in (1, 3))
    assert three.peak_activation_bytes == one.peak_activation_bytes
    together = annette.estimate("resnet18", "epyc-onnxruntime", batch=2).memory
    assert together.peak_activation_bytes > one.peak_activation_bytes


def test_without_the_network_activations_are_unavailable():
    estimate = annette.estimate("squeezenet1_1", "ncs2-openvino")
    memory = replace(estimate, basis=None).memory
    assert memory == Memory(None, None, estimate.memory.weights_bytes, reason=memory.reason)
    assert memory.method == "unavailable"
    assert "not at hand" in memory.reason


def test_unknown_operators_make_activations_unavailable():
    net = NetworkBuilder("n")
    (strange,) = net.layer("unsupported", [net.input("x", (2, 3))], attributes={"operator": "Strange"}, shapes=[(2, 3)])
    net.relu(strange)
    platform = annette.load_platform("epyc-onnxruntime")
    estimate = annette.estimate(net.build(), platform, fallback="roofline")
    memory = memory_of(estimate.basis, estimate.mapped, estimate.table)
    assert memory.peak_activation_bytes is None
    assert memory.alive_bytes == ()
    assert "not known" in memory.reason
