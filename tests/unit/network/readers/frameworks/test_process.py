"""Exports in a process of their own: whatever an exporter does, there is one line, and nothing is left behind."""

import os
import sys
import tempfile
import time
from pathlib import Path

import pytest
from onnx import TensorProto, helper

from annette.errors import NetworkExportError, NetworkFormatError
from annette.network.readers.frameworks.process import exported

HERE = "tests.unit.network.readers.frameworks.test_process"
ROOT = Path(__file__).resolve().parents[5]


def gives_a_model(path):
    sys.stdout.write("what frameworks print does not end up in the answer")
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], path.name, infos[:1], infos[1:])
    return helper.make_model(graph).SerializeToString()


def refuses(path):
    raise NetworkFormatError(f"{path.name} is no model")


def fails(_path):
    raise RuntimeError("\n\n***\nshape \x1b[31mmismatch\n at line 7")


def leaves(_path):
    sys.exit("tf2onnx: error: no such tag")


def dies(_path):
    Path(tempfile.mkdtemp(), "half-written").write_bytes(bytes(1000))
    os.abort()


def takes_all_memory(_path):
    return bytes(1 << 40)


def hangs(_path):
    Path(tempfile.mkdtemp(), "half-written").write_bytes(bytes(1000))
    time.sleep(600)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "src")]))
    yield folder
    assert not list(folder.iterdir())


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "net.pt2"
    path.write_bytes(b"content")
    return path


@pytest.mark.usefixtures("temporary")
def test_the_answer_is_the_model(file):
    assert exported(file, f"{HERE}:gives_a_model").graph.name == "net.pt2"


@pytest.mark.usefixtures("temporary")
@pytest.mark.parametrize(
    ("exporter", "error", "message"),
    [
        ("refuses", NetworkFormatError, r"^net\.pt2 is no model$"),
        ("fails", NetworkExportError, "cannot be exported to ONNX: RuntimeError: shape .*mismatch$"),
        ("leaves", NetworkExportError, "SystemExit: tf2onnx: error: no such tag"),
        ("dies", NetworkExportError, "the process ended without an answer"),
        ("takes_all_memory", NetworkExportError, "it takes too much memory"),
    ],
)
def test_what_goes_wrong_is_one_line(file, exporter, error, message):
    with pytest.raises(error, match=message) as caught:
        exported(file, f"{HERE}:{exporter}")
    assert str(caught.value).isprintable()


@pytest.mark.usefixtures("temporary")
def test_an_export_without_an_end_is_ended(file):
    with pytest.raises(NetworkExportError, match="for 5 s without an end"):
        exported(file, f"{HERE}:hangs", timeout_s=5)
