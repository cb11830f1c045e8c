"""The contract of backends, for Vela and OpenVINO."""

import pytest

from annette.devices.arm_ethos_u.backend import VelaBackend, VelaOptions
from annette.devices.openvino_cpu.backend import OpenvinoBackend, OpenvinoOptions
from annette.testing.backends import BackendContract


@pytest.mark.skipif(not VelaBackend.available().usable, reason="ethos-u-vela is not installed")
class TestVela(BackendContract):
    least_matched_share = 0.99

    @pytest.fixture(params=["ethos-u55-128", "ethos-u65-512", "ethos-u85-512"])
    def backend(self, request):
        return VelaBackend(VelaOptions(accelerator=request.param))


@pytest.mark.skipif(not OpenvinoBackend.available().usable, reason="openvino is not installed")
class TestOpenvino(BackendContract):
    @pytest.fixture
    def backend(self):
        return OpenvinoBackend(OpenvinoOptions())
