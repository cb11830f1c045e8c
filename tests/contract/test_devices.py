"""Every built-in device family satisfies the shipped contract."""

import tomllib
from pathlib import Path

import pytest

from annette.devices.registry import built_in
from annette.testing.devices import FOREIGN_ENVIRONMENTS, DeviceContract


class TestBuiltInDevices(DeviceContract):
    @pytest.fixture(params=built_in(), ids=lambda device: device.name)
    def device(self, request):
        return request.param

    @pytest.fixture
    def environments(self, device):
        """Of the examples, those that name a family which knows its environments."""
        return tuple(
            environment
            for owner, environment in FOREIGN_ENVIRONMENTS
            if owner == device.name and device.recognises is not None
        )


def test_every_family_is_among_those_that_must_not_import_each_other():
    settings = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {contract["id"]: contract for contract in settings["tool"]["importlinter"]["contracts"]}
    listed = contracts["devices-independent"]["modules"]
    assert sorted(listed) == sorted(f"annette.devices.{device.name}" for device in built_in())
