"""Which device families there are, and who offers what.

The families that ship with annette are listed here; those of other packages are entry points of the group
``annette.devices``. Both lead to the same kind of object. Built-in names come first and cannot be taken over: looking
at what is installed takes longer than loading most of annette, so it only happens where no built-in name fits, or
where everything is listed.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from annette.devices.device import Device
from annette.errors import PluginError
from annette.references import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from annette.references import Reference

__all__ = ["ENTRY_POINTS", "Part", "built_in", "devices", "find", "offered", "recognise"]

ENTRY_POINTS: Final = "annette.devices"
"""Group of entry points under which other packages offer device families."""

Part: TypeAlias = Literal[
    "context_stages", "layer_models", "formulas", "backends", "reports", "importers", "converters", "memory"
]
"""What families offer by name."""

_BUILT_IN: Final = (
    "annette.devices.onnxruntime_cpu:DEVICE",
    "annette.devices.openvino_cpu:DEVICE",
    "annette.devices.intel_myriad:DEVICE",
    "annette.devices.arm_ethos_u:DEVICE",
    "annette.devices.xilinx_dpu:DEVICE",
    "annette.devices.tvm_arm:DEVICE",
    "annette.devices.original_annette:DEVICE",
    "annette.devices.replay:DEVICE",
    "annette.devices.command:DEVICE",
)


@cache
def built_in() -> tuple[Device, ...]:
    """The families that ship with annette."""
    return tuple(_device(reference, reference) for reference in _BUILT_IN)


def _installed() -> tuple[Device, ...]:
    """Families of other packages."""
    return _installed_on(tuple(sys.path))


@cache
def _installed_on(path: tuple[str, ...]) -> tuple[Device, ...]:
    """Families of packages on a search path: looking for them takes milliseconds, and platforms ask often."""
    del path
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow, and built-in families do without

    return tuple(_device(entry.value, f"entry point {entry.name!r}") for entry in entry_points(group=ENTRY_POINTS))


def devices() -> tuple[Device, ...]:
    """All families, built-in ones first.

    Raises:
        PluginError: An installed family cannot be loaded.
    """
    return (*built_in(), *_installed())


def find(part: Part, name: str) -> Any:
    """What a family offers under a name, imported; None where nobody does.

    Raises:
        PluginError: An installed family cannot be loaded, or what it offers cannot.
    """
    reference = next((getattr(device, part)[name] for device in _search() if name in getattr(device, part)), None)
    return None if reference is None else resolve(reference)


def offered(part: Part) -> dict[str, Reference]:
    """Everything that families offer, by name.

    Raises:
        PluginError: An installed family cannot be loaded.
    """
    references: dict[str, Reference] = {}
    for device in devices():
        mapping: Mapping[str, Reference] = getattr(device, part)
        for name, reference in mapping.items():
            references.setdefault(name, reference)
    return references


def recognise(environment: Mapping[str, str]) -> Device | None:
    """The family that a dataset's environment belongs to; None where nobody recognises it.

    Raises:
        PluginError: Several families claim it, or an installed one cannot be loaded.
    """
    claiming = [device for device in devices() if device.recognises is not None and device.recognises(environment)]
    if len(claiming) > 1:
        names = ", ".join(device.name for device in claiming)
        raise PluginError(f"the device families {names} claim the same measurements: uninstall all but one")
    return claiming[0] if claiming else None


def _search() -> Iterator[Device]:
    yield from built_in()
    yield from _installed()


def _device(reference: Reference, source: str) -> Device:
    device = resolve(reference)
    if not isinstance(device, Device):
        raise PluginError(f"{source} leads to {device!r:.80}, which is no device family")
    return device
