"""Each family of operators: kind, workload, attributes; and shapes against onnx's own inference."""

from __future__ import annotations

import onnx
import pytest
from onnx import shape_inference

from annette.errors import NetworkShapeError
from annette.mapping.rules import preset
from annette.network import UNSUPPORTED, DType
from annette.network.readers.onnx import read_onnx
from annette.network.readers.onnx.operators import RULES
from tests.unit.network.readers.onnx.build import kinds, model, only, read, save


def _zeros(*shape: int, kind: str = "float") -> str:
    count = 1
    for size in shape:
        count *= size
    return f"{kind}[{','.join(map(str, shape))}] {{name}} = {{{{{','.join('0' * count)}}}}}"


def _weights(name: str, *shape: int, kind: str = "float") -> str:
    return _zeros(*shape, kind=kind).format(name=name)


STANDARD = {
    "conv": (
        "y = Conv <pads = [1,1,1,1], strides = [2,2], dilations = [2,2], group = 2> (x, w)",
        "float[1,4,15,17] x",
        _weights("w", 6, 2, 3, 3),
    ),
    "conv 1d same upper": (
        'y = Conv <auto_pad = "SAME_UPPER", strides = [3]> (x, w)',
        "float[2,3,10] x",
        _weights("w", 4, 3, 5),
    ),
    "conv 3d same lower": (
        'y = Conv <auto_pad = "SAME_LOWER", strides = [2,2,2]> (x, w)',
        "float[1,2,5,6,7] x",
        _weights("w", 3, 2, 2, 2, 2),
    ),
    "conv valid": (
        'y = Conv <auto_pad = "VALID", strides = [3,3]> (x, w)',
        "float[1,2,11,11] x",
        _weights("w", 3, 2, 4, 4),
    ),
    "conv transpose": (
        "y = ConvTranspose <strides = [2,2], pads = [1,1,1,1], output_padding = [1,1], group = 2> (x, w)",
        "float[1,4,5,7] x",
        _weights("w", 4, 3, 3, 3),
    ),
    "conv transpose shape": (
        "y = ConvTranspose <strides = [2,2], output_shape = [11,15]> (x, w)",
        "float[1,4,5,7] x",
        _weights("w", 4, 3, 3, 3),
    ),
    "conv transpose same": (
        'y = ConvTranspose <strides = [2,2], auto_pad = "SAME_UPPER"> (x, w)',
        "float[1,4,5,7] x",
        _weights("w", 4, 3, 3, 3),
    ),
    "max pool ceil": (
        "y = MaxPool <kernel_shape = [3,3], strides = [2,2], ceil_mode = 1> (x)",
        "float[1,4,14,15] x",
        "",
    ),
    "max pool dilated": (
        "y = MaxPool <kernel_shape = [3,3], dilations = [2,2], pads = [0,1,1,0]> (x)",
        "float[1,4,14,15] x",
        "",
    ),
    "average pool same": (
        'y = AveragePool <kernel_shape = [3,3], strides = [2,2], auto_pad = "SAME_UPPER"> (x)',
        "float[1,4,14,15] x",
        "",
    ),
    "global pool": ("y = GlobalMaxPool(x)", "float[2,4,5,6,7] x", ""),
    "gemm": (
        "y = Gemm <transA = 1, transB = 1> (x, w, b)",
        "float[5,3] x",
        _weights("w", 4, 5) + "," + _weights("b", 4),
    ),
    "matmul broadcast": ("y = MatMul(x, z)", "float[2,1,3,4] x, float[5,4,6] z", ""),
    "matmul vector": ("y = MatMul(x, z)", "float[2,3,4] x, float[4] z", ""),
    "vector matmul": ("y = MatMul(x, z)", "float[4] x, float[2,4,3] z", ""),
    "einsum": ('y = Einsum <equation = "bhid,bhjd->bhij"> (x, z)', "float[2,3,4,5] x, float[2,3,6,5] z", ""),
    "einsum ellipsis": (
        'y = Einsum <equation = "...ij,...jk->...ik"> (x, z)',
        "float[2,3,4,5] x, float[2,3,5,6] z",
        "",
    ),
    "reduce": ("y = ReduceMean <axes = [-1, 1], keepdims = 0> (x)", "float[2,3,4,5] x", ""),
    "reduce all": ("y = ReduceMax(x)", "float[2,3,4] x", ""),
    "arg": ("y = ArgMax <axis = -2, keepdims = 0> (x)", "float[2,3,4] x", ""),
    "softmax": ("y = Softmax <axis = -2> (x)", "float[2,3,4] x", ""),
    "layer norm": ("y = LayerNormalization <axis = -1> (x, w)", "float[2,3,4] x", _weights("w", 4)),
    "batch norm": ("y = BatchNormalization(x, w, w, w, w)", "float[2,3,4,5] x", _weights("w", 3)),
    "flatten": ("y = Flatten <axis = -2> (x)", "float[2,3,4,5] x", ""),
    "squeeze": ("y = Squeeze(x, a)", "float[2,1,4,1] x", "int64[1] a = {-3}"),
    "unsqueeze": ("y = Unsqueeze(x, a)", "float[2,4] x", "int64[2] a = {-1, 0}"),
    "reshape": ("y = Reshape(x, s)", "float[2,3,4] x", "int64[3] s = {0, -1, 2}"),
    "transpose": ("y = Transpose(x)", "float[2,3,4] x", ""),
    "concat": ("y = Concat <axis = -2> (x, z)", "float[2,3,4] x, float[2,5,4] z", ""),
    "split": ("y, z = Split <axis = 1> (x, s)", "float[2,5,4] x", "int64[2] s = {2, 3}"),
    "slice": (
        "y = Slice(x, a, b, c, d)",
        "float[9,9] x",
        "int64[2] a = {-2, 1}, int64[2] b = {-9, 100}, int64[2] c = {0, 1}, int64[2] d = {-2, 3}",
    ),
    "pad": ("y = Pad(x, p)", "float[2,3] x", "int64[4] p = {1, -1, 2, 3}"),
    "expand": ("y = Expand(x, s)", "float[3,1] x", "int64[3] s = {2, 1, 6}"),
    "tile": ("y = Tile(x, s)", "float[3,1] x", "int64[2] s = {2, 5}"),
    "gather": ("y = Gather <axis = 1> (x, i)", "float[2,3,4] x", "int64[2,2] i = {0,1,2,0}"),
    "gather elements": ("y = GatherElements <axis = 1> (x, i)", "float[2,3] x, int64[2,7] i", ""),
    "gather nd": ("y = GatherND <batch_dims = 1> (x, i)", "float[2,3,4,5] x, int64[2,6,2] i", ""),
    "scatter nd": ("y = ScatterND(x, i, u)", "float[4,5] x, int64[3,1] i, float[3,5] u", ""),
    "one hot": ("y = OneHot <axis = 1> (i, d, v)", "int64[2,3] i", "int64 d = {7}, float[2] v = {0,1}"),
    "top k": ("y, z = TopK <axis = 0> (x, k)", "float[8,3] x", "int64[1] k = {5}"),
    "depth to space": ("y = DepthToSpace <blocksize = 2> (x)", "float[1,8,3,4] x", ""),
    "space to depth": ("y = SpaceToDepth <blocksize = 2> (x)", "float[1,3,4,6] x", ""),
    "resize scales": ('y = Resize <mode = "linear"> (x, , s)', "float[1,3,5,7] x", "float[4] s = {1, 1, 2.5, 0.5}"),
    "resize sizes": ("y = Resize(x, , , s)", "float[1,3,5,7] x", "int64[4] s = {1, 3, 9, 2}"),
    "grid sample": ("y = GridSample(x, z)", "float[1,3,5,7] x, float[1,8,9,2] z", ""),
    "lstm": (
        'y, h, c = LSTM <hidden_size = 5, direction = "bidirectional"> (x, w, r)',
        "float[7,2,3] x",
        _weights("w", 2, 20, 3) + "," + _weights("r", 2, 20, 5),
    ),
    "gru": (
        "y, h = GRU <hidden_size = 5> (x, w, r)",
        "float[7,2,3] x",
        _weights("w", 1, 15, 3) + "," + _weights("r", 1, 15, 5),
    ),
    "roi align": (
        "y = RoiAlign <output_height = 3, output_width = 2> (x, z, i)",
        "float[1,4,9,9] x, float[6,4] z, int64[6] i",
        "",
    ),
    "where": ("y = Where(c, x, z)", "bool[3,1] c, float[2,1,4] x, float[1,4] z", ""),
    "less": ("y = Less(x, z)", "float[3,1] x, float[1,4] z", ""),
    "quantize": ("y = QuantizeLinear(x, s, z)", "float[3,4] x", "float s = {0.1}, int8 z = {0}"),
    "dynamic quantize": ("y, s, z = DynamicQuantizeLinear(x)", "float[3,4] x", ""),
    "matmul integer": ("y = MatMulInteger(x, w)", "uint8[3,4] x", "int8[4,2] w = {0,0,0,0,0,0,0,0}"),
    "cum sum": ("y = CumSum(x, a)", "float[3,4] x", "int64 a = {-1}"),
}


