"""The sum of works: a formula for kernels whose parts run one after the other.

A roofline lets the slower of computing and moving hide the other. An operator that first unfolds its input, then
multiplies, then adds up, or that multiplies in every step of a sequence, hides nothing: its parts take their time in
turn, and each of many small ones costs something however small it is.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - annotations are read at run time
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from annette.documents import NonNegative, check_fields
from annette.errors import PlatformFormatError
from annette.models.base import LayerModel, Terms
from annette.models.features import FeatureSet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["WorkSum", "is_computing", "work_parts", "works_of"]


@dataclass(frozen=True)
class WorkSum(LayerModel):
    """``t = sum of work * seconds`` over several sorts of work.

    No coefficient is negative, so that the time grows with the amounts of work, however far from what was measured.
    Most works grow with every size of a kernel; pieces to copy and elements that collide in a cache do not.

    Attributes:
        seconds: Seconds for each unit of work, at least 0, by the name of the work (`works_of`); at least one.

    Raises:
        PlatformFormatError: There is no work, a name cannot be understood, or a number is out of its range.
    """

    family: ClassVar[str] = "work-sum"
    correctable: ClassVar[bool] = True

    seconds: Mapping[str, NonNegative]

    def __post_init__(self) -> None:
        check_fields(self, error=PlatformFormatError)
        if not any(self.seconds.values()):
            raise PlatformFormatError("$.seconds names no work that takes time")
        for name in self.seconds:
            FeatureSet(work_parts(name))
        object.__setattr__(self, "seconds", MappingProxyType(dict(self.seconds)))

    def __hash__(self) -> int:
        return hash(tuple(self.seconds.items()))

    def predict_s(self, table: KernelTable) -> FloatArray:
        """Latency of each row in seconds, shape ``(rows,)``."""
        return self._sum(table, self.seconds)

    def terms(self, table: KernelTable) -> Terms:
        """Time of the works that are multiply-accumulates, and of all others but what every kernel costs."""
        computing = [name for name in self.seconds if is_computing(name)]
        others = [name for name in self.seconds if name not in computing and name != "kernels"]
        return Terms(self._sum(table, computing), self._sum(table, others))

    def scaled(self, factor: float) -> Self:
        """The same works, each taking ``factor`` times as long."""
        return replace(self, seconds={name: each * factor for name, each in self.seconds.items()})

    def _sum(self, table: KernelTable, names: Iterable[str]) -> FloatArray:
        total_s = np.zeros(len(table))
        for name, work in works_of(tuple(names), table).items():
            total_s += work * self.seconds[name]
        return total_s


def works_of(names: tuple[str, ...], table: KernelTable) -> dict[str, FloatArray]:
    """Amounts of work by name, each of shape ``(rows,)``.

    Args:
        names: Quantities as features have them (`annette.models.quantities`), or one divided by a share: what is done
            in whole blocks of 16 is ``macs/fill:out_channels:16``.
        table: The kernels.

    Raises:
        PlatformFormatError: A name cannot be understood.
    """
    if not names:
        return {}
    parts = [work_parts(name) for name in names]
    features = tuple(dict.fromkeys(part for pair in parts for part in pair))
    columns = dict(zip(features, FeatureSet(features).matrix(table).T, strict=True))
    return {
        name: columns[pair[0]] if len(pair) == 1 else columns[pair[0]] / columns[pair[1]]
        for name, pair in zip(names, parts, strict=True)
    }


def is_computing(name: str) -> bool:
    """Whether a work is multiply-accumulates; all others but ``kernels`` move something."""
    return "macs" in name


def work_parts(name: str) -> tuple[str, ...]:
    """What is divided, and by which share where there is one.

    Raises:
        PlatformFormatError: The name divides by something else.
    """
    work, _, share = name.partition("/")
    if share and not share.startswith("fill:"):
        raise PlatformFormatError(f"work {name[:80]!r} is divided by something else than fill:quantity:size")
    return (work, share) if share else (work,)
