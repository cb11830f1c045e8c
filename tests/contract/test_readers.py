"""Every built-in reader satisfies the shipped contract."""

import copy

import onnx
import pytest
from tools.fuzz.ir_file import Ir, example

from annette.network.load import find_reader, readers
from annette.network.readers.json import read_json
from annette.network.readers.onnx import read_onnx
from annette.network.readers.openvino_ir import read_openvino_ir
from annette.network.readers.ort import read_ort
from annette.network.readers.tflite import read_tflite
from annette.network.writers.onnx import write_onnx
from annette.network.writers.tflite import write_tflite
from annette.testing.readers import ReaderContract, example_network
from tests.unit.network.readers.descriptions import small, small_mmdnn, write
from tests.unit.network.readers.ort.build import save_ort
from tests.unit.network.readers.tflite.build import File


class TestOnnx(ReaderContract):
    @pytest.fixture
    def reader(self):
        return read_onnx

    @pytest.fixture
    def file(self, tmp_path):
        write_onnx(example_network(), tmp_path / "example.onnx")
        return tmp_path / "example.onnx"

    @pytest.fixture
    def unknown(self, tmp_path):
        text = '<ir_version: 8, opset_import: ["" : 17, "com.example" : 1]> g (float[1,4] x) => (float[1,4] y) {'
        model = onnx.parser.parse_model(text + " y = com.example.Mystery(x) }")
        (tmp_path / "unknown.onnx").write_bytes(model.SerializeToString())
        return tmp_path / "unknown.onnx", "Mystery"


class TestOrt(ReaderContract):
    @pytest.fixture
    def reader(self):
        return read_ort

    @pytest.fixture
    def file(self, tmp_path):
        write_onnx(example_network(), tmp_path / "example.onnx")
        return save_ort(tmp_path, onnx.load(tmp_path / "example.onnx"), "example.ort")

    @pytest.fixture
    def unknown(self, tmp_path):
        text = '<ir_version: 8, opset_import: ["" : 17, "com.example" : 1]> g (float[1,4] x) => (float[1,4] y) {'
        model = onnx.parser.parse_model(text + " y = com.example.Mystery(x) }")
        return save_ort(tmp_path, model, "unknown.ort"), "Mystery"


class TestTflite(ReaderContract):
    @pytest.fixture
    def reader(self):
        return read_tflite

    @pytest.fixture
    def file(self, tmp_path):
        write_tflite(example_network(), tmp_path / "example.tflite")
        return tmp_path / "example.tflite"

    @pytest.fixture
    def unknown(self, tmp_path):
        file = File()
        x = file.input("x", (1, 4))
        file.outputs.append(file.tensor("y", (1, 4)))
        file.operator("CUSTOM", [x], file.outputs, custom="Mystery")
        return file.write(tmp_path / "unknown.tflite"), "Mystery"


class TestAnnetteJson(ReaderContract):
    @pytest.fixture
    def reader(self):
        return read_json

    @pytest.fixture
    def file(self, tmp_path):
        return write(tmp_path, small())

    @pytest.fixture
    def unknown(self, tmp_path):
        document = copy.deepcopy(small())
        document["layers"]["relu"]["type"] = "Mystery"
        return write(tmp_path, document, "unknown.json"), "Mystery"


class TestMmdnnJson(ReaderContract):
    @pytest.fixture
    def reader(self):
        return read_json

    @pytest.fixture
    def file(self, tmp_path):
        return write(tmp_path, small_mmdnn())

    @pytest.fixture
    def unknown(self, tmp_path):
        document = copy.deepcopy(small_mmdnn())
        next(node for node in document["node"] if node["name"] == "relu")["op"] = "Mystery"
        return write(tmp_path, document, "unknown.json"), "Mystery"


class TestOpenvinoIr(ReaderContract):
    @pytest.fixture
    def reader(self):
        return read_openvino_ir

    @pytest.fixture
    def file(self, tmp_path):
        return example().write(tmp_path / "example.xml")

    @pytest.fixture
    def unknown(self, tmp_path):
        ir = Ir()
        ir.result(ir.layer("Mystery", [ir.parameter((1, 4))], [(1, 4)]))
        return ir.write(tmp_path / "unknown.xml"), "Mystery"


def test_no_built_in_reader_is_left_out():
    with_framework = {".pt2", ".keras"}  # in a process of its own for each file: tests/integration/test_frameworks.py
    tested = {read_onnx, read_ort, read_tflite, read_json, read_openvino_ir}
    assert {find_reader(suffix) for suffix in readers() if suffix not in with_framework} == tested
