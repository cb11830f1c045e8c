"""What a backend writes about its environment is recognised by its own device family, and by nobody else."""

import shlex
import sys

import pytest

from annette.bench.dataset import Dataset
from annette.bench.named_backends import backend_class, open_backend
from annette.devices.registry import built_in, recognise
from annette.devices.replay.backend import ReplayBackend, ReplayOptions
from tests.unit.bench.test_dataset import run

ANYTHING = {"command", "replay"}
"""Backends of no device: what they measure may be anything."""

BACKENDS = [(device.name, name) for device in built_in() for name in device.backends if name not in ANYTHING]


@pytest.mark.parametrize(("family", "name"), BACKENDS)
def test_an_environment_is_recognised_by_its_own_family(family, name):
    if not backend_class(name).available().usable:
        pytest.skip(f"the runtime of {name} is not usable here")
    environment = open_backend(name, {}).environment()
    claiming = [device.name for device in built_in() if device.recognises and device.recognises(environment)]
    assert claiming == [family]


@pytest.mark.parametrize("device", ["", "CPU", "ethos-u55-128", "ncs2"])
def test_a_program_of_the_users_is_nobodys_device(device):
    command = shlex.join([sys.executable, "{model}"])
    for model_format in ("onnx", "tflite"):
        options = {"command": command, "device": device, "model_format": model_format}
        assert recognise(open_backend("command", options).environment()) is None


def test_what_is_played_back_is_the_device_that_was_recorded(tmp_path):
    recorded = {"runtime": "openvino", "device": "CPU", "precision": "fp32"}
    with Dataset.create(tmp_path / "recorded.sqlite") as dataset:
        dataset.add(run(environment=recorded))
    environment = ReplayBackend(ReplayOptions(dataset=str(dataset.path))).environment()
    assert environment == recorded
    family = recognise(environment)
    assert family is not None
    assert family.name == "openvino_cpu"


@pytest.mark.parametrize(
    "environment",
    [
        {"runtime": "openvino-myriad", "device": "MYRIAD"},
        {"runtime": "openvino", "device": "MYRIAD"},
        {"runtime": "openvino", "device": "GPU"},
        {"runtime": "openvino"},
    ],
)
def test_other_devices_of_openvino_are_not_the_cpus(environment):
    (openvino,) = (device for device in built_in() if device.name == "openvino_cpu")
    assert openvino.recognises is not None
    assert not openvino.recognises(environment)
