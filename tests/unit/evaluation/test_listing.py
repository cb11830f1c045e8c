"""Lists of networks: what they may hold, and what is wrong with broken ones."""

import json
import os

import pytest

from annette.errors import NetworkError, OptionError
from annette.evaluation.truth import is_listing, load_listing
from annette.network.writers.onnx import write_onnx
from tests.unit.network.readers.onnx.build import model, save
from tests.unit.samples import small_network


def table(folder, text, name="list.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_names_files_batches_and_units(tmp_path):
    (tmp_path / "nets").mkdir()
    write_onnx(small_network(), tmp_path / "nets" / "small.onnx")
    lines = ("network, batch, latency_ms, latency", "alexnet,2,20,", "alexnet,,,1.5 s", "nets/small.onnx,,,", "", "")
    first, second, third = load_listing(table(tmp_path, "\n".join(lines)))
    assert (first.name, first.network.batch, first.latency_s) == ("alexnet batch 2", 2, 0.02)
    assert (second.name, second.latency_s, second.path) == ("alexnet", 1.5, None)
    assert (third.name, third.latency_s, third.path) == ("nets/small.onnx", None, tmp_path / "nets" / "small.onnx")


@pytest.mark.parametrize(
    "text",
    [
        '"image=1x3x64x96","image=1x3x64x96"',
        '"image=1x3x64x96; ","  image=1x3x64x96"',
    ],
)
def test_a_column_of_inputs_sets_shapes(tmp_path, text):
    first, second = text.split('","')
    lines = ["network,input,latency_ms", f'resnet18,{first}",1', f'squeezenet1_1,"{second},', "resnet18@96,,2"]
    sized, other, named = load_listing(table(tmp_path, "\n".join(lines)))
    assert sized.name == "resnet18 image=1x3x64x96"
    assert sized.network.tensors["image"].shape == other.network.tensors["image"].shape == (1, 3, 64, 96)
    assert (named.name, named.network.tensors["image"].shape) == ("resnet18@96", (1, 3, 96, 96))


@pytest.mark.parametrize("cell", ["N=2 n=[3]", {"N": "2", "n": "[3]"}, ["N=2", "n=[3]"]])
def test_inputs_of_files_take_sizes_and_values(tmp_path, cell):
    graph = """g (float[N, 6] x, int64[1] n) => (float[N, M] y) <int64[1] zero = {0}, int64[1] axes = {1}> {
        s = Slice(x, zero, n, axes) y = Relu(s) }"""
    save(tmp_path, model(graph))
    rows = [{"network": "net.onnx", "input": cell}, {"network": "net.onnx", "input": "n=[5]"}]
    first, second = load_listing(table(tmp_path, json.dumps(rows), "list.json"))
    assert (first.name, first.network.tensors["y"].shape) == ("net.onnx N=2 n=[3]", (2, 3))
    assert (second.name, second.network.tensors["y"].shape) == ("net.onnx n=[5]", (1, 5))


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("image", "'image' is not NAME=SHAPE"),
        ("image=1x3x64x64 image=1x3x64x64", "names an input again"),
        ("image=big", "input 'image': 'big' is neither a shape"),
        ("photo=1x3x64x64", "line 2 .*resnet18 has no such input"),
    ],
)
def test_inputs_that_make_no_sense_are_refused(tmp_path, cell, message):
    with pytest.raises(OptionError, match=message):
        load_listing(table(tmp_path, f"network,input\nresnet18,{cell}\n"))


