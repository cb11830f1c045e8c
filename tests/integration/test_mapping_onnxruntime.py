"""The mapping for ONNX Runtime against the models that ONNX Runtime itself has optimised."""

from collections import Counter

import pytest

from annette.mapping.rules import preset
from annette.network.writers.onnx import write_onnx
from annette.network.zoo.classic import squeezenet1_1
from annette.network.zoo.dense_prediction import yolov4_tiny
from annette.network.zoo.inception import inception_v3
from annette.network.zoo.mobile import efficientnet_b0, mobilenet_v3_small, shufflenet_v2_x0_5
from annette.network.zoo.residual import densenet121, regnet_y_400mf, resnet18
from annette.network.zoo.transformer import bert_base, gpt2, vit_b_16

onnx = pytest.importorskip("onnx", reason="needs onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnxruntime")

FREE = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "ReorderInput", "ReorderOutput"}
SPLIT = {"hard_swish": 2}  # run as HardSigmoid and Mul where no convolution takes it

NETWORKS = {
    "resnet18": lambda: resnet18(resolution=64),
    "resnet18 with batch_norm": lambda: resnet18(batch_norm=True, resolution=64),
    "squeezenet1_1": squeezenet1_1,
    "mobilenet_v3_small": mobilenet_v3_small,
    "shufflenet_v2_x0_5": shufflenet_v2_x0_5,
    "densenet121": densenet121,
    "efficientnet_b0": efficientnet_b0,
    "inception_v3": inception_v3,
    "regnet_y_400mf": regnet_y_400mf,
    "yolov4_tiny": yolov4_tiny,
    "vit, small": lambda: vit_b_16(resolution=64, layers=3, hidden=64, heads=2),
    "gpt2, small": lambda: gpt2(sequence=16, layers=3, hidden=64, heads=2, vocabulary=100),
}


def _nodes(network, folder):
    """Operators of the optimised model that compute or move something, by type."""
    write_onnx(network, folder / "plain.onnx")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    onnxruntime.InferenceSession(str(folder / "plain.onnx"), options, providers=["CPUExecutionProvider"])
    model = onnx.load(folder / "optimised.onnx", load_external_data=False)
    return Counter(node.op_type for node in model.graph.node if node.op_type not in FREE)


def _kernels(network):
    kernels = preset("onnxruntime-cpu").apply(network)
    return Counter(kernel.kind for kernel in kernels if kernel.layers and not kernel.free)


@pytest.mark.parametrize("name", NETWORKS)
def test_as_many_kernels_as_operators_are_left(name, tmp_path):
    network = NETWORKS[name]()
    kernels = _kernels(network)
    assert sum(count * SPLIT.get(kind, 1) for kind, count in kernels.items()) == _nodes(network, tmp_path).total()


def test_bert_adds_the_positions_of_tokens_on_the_way_into_a_layer_normalization(tmp_path):
    network = bert_base(sequence=16, layers=3, hidden=64, heads=2, vocabulary=100)
    kernels, nodes = _kernels(network), _nodes(network, tmp_path)
    assert kernels["skip_layer_norm"] == nodes["SkipLayerNormalization"] == 7
    assert kernels["gelu"] == nodes["Gelu"] + nodes["BiasGelu"] == 3
    assert kernels["matmul"] == nodes["FusedMatMul"] + nodes["MatMul"] == 6
    assert kernels.total() == nodes.total()
    assert kernels["add"] == nodes["Add"]
