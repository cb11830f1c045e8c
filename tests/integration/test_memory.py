"""Memory against what Vela and ONNX Runtime say of the same networks."""

import importlib.util
import sys
from pathlib import Path

import pytest

from annette.bench.backend import Subject
from annette.devices.arm_ethos_u.backend import VelaBackend, VelaOptions
from annette.estimation import estimate_network
from annette.network import zoo
from annette.network.builder import NetworkBuilder
from annette.network.writers.onnx import write_onnx
from annette.platforms import load_platform

TOOL = Path(__file__).parents[2] / "tools" / "onnxruntime_arena.py"


@pytest.mark.skipif(not VelaBackend.available().usable, reason="ethos-u-vela is not installed")
@pytest.mark.parametrize("name", ["squeezenet1_1", "mobilenet_v3_small", "shufflenet_v2_x0_5", "nasbench101:seed5"])
def test_sram_is_what_vela_says(name):
    network, platform = zoo.build(name), load_platform("ethos-u55-128")
    with VelaBackend(VelaOptions()).compile(Subject(network)) as compiled:
        said = int(compiled.profile(1).details["sram_bytes"])
    assert estimate_network(network, platform).memory.by_memory["SRAM"] == pytest.approx(said, rel=0.1)


@pytest.fixture(scope="module")
def arena_use():
    pytest.importorskip("onnxruntime")
    spec = importlib.util.spec_from_file_location("onnxruntime_arena", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.arena_use


@pytest.mark.skipif(sys.platform != "linux", reason="the library is looked for as it is called on Linux")
@pytest.mark.parametrize("name", ["transpose", "nasbench201:seed3", "squeezenet1_1"])
def test_the_arena_holds_what_the_runtime_says(name, arena_use, tmp_path):
    """Channels are multiples of 16, so that it makes no difference whether the processor has blocks of 8 or of 16."""
    network = _transposed() if name == "transpose" else zoo.build(name)
    path = tmp_path / "network.onnx"
    write_onnx(network, path)
    use = arena_use(path, {tensor: network.tensors[tensor].shape for tensor in network.inputs})
    memory = estimate_network(network, load_platform("epyc-onnxruntime")).memory
    assert memory.allocated_bytes == pytest.approx(use.most_bytes, rel=0.1)


def _transposed():
    net = NetworkBuilder("transposed")
    net.unary("exp", net.unary("sigmoid", net.transpose(net.input("x", (512, 64)), (1, 0))))
    return net.build()
