"""Chooses the layout model of a mapping by the copies that were measured between layouts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from annette.fit.mapping_quality import mapping_quality
from annette.mapping.rules import LAYOUTS, layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.bench.records import Run
    from annette.fit.mapping_quality import MappingQuality
    from annette.mapping.layout import LayoutModel
    from annette.mapping.model import MappingModel

__all__ = ["choose_layout"]

_PROBES: Final = 200


def choose_layout(mapping: MappingModel, runs: Sequence[Run]) -> LayoutModel | None:
    """The layouts that agree best with what was measured.

    Candidates are those that ship with annette, with the names that the runtime gives its copies, and none.

    Args:
        mapping: The mapping model; a layout that it has is a candidate, too.
        runs: Runs with matched kernels. Where the runtime does not say which tensors it copies, the mapping's own
            layout stays.
    """
    probes = runs[:: max(1, len(runs) // _PROBES)]
    copies = {
        record.info.get("kind", record.operator)
        for run in probes
        for record in run.kernels
        if record.added and "tensor" in record.info
    }
    told = any(record.added for run in probes for record in run.kernels)
    if told and not copies:
        return mapping.layout
    candidates: list[LayoutModel | None] = [mapping.layout] if mapping.layout is not None else []
    candidates += [named for name in LAYOUTS if (named := _named(layout(name), copies)) is not None]
    candidates.append(None)
    wrong = [_wrong(mapping_quality(replace(mapping, layout=choice), probes)) for choice in candidates]
    return candidates[wrong.index(min(wrong))]


def _named(model: LayoutModel, copies: set[str]) -> LayoutModel | None:
    """A layout model that calls its copies as the runtime does; None where that cannot be said."""
    if {model.to_blocked, model.to_plain} & copies:
        return model
    if len(copies) == 1:
        (kind,) = copies
        return replace(model, to_blocked=kind, to_plain=kind)
    return None


def _wrong(quality: MappingQuality) -> int:
    """Copies and pairs that are predicted wrongly: a layout also decides which residuals are added on the way."""
    parts = (quality.copies, quality.pairs)
    return sum(part.only_predicted + part.only_true for part in parts)
