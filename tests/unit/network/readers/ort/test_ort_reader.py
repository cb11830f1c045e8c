"""The ORT format against the ONNX that it stands for."""

import onnx
import pytest

from annette.errors import NetworkFormatError, NetworkShapeError, UnsupportedOperatorError
from annette.network.inputs import InputValue
from annette.network.load import load_network
from annette.network.ort_schema import IDENTIFIER, TABLES
from annette.network.readers.onnx import read_onnx
from annette.network.readers.ort import read_ort
from annette.network.writers.flatbuffer import encode
from annette.network.writers.onnx import write_onnx
from annette.network.zoo import build
from tests.unit.network.readers.onnx.build import model, save
from tests.unit.network.readers.ort.build import ort_content, save_ort

BRANCHING = """g (float[N, 4] x, int64 s) => (float[N, 4] y) <int64 k = {7}> {
    c = Equal(s, k)
    y = If (c) <then_branch = a () => (float[N, 4] r) { r = Relu(x) },
                else_branch = b () => (float[N, 4] q) { m = Tanh(x) q = Exp(m) }>
}"""
FUSED = """g (float[1, 3, 8, 8] x) => (float[1, 4, 6, 6] y) <float[4, 3, 3, 3] w> {
    y = com.microsoft.FusedConv <activation = "Relu", kernel_shape = [3, 3]> (x, w) }"""


def alike(tmp_path, proto, **how):
    """What both readers make of a model, which must be the same."""
    first = read_onnx(save(tmp_path, proto), **how)
    second = read_ort(save_ort(tmp_path, proto), **how)
    assert second.source_format == "ort"
    assert [(layer.name, layer.kind, layer.workload) for layer in second.layers] == [
        (layer.name, layer.kind, layer.workload) for layer in first.layers
    ]
    assert second.tensors == first.tensors
    assert second.branches == first.branches
    assert second.notes[: len(first.notes)] == first.notes
    return second


@pytest.mark.parametrize("name", ["squeezenet1_1", "mobilenet_v3_small", "swin_t"])
def test_networks_of_the_zoo_are_the_same_in_both_formats(tmp_path, name):
    write_onnx(build(name), tmp_path / "net.onnx")
    alike(tmp_path, onnx.load(tmp_path / "net.onnx"))


def test_symbols_branches_and_values_work_as_in_onnx(tmp_path):
    network = alike(tmp_path, model(BRANCHING), batch=2)
    assert network.variants
    assert all("runs as it is stored" in way.notes[-1] for way in (network, *network.variants))
    alike(tmp_path, model(BRANCHING), batch=2, input_shapes={"s": InputValue((7,))})
    path = save_ort(tmp_path, model(BRANCHING.replace("[N, 4]", "[L, M]")))
    with pytest.raises(NetworkShapeError, match="--input x="):
        load_network(path)


def test_sequences_and_nested_tensors_are_read(tmp_path):
    graph = """g (float[3, 2, 4] x) => (float[2, 12] y) <int64 n = {3}, bool t = {1}> {
        e = SequenceEmpty <dtype = 1> ()
        s = Loop (n, t, e) <body = b (int64 i, bool c, seq(float) v) => (bool d, seq(float) u) {
            d = Identity(c) g = Gather(x, i) r = Relu(g) u = SequenceInsert(v, r) }>
        y = ConcatFromSequence <axis = 1> (s)
    }"""
    alike(tmp_path, model(graph))


def test_fused_operators_are_read_and_unknown_ones_named(tmp_path):
    proto = model(FUSED.replace(" <float[4, 3, 3, 3] w>", f" <float[4, 3, 3, 3] w = {{{','.join(['0'] * 108)}}}>"),
                  contrib=True)  # fmt: skip
    (layer,) = alike(tmp_path, proto).layers
    assert layer.attributes["activation"] == "relu"
    proto.graph.node[0].op_type = "FusedMystery"
    for info in (proto.graph.output[0],):
        info.type.tensor_type.ClearField("shape")
    with pytest.raises(UnsupportedOperatorError, match="FusedMystery"):
        read_ort(save_ort(tmp_path, proto))


def test_weights_are_not_read(tmp_path):
    proto = model("g (float[1, 4] x) => (float[1, 3000] y) { y = MatMul(x, w) }")
    proto.graph.initializer.append(onnx.helper.make_tensor("w", 1, (4, 3000), bytes(48_000), raw=True))
    assert read_ort(save_ort(tmp_path, proto)).parameters == 12_000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "almost empty"),
        (bytes(64), "does not have ORTM"),
        (encode({"ort_version": "1"}, "InferenceSession", TABLES, IDENTIFIER), "holds no graph"),
        (encode({"model": {"ir_version": 8}}, "InferenceSession", TABLES, IDENTIFIER), "holds no graph"),
        (encode({"model": {"graph": {"nodes": []}}}, "InferenceSession", TABLES, IDENTIFIER), "empty graph"),
        (
            encode({"model": {"graph": {"nodes": [{"op_type": "Relu"}]}}}, "InferenceSession", TABLES, IDENTIFIER),
            "no operator set",
        ),
        (
            encode(
                {"model": {"graph": {"nodes": [{"op_type": "TRT", "name": "engine", "type": 1}]}}},
                "InferenceSession", TABLES, IDENTIFIER,
            ),
            "'engine' .* compiled for one execution provider",
        ),
        (
            encode(
                {"model": {"graph": {"nodes": [{"name": "n", "attributes": [{"name": "a", "type": 11}]}]}}},
                "InferenceSession", TABLES, IDENTIFIER,
            ),
            "'a' of node 'n' is of type 11",
        ),
    ],
)  # fmt: skip
def test_what_is_no_model_is_refused(tmp_path, content, message):
    (tmp_path / "net.ort").write_bytes(content)
    with pytest.raises(NetworkFormatError, match=message):
        read_ort(tmp_path / "net.ort")


def test_a_file_cut_anywhere_is_refused(tmp_path):
    content = ort_content(model(BRANCHING))
    path = tmp_path / "net.ort"
    for size in range(8, len(content) - 8, 37):
        path.write_bytes(content[:size])
        with pytest.raises(NetworkFormatError):
            read_ort(path, batch=1)


def test_graphs_nested_too_deep_are_refused(tmp_path):
    graph = {"nodes": [{"op_type": "Relu"}]}
    for _ in range(60):
        graph = {"nodes": [{"op_type": "If", "attributes": [{"name": "then_branch", "type": 5, "g": graph}]}]}
    (tmp_path / "net.ort").write_bytes(encode({"model": {"graph": graph}}, "InferenceSession", TABLES, IDENTIFIER))
    with pytest.raises(NetworkFormatError, match="nests graphs"):
        read_ort(tmp_path / "net.ort")
