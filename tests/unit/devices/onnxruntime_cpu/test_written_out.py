"""Operators that exporters write out: which forms ONNX Runtime finds, and that the mapping finds the same ones."""

import pytest

from annette.devices.onnxruntime_cpu.backend import OnnxRuntimeBackend
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder
from annette.network.readers.onnx import read_onnx
from annette.network.writers.onnx import write_onnx
from tests.unit.network.readers.onnx.build import model, read, save

onnx = pytest.importorskip("onnx", reason="needs onnx")
pytestmark = pytest.mark.skipif(not OnnxRuntimeBackend.available().usable, reason="onnxruntime is not installed")

_ERROR = "a = Div(x, root)\n e = Erf(a)\n s = Add(e, one)\n"
_CUBE = "c = Pow(x, three)\n t = Mul(c, small)\n u = Add(x, t)\n i = Mul(u, slope)\n"
_FACTOR = "c = Mul(x, x)\n t = Mul(c, small)\n f = Add(t, one)\n u = Mul(x, f)\n i = Mul(u, slope)\n"
_TANGENT = "e = Tanh(i)\n s = Add(e, one)\n"
_WEIGHTED = "w = Mul(x, weight)\n c = Mul(w, x)\n f = Add(c, one)\n u = Mul(x, slope)\n i = Mul(u, f)\n"
_HALF_BEHIND = "p = Mul(x, s)\n y = Mul(p, half)"
_HALF_WITH_X = "h = Mul(x, half)\n y = Mul(h, s)"
_HALF_WITH_FUNCTION = "h = Mul(s, half)\n y = Mul(x, h)"
_MEAN = "p = Pow(x, two)\n m = ReduceMean <axes = [-1]> (p)\n g = Add(m, tiny)\n r = Sqrt(g)\n"

FORMS = {
    "erf, half behind": (_ERROR + _HALF_BEHIND, "gelu-erf-fused"),
    "erf, half with x": (_ERROR + _HALF_WITH_X, "gelu-erf-fused"),
    "erf, half with the function": (_ERROR + _HALF_WITH_FUNCTION, None),
    "erf of a product": (_ERROR.replace("Div", "Mul") + _HALF_BEHIND, None),
    "erf, divided by 2 behind": (_ERROR + _HALF_BEHIND.replace("Mul(p, half)", "Div(p, two)"), None),
    "tanh, half with x": (_CUBE + _TANGENT + _HALF_WITH_X, "gelu-tanh-fused"),
    "tanh, half with the function": (_CUBE + _TANGENT + _HALF_WITH_FUNCTION, None),
    "tanh, half behind": (_CUBE + _TANGENT + _HALF_BEHIND, None),
    "tanh of a square": (_FACTOR + _TANGENT + _HALF_WITH_X, None),
    "tanh of a weighted square": (_WEIGHTED + _TANGENT + _HALF_WITH_X, "gelu-tanh-fused"),
    "root mean square": (_MEAN + "n = Div(x, r)\n y = Mul(n, scale)", "rms-norm-scaled"),
    "root mean square, inverse": (_MEAN + "v = Div(one, r)\n n = Mul(x, v)\n y = Mul(n, scale)", "rms-norm-inverse"),
    "root mean square, reciprocal": (_MEAN + "v = Reciprocal(r)\n n = Mul(x, v)\n y = Mul(n, scale)", None),
}

_CONSTANTS = (
    "<float root = {1.4142135}, float one = {1.0}, float two = {2.0}, float three = {3.0}, float small = {0.044715}, "
    "float weight = {0.044715}, float slope = {0.7978846}, float half = {0.5}, float tiny = {0.00001}, "
    "float[4] scale = {1,2,3,4}>"
)


def _graph(text):
    return f"g (float[2, 6, 4] x) => (float[2, 6, 4] z) {_CONSTANTS} {{ {text}\n z = Neg(y) }}"


def _operators(folder, proto):
    """What is left of a model once the runtime has optimised it."""
    import onnxruntime as runtime

    options = runtime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 3
    path = save(folder, proto)
    runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return [node.op_type for node in onnx.load(folder / "optimised.onnx").graph.node]


@pytest.mark.parametrize("name", FORMS)
def test_written_out_operators_become_one_where_the_runtime_finds_them(tmp_path, name):
    text, rule = FORMS[name]
    *found, _ = [k for k in preset("onnxruntime-cpu").apply(read(tmp_path, _graph(text))) if not k.free]
    assert len(found) == 1 if rule else len(found) > 1
    assert rule is None or found[0].rules[0].startswith(rule)
    assert len(_operators(tmp_path, model(_graph(text)))) - 1 == len(found)


