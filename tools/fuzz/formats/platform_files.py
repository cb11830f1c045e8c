"""Platform files: the shipped ones, cut down to a few kinds of kernel, with values of every kind in every place."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tools.fuzz.case import Format
from tools.fuzz.documents import encode_document, mutate_document, mutate_leaf
from tools.fuzz.networks import small_networks
from tools.fuzz.oracle import Violation, check_document, check_printed, estimate_somewhere, refused_with
from tools.fuzz.values import near

import annette
from annette.errors import PlatformError, PlatformFormatError
from annette.mapping.rules import preset, presets
from annette.platforms import load_platform
from annette.platforms.format import dumps_platform, loads_platform
from annette.report.platforms import platform_document, print_platform

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from random import Random

    from annette.platforms import Platform

__all__ = ["PlatformFormat", "small_platforms"]

_KINDS: Final = ("conv", "depthwise_conv", "add", "relu", "max_pool", "fully_connected", "softmax", "concat", "matmul")
_LARGEST_FIRST: Final = 20_000
_LARGEST_MODEL: Final = 2_000
"""Characters of a layer model that is kept, of the first kind and of others: forests everywhere would take the time of
twenty cases."""
_RULES: Final = 12


class PlatformFormat(Format):
    """Platform files with the mapping rules in them."""

    name: ClassVar[str] = "platform"
    suffix: ClassVar[str] = ".json"
    raw: ClassVar[float] = 0.08

    def __init__(self, extra: Sequence[Path] = ()) -> None:
        super().__init__(extra)
        users = (path.read_text(encoding="utf-8") for path in self.extra)
        self._documents = (*small_platforms(), *users)
        self._mappings = tuple(json.dumps(preset(name).to_json()) for name in presets())

    def draw(self, dice: Random) -> Any:
        """A platform, sometimes with the rules of another."""
        document = json.loads(dice.choice(self._documents))
        if dice.random() < 0.2:
            mapping = json.loads(dice.choice(self._mappings))
            first = dice.randrange(max(1, len(mapping["rules"]) - _RULES))
            document["mapping"] = {**mapping, "rules": mapping["rules"][first : first + _RULES]}
        return document

    def mutate(self, subject: Any, dice: Random) -> None:
        """Changes a value anywhere, or in one of the parts that numbers come from."""
        part = dice.choice(("", "", "models", "models", "mapping", "mapping", "overhead", "intervals", "ranges"))
        inner = subject.get(part) if isinstance(subject, dict) else None
        if part == "overhead" and isinstance(inner, dict) and inner:
            stated = [key for key, value in inner.items() if isinstance(value, int | float)]
            key = dice.choice(stated or list(inner))
            inner[key] = near(dice, float(inner[key]) if key in stated else 0.0)
        else:
            change = mutate_leaf if dice.random() < 0.6 else mutate_document
            change(inner if isinstance(inner, dict | list) and inner else subject, dice)

    def encode(self, subject: Any, dice: Random) -> bytes:
        """JSON, or nearly."""
        return encode_document(subject, dice)

    def attempt(self, file: Path, dice: Random) -> str:
        """What ``annette platforms show`` and ``annette estimate --platform FILE`` do."""
        with refused_with(PlatformError):
            platform = load_platform(file)
        repr(platform)
        document = platform_document(platform)
        check_document(document)
        check_printed(lambda page: print_platform(document, page=page))
        if dice.random() < 0.05:
            _write_and_read(platform)
        return estimate_somewhere(dice.choice(small_networks()), dice, (platform, platform))


def _write_and_read(platform: Platform) -> None:
    """What was read can be written, and read again as the same."""
    written = dumps_platform(platform)
    if dumps_platform(loads_platform(written.encode(), source="what was written")) != written:
        raise Violation("report", "a platform that was written and read again is another one")


@cache
def small_platforms() -> tuple[str, ...]:
    """Every shipped platform with a few kinds of kernel, as JSON."""
    small = []
    for entry in annette.list_platforms():
        if entry.origin != "catalogue":
            continue
        document = json.loads(entry.file.read_bytes())
        for kinds in (_KINDS[:5], _KINDS[5:]):
            text = json.dumps(_cut(document, frozenset(kinds)))
            try:
                loads_platform(text.encode(), source=entry.name)
            except PlatformFormatError:
                continue  # Its parts refer to each other: it cannot be cut in this way.
            small.append(text)
    return tuple(small)


def _cut(document: dict[str, Any], kinds: frozenset[str]) -> dict[str, Any]:
    known = frozenset(document["models"])
    cut: dict[str, Any] = {key: _only(value, known, kinds) for key, value in document.items()}
    for number, (kind, families) in enumerate(cut["models"].items()):
        sizes = {name: len(json.dumps(model)) for name, model in families.items()}
        most = max(_LARGEST_MODEL if number else _LARGEST_FIRST, min(sizes.values()))
        light = {name: families[name] for name, size in sizes.items() if size <= most}
        cut["models"][kind] = light
        if cut.get("preferred_by_kind", {}).get(kind) not in light:
            cut.get("preferred_by_kind", {}).pop(kind, None)
    held = [name for families in cut["models"].values() for name in families]
    if cut["preferred_family"] not in held:
        cut["preferred_family"] = held[0]
    cut["mapping"] = {**document["mapping"], "rules": document["mapping"]["rules"][:_RULES]}
    return cut


def _only(value: Any, known: frozenset[str], kinds: frozenset[str]) -> Any:
    """Whatever is said per kind, for a few kinds only."""
    if isinstance(value, list):
        return [entry for entry in value if not isinstance(entry, str) or entry not in known or entry in kinds]
    if not isinstance(value, dict):
        return value
    per_kind = len(known.intersection(value)) >= max(1, len(value) / 2)
    return {key: _only(inner, known, kinds) for key, inner in value.items() if not per_kind or key in kinds}
