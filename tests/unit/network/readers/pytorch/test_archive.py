"""Exported programs as files: what of them is read, and what is refused before PyTorch sees it."""

import json
import zipfile

import pytest

from annette.errors import NetworkExportError, NetworkFormatError, UnsupportedOperatorError
from annette.network.load import load_network
from annette.network.readers.pytorch.archive import read_archive
from annette.network.readers.pytorch.checks import is_arithmetic


def program(target="torch.ops.aten.relu.default", size="Symbol('s0', positive=True, integer=True)", **metadata):
    """A program of one node, as far as the checks look at it."""
    node = {"target": target, "inputs": [], "outputs": [], "metadata": metadata}
    shape = [{"as_expr": {"expr_str": size, "hint": {"as_int": 4}}}, {"as_int": 3}]
    return {"graph_module": {"graph": {"nodes": [node], "tensor_values": {"x": {"sizes": shape}}}}}


def archive(path, document=None, **files):
    with zipfile.ZipFile(path, "w") as written:
        if document is not None:
            written.writestr("net/models/model.json", json.dumps(document))
        for name, content in files.items():
            written.writestr(f"net/data/constants/{name.replace('_json', '.json')}", content)
    return path


def test_the_graph_and_small_constants_are_read_and_pickles_are_not(tmp_path):
    meta = {"dtype": 5, "sizes": [{"as_int": 1}], "strides": [{"as_int": 1}], "storage_offset": {"as_int": 0}}
    entries = {
        "small": {"path_name": "tensor_0", "use_pickle": False, "tensor_meta": meta},
        "large": {"path_name": "tensor_1", "use_pickle": False, "tensor_meta": meta},
        "pickled": {"path_name": "tensor_0", "use_pickle": True, "tensor_meta": meta},
    }
    config = json.dumps({"config": entries})
    stored = {"model_constants_config_json": config, "tensor_0": b"\1" + bytes(7), "tensor_1": bytes(5000)}
    file = read_archive(archive(tmp_path / "a.pt2", program(stack_trace="x", nn_module_stack="m,m,M"), **stored))
    assert list(file.constants) == ["small"]
    assert file.constants["small"].data == b"\1" + bytes(7)
    (node,) = file.document["graph_module"]["graph"]["nodes"]
    assert node["metadata"] == {"nn_module_stack": "m,m,M"}


@pytest.mark.parametrize(
    "target",
    [
        "torch.load", "torch.hub.load", "torch.ops.aten.from_file.default", "os.system", "#custom:op", "_operator.call",
        "_operator.attrgetter", "torch.ops.load_library", "torch.ops.mine.magic.default", "math.__loader__.load", 7,
    ],
)  # fmt: skip
def test_what_is_no_operator_is_not_called(tmp_path, target):
    with pytest.raises(UnsupportedOperatorError, match="no operator of PyTorch"):
        read_archive(archive(tmp_path / "a.pt2", program(target)))


def test_functions_that_are_operands_are_held_against_the_same_list(tmp_path):
    document = program("torch.ops.higher_order.cond")
    (node,) = document["graph_module"]["graph"]["nodes"]
    node["inputs"].append({"name": "f", "arg": {"as_operator": "torch.load"}})
    with pytest.raises(UnsupportedOperatorError, match=r"'torch\.load', which is no operator"):
        read_archive(archive(tmp_path / "a.pt2", document))


@pytest.mark.parametrize("target", ["_operator.getitem", "torch.sym_max", "torch.ops.higher_order.cond", "math.ceil"])
def test_arithmetic_and_branches_are_allowed(tmp_path, target):
    assert read_archive(archive(tmp_path / "a.pt2", program(target))).document


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('id')", "eval('1')", "Symbol('a b; import os')", "(lambda: 1)()", "open('x')",
        "s0.func",
        "[x for x in (1,)]", "Integer(9" + "9" * 40 + ")", "getattr(s0, 'x')", "s0 ** 9", "(" * 300, "1" * 5000, None,
        "",
    ],
)  # fmt: skip
def test_sizes_that_are_no_arithmetic_are_refused(tmp_path, text):
    assert not is_arithmetic(text)
    with pytest.raises(NetworkFormatError, match="no arithmetic"):
        read_archive(archive(tmp_path / "a.pt2", program(size=text)))


@pytest.mark.parametrize("text", ["s77", "2*s77 + 1", "FloorDiv(s0, 2)", "Max(1, Mod(u0, 4))", "-s0"])
def test_arithmetic_is_known(text):
    assert is_arithmetic(text)


def test_other_files_are_refused_by_one_line(tmp_path):
    (tmp_path / "text.pt2").write_text("weights")
    with pytest.raises(NetworkFormatError, match="is no archive"):
        read_archive(tmp_path / "text.pt2")
    with pytest.raises(NetworkFormatError, match="AOTInductor"):
        read_archive(archive(tmp_path / "empty.pt2"))
    with zipfile.ZipFile(archive(tmp_path / "two.pt2", program()), "a") as written:
        written.writestr("net/models/other.json", "{}")
    with pytest.raises(NetworkFormatError, match=r"2 programs \(model, other\)"):
        read_archive(tmp_path / "two.pt2")
    with zipfile.ZipFile(tmp_path / "odd.pt2", "w") as written:
        written.writestr("net/models/model.json", "[" * 100_000)
    with pytest.raises(NetworkFormatError, match="is nested too deep"):
        read_archive(tmp_path / "odd.pt2")


def test_what_is_missing_is_named_with_the_line_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setattr("annette.network.readers.frameworks.process.find_spec", lambda _: None)
    path = archive(tmp_path / "a.pt2", program())
    with pytest.raises(NetworkExportError, match=r"needs torch and onnxscript, .* pip install 'annette\[torch\]'"):
        load_network(path)