def _graph(body: str, inputs: str, weights: str) -> str:
    results = body.partition("=")[0].split(",")
    outputs = ", ".join(f"float {name.strip()}" for name in results)
    stored = f"<{weights}>" if weights else ""
    return f"g ({inputs}) => ({outputs}) {stored} {{ {body} }}"


@pytest.mark.parametrize("name", STANDARD)
def test_shapes_agree_with_onnx(tmp_path, name):
    proto = model(_graph(*STANDARD[name]))
    for info in proto.graph.output:
        info.type.Clear()
    inferred = shape_inference.infer_shapes(proto, strict_mode=True, data_prop=True)
    network = read_onnx(save(tmp_path, proto))
    for info in inferred.graph.output:
        tensor = info.type.tensor_type
        expected = tuple(dim.dim_value for dim in tensor.shape.dim)
        assert network.tensors[info.name].shape == expected
        assert network.tensors[info.name].dtype.label == onnx.helper.tensor_dtype_to_string(tensor.elem_type)[
            len("TensorProto.") :
        ].lower().replace("float", "float32").replace("float3232", "float32")
    assert all(layer.kind != UNSUPPORTED for layer in network.layers)


@pytest.mark.parametrize("op", sorted(RULES[""].keys() - {"Erfc", "SimplifiedLayerNormalization", "SwiGLU"}))
def test_every_rule_of_the_standard_domain_names_an_operator_of_the_standard(op):
    assert onnx.defs.has(op) or op in (
        "Attention",
        "RotaryEmbedding",
        "RMSNormalization",
        "Swish",
        "TensorScatter",
        "CumProd",
    )


