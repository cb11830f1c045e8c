"""What the recipe in `annette.network.kinds` promises: a definition, and a line for each format that has the kind."""

import pytest

from annette.network.builder import NetworkBuilder
from annette.network.graph_json import graph_from_json, graph_to_json
from annette.network.kinds import KINDS, Category, Kind
from annette.network.kinds.kind import NUMBER
from annette.network.kinds.shapes import same
from annette.network.readers.descriptions.described_layer import LayerPlan
from annette.network.readers.descriptions.operators import OPERATORS as DESCRIBED
from annette.network.readers.json import read_json
from annette.network.readers.onnx.operators import RULES as ONNX
from annette.network.readers.tflite import read_tflite
from annette.network.readers.tflite.operator_layer import of_first
from annette.network.readers.tflite.reader import RULES as TFLITE
from annette.network.writers.onnx import write_onnx
from annette.network.writers.onnx_nodes import OPERATORS as WRITTEN
from tests.unit.network.readers.descriptions import small, write
from tests.unit.network.readers.onnx.build import only, read
from tests.unit.network.readers.tflite.build import File

TRIPLED = Kind("tripled", Category.UNARY, "x three times over", 3, {"offset": NUMBER}, shapes=same)


@pytest.fixture(autouse=True)
def kind(monkeypatch):
    monkeypatch.setitem(KINDS, TRIPLED.name, TRIPLED)


def built():
    net = NetworkBuilder("new")
    return net.build(net.apply("tripled", net.input("x", (1, 4, 5)), attributes={"offset": 0.5}))


def test_it_is_built_counted_and_stored():
    network = built()
    assert network.ops == 3 * 20
    assert graph_to_json(graph_from_json(graph_to_json(network))) == graph_to_json(network)


def test_one_line_makes_each_reader_read_it(monkeypatch, tmp_path):
    monkeypatch.setitem(ONNX[""], "Tripled", lambda node: node.layer("tripled", node.input(0)))
    network = read(tmp_path, "g (float[1,4,5] x) => (float[1,4,5] y) { y = Tripled(x) }")
    assert only(network, "tripled").workload.ops == 60

    monkeypatch.setitem(TFLITE, "custom:Tripled", of_first("tripled"))
    file = File()
    x = file.input("x", (1, 4, 5))
    file.outputs.append(file.tensor("y", (1, 4, 5)))
    file.operator("CUSTOM", [x], file.outputs, custom="Tripled")
    assert only(read_tflite(file.write(tmp_path / "new.tflite")), "tripled").workload.ops == 60

    monkeypatch.setitem(DESCRIBED, "Tripled", lambda *_: LayerPlan("tripled"))
    document = small()
    document["layers"]["relu"]["type"] = "Tripled"
    assert only(read_json(write(tmp_path, document)), "tripled").workload.ops == 3 * 8 * 8 * 16


def test_one_line_makes_the_onnx_writer_write_it(monkeypatch, tmp_path):
    monkeypatch.setitem(WRITTEN, "tripled", ("Tripled", ("offset",)))
    write_onnx(built(), tmp_path / "new.onnx")
    assert b"Tripled" in (tmp_path / "new.onnx").read_bytes()
