"""Models that Keras saved: what is refused before Keras sees it."""

import json
import zipfile

import pytest

from annette.errors import NetworkExportError, NetworkFormatError
from annette.network.load import load_network
from annette.network.readers.keras import checked_config


def saved(path, config):
    with zipfile.ZipFile(path, "w") as written:
        written.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
    return path


def layer(name="Dense", module="keras.layers", **config):
    return {"module": module, "class_name": name, "config": config, "registered_name": None}


def model(*layers):
    return {"module": "keras", "class_name": "Sequential", "config": {"layers": list(layers)}}


@pytest.mark.parametrize(
    "module",
    ["keras", "builtins", "keras.layers", "keras.src.models.functional", "keras.src.ops.numpy", "keras.dtype_policies"],
)
def test_modules_that_networks_are_made_of_are_allowed(tmp_path, module):
    config = model(layer("Something", module))
    assert checked_config(saved(tmp_path / "a.keras", config)) == config


def test_layers_of_keras_are_allowed(tmp_path):
    activation = {"module": "builtins", "class_name": "function", "config": "relu"}
    config = model(layer(units=4, kernel_initializer=layer("Zeros", "keras.initializers"), activation=activation))
    assert checked_config(saved(tmp_path / "a.keras", config)) == config


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (layer("Lambda"), r"holds code \(Lambda\)"),
        (layer("TorchModuleWrapper"), "holds code"),
        (layer(units=layer("Lambda")), "holds code"),
        (layer(function={"class_name": "__lambda__", "config": {"value": "gA=="}}), "holds code"),
        (layer("system", "os"), "needs class 'system' of 'os'"),
        (layer("Dense", "kerasy"), "of 'kerasy'"),
        (layer("get_file", "keras.utils"), "needs class 'get_file' of 'keras.utils'"),
        (layer("enable_unsafe_deserialization", "keras.config"), "of 'keras.config'"),
        (layer("load_model", "keras.src.saving.saving_api"), "of 'keras.src.saving.saving_api'"),
        (layer(activation={**layer("function", "keras.utils"), "config": "get_file"}), "of 'keras.utils'"),
        (layer(["Lambda"], {"keras": 1}), "needs class"),
        (layer("Mine", None), "needs class 'Mine', which is none of Keras' own"),
    ],
)
def test_code_is_refused(tmp_path, part, message):
    with pytest.raises(NetworkFormatError, match=message):
        load_network(saved(tmp_path / "a.keras", model(part)))


@pytest.mark.parametrize("config", ["[1]", "{}", "nothing", '{"a":' * 100_000])
def test_what_is_no_model_is_refused(tmp_path, config):
    with pytest.raises(NetworkFormatError):
        checked_config(saved(tmp_path / "a.keras", config))


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.keras").write_bytes(b"\x89HDF\r\n")
    with pytest.raises(NetworkFormatError, match="no model of Keras 3"):
        checked_config(tmp_path / "a.keras")
    with zipfile.ZipFile(tmp_path / "b.keras", "w") as written:
        written.writestr("metadata.json", "{}")
    with pytest.raises(NetworkFormatError, match=r"has no config\.json"):
        checked_config(tmp_path / "b.keras")


def test_what_is_missing_is_named_with_the_line_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setattr("annette.network.readers.frameworks.process.find_spec", lambda _: None)
    with pytest.raises(
        NetworkExportError, match=r"needs keras, which is not installed: pip install 'annette\[keras\]'"
    ):
        load_network(saved(tmp_path / "a.keras", model()))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "saved_model.pb").write_bytes(b"")
    with pytest.raises(NetworkExportError, match=r"tensorflow and tf2onnx, .* pip install 'annette\[tensorflow\]'"):
        load_network(tmp_path / "folder")
