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


@pytest.mark.parametrize("contract", ["devices-apart", "devices-independent"])
def test_the_import_rules_name_every_family(contract):
    settings = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    rules = {rule["id"]: rule for rule in settings["tool"]["importlinter"]["contracts"]}[contract]
    listed = rules.get("modules") or rules["protected_modules"]
    assert sorted(listed) == sorted(f"annette.devices.{device.name}" for device in built_in())
