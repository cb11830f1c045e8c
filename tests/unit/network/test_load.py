"""Networks by what a user names: files of built-in formats, files of plug-ins, the zoo."""

import os

import onnx
import pytest

from annette.errors import NetworkError, NetworkFormatError, OptionError
from annette.estimation.estimator import estimate
from annette.network import zoo
from annette.network.graph_json import graph_to_json
from annette.network.inputs import InputValue
from annette.network.load import ENTRY_POINTS, find_reader, load_network, readers
from annette.network.readers.onnx import read_onnx
from annette.network.writers.onnx import write_onnx


@pytest.fixture
def plug_in(tmp_path, monkeypatch):
    """An installed package that reads files of the suffix ``.name``: a file holds the name of a zoo network."""
    (tmp_path / "name_reader.py").write_text(
        "from annette.network import zoo\n"
        "def read(path, *, batch=None, input_shapes=None):\n"
        "    return zoo.build(path.read_text().strip(), batch=batch or 1)\n"
    )
    info = tmp_path / "name_reader-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: name-reader\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\n.name = name_reader:read\n.onnx = name_reader:read\n")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_plug_in_reads_its_suffix_and_takes_no_built_in_one_over(plug_in):
    (plug_in / "small.name").write_text("squeezenet1_1")
    assert load_network(plug_in / "small.name", batch=2).batch == 2
    assert readers() == (".onnx", ".ort", ".json", ".tflite", ".xml", ".pt2", ".keras", ".name")
    assert find_reader(".onnx") is read_onnx


def test_a_name_of_the_zoo_is_built():
    assert load_network("squeezenet1_1").name == "squeezenet1_1"
    assert "squeezenet1_1" in zoo.names()
    with pytest.raises(OptionError, match="squeezenet1_1 has no such input; it has 'image'"):
        load_network("squeezenet1_1", inputs={"x": (1, 3, 8, 8)})
    with pytest.raises(OptionError, match="only inputs of files that are read as ONNX have values"):
        load_network("squeezenet1_1", inputs={"image": InputValue((1,))})
    assert load_network("squeezenet1_1", inputs={"image": (2, 3, 96, 64)}).name == "squeezenet1_1@96x64"
    assert load_network("squeezenet1_1@96", batch=2).tensors["image"].shape == (2, 3, 96, 96)


def test_what_cannot_be_read_says_what_can(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(NetworkFormatError, match=r"known: \.json, \.keras, \.onnx, \.ort, \.pt2, \.tflite, \.xml"):
        load_network(tmp_path / "notes.txt")
    with pytest.raises(NetworkError, match="is a folder"):
        load_network(tmp_path)
    with pytest.raises(NetworkError, match="does not exist"):
        load_network(tmp_path / "none.onnx")
    with pytest.raises(NetworkError, match=r"no network of the zoo is called 'resnet5'.*'resnet50'"):
        load_network("resnet5")


@pytest.mark.parametrize(("options", "message"), [({"batch": 0}, "batch 0"), ({"inputs": {"x": (0,)}}, "at least 1")])
def test_sizes_below_one_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        load_network("squeezenet1_1", **options)


@pytest.mark.parametrize("suffix", [".onnx", ".ort", ".json", ".tflite"])
def test_a_pipe_is_refused_without_waiting(tmp_path, suffix):
    path = tmp_path / f"net{suffix}"
    os.mkfifo(path)
    with pytest.raises(NetworkError, match="it is a pipe, not a file"):
        load_network(path)


@pytest.mark.parametrize("name", ["n" * 5000, "n" * 5000 + ".onnx", "a\0b", "a\0b.onnx", "\ud800.json"])
def test_a_name_that_no_file_can_have_is_an_error(name):
    with pytest.raises(NetworkError, match=r"no network|does not exist"):
        load_network(name)


def test_a_model_of_onnx_in_memory_is_read_as_its_file_is(tmp_path):
    write_onnx(zoo.build("squeezenet1_1"), tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    before = model.SerializeToString()
    of_model, of_file = load_network(model), load_network(tmp_path / "net.onnx")
    assert graph_to_json(of_model.replaced(name="")) == graph_to_json(of_file.replaced(name=""))
    assert of_model.name == "squeezenet1_1"
    assert load_network(model, batch=2).macs == 2 * of_file.macs
    assert model.SerializeToString() == before
    assert estimate(model, "ncs2-openvino").latency_s == estimate(of_file, "ncs2-openvino").latency_s


def test_other_objects_and_examples_that_nobody_needs_are_refused():
    with pytest.raises(NetworkFormatError, match=r"object of builtins\.dict.*neither a path or name nor a model of"):
        load_network({"weights": 1})
    with pytest.raises(NetworkFormatError, match="has no graph"):
        load_network(onnx.ModelProto(ir_version=8))
    for source in (onnx.ModelProto(), "squeezenet1_1"):
        with pytest.raises(OptionError, match="leave out example_inputs"):
            load_network(source, example_inputs=(1,))
    with pytest.raises(OptionError, match="example_inputs say how a network is read"):
        estimate(zoo.build("squeezenet1_1"), "ncs2-openvino", example_inputs=(1,))
