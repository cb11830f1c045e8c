"""The statistical model: a forest predicts the time that one operation, or one byte, takes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Self

import numpy as np

from annette.documents import Document, convert, located
from annette.errors import PlatformFormatError
from annette.models.base import LayerModel, Terms
from annette.models.features import FeatureSet
from annette.models.forest import Forest
from annette.models.roofline import Roofline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.mapping.kernel import FloatArray, KernelTable

__all__ = ["PER", "Statistical", "read_forest"]

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
        """The parts have checked themselves."""

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

    def to_json(self) -> dict[str, Any]:
        """All parameters; the forest's arrays as text."""
        return {
            "per": self.per,
            "features": list(self.features.names),
            "forest": self.forest.to_json(),
            "roofline": self.roofline.to_json(),
        }

    @classmethod
    def from_json(cls, parameters: Mapping[str, Any]) -> Self:
        """Builds the model from its parameters.

        Raises:
            PlatformFormatError: A parameter is missing, unknown, of the wrong type, or out of its range.
        """
        read = convert(parameters, _Parameters, error=PlatformFormatError)
        features, forest = read_forest(read.features, read.forest)
        with located("$.roofline", error=PlatformFormatError):
            roofline = Roofline.from_json(read.roofline)
        return cls(read.per, features, forest, roofline)


class _Parameters(Document, frozen=True):
    per: Literal["ops", "bytes"]
    features: tuple[str, ...]
    forest: dict[str, Any]
    roofline: dict[str, Any]


def read_forest(names: tuple[str, ...], packed: Mapping[str, Any]) -> tuple[FeatureSet, Forest]:
    """Reads a forest with the features that it sees.

    Args:
        names: The features.
        packed: The forest as it stands in a platform file.

    Raises:
        PlatformFormatError: They are malformed, or the forest looks at a feature that is not listed.
    """
    with located("$.features", error=PlatformFormatError):
        features = FeatureSet(names)
    with located("$.forest", error=PlatformFormatError):
        forest = Forest.from_json(packed)
        if forest.columns > len(names):
            raise PlatformFormatError(f"$ looks at feature {forest.columns}, but only {len(names)} are listed")
    return features, forest
