"""The statistical model: a forest predicts the time that one operation, or one byte, takes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np

from annette.errors import PlatformFormatError
from annette.models.base import LayerModel, Terms
from annette.models.features import FeatureSet  # noqa: TC001 - annotations are read at run time
from annette.models.forest import Forest  # noqa: TC001 - annotations are read at run time
from annette.models.roofline import Roofline  # noqa: TC001 - annotations are read at run time

if TYPE_CHECKING:
    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["PER", "Statistical", "check_forest"]

PER: Final = ("ops", "bytes")
"""What the predicted time is divided by: operations, or bytes for kernels that only move data."""

_LOG_LIMIT: Final = 80.0


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
        check_forest(self.features, self.forest)

    def predict_s(self, table: KernelTable) -> FloatArray:
        """Latency of each row in seconds, shape ``(rows,)``."""
        work = table["ops"] if self.per == "ops" else table.bytes
        logarithm = np.clip(self.forest.predict(self.features.matrix(table)), -_LOG_LIMIT, _LOG_LIMIT)
        latency_s: FloatArray = np.maximum(work, 1.0) * np.exp(logarithm)
        return latency_s

    def terms(self, table: KernelTable) -> Terms:
        """Terms of the roofline that was fitted beside the forest."""
        return self.roofline.terms(table)

    def scaled(self, factor: float) -> Self:
        """The same model, every prediction ``factor`` times as long."""
        forest = replace(self.forest, base=self.forest.base + math.log(factor))
        return replace(self, forest=forest, roofline=self.roofline.scaled(factor))


def check_forest(features: FeatureSet, forest: Forest) -> None:
    """Refuses a forest that looks at features that there are none of.

    Raises:
        PlatformFormatError: It does.
    """
    if forest.columns > len(features.names):
        raise PlatformFormatError(
            f"$.forest looks at feature {forest.columns}, but only {len(features.names)} are listed"
        )
