"""Every built-in reader satisfies the shipped contract."""

import pytest

from annette.network.builder import NetworkBuilder
from annette.network.load import readers
from annette.network.readers.json import read_json
from annette.network.readers.onnx import read_onnx
from annette.network.readers.tflite import read_tflite
from annette.network.writers.onnx import write_onnx
from annette.network.writers.tflite import write_tflite
from annette.testing.readers import ReaderContract
from tests.unit.network.readers.descriptions import small, small_mmdnn, write


def network():
    """Small, so that damage hits its structure and not only its weights."""
    net = NetworkBuilder("small")
    x = net.relu(net.conv(net.input("x", (1, 2, 6, 6)), 3, 3, padding=1))
    x = net.add(net.max_pool(x, 2, stride=2), net.conv(x, 3, 1, stride=2))
    return net.build(net.fully_connected(net.flatten(x), 4))


class TestOnnx(ReaderContract):
    @pytest.fixture
    def read(self):
        return read_onnx

    @pytest.fixture
    def file(self, tmp_path):
        write_onnx(network(), tmp_path / "small.onnx")
        return tmp_path / "small.onnx"


class TestTflite(ReaderContract):
    @pytest.fixture
    def read(self):
        return read_tflite

    @pytest.fixture
    def file(self, tmp_path):
        write_tflite(network(), tmp_path / "small.tflite")
        return tmp_path / "small.tflite"


class TestJson(ReaderContract):
    @pytest.fixture
    def read(self):
        return read_json

    @pytest.fixture(params=[small, small_mmdnn], ids=["annette", "mmdnn"])
    def file(self, request, tmp_path):
        return write(tmp_path, request.param(), "small.json")


def test_no_format_is_left_out():
    assert set(readers()) == {".onnx", ".tflite", ".json"}
