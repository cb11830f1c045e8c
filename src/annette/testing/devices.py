"""The contract of device families as a test suite.

An author of a family installs the package (the registry has to see its entry point), subclasses `DeviceContract`,
overrides the fixture ``device``, and runs pytest::

    class TestMyDevice(DeviceContract):
        @pytest.fixture
        def device(self):
            return my_device.DEVICE

        @pytest.fixture
        def environments(self):
            return ({"runtime": "mine", "device": "board", "precision": "int8"},)
"""

from __future__ import annotations

import inspect
import json
import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from annette.bench.backend import Backend
from annette.devices.registry import devices, find, recognise
from annette.errors import BackendRunError, DatasetError
from annette.mapping.context import ContextStage
from annette.mapping.layout import LayoutModel
from annette.mapping.model import MappingModel
from annette.mapping.rules import known_rules, layout, preset
from annette.models.base import LayerModel
from annette.models.tiled_roofline import Formula
from annette.references import resolve
from annette.testing.backends import example_network

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from annette.devices.device import Device
    from annette.devices.registry import Part

__all__ = ["FOREIGN_ENVIRONMENTS", "DeviceContract"]

FOREIGN_ENVIRONMENTS: Final[tuple[tuple[str, Mapping[str, str]], ...]] = (
    ("", {}),
    ("", {"runtime": ""}),
    ("", {"runtime": "a-runtime-that-nobody-has", "device": "a-board-that-nobody-has", "precision": "fp32"}),
    ("", {"runtime": "command", "command": "./measure {model}", "device": "", "model_format": "onnx"}),
    ("onnxruntime_cpu", {"runtime": "onnxruntime", "cpu": "some processor", "precision": "fp32", "threads": "1"}),
    ("openvino_cpu", {"runtime": "openvino", "device": "CPU", "precision": "bf16", "threads": "1"}),
    ("arm_ethos_u", {"runtime": "vela", "device": "ethos-u55-128", "precision": "int8"}),
    ("intel_myriad", {"runtime": "openvino-myriad", "device": "ncs2", "precision": "fp16"}),
    ("tvm_arm", {"collection": "tophub", "device": "snapdragon835", "runtime": "tvm", "precision": "fp32"}),
    ("xilinx_dpu", {"collection": "zcu102", "device": "zcu102", "runtime": "dnndk", "precision": "int8"}),
)
"""Environments as datasets hold them, each with the only family that may recognise it; an empty name is nobody."""

_CLASSES: Final[dict[Part, type]] = {
    "context_stages": ContextStage,
    "layer_models": LayerModel,
    "formulas": Formula,
    "backends": Backend,
}
_CALLS: Final[dict[Part, int]] = {"reports": 1, "importers": 2, "converters": 1, "memory": 4}
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_REFERENCE: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def _references(device: Device) -> dict[str, str]:
    """Every reference of a family by where it stands."""
    parts: tuple[Part, ...] = (*_CLASSES, *_CALLS)
    named = {f"{part}[{name}]": reference for part in parts for name, reference in getattr(device, part).items()}
    single = {"mapping": device.mapping, "fit": device.fit}
    return named | {name: reference for name, reference in single.items() if reference is not None}