def test_the_standards_swiglu_has_gate_and_value_as_operands_and_the_contributed_one_halves_one(tmp_path):
    graph = "gated (float[2, 8] a, float[2, 8] b) => (float[2, 8] y) { y = SwiGLU(a, b) }"
    assert only(read(tmp_path, graph, opset=28), "silu").inputs == ("a", "b")
    halved = "gated (float[2, 8] a) => (float[2, 4] y) { y = com.microsoft.BiasSplitGelu(a) }"
    assert read(tmp_path, halved, contrib=True).tensors["y"].shape == (2, 4)


def test_random_numbers_are_drawn_in_every_run_and_unit_matrices_are_constants(tmp_path):
    graph = """
    drawn (float[6, 6] x) => (float[6, 6] y) {
        noise = RandomNormalLike(x)
        unit = EyeLike(x)
        mask = Bernoulli(x)
        sum = Add(noise, unit)
        y = Mul(sum, mask)
    }
    """
    network = read(tmp_path, graph)
    kernels = preset("onnxruntime-cpu").apply(network)
    assert not any(kernel.free for kernel in kernels if kernel.kind == "random")
    assert all(kernel.free for kernel in kernels if kernel.kind == "generate")
    assert [layer.inputs for layer in network.layers if layer.kind == "random"] == [(), ("x",)]


