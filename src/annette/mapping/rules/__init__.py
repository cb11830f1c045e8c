"""The rules that ship with annette, as tables in JSON files, and presets: named lists of them.

Rules that hold for any runtime are here; each device family brings its own, with the presets that use them
(`annette.devices.device.Device`). An entry of a table is a rule as `annette.mapping.rule.Rule.from_json` reads it.
Where exporters write the same thing in several ways, an entry has ``variants`` beside its ``pattern``: a list of
choices, each a list of alternative lines; one rule results from every combination, named ``name.1.2`` after the
alternatives taken. Lines of ``variants`` come before those of ``pattern``.
"""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any, Final, Literal

from annette.devices.device import json_file
from annette.devices.registry import devices
from annette.errors import MappingError, nearest
from annette.mapping.context import context_from_json
from annette.mapping.half import HalfModel
from annette.mapping.integers import IntegerModel
from annette.mapping.layout import LayoutModel
from annette.mapping.model import MappingModel
from annette.mapping.rule import Rule

__all__ = ["known_rules", "layout", "layouts", "preset", "presets", "read_preset"]

_TABLES: Final = (
    "activations", "normalizations", "attention", "movement", "folding", "fusion", "views", "quantization", "memory",
)  # fmt: skip
"""Names of the tables here, recognitions first."""


@cache
def known_rules() -> dict[str, tuple[Rule, ...]]:
    """All rules by the name of their table entry: those that hold anywhere, then those of each device family.

    Raises:
        MappingError: Two entries have the same name, or one is ill-formed.
    """
    by_name: dict[str, tuple[Rule, ...]] = {}
    tables = [json_file(__name__, f"{name}.json")() for name in _TABLES]
    tables += [device.rules() for device in devices() if device.rules is not None]
    for entry in itertools.chain.from_iterable(tables):
        if entry["name"] in by_name:
            raise MappingError(f"two tables of rules have an entry named {entry['name']!r}")
        by_name[entry["name"]] = tuple(_expand(entry))
    return by_name


def presets() -> tuple[str, ...]:
    """Names of the presets: those that suit any runtime, then those of each device family."""
    return tuple(_described("presets"))


@cache
def preset(name: str) -> MappingModel:
    """A named mapping.

    Args:
        name: One of `presets`.

    Raises:
        MappingError: There is no such preset.
    """
    known = _described("presets")
    if name not in known:
        raise MappingError(f"there is no mapping preset named {name!r}{nearest(name, known)}")
    return read_preset(name, known[name])


def read_preset(name: str, described: dict[str, Any]) -> MappingModel:
    """A mapping from the document of a preset.

    Args:
        name: What to call it.
        described: ``rules``, names of table entries, or ``"@other"`` for all rules of another preset; perhaps
            ``layout``, the name of one of `layouts`; perhaps ``integers`` and ``half``, what is done with
            quantised networks and those of 16 bits; perhaps ``cuts_at_once``, whether one kernel cuts out parts that
            make up a tensor; perhaps ``moves_transposes``, whether transpositions before splits run behind them;
            perhaps ``context``, a context stage with its parameters.

    Raises:
        MappingError: It lists a rule, a layout or a stage that there is none of.
    """
    known = known_rules()
    rules: list[Rule] = []
    for entry in _entries(described["rules"]):
        if entry not in known:
            raise MappingError(f"preset {name!r} lists {entry!r}, which no table has{nearest(entry, known)}")
        rules += known[entry]
    listed, stage, integers, half = (described.get(part) for part in ("layout", "context", "integers", "half"))
    return MappingModel(
        name,
        tuple(rules),
        layout=None if listed is None else layout(listed),
        context=None if stage is None else context_from_json(stage),
        integers=None if integers is None else IntegerModel.from_json(integers),
        half=None if half is None else HalfModel.from_json(half),
        cuts_at_once=bool(described.get("cuts_at_once", False)),
        moves_transposes=bool(described.get("moves_transposes", False)),
    )


def layouts() -> tuple[str, ...]:
    """Names of the layout models, each of a device family."""
    return tuple(_described("layouts"))


def layout(name: str) -> LayoutModel:
    """A named layout model.

    Args:
        name: One of `layouts`.

    Raises:
        MappingError: There is no such layout model.
    """
    known = _described("layouts")
    if name not in known:
        raise MappingError(f"there is no layout model named {name!r}{nearest(name, known)}")
    return LayoutModel.from_json(known[name]["layout"])


def _entries(listed: list[str]) -> list[str]:
    """Names of a preset's rules, each once; ``"@other"`` stands for all of another preset's."""
    known = _described("presets")
    nested = (_entries(known[entry[1:]]["rules"]) if entry.startswith("@") else [entry] for entry in listed)
    return list(dict.fromkeys(itertools.chain.from_iterable(nested)))


@cache
def _described(part: Literal["presets", "layouts"]) -> dict[str, dict[str, Any]]:
    """Presets or layouts by name: those that suit any runtime, then those of each device family."""
    by_name: dict[str, dict[str, Any]] = dict(json_file(__name__, "presets.json")()) if part == "presets" else {}
    for device in devices():
        read = getattr(device, part)
        for name, described in (read() if read is not None else {}).items():
            by_name.setdefault(name, described)
    return by_name


def _expand(entry: dict[str, Any]) -> list[Rule]:
    variants = entry.get("variants")
    if not variants:
        return [Rule.from_json(entry)]
    shared = {key: value for key, value in entry.items() if key not in ("variants", "pattern", "name")}
    rules = []
    for choice in itertools.product(*(list(enumerate(alternatives, start=1)) for alternatives in variants)):
        numbers = ".".join(str(number) for number, _ in choice)
        lines = [line for _, part in choice for line in part]
        pattern = [*lines, *entry.get("pattern", [])]
        rules.append(Rule.from_json({**shared, "name": f"{entry['name']}.{numbers}", "pattern": pattern}))
    return rules