@pytest.mark.parametrize(
    ("entry", "latency_s"),
    [
        ("alexnet", None),
        ({"network": "alexnet"}, None),
        ({"network": "alexnet", "latency_s": None}, None),
        ({"network": "alexnet", "latency_s": 0.5}, 0.5),
        ({"network": "alexnet", "latency_us": "500"}, 0.0005),
        ({"network": "alexnet", "latency_ns": 5e8}, 0.5),
        ({"network": "alexnet", "latency": "2e3µs"}, 0.002),
    ],
)
def test_json_holds_names_or_objects(tmp_path, entry, latency_s):
    for document in ([entry], {"networks": [entry]}):
        (truth,) = load_listing(table(tmp_path, json.dumps(document), "list.JSON"))
        assert truth.latency_s == (None if latency_s is None else pytest.approx(latency_s))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("network,latency_s\n", "is empty"),
        ("alexnet\nvgg16\n", "begin with a line of different column names"),
        ("network,network\na,b\n", "different column names"),
        ("network,latencyms\nalexnet,1\n", "unknown column 'latencyms'.*'latency_ms'"),
        ("network,latency_s\nalexnet,fast\n", "line 2 .*latency_s 'fast' is not a number"),
        ("network,latency_s\nalexnet,-1\n", "latency_s '-1' is no time: it must be"),
        ("network,latency_s\nalexnet,0\n", "is no time: it must be"),
        ("network,latency_s\nalexnet,nan\n", "latency_s 'nan' is not a number"),
        ("network,latency_s\nalexnet,inf\n", "latency_s 'inf' is not a number"),
        ("network,latency_s\nresnet18,1e-310\nmobilenet_v2,1\n", "line 2 .* latency_s '1e-310' is no time"),
        ("network,latency_s\nalexnet,1e300\n", "is no time: it must be a number of 1e-09 to"),
        ("network,batch\nalexnet,1e300\n", "batch 1e\\+300 is not a whole number of 1 to 65536"),
        ("network,latency_s\nalexnet,1e-400\n", "is no time: it must be"),
        ("network,latency\nalexnet,12.5\n", "not a number with a unit"),
        ("network,latency\nalexnet,12.5 hours\n", "not a number with a unit"),
        ("network,latency\nalexnet,1e+-e ms\n", "is not a number"),
        ("network,latency_s,latency_ms\nalexnet,1,1000\n", "states a latency twice"),
        ("network,latency_s\n,1\n", "names no network"),
        ("network,batch\nalexnet,1.5\n", "batch 1.5"),
        ("network,batch\nalexnet,0\n", "batch 0"),
        ("network,latency_s\nalexnet,1,2\n", "has 3 cells"),
        ("network,latency_s\nalexnet\n", "has 1 cells"),
        ('network\n"alexnet\n', "not a CSV file"),
        ("network\nalexnet\nvgg16\nalexnet\n", "line 4 .*'alexnet' is listed already in line 2"),
    ],
)
def test_broken_tables_get_one_line(tmp_path, text, message):
    with pytest.raises(OptionError, match=message) as caught:
        load_listing(table(tmp_path, text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "not valid JSON"),
        ("3", "holds no list"),
        ("[3]", "holds no list"),
        ('{"network": "alexnet"}', "holds no list"),
        ('[{"network": "alexnet", "latency_s": true}]', "entry 1 .*'True' is not a number"),
        ('[{"network": "alexnet", "latency_s": NaN}]', "NaN is not a JSON number"),
        ('[{"network": "alexnet", "latency": 3}]', "not a number with a unit"),
        ('[{"network": ["alexnet"]}]', "names no network"),
        ('[{"network": "alexnet", "network": "vgg16"}]', "occurs twice"),
    ],
)
def test_broken_documents_get_one_line(tmp_path, text, message):
    with pytest.raises(OptionError, match=message) as caught:
        load_listing(table(tmp_path, text, "list.json"))
    assert "\n" not in str(caught.value)


def test_networks_that_cannot_be_loaded_are_named_with_their_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "below").mkdir()
    write_onnx(small_network(), tmp_path / "here.onnx")
    for source, message in (("here.onnx", "line 2 .*here.onnx' does not exist"), ("alexnt", "line 2 .*alexnet")):
        with pytest.raises(NetworkError, match=message):
            load_listing(table(tmp_path / "below", f"network\n{source}\n"))


def test_files_that_are_no_lists_are_refused_unread(tmp_path):
    with pytest.raises(OptionError, match="cannot read"):
        load_listing(tmp_path / "none.csv")
    with pytest.raises(OptionError, match="cannot read"):
        load_listing(tmp_path)
    with pytest.raises(OptionError, match="larger than"):
        load_listing(table(tmp_path, "network\n" + "alexnet\n" * 600_000))
    (tmp_path / "bytes.csv").write_bytes(b"network\n\xff\xfe\x00\n")
    with pytest.raises(OptionError, match="UTF-8"):
        load_listing(tmp_path / "bytes.csv")
    with pytest.raises(OptionError, match="more than 10000"):
        load_listing(table(tmp_path, "network\n" + "a\n" * 10_001))


def test_suites_and_files_are_told_apart():
    assert is_listing("a.CSV")
    assert is_listing("b/c.json")
    assert not is_listing("classic")


@pytest.mark.parametrize("name", ["x" * 3000, "x" * 3000 + ".onnx", "a\0b"])
def test_names_that_no_file_can_have_are_networks_that_are_not_there(tmp_path, name):
    for text, file in ((json.dumps([name]), "list.json"), (f"network\n{name}\n", "list.csv")):
        with pytest.raises(NetworkError, match=r"(xxx|a\\x00b)") as caught:
            load_listing(table(tmp_path, text, file))
        assert len(str(caught.value)) < 1000


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "list.csv")
    with pytest.raises(OptionError, match="cannot read"):
        load_listing(tmp_path / "list.csv")