def test_an_einsum_that_takes_a_diagonal_reads_no_more_than_that(tmp_path):
    graph = """
    taken (float[3, 5, 5] x) => (float[3, 5] y) {
        d = Einsum<equation = "...ii->...i">(x)
        y = Neg(d)
    }
    """
    workload = only(read(tmp_path, graph), "slice").workload
    assert (workload.input_elements, workload.output_elements) == (15, 15)


def test_a_crop_that_also_pads_is_a_pad(tmp_path):
    graph = """
    fitted (float[1, 8, 3] x) => (float[1, 5, 4] y) {
        shape = Constant<value = int64[3] {1, 5, 4}>()
        z = CenterCropPad(x, shape)
        y = Neg(z)
    }
    """
    assert only(read(tmp_path, graph, opset=18), "pad").workload.output_elements == 20


def test_convolution_attributes_are_canonical(tmp_path):
    network = read(tmp_path, _graph(*STANDARD["conv"]))
    layer = only(network, "grouped_conv")
    assert layer.attributes == {
        "kernel_shape": (3, 3),
        "strides": (2, 2),
        "dilations": (2, 2),
        "pads": (1, 1, 1, 1),
        "groups": 2,
    }
    height, width = network.tensors["y"].shape[2:]
    assert layer.workload.macs == 6 * height * width * 2 * 9
    assert network.parameters == 6 * 2 * 9


def test_one_channel_per_group_is_depthwise(tmp_path):
    graph = f"g (float[1,4,8,8] x) => (float y) <{_weights('w', 8, 1, 3, 3)}> {{ y = Conv <group = 4> (x, w) }}"
    assert only(read(tmp_path, graph), "depthwise_conv").workload.macs == 8 * 36 * 9


def test_auto_pad_becomes_pads(tmp_path):
    layer = read(tmp_path, _graph(*STANDARD["conv 1d same upper"])).layers[0]
    assert layer.attributes["pads"] == (2, 2)
    assert read(tmp_path, _graph(*STANDARD["conv 3d same lower"])).layers[0].attributes["pads"] == (1, 0, 1, 0, 0, 0)


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        ("gemm", 3 * 5 * 4),
        ("matmul broadcast", 2 * 5 * 3 * 4 * 6),
        ("matmul vector", 2 * 3 * 4),
        ("vector matmul", 2 * 4 * 3),
        ("einsum", 2 * 3 * 4 * 6 * 5),
        ("einsum ellipsis", 2 * 3 * 4 * 5 * 6),
        ("conv transpose", 5 * 7 * 4 * 3 * 9),
        ("lstm", 7 * 2 * 2 * 4 * 5 * (3 + 5)),
        ("gru", 7 * 2 * 3 * 5 * (3 + 5)),
        ("matmul integer", 3 * 4 * 2),
    ],
)
def test_multiply_accumulates(tmp_path, name, macs):
    graph = _graph(*STANDARD[name]).replace("(float y)", "(int32 y)" if "integer" in name else "(float y)")
    assert read(tmp_path, graph).macs == macs


@pytest.mark.parametrize(
    ("body", "macs", "columns"),
    [
        ("y = MatMul(x, w)", 2 * 3 * 4 * 5, 5),
        ("y = MatMul(v, x)", 2 * 6 * 3 * 4, 6),
        ("y = MatMul(x, e)", 2 * 3 * 4 * 5, 5),
    ],
)
def test_a_constant_operand_makes_a_fully_connected_layer(tmp_path, body, macs, columns):
    weights = ",".join((_weights("w", 4, 5), _weights("v", 6, 3), _weights("e", 2, 4, 5)))
    layer = only(read(tmp_path, f"g (float[2,3,4] x) => (float y) <{weights}> {{ {body} }}"), "fully_connected")
    assert layer.workload.macs == macs
    assert layer.workload.dimensions.out_channels == columns


