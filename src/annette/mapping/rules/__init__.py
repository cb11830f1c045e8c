"""The rules that ship with annette, as tables in JSON files, and presets: named lists of them.

An entry of a table is a rule as `annette.mapping.rule.Rule.from_json` reads it. Where exporters write the same thing
in several ways, an entry has ``variants`` beside its ``pattern``: a list of choices, each a list of alternative lines;
one rule results from every combination, named ``name.1.2`` after the alternatives taken. Lines of ``variants`` come
before those of ``pattern``.
"""

from __future__ import annotations

import itertools
import json
from functools import cache
from importlib import resources
from typing import Any, Final

from annette.errors import MappingError, nearest
from annette.mapping.context import context_from_json
from annette.mapping.layout import LayoutModel
from annette.mapping.model import MappingModel
from annette.mapping.rule import Rule

__all__ = ["LAYOUTS", "PRESETS", "TABLES", "built_in_rules", "layout", "preset", "table"]

LAYOUTS: Final = ("nchw8c", "nchw16c")
"""Names of the layout models."""

TABLES: Final = (
    "activations", "normalizations", "attention", "movement", "folding", "fusion", "pooling", "views", "quantization",
    "memory", "dnndk", "tvm", "myriad", "ethos_u",
)  # fmt: skip
"""Names of the tables, recognitions first."""

PRESETS: Final = (
    "none", "recognitions", "views", "generic", "generic-int8", "generic-attention", "onnxruntime-cpu", "dnndk",
    "tvm-cpu", "original-dnndk", "original-ov", "openvino-myriad", "ethos-u55-128", "ethos-u65-512",
    "ethos-u65-512-sram", "ethos-u85-512",
)  # fmt: skip
"""Names of the presets."""


@cache
def table(name: str) -> tuple[tuple[str, tuple[Rule, ...]], ...]:
    """One table: each entry's name with the rules it stands for.

    Args:
        name: One of `TABLES`.

    Raises:
        MappingError: There is no such table.
    """
    if name not in TABLES:
        raise MappingError(f"there is no table of rules named {name!r}{nearest(name, TABLES)}")
    return tuple((entry["name"], tuple(_expand(entry))) for entry in _read(f"{name}.json"))


@cache
def built_in_rules() -> dict[str, tuple[Rule, ...]]:
    """All shipped rules by the name of their table entry."""
    return {name: rules for source in TABLES for name, rules in table(source)}


def preset(name: str) -> MappingModel:
    """A named list of rules.

    Args:
        name: One of `PRESETS`.

    Raises:
        MappingError: There is no such preset.
    """
    if name not in PRESETS:
        raise MappingError(f"there is no mapping preset named {name!r}{nearest(name, PRESETS)}")
    return _preset(name)


@cache
def _preset(name: str) -> MappingModel:
    known = built_in_rules()
    rules: list[Rule] = []
    for entry in _entries(name):
        if entry not in known:
            raise MappingError(f"preset {name!r} lists {entry!r}, which no table has{nearest(entry, known)}")
        rules += known[entry]
    described = _read("presets.json")[name]
    listed, stage = described.get("layout"), described.get("context")
    return MappingModel(
        name,
        tuple(rules),
        layout=None if listed is None else layout(listed),
        context=None if stage is None else context_from_json(stage),
    )


def layout(name: str) -> LayoutModel:
    """A named layout model.

    Args:
        name: One of `LAYOUTS`.

    Raises:
        MappingError: There is no such layout model.
    """
    if name not in LAYOUTS:
        raise MappingError(f"there is no layout model named {name!r}{nearest(name, LAYOUTS)}")
    return LayoutModel.from_json(_read("layouts.json")[name]["layout"])


def _entries(name: str) -> list[str]:
    """Names of a preset's rules; ``"@other"`` stands for all of another preset's."""
    listed = _read("presets.json")[name]["rules"]
    nested = (_entries(entry[1:]) if entry.startswith("@") else [entry] for entry in listed)
    return list(dict.fromkeys(itertools.chain.from_iterable(nested)))


def _read(file: str) -> Any:
    return json.loads(resources.files(__name__).joinpath(file).read_text(encoding="utf-8"))


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