PADS = {
    "left out": ("p = Pad(x, pads)", "stored-pad-into-convolution"),
    "stored": ("p = Pad(x, pads, zero)", "stored-pad-into-convolution"),
    "empty": ("p = Pad(x, pads)", None),
    "another number": ("p = Pad(x, pads, one)", None),
    "with axes": ("p = Pad(x, pads, zero, axes)", None),
    "reflected": ('p = Pad <mode = "reflect"> (x, pads)', None),
}


@pytest.mark.parametrize(("function", "handed_out"), [("gelu_tanh", True), ("gelu_tanh", False), ("gelu", True)])
def test_what_a_network_hands_out_is_left_as_written(tmp_path, function, handed_out):
    net = NetworkBuilder("n")
    x = net.activation(net.input("x", (2, 6, 4)), function)
    network = net.build(x if handed_out else net.unary("neg", x))
    write_onnx(network, tmp_path / "net.onnx")
    found = [kernel.kind for kernel in preset("onnxruntime-cpu").apply(network) if not kernel.free]
    assert ("gelu" in found) == (function == "gelu" or not handed_out)
    assert len(_operators(tmp_path, onnx.load(tmp_path / "net.onnx"))) == len(found)


@pytest.mark.parametrize("function", ["elu", "leaky_relu", "sigmoid", "gelu", "silu"])
def test_functions_in_the_blocked_layout(tmp_path, function):
    """A pooling stands before, or the function would join the convolution."""
    net = NetworkBuilder("n")
    x = net.max_pool(net.conv(net.input("x", (1, 16, 8, 8)), 16, 3, padding="same"), 2, stride=2)
    network = net.build(net.conv(net.activation(x, function), 16, 1))
    write_onnx(network, tmp_path / "net.onnx")
    copies = [k.kind for k in preset("onnxruntime-cpu").apply(network) if k.kind.startswith("reorder")]
    ran = [op for op in _operators(tmp_path, onnx.load(tmp_path / "net.onnx")) if op.startswith("Reorder")]
    assert len(copies) == len(ran)


@pytest.mark.parametrize("name", PADS)
def test_a_padding_joins_a_convolution_where_the_runtime_sees_its_zero(tmp_path, name):
    text, rule = PADS[name]
    constants = (
        "<float zero = {0.0}, float one = {1.0}, int64[6] pads = {0,0,1,0,0,1}, int64[3] axes = {0,1,2}, "
        "float[2,4,3] weight = {1,2,3,4,5,6,7,8,9,10,11,12,1,2,3,4,5,6,7,8,9,10,11,12}>"
    )
    graph = (
        f"g (float[2, 4, 8] x) => (float[2, 2, 8] y) {constants} {{ {text}\n y = Conv <pads = [0, 0]> (p, weight) }}"
    )
    proto = model(graph, opset=18)
    if name == "empty":  # The textual syntax has no way to write it.
        proto.graph.node[0].input.append("")
    network = read_onnx(save(tmp_path, proto))
    kernels = [kernel for kernel in preset("onnxruntime-cpu").apply(network) if not kernel.free]
    assert [kernel.kind for kernel in kernels] == (["conv"] if rule else ["pad", "conv"])
    assert rule is None or kernels[0].rules == (rule,)
    assert [kernel.kind == "pad" for kernel in kernels].count(True) == _operators(tmp_path, proto).count("Pad")


def test_a_padding_joins_a_mean_pooling_likewise():
    net = NetworkBuilder("n")
    net.average_pool(net.pad(net.input("x", (1, 4, 8, 8)), (0, 0, 1, 1, 0, 0, 1, 1)), 2, stride=2)
    (kernel,) = preset("onnxruntime-cpu").apply(net.build())
    assert (kernel.kind, kernel.rules) == ("average_pool", ("stored-pad-into-pooling",))


@pytest.mark.parametrize(
    ("shape", "product", "kind"),
    [("2, 4, 4", "MatMul(c, x)", "matmul"), ("2, 4, 4", "MatMul(x, c)", "fully_connected"),
     ("4, 4", "MatMul(c, x)", "fully_connected")],
)  # fmt: skip
def test_a_constant_times_a_batch_is_a_product_for_each(tmp_path, shape, product, kind):
    constant = "<float[4, 4] c = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16}>"
    network = read(tmp_path, f"g (float[{shape}] x) => (float[{shape}] y) {constant} {{ y = {product} }}")
    (kernel,) = preset("onnxruntime-cpu").apply(network)
    assert (kernel.kind, "constant-times-batch" in kernel.rules) == (kind, kind == "matmul")
    assert kernel.ops == 2 * network.macs
