"""What folders, patterns and names stand for."""

import pytest

from annette.errors import NetworkError
from annette.network.finding import find_networks, is_collection


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("b.onnx", "A.ONNX", "deep/c.tflite", "notes.txt", "config.json"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def test_a_folder_stands_for_its_network_files(folder):
    assert find_networks(folder) == [str(folder / name) for name in ("A.ONNX", "b.onnx", "deep/c.tflite")]


def test_a_pattern_stands_for_what_it_matches(folder):
    assert find_networks(folder / "*.json") == [str(folder / "config.json")]
    assert find_networks(str(folder / "**" / "*.tflite")) == [str(folder / "deep" / "c.tflite")]


@pytest.mark.parametrize("place", ["*.onnx", "empty"])
def test_nothing_found_is_an_error(tmp_path, place):
    (tmp_path / "empty").mkdir()
    with pytest.raises(NetworkError, match=place.replace("*", r"\*")):
        find_networks(tmp_path / place)


def test_an_empty_name_does_not_stand_for_the_folder_one_is_in(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(NetworkError, match="name of a network is empty"):
        find_networks("")
    assert find_networks(".") == ["A.ONNX", "b.onnx", "deep/c.tflite"]


def test_other_names_stand_for_themselves():
    for name in ("resnet50", "nasbench201:|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|", "missing.onnx"):
        assert find_networks(name) == [name]
        assert not is_collection(name)


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(folder):
    odd = folder / "model[1].onnx"
    odd.write_bytes(b"")
    assert find_networks(odd) == [str(odd)]


def test_folders_of_tensorflow_are_networks_and_xml_is_one_beside_its_weights(folder):
    for name in ("ir.xml", "ir.bin", "boxes.xml", "saved/saved_model.pb", "saved/variables/variables.index"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    found = find_networks(folder)
    assert found == [str(folder / name) for name in ("A.ONNX", "b.onnx", "deep/c.tflite", "ir.xml", "saved")]
    assert not is_collection(folder / "saved")
    assert find_networks(folder / "saved") == find_networks(folder / "sav*") == [str(folder / "saved")]
