"""Models with a forest: alone it predicts the time that one operation or byte takes, mixed it corrects a formula.

A mixed model has a base that knows the machine, and a forest that sees only what the base leaves over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np

from annette.documents import OPTIONAL, convert, located
from annette.errors import PlatformFormatError
from annette.models.base import LayerModel, Terms, build_model, family_class
from annette.models.features import FeatureSet  # noqa: TC001 - annotations are read at run time
from annette.models.forest import Forest  # noqa: TC001 - annotations are read at run time
from annette.models.reach import Reach  # noqa: TC001 - annotations are read at run time
from annette.models.roofline import RefinedRoofline, Roofline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["LOG_LIMIT_ALONE", "LOG_LIMIT_MIXED", "PER", "Mixed", "Statistical"]

PER: Final = ("ops", "bytes")
"""What the predicted time is divided by: operations, or bytes for kernels that only move data."""

LOG_LIMIT_ALONE: Final = 80.0


@dataclass(frozen=True, eq=False)
class Statistical(LayerModel):
    """``t = work * exp(forest(features))``, where work is operations or bytes (at least 1).

    Outside the data a forest repeats what it saw at the border, so that time stays proportional to the work.

    Attributes:
        per: ``ops`` or ``bytes``.
        features: What the forest sees.
        forest: Predicts the natural logarithm of seconds per operation or byte.
        roofline: Fitted beside it; says what bounds a kernel, and nothing else.
    """

    family: ClassVar[str] = "statistical"

    per: str
    features: FeatureSet
    forest: Forest
    roofline: Roofline

    def __post_init__(self) -> None:
        if self.per not in PER:
            raise PlatformFormatError(f"$.per is {self.per[:80]!r}: it must be one of {', '.join(PER)}")
        _check_forest(self.features, self.forest)

    def predict_s(self, table: KernelTable) -> FloatArray:
        """Latency of each row in seconds, shape ``(rows,)``."""
        work = table["ops"] if self.per == "ops" else table.bytes
        logarithm = np.clip(self.forest.predict(self.features.matrix(table)), -LOG_LIMIT_ALONE, LOG_LIMIT_ALONE)
        latency_s: FloatArray = np.maximum(work, 1.0) * np.exp(logarithm)
        return latency_s

    def terms(self, table: KernelTable) -> Terms:
        """Terms of the roofline that was fitted beside the forest."""
        return self.roofline.terms(table)

    def scaled(self, factor: float) -> Self:
        """The same model, every prediction ``factor`` times as long."""
        forest = replace(self.forest, base=self.forest.base + math.log(factor))
        return replace(self, forest=forest, roofline=self.roofline.scaled(factor))


LOG_LIMIT_MIXED: Final = 20.0


@dataclass(frozen=True, eq=False)
class Mixed(LayerModel):
    """``t = t_base * exp(forest(features))``.

    The forest predicts ``log(measured / base)``, which is bounded by what was seen: where there is no data, the base
    decides how time grows. With a reach, what the forest says fades with the distance from what was measured, towards
    what the base is off by as a rule.

    Attributes:
        base: The model underneath, a formula (`LayerModel.correctable`).
        features: What the forest sees.
        forest: Predicts the natural logarithm of measured over base.
        reach: How far the forest's word counts; everywhere where absent.
    """

    family: ClassVar[str] = "mixed"

    base: LayerModel
    features: FeatureSet
    forest: Forest
    reach: Reach | None = None

    def __post_init__(self) -> None:
        _check_forest(self.features, self.forest)

    def predict_s(self, table: KernelTable) -> FloatArray:
        """Latency of each row in seconds, shape ``(rows,)``."""
        correction = self.forest.predict(self.features.matrix(table))
        if self.reach is not None:
            correction = self.reach.faded(correction, table)
        logarithm = np.clip(correction, -LOG_LIMIT_MIXED, LOG_LIMIT_MIXED)
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

    def shrunk(self, share: float) -> Self:
        """The same base, corrected by what it is off by as a rule and a share of how far the forest departs from that.

        Args:
            share: From 0 to 1.
        """
        usual = 0.0 if self.reach is None else self.reach.usual
        value = self.forest.value * np.float32(share)
        return replace(
            self, forest=replace(self.forest, value=value, base=share * self.forest.base + (1 - share) * usual)
        )

    def to_json(self) -> dict[str, Any]:
        """All parameters; the base names its family unless it is a refined roofline; the forest's arrays are text."""
        named = {} if self.base.family == RefinedRoofline.family else {"family": self.base.family}
        own = super().to_json()
        if self.reach is None:
            del own["reach"]
        return {**own, "base": {**named, **self.base.to_json()}}

    @classmethod
    def from_json(cls, parameters: Mapping[str, Any]) -> Self:
        """Builds the model from its parameters.

        Raises:
            PlatformFormatError: A parameter is missing, unknown, of the wrong type, or out of its range.
        """
        read = convert(parameters, _Parameters, error=PlatformFormatError)
        with located("$.base", error=PlatformFormatError):
            base = _read_base(read.base)
        return cls(base, read.features, read.forest, read.reach)


@dataclass(frozen=True)
class _Parameters:
    base: dict[str, Any]
    features: FeatureSet
    forest: Forest
    reach: Reach | None = field(default=None, metadata=OPTIONAL)


def _read_base(parameters: Mapping[str, Any]) -> LayerModel:
    """A refined roofline, unless the file names another family."""
    family = convert(parameters.get("family", RefinedRoofline.family), str, error=PlatformFormatError, path="$.family")
    if not family_class(family).correctable:
        raise PlatformFormatError(f"$.family is {family[:80]!r}: a forest cannot correct that family")
    return build_model(family, {key: value for key, value in parameters.items() if key != "family"})


def _check_forest(features: FeatureSet, forest: Forest) -> None:
    """Refuses a forest that looks at features that there are none of."""
    if forest.columns > len(features.names):
        raise PlatformFormatError(
            f"$.forest looks at feature {forest.columns}, but only {len(features.names)} are listed"
        )
