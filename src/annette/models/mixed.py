"""The mixed model: a base that knows the machine, corrected by a forest that sees only what the base leaves over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np

from annette.documents import convert, located
from annette.errors import PlatformFormatError
from annette.models.base import LayerModel, Terms
from annette.models.features import FeatureSet  # noqa: TC001 - annotations are read at run time
from annette.models.forest import Forest  # noqa: TC001 - annotations are read at run time
from annette.models.refined_roofline import RefinedRoofline
from annette.models.registry import build_model, family_class
from annette.models.statistical import check_forest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["Mixed"]

_LOG_LIMIT: Final = 20.0


@dataclass(frozen=True, eq=False)
class Mixed(LayerModel):
    """``t = t_base * exp(forest(features))``.

    The forest predicts ``log(measured / base)``, which is bounded by what was seen: where there is no data, the base
    decides how time grows.

    Attributes:
        base: The model underneath, a formula (`LayerModel.correctable`).
        features: What the forest sees.
        forest: Predicts the natural logarithm of measured over base.
    """

    family: ClassVar[str] = "mixed"

    base: LayerModel
    features: FeatureSet
    forest: Forest

    def __post_init__(self) -> None:
        check_forest(self.features, self.forest)

    def predict_s(self, table: KernelTable) -> FloatArray:
        """Latency of each row in seconds, shape ``(rows,)``."""
        logarithm = np.clip(self.forest.predict(self.features.matrix(table)), -_LOG_LIMIT, _LOG_LIMIT)
        latency_s: FloatArray = self.base.predict_s(table) * np.exp(logarithm)
        return latency_s

    def terms(self, table: KernelTable) -> Terms:
        """Terms of the model underneath."""
        return self.base.terms(table)

    def efficiency(self, table: KernelTable) -> FloatArray:
        """Efficiency of the model underneath."""
        return self.base.efficiency(table)

    def scaled(self, factor: float) -> Self:
        """The base, scaled; the forest corrects it as before."""
        return replace(self, base=self.base.scaled(factor))

    def to_json(self) -> dict[str, Any]:
        """All parameters; the base names its family unless it is a refined roofline; the forest's arrays are text."""
        named = {} if self.base.family == RefinedRoofline.family else {"family": self.base.family}
        return {**super().to_json(), "base": {**named, **self.base.to_json()}}

    @classmethod
    def from_json(cls, parameters: Mapping[str, Any]) -> Self:
        """Builds the model from its parameters.

        Raises:
            PlatformFormatError: A parameter is missing, unknown, of the wrong type, or out of its range.
        """
        read = convert(parameters, _Parameters, error=PlatformFormatError)
        with located("$.base", error=PlatformFormatError):
            base = _read_base(read.base)
        return cls(base, read.features, read.forest)


@dataclass(frozen=True)
class _Parameters:
    base: dict[str, Any]
    features: FeatureSet
    forest: Forest


def _read_base(parameters: Mapping[str, Any]) -> LayerModel:
    """A refined roofline, unless the file names another family."""
    family = convert(parameters.get("family", RefinedRoofline.family), str, error=PlatformFormatError, path="$.family")
    if not family_class(family).correctable:
        raise PlatformFormatError(f"$.family is {family[:80]!r}: a forest cannot correct that family")
    return build_model(family, {key: value for key, value in parameters.items() if key != "family"})
