"""Operators of runtimes' and exporters' own domains: shapes, kinds, and true reasons where there are none."""

import pytest
from onnx import TensorProto, helper

from annette.errors import NetworkShapeError, UnsupportedOperatorError
from annette.estimation import estimate_network
from annette.network import DType
from annette.network.readers.onnx import read_onnx
from annette.platforms import load_platform
from tests.unit.network.readers.onnx.build import save

BOXES, SCORES = (2, 100, 4), (2, 100, 80)
CASES = {
    "EfficientNMS_TRT": (
        "TRT", [BOXES, SCORES], {"max_output_boxes": 30}, "non_max_suppression", [(2, 1), (2, 30, 4), (2, 30), (2, 30)],
    ),
    "BatchedNMS_TRT": (
        "TRT", [(2, 100, 1, 4), SCORES], {"keepTopK": 9}, "non_max_suppression", [(2, 1), (2, 9, 4), (2, 9), (2, 9)],
    ),
    "TRTBatchedNMS": (
        "mmdeploy", [(2, 100, 1, 4), SCORES], {"keep_topk": 9}, "non_max_suppression", [(2, 9, 5), (2, 9)],
    ),
    "NonMaxSuppression": (
        "mmcv", [BOXES, (2, 80, 100)], {"max_output_boxes_per_class": 5}, "non_max_suppression", [(2 * 80 * 5 // 2, 3)],
    ),
    "nms": ("torchvision", [(100, 4), (100,)], {"iou_threshold": 0.5}, "non_max_suppression", [(50,)]),
    "roi_align": (
        "torchvision", [(1, 8, 16, 16), (5, 5)], {"pooled_height": 7, "pooled_width": 6}, "roi_align", [(5, 8, 7, 6)],
    ),
    "grid_sampler": ("mmdeploy", [(1, 8, 16, 16), (1, 4, 5, 2)], {}, "grid_sample", [(1, 8, 4, 5)]),
    "MMCVModulatedDeformConv2d": (
        "mmdeploy", [(1, 4, 9, 9), (1, 18, 5, 5), (1, 9, 5, 5), (6, 4, 3, 3)], {"stride": [2, 2], "padding": [1, 1]},
        "deformable_conv", [(1, 6, 5, 5)],
    ),
    "deform_conv2d": (
        "torchvision", [(1, 4, 9, 9), (6, 4, 3, 3), (1, 18, 9, 9), (1, 9, 9, 9)], {"padding": [1, 1]},
        "deformable_conv", [(1, 6, 9, 9)],
    ),
    "BiasSoftmax": ("com.microsoft", [(2, 3, 4, 4), (2, 1, 1, 4)], {"axis": 3}, "softmax", [(2, 3, 4, 4)]),
    "SkipGroupNorm": (
        "com.microsoft", [(1, 8, 8, 16), (16,), (16,), (1, 8, 8, 16)], {"groups": 4}, "group_norm",
        [(1, 8, 8, 16), (1, 8, 8, 16)],
    ),
    "CDist": ("com.microsoft", [(5, 8), (7, 8)], {"metric": "sqeuclidean"}, "matmul", [(5, 7)]),
    "UnfoldTensor": ("com.microsoft", [(3, 10)], {"dim": 1, "size": 4, "step": 2}, "im2col", [(3, 4, 4)]),
    "Trilu": ("com.microsoft", [(3, 4)], {}, "copy", [(3, 4)]),
    "GridSample": ("com.microsoft", [(1, 8, 16, 16), (1, 4, 5, 2)], {}, "grid_sample", [(1, 8, 4, 5)]),
    "NGramRepeatBlock": ("com.microsoft", [(2, 5), (2, 100)], {"ngram_size": 2}, "copy", [(2, 100)]),
    "Rfft": (
        "com.microsoft", [(2, 5, 16)], {"signal_ndim": 1, "normalized": 0, "onesided": 1}, "fourier_transform",
        [(2, 5, 9, 2)],
    ),
    "Irfft": (
        "com.microsoft", [(2, 5, 9, 2)], {"signal_ndim": 1, "normalized": 0, "onesided": 1}, "fourier_transform",
        [(2, 5, 16)],
    ),
    "QLinearReduceMean": ("com.microsoft", [(2, 5, 9), (), ()], {"axes": [1], "keepdims": 0}, "reduce_mean", [(2, 9)]),
}  # fmt: skip


def read(folder, operator, domain, shapes, attributes, outputs=1, dtype=TensorProto.FLOAT, **stated):
    names = [f"x{i}" for i in range(len(shapes))]
    results = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(operator, names, results, "it", domain=domain, **attributes)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info(name, dtype, shape) for name, shape in zip(names, shapes, strict=True)],
        [helper.make_tensor_value_info(name, dtype, stated.get(name)) for name in results],
    )
    sets = [helper.make_opsetid("", 17), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return read_onnx(save(folder, helper.make_model(graph, opset_imports=sets, ir_version=8)), lenient=True)


@pytest.mark.parametrize("operator", CASES)
def test_operators_of_other_domains(tmp_path, operator):
    domain, shapes, attributes, kind, written = CASES[operator]
    network = read(tmp_path, operator, domain, shapes, attributes, len(written))
    assert [layer.kind for layer in network.layers] == [kind]
    assert [network.tensors[f"y{i}"].shape for i in range(len(written))] == written


def test_suppression_that_keeps_any_number_says_what_is_counted(tmp_path):
    network = read(tmp_path, "nms", "torchvision", [(100, 4), (100,)], {"iou_threshold": 0.5})
    assert any("at most 100, counted as 50" in note for note in network.notes)
    with pytest.raises(NetworkShapeError, match="does not say how many boxes"):
        read(tmp_path, "EfficientNMS_TRT", "TRT", [BOXES, SCORES], {}, 4)


def test_experts_count_those_that_are_chosen(tmp_path):
    weights = [helper.make_tensor(name, TensorProto.FLOAT, shape, [0.0] * (4 * 8 * 16)) for name, shape in (
        ("w1", (4, 16, 8)), ("w2", (4, 8, 16)),
    )]  # fmt: skip
    node = helper.make_node("MoE", ["x", "router", "w1", "", "w2"], ["y"], domain="com.microsoft", k=2)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", 1, (10, 8)), helper.make_tensor_value_info("router", 1, (10, 4))],
        [helper.make_tensor_value_info("y", 1, (10, 8))],
        weights,
    )
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    network = read_onnx(save(tmp_path, helper.make_model(graph, opset_imports=sets, ir_version=8)))
    assert network.macs == 10 * 2 * (8 * 16 + 16 * 8)
    assert network.layers[0].workload.weight_elements == 2 * 4 * 8 * 16


REASONS = {
    ("ai.onnx.contrib", "BertTokenizer"): "on the host",
    ("com.microsoft", "BeamSearch"): "as often as its data ask for",
    ("com.microsoft", "EPContext"): "compiled for another device",
    ("com.microsoft.nchwc", "Conv"): "before it was optimized",
    ("com.microsoft", "QLinearConv"): "before it was optimized",
    ("aten", "ATen"): "operator of PyTorch",
}


@pytest.mark.parametrize(("domain", "operator"), REASONS, ids=lambda value: value)
def test_what_no_device_runs_is_refused_with_its_reason(tmp_path, domain, operator):
    with pytest.raises(UnsupportedOperatorError, match=REASONS[domain, operator]):
        read(tmp_path, operator, domain, [(3,)], {})
    network = read(tmp_path, operator, domain, [(3,)], {}, y0=(3,))
    with pytest.raises(UnsupportedOperatorError, match=REASONS[domain, operator]):
        estimate_network(network, load_platform("ncs2-openvino"))


def test_element_types_follow_the_operator(tmp_path):
    assert read(tmp_path, *("nms", "torchvision", [(9, 4), (9,)], {})).tensors["y0"].dtype is DType.INT64