def test_a_pooling_window_that_would_start_behind_the_input_is_dropped(tmp_path):
    """As the runtimes do; onnx's own inference keeps it."""
    graph = """g (float[1,4,14,15] x) => (float y) {
        y = MaxPool <kernel_shape = [1,1], strides = [2,2], ceil_mode = 1> (x) }"""
    assert read(tmp_path, graph).tensors["y"].shape == (1, 4, 7, 8)


def test_an_einsum_without_a_sum_is_a_product(tmp_path):
    graph = 'g (float[2,3] x, float[2,3] z) => (float y) { y = Einsum <equation = "ij,ij->ij"> (x, z) }'
    assert kinds(read(tmp_path, graph)) == ["mul"]


def test_an_einsum_of_three_operands_is_refused(tmp_path):
    graph = (
        'g (float[2,3] x, float[3,2] z, float[2,2] t) => (float y) { y = Einsum <equation = "ij,jk,kl->il"> (x, z, t) }'
    )
    with pytest.raises(NetworkShapeError, match="products of two"):
        read(tmp_path, graph)


def test_scalars_are_attributes_and_not_operands(tmp_path):
    graph = """g (float[4] x) => (float y) <float one = {1}, float six = {6}> {
        a = Sub(one, x) b = Div(a, six) y = Add(b, b) }"""
    network = read(tmp_path, graph)
    assert [dict(layer.attributes) for layer in network.layers] == [
        {"scalar": 1.0, "scalar_first": True},
        {"scalar": 6.0, "scalar_first": False},
        {},
    ]
    assert network.layers[0].inputs == ("x",)
    assert network.parameters == 0


@pytest.mark.parametrize(
    ("operator", "left"),
    [
        ("Add(a, zero)", ["relu", "abs"]), ("Add(zero, a)", ["relu", "abs"]),
        ("Sub(a, zero)", ["relu", "abs"]), ("Sub(zero, a)", ["relu", "sub", "abs"]),
        ("Mul(a, one)", ["relu", "abs"]), ("Mul(a, zero)", ["relu", "mul", "abs"]),
        ("Div(a, one)", ["relu", "abs"]), ("Div(one, a)", ["relu", "div", "abs"]),
        ("Add(a, wide)", ["relu", "add", "abs"]),
    ],
)  # fmt: skip
def test_a_number_that_changes_nothing_is_no_layer(tmp_path, operator, left):
    graph = f"""g (float[1,4] x) => (float y) <float zero = {{0}}, float one = {{1}}, float[3,1] wide = {{0, 0, 0}}> {{
        a = Relu(x) b = {operator} y = Abs(b) }}"""
    network = read(tmp_path, graph)
    assert [layer.kind for layer in network.layers] == left


@pytest.mark.parametrize(("opset", "body"), [(9, "y = Clip <min = 0.0, max = 6.0> (x)"), (13, "y = Clip(x, lo, hi)")])
def test_clip_keeps_its_bounds(tmp_path, opset, body):
    graph = f"g (float[4] x) => (float y) <float lo = {{0}}, float hi = {{6}}> {{ {body} }}"
    assert read(tmp_path, graph, opset=opset).layers[0].attributes == {"min": 0.0, "max": 6.0}


def test_softmax_before_opset_13_normalizes_everything_from_its_axis_on(tmp_path):
    graph = "g (float[2,3,4] x) => (float y) { y = Softmax(x) }"
    assert read(tmp_path, graph, opset=11).layers[0].attributes == {"axes": (1, 2)}
    assert read(tmp_path, graph, opset=13).layers[0].attributes == {"axis": 2}


