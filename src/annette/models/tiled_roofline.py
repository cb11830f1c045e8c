"""The tiled roofline: a roofline for engines that a compiler feeds tile by tile.

What an engine computes and reads follows from how the compiler cuts a kernel, not from its operations and bytes alone.
Each device has formulas of its own, which know its compiler's cuts; their constants (clock, line costs, bandwidths) are
fitted.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - annotations are read at run time
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self

import msgspec

from annette.devices.registry import find, offered
from annette.documents import NonNegative, Positive, convert, plain
from annette.errors import PlatformFormatError, nearest
from annette.models.base import LayerModel, Terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["Formula", "Range", "TiledRoofline"]


class Range(NamedTuple):
    """What a constant of a formula is looked for in.

    Attributes:
        typical: A value that is known beforehand; fits start there and are drawn to it.
        least: Smallest value of a fit; where it is above 0, the constant must be.
        most: Largest value of a fit.
    """

    typical: float
    least: float
    most: float


@dataclass(frozen=True)
class Formula:
    """How long a kernel takes on an engine.

    Attributes:
        name: In platform files: the device's family and what it is for, joined by a hyphen.
        constants: What it needs to know, with ranges; units are in the names.
        seconds: Time of each row from a table and the constants, shape ``(rows,)``.
        terms: Computing and moving of each row, from the same.
    """

    name: str
    constants: Mapping[str, Range]
    seconds: Callable[[KernelTable, Mapping[str, float]], FloatArray]
    terms: Callable[[KernelTable, Mapping[str, float]], Terms]


@dataclass(frozen=True)
class TiledRoofline(LayerModel):
    """A formula with its constants.

    Attributes:
        formula: Name of a formula that a device family brings.
        constants: A value for each constant of the formula.

    Raises:
        PlatformFormatError: The formula is not known, or a constant is missing, unknown or out of its range.
    """

    family: ClassVar[str] = "tiled-roofline"
    correctable: ClassVar[bool] = True

    formula: str
    constants: Mapping[str, float]
    _known: Formula = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        formula = find("formulas", self.formula)
        if not isinstance(formula, Formula):
            known = offered("formulas")
            raise PlatformFormatError(
                f"formula {self.formula[:80]!r} of a tiled roofline is not known{nearest(self.formula, known)}; "
                f"known: {', '.join(known)}"
            )
        limits = [(name, Positive if each.least > 0 else NonNegative) for name, each in formula.constants.items()]
        kind = msgspec.defstruct("Constants", limits, forbid_unknown_fields=True)
        checked = convert(plain(self.constants), kind, error=PlatformFormatError, path="$.constants")
        object.__setattr__(self, "constants", MappingProxyType(msgspec.structs.asdict(checked)))
        object.__setattr__(self, "_known", formula)

    def __hash__(self) -> int:
        return hash((self.formula, tuple(self.constants.items())))

    def predict_s(self, table: KernelTable) -> FloatArray:
        """Latency of each row in seconds, shape ``(rows,)``.

        Raises:
            UnsupportedKernelError: The engine cannot run a kernel.
        """
        return self._known.seconds(table, self.constants)

    def terms(self, table: KernelTable) -> Terms:
        """Time of computing and of moving, each alone.

        Raises:
            UnsupportedKernelError: The engine cannot run a kernel.
        """
        return self._known.terms(table, self.constants)

    def scaled(self, factor: float) -> Self:
        """The same engine, every kernel taking ``factor`` times as long.

        Formulas are proportional in their times, which their constants' units tell: clocks and bandwidths are divided.

        Args:
            factor: Above 0.
        """
        faster = ("_mhz", "_gb_per_s")
        slower = ("_ns", "_us", "_ns_per_byte")
        constants = {
            name: value / factor if name.endswith(faster) else value * factor if name.endswith(slower) else value
            for name, value in self.constants.items()
        }
        return replace(self, constants=constants)