class DeviceContract:
    """What every device family must satisfy.

    Override ``device``; ``environments`` with what its backends and importers write into datasets.
    """

    @pytest.fixture
    def device(self) -> Device:
        """The family under test, known to the registry."""
        raise NotImplementedError("override the fixture 'device' with the device family to test")

    @pytest.fixture
    def environments(self) -> tuple[Mapping[str, str], ...]:
        """Environments of datasets that belong to this family."""
        return ()

    def test_is_known_to_the_registry(self, device: Device) -> None:
        """Under a name of its own: words in lower case joined by underscores; with a title of one line."""
        assert [known for known in devices() if known.name == device.name] == [device]
        assert device.name.isidentifier()
        assert device.name == device.name.lower()
        assert device.title
        assert "\n" not in device.title

    def test_references_lead_somewhere(self, device: Device) -> None:
        """All are ``package.module:attribute``, and can be imported where no vendor's runtime is installed."""
        for place, reference in _references(device).items():
            assert _REFERENCE.fullmatch(reference), place
            assert resolve(reference) is not None, place

    def test_names_are_found_under_the_familys_own_parts(self, device: Device) -> None:
        """Words in lower case joined by hyphens; nobody who comes first has taken them."""
        for part in (*_CLASSES, *_CALLS):
            for name, reference in getattr(device, part).items():
                assert _NAME.fullmatch(name), f"{part}[{name}]"
                assert find(part, name) is resolve(reference), f"{part}[{name}] belongs to another family"

    def test_parts_are_of_their_base_classes(self, device: Device) -> None:
        """And call themselves what they are listed as."""
        for part, base in _CLASSES.items():
            for name, reference in getattr(device, part).items():
                thing = resolve(reference)
                assert isinstance(thing, base) if base is Formula else issubclass(thing, base), f"{part}[{name}]"
                assert (thing.family if base is LayerModel else thing.name) == name, f"{part}[{name}]"

    def test_constants_of_formulas_have_sensible_ranges(self, device: Device) -> None:
        """The typical value lies between the least and the largest."""
        for reference in device.formulas.values():
            for name, limits in resolve(reference).constants.items():
                assert limits.least <= limits.typical <= limits.most, name

    def test_functions_take_what_they_are_given(self, device: Device) -> None:
        """Reports a text, importers a path and a device, memory what is mapped, fit datasets and a request."""
        counts = {f"{part}[{name}]": count for part, count in _CALLS.items() for name in getattr(device, part)}
        for place, reference in _references(device).items():
            count = {"mapping": 1, "fit": 2, **counts}.get(place)
            if count is not None:
                inspect.signature(resolve(reference)).bind(*[None] * count)

    @pytest.mark.parametrize("text", ["", "\n", "no report of anything", '{"latency_us": 1', "a,b\n1,2\n"], ids=repr)
    def test_reports_refuse_what_is_none(self, device: Device, text: str) -> None:
        """With one line of explanation."""
        for name, reference in device.reports.items():
            with pytest.raises(BackendRunError) as caught:
                resolve(reference)(text)
            assert "\n" not in str(caught.value), name

    def test_importers_refuse_other_tables(self, device: Device, tmp_path: Path) -> None:
        """With one line that names the file."""
        table = tmp_path / "other.csv"
        table.write_text("somebody,elses,columns\n1,2,3\n", encoding="utf-8")
        for name, reference in device.importers.items():
            with pytest.raises(DatasetError, match=r"other\.csv") as caught:
                resolve(reference)(table, "some-device")
            assert "\n" not in str(caught.value), name

    @pytest.mark.parametrize(("owner", "environment"), FOREIGN_ENVIRONMENTS, ids=lambda value: str(value)[:40])
    def test_claims_no_foreign_environment(self, device: Device, owner: str, environment: Mapping[str, str]) -> None:
        """Whatever an environment holds or lacks, the answer is yes or no, and no where others measured."""
        if device.recognises is not None:
            answer = device.recognises(environment)
            assert isinstance(answer, bool)
            assert not answer or owner == device.name

    def test_recognises_its_own_environments(self, device: Device, environments: tuple[Mapping[str, str], ...]) -> None:
        """It alone, with a mapping that can be applied, or none where the compiler is not known so well."""
        for environment in environments:
            assert recognise(environment) is device, environment
            known = resolve(device.mapping)(environment) if device.mapping is not None else None
            assert known is None or isinstance(known, MappingModel)

    def test_rules_are_documents_with_descriptions(self, device: Device) -> None:
        """A list of plain JSON values; every entry is known under its name, which no other table has."""
        entries = [] if device.rules is None else device.rules()
        assert json.loads(json.dumps(entries)) == entries
        for entry in entries:
            assert entry["description"], entry["name"]
            assert known_rules()[entry["name"]]

    def test_presets_can_be_applied_and_kept(self, device: Device) -> None:
        """Each keeps every layer in one kernel, and survives a round trip through JSON."""
        listed: dict[str, Any] = {} if device.presets is None else device.presets()
        network = example_network()
        for name, described in listed.items():
            assert described["description"], name
            model = preset(name)
            again = MappingModel.from_json(json.loads(json.dumps(model.to_json(), allow_nan=False)))
            kernels = model.apply(network)
            assert again.apply(network) == kernels, name
            layers = [layer.name for kernel in kernels for layer in kernel.layers]
            assert sorted(layers) == sorted(layer.name for layer in network.layers), name

    def test_layouts_survive_a_round_trip(self, device: Device) -> None:
        """Each is found under its name, and the same after a round trip through JSON."""
        listed: dict[str, Any] = {} if device.layouts is None else device.layouts()
        for name in listed:
            model = layout(name)
            assert LayoutModel.from_json(json.loads(json.dumps(model.to_json()))) == model, name