def test_operators_that_change_nothing_are_no_layers(tmp_path):
    graph = """g (float[2,4] x) => (float y)
        <int64[2] same = {2, 4}, int64[2] ones = {1, 1}, int64[4] nil = {0, 0, 0, 0}> {
        a = Identity(x) b = Dropout(a) c = Cast <to = 1> (b) d = Reshape(c, same) e = Expand(d, ones)
        f = Pad(e, nil) g1 = Transpose <perm = [0, 1]> (f) h = Concat <axis = 0> (g1) y = Relu(h)
    }"""
    assert kinds(read(tmp_path, graph)) == ["relu"]


def test_a_transpose_of_dimensions_of_size_1_is_a_view(tmp_path):
    graph = "g (float[1,3,1,4] x) => (float y) { y = Transpose <perm = [0,2,1,3]> (x) }"
    assert kinds(read(tmp_path, graph)) == ["reshape"]


def test_empty_tensors_cost_nothing(tmp_path):
    graph = """g (float[2,4] x) => (float y) <int64[1] a = {0}, int64[1] b = {0}> {
        nothing = Slice(x, a, b) z = Relu(nothing) y = Concat <axis = 0> (x, z, x) }"""
    network = read(tmp_path, graph)
    assert kinds(network) == ["concat"]
    assert network.tensors["y"].shape == (4, 4)


def test_quantized_layers(tmp_path):
    graph = f"""g (uint8[1,3,8,8] x) => (uint8 y)
        <float s = {{0.1}}, uint8 z = {{0}}, int8 zw = {{0}}, {_weights("w", 4, 3, 3, 3, kind="int8")},
         {_weights("b", 4, kind="int32")}> {{
        c = QLinearConv(x, s, z, w, s, zw, s, z, b)
        a = com.microsoft.QLinearAdd(c, s, z, c, s, z, s, z)
        p = com.microsoft.QLinearGlobalAveragePool <channels_last = 0> (a, s, z, s, z)
        f = Flatten(p)
        y = com.microsoft.QGemm(f, s, z, v, s, zw, , s, z)
    }}""".replace("<float s", f"<{_weights('v', 4, 5, kind='int8')}, float s")
    network = read(tmp_path, graph, contrib=True)
    assert kinds(network) == ["conv", "add", "global_average_pool", "reshape", "fully_connected"]
    assert network.macs == 36 * 4 * 27 + 20
    assert network.parameters == 4 * 27 + 4 + 20
    assert network.tensors["y"].dtype is DType.UINT8


CONTRIB = {
    "layer_norm": (
        "y = com.microsoft.SkipLayerNormalization(x, x, w)",
        "float[2,3,8] x",
        _weights("w", 8),
        (2, 3, 8),
        0,
    ),
    "rms_norm": ("y = SimplifiedLayerNormalization(x, w)", "float[2,3,8] x", _weights("w", 8), (2, 3, 8), 0),
    "gelu": ("y = com.microsoft.BiasGelu(x, w)", "float[2,3,8] x", _weights("w", 8), (2, 3, 8), 0),
    "fully_connected": (
        "y = com.microsoft.FusedMatMul <transB = 1> (x, w)",
        "float[2,3,8] x",
        _weights("w", 5, 8),
        (2, 3, 5),
        2 * 3 * 8 * 5,
    ),
    "conv": (
        'y = com.microsoft.FusedConv <activation = "Relu"> (x, w)',
        "float[1,2,4,4] x",
        _weights("w", 3, 2, 1, 1),
        (1, 3, 4, 4),
        96,
    ),
    "rotary_embedding": (
        "y = com.microsoft.RotaryEmbedding(x, p, c, c)",
        "float[2,3,8] x, int64[2,3] p",
        _weights("c", 9, 4),
        (2, 3, 8),
        0,
    ),
}


