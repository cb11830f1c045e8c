"""The contract of a layer model, and the families by the name that platform files use."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Self

import numpy as np

from annette.devices.registry import find, offered
from annette.documents import check_fields, convert, located, plain
from annette.errors import ModelError, PlatformFormatError, nearest
from annette.references import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["LayerModel", "Terms", "build_model", "families", "family_class"]

_GENERAL: Final[Mapping[str, str]] = MappingProxyType(
    {
        "roofline": "annette.models.roofline:Roofline",
        "refined-roofline": "annette.models.roofline:RefinedRoofline",
        "statistical": "annette.models.statistical:Statistical",
        "mixed": "annette.models.statistical:Mixed",
        "tiled-roofline": "annette.models.tiled_roofline:TiledRoofline",
        "work-sum": "annette.models.work_sum:WorkSum",
    }
)
"""Families that suit any device; imported when asked for, since most platforms use two or three of them."""


class Terms(NamedTuple):
    """What bounds each kernel, by the roofline inside a model; each of shape ``(rows,)``, in seconds.

    Attributes:
        compute_s: Time if only operations counted.
        memory_s: Time if only bytes counted.
    """

    compute_s: FloatArray
    memory_s: FloatArray

    def slower_s(self, offset_s: float) -> FloatArray:
        """The longer side of each row and a constant on top, shape ``(rows,)``: how every roofline predicts."""
        slower: FloatArray = np.maximum(self.compute_s, self.memory_s) + offset_s
        return slower


class LayerModel(ABC):
    """Predicts the latency of kernels of one kind.

    A model is a frozen dataclass whose fields are its parameters, as they stand in platform files. Their annotations
    say what they may be (`annette.documents.Positive` and the like): the constructor, `from_json` and `to_json` below
    follow them. A field may hold what has a `from_json` and a `to_json` of its own, such as another model.
    A constructor stores its parameters unchanged, so that ``type(model).from_json(model.to_json())`` has the same ones.
    `annette.testing.layer_models` holds this contract as a test suite.

    Attributes:
        family: Name of the family in platform files: ``roofline``, ``refined-roofline``, ``statistical``, ``mixed``.
        correctable: Whether a mixed model may correct it: true of formulas, whose time grows sensibly where nothing
            was measured.
    """

    family: ClassVar[str]
    correctable: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Checks the parameters of a dataclass.

        Raises:
            PlatformFormatError: One is of another type than its field, not finite, or out of its range.
        """
        check_fields(self, error=PlatformFormatError)

    @abstractmethod
    def predict_s(self, table: KernelTable) -> FloatArray:
        """Latency of each row, in seconds, finite and not negative, shape ``(rows,)``."""

    @abstractmethod
    def terms(self, table: KernelTable) -> Terms:
        """Compute-bound and memory-bound time of each row; which is larger says what bounds the kernel."""

    def efficiency(self, table: KernelTable) -> FloatArray:
        """Share of the peak rate that the compute term reckons with, in (0, 1], shape ``(rows,)``; 1 unless refined."""
        return np.ones(len(table))

    def scaled(self, factor: float) -> Self:
        """The model whose every prediction is ``factor`` times that of this one, for a slower or faster device.

        Args:
            factor: Above 0; below 1 is faster.

        Raises:
            ModelError: The family is not one that can be scaled.
        """
        raise ModelError(f"models of family {self.family!r} cannot be scaled by {factor:g}: take another platform")

    def to_json(self) -> dict[str, Any]:
        """Parameters as plain JSON values, without the family."""
        return dict(plain(self))

    @classmethod
    def from_json(cls, parameters: Mapping[str, Any]) -> Self:
        """Builds a model from parameters, all of which must be given.

        Raises:
            PlatformFormatError: A parameter is missing, unknown, of the wrong type, not finite, or out of its range;
                it is named ``$.PARAMETER``.
        """
        return convert(parameters, cls, error=PlatformFormatError)


def families() -> tuple[str, ...]:
    """Names of all families that a platform file may hold: those that suit any device, then those of device families.

    Names that begin with ``original-`` are for cross-checks only.
    """
    return (*_GENERAL, *(name for name in offered("layer_models") if name not in _GENERAL))


def family_class(family: str) -> type[LayerModel]:
    """The class of a family.

    Raises:
        PlatformFormatError: There is no such family.
    """
    model_class = resolve(_GENERAL[family]) if family in _GENERAL else find("layer_models", family)
    if not (isinstance(model_class, type) and issubclass(model_class, LayerModel)):
        known = families()
        raise PlatformFormatError(
            f"unknown model family {family[:80]!r}{nearest(family, known)}; known: {', '.join(known)}"
        )
    return model_class


def build_model(family: str, parameters: Any, path: str = "$") -> LayerModel:
    """Builds a layer model from a platform file.

    Args:
        family: Name of the family.
        parameters: Its parameters as they stand in the file.
        path: Where they are in the file, for messages.

    Raises:
        PlatformFormatError: The family is not known or a parameter is not acceptable.
    """
    with located(path, error=PlatformFormatError):
        return family_class(family).from_json(parameters)
