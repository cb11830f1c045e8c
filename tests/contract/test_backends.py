"""Every built-in backend that runs here satisfies the shipped contract."""

import json
import shlex
import sys

import pytest

from annette.bench.campaign import run_campaign
from annette.bench.dataset import Dataset
from annette.bench.measurement import Settings
from annette.bench.plan import Case, Plan
from annette.bench.records import Purpose
from annette.devices.command.backend import CommandBackend, CommandOptions
from annette.devices.onnxruntime_cpu.backend import OnnxRuntimeBackend, OnnxRuntimeOptions
from annette.devices.replay.backend import ReplayBackend, ReplayOptions
from annette.testing.backends import BackendContract, example_network
from tests.unit.bench.scripted import install
from tests.unit.bench.scripted_backend import ScriptedBackend, ScriptedOptions


class TestScripted(BackendContract):
    @pytest.fixture
    def backend(self):
        return ScriptedBackend(ScriptedOptions())


class TestCommand(BackendContract):
    @pytest.fixture
    def backend(self):
        kernels = [{"name": layer.name, "latency_us": 5} for layer in example_network().layers]
        text = json.dumps({"latency_us": 40, "kernels": kernels})
        return CommandBackend(CommandOptions(command=shlex.join([sys.executable, "-c", f"print({text!r})", "{model}"])))


class TestReplay(BackendContract):
    @pytest.fixture
    def backend(self, tmp_path, monkeypatch):
        install(tmp_path / "plug-in", monkeypatch)
        network = example_network()
        with Dataset.create(tmp_path / "recorded.sqlite") as dataset:
            plan = Plan("p", (Case("a", Purpose.NETWORK, "g", network, 1.0),))
            run_campaign(plan, dataset, backend="scripted", options={}, settings=Settings())
        return ReplayBackend(ReplayOptions(dataset=str(dataset.path)))


@pytest.mark.skipif(not OnnxRuntimeBackend.available().usable, reason="onnxruntime is not installed")
class TestOnnxRuntime(BackendContract):
    least_matched_share = 0.99

    @pytest.fixture
    def backend(self):
        return OnnxRuntimeBackend(OnnxRuntimeOptions())