@pytest.mark.parametrize("kind", CONTRIB)
def test_contributed_operators(tmp_path, kind):
    body, inputs, weights, shape, macs = CONTRIB[kind]
    network = read(tmp_path, _graph(body, inputs, weights), contrib=True)
    assert network.tensors["y"].shape == shape
    assert only(network, kind).workload.macs == macs


ATTENTION = {
    "packed": (
        "y = com.microsoft.Attention <num_heads = 2> (x, w, b)",
        "float[2,5,8] x",
        _weights("w", 8, 24) + "," + _weights("b", 24),
        2 * 5 * 8 * 24 + 2 * 2 * 5 * 5 * 8,
    ),
    "multi head": (
        "y = com.microsoft.MultiHeadAttention <num_heads = 2> (x, k, k)",
        "float[2,5,8] x, float[2,7,8] k",
        "",
        2 * 2 * 5 * 7 * 8,
    ),
    "grouped": (
        "y = com.microsoft.GroupQueryAttention <num_heads = 4, kv_num_heads = 2> (x, k, k, , , n, t)",
        "float[2,5,8] x, float[2,5,4] k, int32[2] n, int32 t",
        "",
        2 * 4 * 5 * 5 * 4,
    ),
    "standard": (
        "y = Attention <q_num_heads = 2, kv_num_heads = 2> (x, k, k)",
        "float[2,5,8] x, float[2,7,8] k",
        "",
        2 * 2 * 5 * 7 * 8,
    ),
}


@pytest.mark.parametrize("name", ATTENTION)
def test_attention(tmp_path, name):
    body, inputs, weights, macs = ATTENTION[name]
    network = read(tmp_path, _graph(body, inputs, weights), contrib=True, opset=23)
    layer = only(network, "attention")
    assert layer.workload.macs == macs
    assert network.tensors["y"].shape == (2, 5, 8)
    assert layer.workload.ops > 2 * macs


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("y = Conv(x, w)", "do not fit input"),
        ("y = MaxPool <kernel_shape = [9,9]> (x)", "does not fit in 8 elements"),
        ("y = MaxPool <kernel_shape = [2]> (x)", "kernel_shape"),
        ("y = MaxPool <kernel_shape = [2,2], strides = [0,1]> (x)", "at least 1"),
        ("y = Transpose <perm = [0,0,1,2]> (x)", "not a permutation"),
        ("y = Softmax <axis = 7> (x)", "names axis 7"),
        ("y = MatMul(x, w)", "do not share their inner dimension"),
        ("y = Reshape(x, s)", "cannot be reshaped"),
        ("y = DepthToSpace <blocksize = 3> (x)", "blocks of 3x3"),
        ("y = Concat <axis = 1> (x, w)", "cannot be joined along axis 1"),
    ],
)
def test_shapes_that_do_not_fit_are_errors_that_name_the_node(tmp_path, body, message):
    graph = f"g (float[1,4,8,8] x) => (float y) <{_weights('w', 3, 3, 3, 3)}, int64[2] s = {{5, -1}}> {{ {body} }}"
    with pytest.raises(NetworkShapeError, match=f"'y'.*{message}"):
        read(tmp_path, graph)


def test_sequences_of_tensors_are_resolved(tmp_path):
    graph = """g (float[2,4] x) => (float y) <int64 i = {1}> {
        s = SplitToSequence <axis = 1, keepdims = 0> (x)
        a = SequenceAt(s, i)
        t = SequenceConstruct(a, a)
        y = ConcatFromSequence <axis = 0, new_axis = 1> (t)
    }"""
    network = read(tmp_path, graph)
    assert kinds(network) == ["split", "concat"]
    assert network.tensors["y"].shape == (2, 2)


def test_operands_of_too_few_dimensions_are_an_error_that_names_the_node(tmp_path):
    graph = "g (float[1,4,8,8] x, float[8] k) => (float y) { y = Attention(x, k, k) }"
    with pytest.raises(NetworkShapeError, match=r"'y' \(Attention\) cannot read operands of shapes .*\[8\]"):
        read(tmp_path, graph, opset=23)
