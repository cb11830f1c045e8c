"""At its peak, a run holds at least what its largest kernel reads and writes."""

import pytest

import annette
from annette.mapping.memory import width_of
from annette.network import zoo

NETWORKS = (
    "squeezenet1_1",
    "mobilenet_v3_small",
    "shufflenet_v2_x0_5",
    "googlenet",
    "densenet121",
    "nasbench201:seed3",
)
PLATFORMS = (
    "epyc-onnxruntime",
    "epyc-openvino-fp32",
    "ncs2-openvino",
    "zcu102-dnndk",
    "ethos-u55-128",
    "ethos-u85-512",
)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_peak_holds_the_operands_of_every_kernel(name, platform):
    """Without inputs, which the caller may hold; a kernel that may write over an operand holds it once."""
    target = annette.load_platform(platform)
    network = zoo.build(name)
    estimate = annette.estimate(network, target, fallback="roofline")
    memory, size_of = estimate.memory, width_of(network, target.precision)
    for kernel in estimate.mapped:
        if kernel.free:
            continue
        read = sum(size_of(network.tensors[tensor]) for tensor in kernel.inputs if tensor not in network.inputs)
        written = sum(size_of(network.tensors[tensor]) for tensor in kernel.outputs)
        assert memory.peak_activation_bytes >= max(read, written), kernel.name
        assert (
            memory.peak_activation_bytes >= read + written or len(kernel.inputs) == 0 or _may_overwrite(kernel, network)
        )
    assert min(memory.alive_bytes) >= 0


def _may_overwrite(kernel, network):
    written = network.tensors[kernel.outputs[0]].elements
    return any(network.tensors[tensor].elements == written for tensor in kernel.inputs) or kernel.context.get(
        "cascaded"
    )
