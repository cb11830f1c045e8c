"""The shipped contract suites, run by the author of the Toy NPU: ``pytest toy_npu/contracts.py``."""

import pytest
from toy_npu import DEVICE
from toy_npu.backend import ToyBackend, ToyOptions
from toy_npu.formulas import ARRAY
from toy_npu.models import Stream
from toy_npu.stage import ToyPlacement

from annette.models.tiled_roofline import TiledRoofline
from annette.testing.backends import BackendContract
from annette.testing.context_stages import ContextStageContract
from annette.testing.devices import DeviceContract
from annette.testing.layer_models import LayerModelContract


class TestDevice(DeviceContract):
    @pytest.fixture
    def device(self):
        return DEVICE

    @pytest.fixture
    def environments(self):
        imported = {"device": "toy-npu-16", "runtime": "toy", "precision": "int8"}
        return (ToyBackend(ToyOptions()).environment(), imported)


class TestStage(ContextStageContract):
    @pytest.fixture
    def stage(self):
        return ToyPlacement(buffer_kib=1)


class TestBackend(BackendContract):
    @pytest.fixture
    def backend(self):
        return ToyBackend(ToyOptions())


class TestStream(LayerModelContract):
    @pytest.fixture
    def model(self):
        return Stream(2e9, 1e-6)


class TestArray(LayerModelContract):
    @pytest.fixture
    def model(self):
        return TiledRoofline(ARRAY.name, {name: limits.typical for name, limits in ARRAY.constants.items()})
