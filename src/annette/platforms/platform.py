"""A platform: device, runtime, precision and threads, with the stacked models that price networks on it.

It says where its numbers come from (`Provenance`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annette.documents import OPTIONAL, Duration, convert, plain
from annette.errors import PlatformFormatError
from annette.mapping.precision import precision_in
from annette.notebook import card
from annette.number_text import words_text
from annette.platforms.overhead import Overhead
from annette.platforms.ranges import RangeStack
from annette.platforms.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.mapping.kernel import FloatArray, KernelTable, Precision
    from annette.mapping.model import MappingModel
    from annette.models.base import LayerModel
    from annette.models.roofline import Roofline
    from annette.platforms.intervals import ComposedErrors, Intervals, LogResiduals

__all__ = ["BATCH_MEANINGS", "LATENCY_MEANINGS", "Platform", "Provenance", "Source"]

LATENCY_MEANINGS: Final = ("device", "end_to_end")
"""What a platform's headline latency is: time on the device alone, or as the host's program sees it."""

BATCH_MEANINGS: Final = ("together", "one_by_one")
"""What a runtime does with the samples of a batch."""


@dataclass(frozen=True, slots=True)
class Source:
    """One thing that numbers were taken from.

    Attributes:
        title: What it is.
        location: Where it is: a repository with its revision, a publication, a dataset.
        licence: Its licence, as an SPDX identifier or a short text.
        date: When it was published or measured, ISO 8601, or None where that is not known.
        sha256: Hash of the data, or None where the source is not one file.
    """

    title: str
    location: str
    licence: str
    date: str | None = field(default=None, metadata=OPTIONAL)
    sha256: str | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a platform file came about.

    Attributes:
        created_by: Program and version, or tool, that wrote the numbers.
        sources: What they were taken from.
        versions: Versions of what was measured with: runtime, driver, compiler; name and version.
        notes: What a user of the numbers should know, one sentence each.
        measurement: What the measuring itself was like, by name: ``calibration_s``, the calm time of the calibration
            workload, to whose speed all times were brought; ``calibration_exponent``, the power of that time that
            rounds of networks go with, at most 1; ``profiler_s``, what the profiler added to each kernel and was taken
            off; ``calm_index``, the share of undisturbed visits, and ``level_error``, the relative standard error that
            all times have in common, which the intervals contain. Each at least 0.
        made_for: Networks that a part of the benchmark was made for (``annette bench --for``), by name and digest
            (`annette.network.graph_json.graph_digest`): how well these are estimated says nothing of others.

    Raises:
        PlatformFormatError: The calibration exponent is above 1.
    """

    created_by: str
    sources: tuple[Source, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    measurement: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    made_for: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        exponent = self.measurement.get("calibration_exponent", 0.0)
        if exponent > 1.0:
            raise PlatformFormatError(f"$.measurement.calibration_exponent is {exponent:g}: it must be at most 1")

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        document = {**plain(self), "versions": dict(self.versions)}
        if not self.made_for:
            del document["made_for"]
        return document

    @classmethod
    def from_json(cls, document: Any) -> Provenance:
        """Reads the provenance.

        Raises:
            PlatformFormatError: A part is missing, unknown, of another type or out of its range.
        """
        read = convert(document, _ProvenanceFile, error=PlatformFormatError)
        return cls(
            read.created_by, read.sources, tuple(read.versions.items()), read.notes, read.measurement, read.made_for
        )


@dataclass(frozen=True)
class _ProvenanceFile:
    created_by: str
    sources: tuple[Source, ...]
    versions: dict[str, str]
    notes: tuple[str, ...]
    measurement: dict[str, Duration] = field(default_factory=dict, metadata=OPTIONAL)
    made_for: tuple[tuple[str, str], ...] = field(default=(), metadata=OPTIONAL)


@dataclass(frozen=True, eq=False)
class Platform:
    """Everything needed to price networks on one device with one runtime.

    Instances are immutable, compare by identity and may be shared between threads.

    Attributes:
        name: What users call it: lower-case words joined by hyphens.
        description: One sentence for people.
        device: The chip or board.
        runtime: Compiler and runtime, with version where known.
        precision: Width of the numbers it computes with; sets the byte counts of all kernels.
        threads: Threads or cores that work on one run.
        latency_is: ``device`` or ``end_to_end``: which figure an estimate's ``latency_s`` is.
        mapping: Which layers run as one kernel.
        models: Layer models by kind of kernel and family.
        preferred_family: Family used where the user names none.
        preferred_by_kind: Family used instead for some kinds.
        overhead: What a run costs beside its kernels.
        ranges: For each kind, smallest and largest value of each column seen while fitting; a kind or column that
            is missing has no known range.
        intervals: Its known errors, or None where nothing was held out to learn them from.
        accuracy: Cross-validated errors, one row per table line, values as plain JSON, for people.
        provenance: Where the numbers come from.
        host_kinds: Kinds of kernel that run on the host's processor: they count towards end-to-end time only.
        assumed: Kinds whose models rest on assumptions instead of measurements, each with its reason; their kernels
            count as not fitted and outside every range.
        plain_roofline: One peak rate and one bandwidth for the whole device, without offset: what evaluations compare
            with; no estimate uses it. None where it was not fitted.
        peak_ops_per_s: What the device cannot exceed, two operations for each multiply-accumulate as the network counts
            it: no kernel is priced below that. None where it is not known.
        batch_is: ``together`` where the runtime computes the samples of a batch together, ``one_by_one`` where it takes
            one after the other: then n samples take n times as long as one.

    Raises:
        PlatformFormatError: There are no models, a preferred family is not among them, a host or assumed kind has no
            models, or kernels run on a host whose overheads are not known.
    """

    name: str
    description: str
    device: str
    runtime: str
    precision: Precision
    threads: int
    latency_is: str
    mapping: MappingModel
    models: Mapping[str, Mapping[str, LayerModel]]
    preferred_family: str
    provenance: Provenance
    preferred_by_kind: Mapping[str, str] = field(default_factory=dict)
    overhead: Overhead = field(default_factory=Overhead)
    ranges: Mapping[str, Mapping[str, tuple[float, float]]] = field(default_factory=dict)
    intervals: Intervals | None = None
    accuracy: tuple[Mapping[str, Any], ...] = ()
    host_kinds: frozenset[str] = frozenset()
    assumed: Mapping[str, str] = field(default_factory=dict)
    plain_roofline: Roofline | None = None
    peak_ops_per_s: float | None = None
    batch_is: str = "together"

    def __repr__(self) -> str:
        return f"<Platform {self.name!r}: {self.device}, {self.runtime}; {len(self.models)} kinds of kernel>"

    def _repr_html_(self) -> str:
        return card(
            f"{self.name}: {self.device}, {self.runtime}",
            (self.description, f"{words_text(self.latency_is)} time; {len(self.models)} kinds of kernel"),
            ("kind", "families"),
            ((kind, ", ".join(families)) for kind, families in sorted(self.models.items())),
        )

    def __post_init__(self) -> None:
        self._freeze()
        if self.batch_is not in BATCH_MEANINGS:
            raise PlatformFormatError(
                f"platform {self.name!r}: batch_is {self.batch_is!r} is not one of {', '.join(BATCH_MEANINGS)}"
            )
        if self.latency_is not in LATENCY_MEANINGS:
            raise PlatformFormatError(
                f"platform {self.name!r}: latency_is {self.latency_is!r} is not one of {', '.join(LATENCY_MEANINGS)}"
            )
        if not self.models or not all(self.models.values()):
            raise PlatformFormatError(f"platform {self.name!r} has a kind without layer models, or no models at all")
        if not any(self.preferred_family in families for families in self.models.values()):
            raise PlatformFormatError(f"platform {self.name!r} prefers {self.preferred_family!r}, which no kind has")
        for kind, family in self.preferred_by_kind.items():
            if family not in self.models.get(kind, {}):
                raise PlatformFormatError(
                    f"platform {self.name!r} prefers {family!r} for {kind!r}, which has no such model"
                )
        for kind in (*sorted(self.host_kinds), *self.assumed):
            if kind not in self.models:
                raise PlatformFormatError(
                    f"platform {self.name!r} says where {kind!r} runs or why, but has no model for it"
                )
        if self.host_kinds and self.overhead.per_run_s is None:
            raise PlatformFormatError(f"platform {self.name!r} runs kernels on the host but states no overhead per run")
        if self.latency_is == "end_to_end" and self.overhead.per_run_s is None:
            raise PlatformFormatError(
                f"platform {self.name!r} claims end-to-end latency but states no overhead per run"
            )

    def _freeze(self) -> None:
        """Sorts kinds, so that equal platforms have equal bytes, and makes the mappings read-only."""
        for name in ("models", "ranges"):
            nested = getattr(self, name)
            frozen = {kind: MappingProxyType(dict(nested[kind])) for kind in sorted(nested)}
            object.__setattr__(self, name, MappingProxyType(frozen))
        preferred = dict(sorted(self.preferred_by_kind.items()))
        object.__setattr__(self, "preferred_by_kind", MappingProxyType(preferred))
        object.__setattr__(self, "assumed", MappingProxyType(dict(sorted(self.assumed.items()))))

    @property
    def extrapolation_widening(self) -> float:
        """Factor on the log interval of kernels outside the fitted ranges, at least 1."""
        return 1.0 if self.intervals is None else self.intervals.extrapolation_widening

    def least_s(self, table: KernelTable) -> FloatArray:
        """What each row takes at least, at the device's peak rate, seconds; 0 where that is not known.

        Args:
            table: Kernels that run on the device.
        """
        if self.peak_ops_per_s is None:
            return np.zeros(len(table))
        least: FloatArray = 2.0 * table["macs"] / self.peak_ops_per_s
        return least

    @property
    def precisions(self) -> tuple[str, ...]:
        """Precisions that it was fitted on, its own first."""
        measured = (precision_in(kind) for kind in self.models if kind not in self.assumed)
        return tuple(dict.fromkeys((self.precision.label, *sorted(set(measured) - {""}))))

    def default_family(self, kind: str) -> str:
        """Family used for a kind where the user names none; the kind may lack it and have only a simpler one."""
        return self.preferred_by_kind.get(kind, self.preferred_family)

    def ranges_of(self, kinds: Sequence[str]) -> RangeStack:
        """The fitted ranges of some kinds, to check rows of all of them at once; nothing is in those of assumed kinds.

        Args:
            kinds: Any kinds of kernel.
        """
        return RangeStack([None if kind in self.assumed else self.ranges.get(kind, {}) for kind in kinds])

    def kernel_interval(self, kind: str, family: str, confidence: float) -> tuple[float, float] | None:
        """Log factors from a kernel's estimate to the ends of its interval.

        Args:
            kind: Kind of kernel.
            family: Model family that priced it.
            confidence: Probability that the interval is meant to hold with.

        Returns:
            Lower and upper log factor in units of `kernel_spread`, or None where the platform does not know them.
        """
        residuals = self._residuals(kind, family)
        return None if residuals is None else residuals.bounds(confidence)

    def kernel_spread(self, kind: str, family: str) -> Spread:
        """Unit of `kernel_interval`, which depends on how long a kernel takes; else 1.

        Args:
            kind: Kind of kernel.
            family: Model family that priced it.
        """
        residuals = self._residuals(kind, family)
        return Spread.constant(1.0) if residuals is None or residuals.spread is None else residuals.spread

    def _residuals(self, kind: str, family: str) -> LogResiduals | None:
        return None if self.intervals is None else self.intervals.kernels.get(kind, {}).get(family)

    def network_interval(self, confidence: float) -> tuple[float, float] | None:
        """Log factors from a network's estimate to the ends of its interval, or None where they are not known."""
        if self.intervals is None or self.intervals.networks is None:
            return None
        return self.intervals.networks.bounds(confidence)

    def composed_errors(self, family: str | None) -> ComposedErrors | None:
        """How the errors of kernels add up to that of a network, or None where that is not known.

        Args:
            family: Model family that prices the kernels; None for what the platform prefers.
        """
        return None if self.intervals is None else self.intervals.composed.get(family or "preferred")
