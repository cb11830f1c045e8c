"""Prices the kernels of a network with a platform's layer models, all kinds at once."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from annette.errors import AnnetteError, ModelError, UnsupportedKernelError
from annette.estimation.estimate import Prices
from annette.estimation.precision import moves_data, refuse_precision
from annette.estimation.uncertainty import KernelErrors
from annette.kept import kept
from annette.mapping.kernel import KernelTable
from annette.mapping.operands import unmarked
from annette.mapping.precision import kind_of, precision_in, with_precision
from annette.models.roofline import Roofline
from annette.models.stack import ModelStack
from annette.network import KINDS
from annette.platforms.kernel_similarity import equal_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from annette.estimation.mapped import MappedNetwork
    from annette.mapping.kernel import FloatArray, Kernel
    from annette.models.base import LayerModel
    from annette.platforms.platform import Platform

__all__ = ["FALLBACK_METHOD", "FREE_METHOD", "fallback_model", "model_of", "price", "price_ahead"]

FREE_METHOD: Final = "free"
"""Method of a kernel for which the platform does nothing."""

FALLBACK_METHOD: Final = "fallback-roofline"
"""Method of a kernel of a kind that the platform has no model for, where a rough price was asked for."""

_SIMPLER: Final = {
    "mixed": ("mixed", "tiled-roofline", "refined-roofline", "roofline"),
    "statistical": ("statistical", "refined-roofline", "roofline"),
    "tiled-roofline": ("tiled-roofline", "refined-roofline", "roofline"),
    "refined-roofline": ("refined-roofline", "roofline"),
    "roofline": ("roofline", "refined-roofline"),
}
"""Families tried for a kind, in order; the one used is the kernel's ``method``."""


_MOST_KEPT: Final = 32
"""Sets of kinds that a platform keeps together: those of a few search spaces, some megabytes of trees at most."""

_FREE_NUMBERS: Final = np.array([[0.0], [0.0], [0.0], [0.0], [0.0], [1.0]])
_FREE_FLAGS: Final = np.array([[True], [True], [True], [False]])
"""What is said of a kernel for which the platform does nothing: it takes no time, at full efficiency, as known."""


class _Choice(NamedTuple):
    """What prices a kind of kernel.

    Attributes:
        model: The model.
        method: Its family.
        fitted: Whether it was fitted on the kind.
        usual: Whether it is the one that the platform prefers.
    """

    model: LayerModel
    method: str
    fitted: bool
    usual: bool = True


class _PricedKinds:
    """Everything that prices some kinds of kernel on a platform, ready for whole tables of them."""

    def __init__(self, platform: Platform, kinds: Sequence[str], choices: Sequence[_Choice]) -> None:
        self.models, self.methods, fitted, usual = zip(*choices, strict=True)
        self.fitted, self.usual = np.array(fitted, dtype=bool), np.array(usual, dtype=bool)
        self.on_host = np.array([kind in platform.host_kinds for kind in kinds], dtype=bool)
        self.stack = ModelStack(self.models)
        self.ranges = platform.ranges_of(kinds)
        self.errors = KernelErrors(platform, kinds, self.methods, fitted)


def price(
    mapped: MappedNetwork,
    platform: Platform,
    *,
    family: str | None,
    fallback: str,
    confidence: float,
) -> Prices:
    """Prices every kernel of a network; none below what the device's peak rate allows.

    Args:
        mapped: The kernels.
        platform: Models, intervals and fitted ranges.
        family: Model family wanted; a kind that lacks it uses the next simpler one, which `Prices.methods` shows.
            None takes what the platform prefers for each kind.
        fallback: ``error`` or ``roofline``: what to do with a kind that the platform has no model for.
        confidence: Probability for the intervals.

    Raises:
        UnsupportedKernelError: A kind has no model and ``fallback`` is ``error``.
        ModelError: A model gives a time that is negative or not finite.
    """
    ready = _ready(platform, mapped).get((family, fallback, confidence))
    if ready is not None:
        return ready
    if not mapped.kinds:
        nothing = np.empty((6, 0)), np.empty((4, 0), dtype=bool), np.empty(0, dtype=np.intp)
        return _spread_out(*nothing, None, mapped, platform)
    table, of = mapped.priced, mapped.kind_of
    kinds = _kinds_of(mapped, platform, family, fallback)
    rows = _rows_priced(kinds, table, of, platform, confidence)
    _refuse_impossible(rows.numbers[0], mapped, kinds.methods, platform)
    return _spread_out(rows.numbers, rows.flags, of, kinds, mapped, platform)


def price_ahead(
    networks: Sequence[MappedNetwork], platform: Platform, *, family: str | None, fallback: str, confidence: float
) -> None:
    """Prices the kernels of many networks at once; `price` then gives each network its own.

    Networks that cannot be priced are left to `price`, which says why.

    Args:
        networks: Their kernels.
        platform: As for `price`, like the others.
        family: Model family wanted, or None.
        fallback: ``error`` or ``roofline``.
        confidence: Probability for the intervals.
    """
    pool: list[tuple[MappedNetwork, list[int]]] = []
    known: dict[tuple[Any, ...], tuple[str, _Choice]] = {}
    numbers: dict[tuple[Any, ...], int] = {}
    for mapped in {id(mapped): mapped for mapped in networks}.values():
        if (family, fallback, confidence) in _ready(platform, mapped):
            continue
        with suppress(AnnetteError):
            own = []
            for kind, choice in zip(mapped.kinds, _choices_of(mapped, platform, family, fallback), strict=True):
                key = _key(kind, choice)
                known[key] = kind, choice
                own.append(numbers.setdefault(key, len(numbers)))
            pool.append((mapped, own))
    if not numbers:
        return
    order = sorted(numbers, key=lambda key: (key[0], *key[2:]))
    rank = np.empty(len(order), dtype=np.intp)
    rank[[numbers[key] for key in order]] = np.arange(len(order))
    kinds = _shared(platform, [known[key][0] for key in order], [known[key][1] for key in order])
    of = np.concatenate([rank[own][mapped.kind_of] for mapped, own in pool])
    table = KernelTable.concatenate([mapped.priced for mapped, _ in pool])
    _, first, place = np.unique(equal_rows(table) * len(order) + of, return_index=True, return_inverse=True)
    try:
        rows = _rows_priced(kinds, table.select(first), of[first], platform, confidence)
    except AnnetteError:
        return
    latency_s, end = rows.numbers[0, place], 0
    possible = np.isfinite(latency_s) & (latency_s >= 0)
    for mapped, _ in pool:
        start, end = end, end + len(mapped.kind_of)
        if possible[start:end].all():
            part = place[start:end]
            prices = _spread_out(rows.numbers[:, part], rows.flags[:, part], of[start:end], kinds, mapped, platform)
            _ready(platform, mapped)[family, fallback, confidence] = prices


@kept
def _ready(_platform: Platform, _mapped: MappedNetwork) -> dict[tuple[str | None, str, float], Prices]:
    """What `price_ahead` has found for a network, by family, fallback and confidence."""
    return {}


class _PricedRows(NamedTuple):
    """What is said of each row of a table, one number or flag below the other in the order of `Prices`' fields.

    Attributes:
        numbers: Shape ``(6, rows)``.
        flags: Shape ``(4, rows)``.
    """

    numbers: FloatArray
    flags: npt.NDArray[np.bool_]


def _rows_priced(
    kinds: _PricedKinds, table: KernelTable, of: npt.NDArray[np.intp], platform: Platform, confidence: float
) -> _PricedRows:
    """Prices of a table, impossible ones among them.

    Args:
        kinds: What prices them.
        table: Any kernels.
        of: For each row, the place of its kind in ``kinds``.
        platform: Intervals and peak rates.
        confidence: Probability for the intervals.
    """
    with np.errstate(all="ignore"):  # what comes out is checked
        predicted = kinds.stack.predict(table, of)
    least_s = np.where(kinds.on_host[of], 0.0, platform.least_s(table))
    at_peak = predicted.latency_s < least_s
    latency_s = np.maximum(predicted.latency_s, least_s)
    fitted = kinds.fitted[of]
    in_range = kinds.ranges.contain(table, of) & fitted & ~at_peak
    lower_s = upper_s = np.full(len(table), np.nan)
    if platform.intervals is not None:
        lower, upper = kinds.errors.bounds(of, latency_s, in_range, confidence)
        lower_s, upper_s = latency_s * np.exp(lower), latency_s * np.exp(upper)
    latency_s = np.where(predicted.latency_s >= 0, latency_s, predicted.latency_s)  # Refused, and told as it is.
    numbers = np.array(
        [latency_s, lower_s, upper_s, predicted.compute_s, predicted.memory_s, predicted.efficiency], dtype=np.float64
    )
    return _PricedRows(numbers, np.array([in_range, fitted, kinds.usual[of], at_peak], dtype=np.bool_))


def _spread_out(
    numbers: FloatArray,
    flags: npt.NDArray[np.bool_],
    of: npt.NDArray[np.intp],
    kinds: _PricedKinds | None,
    mapped: MappedNetwork,
    platform: Platform,
) -> Prices:
    """The prices of all kernels from those of unequal ones that are not free, in the order of `Prices`' fields."""
    every = np.concatenate([numbers, _FREE_NUMBERS], axis=1)[:, mapped.place]
    known = np.concatenate([flags, _FREE_FLAGS], axis=1)[:, mapped.place]
    methods = [] if kinds is None else [kinds.methods[number] for number in of.tolist()]
    names = [*methods, FREE_METHOD]
    return Prices(
        *(every[0], every[1], every[2], every[3], every[4], every[5]),
        *(known[0], known[1], known[2], known[3]),
        tuple(map(names.__getitem__, mapped.place.tolist())),
        platform.ranges,
    )


def _refuse_impossible(
    latency_s: FloatArray, mapped: MappedNetwork, methods: Sequence[str], platform: Platform
) -> None:
    impossible = ~(np.isfinite(latency_s) & (latency_s >= 0))
    if impossible.any():
        row = int(np.argmax(impossible))
        kernel = mapped.kernels[int(mapped.examples[row])]
        raise ModelError(
            f"the {methods[int(mapped.kind_of[row])]!r} model of platform {platform.name!r} for {kernel.kind!r} gives "
            f"kernel {kernel.name!r} a time of {latency_s[row]} s: a dimension is far outside what was fitted, or the "
            "platform file is damaged"
        )


def _kinds_of(mapped: MappedNetwork, platform: Platform, family: str | None, fallback: str) -> _PricedKinds:
    """What prices the kinds of a network; networks with the same kinds share it."""
    chosen = _chosen(platform, mapped)
    if (family, fallback) not in chosen:
        choices = _choices_of(mapped, platform, family, fallback)
        chosen[family, fallback] = _shared(platform, mapped.kinds, choices)
    return chosen[family, fallback]


def model_of(kind: str, platform: Platform, family: str | None, fallback: str, example: Kernel) -> LayerModel:
    """The model that prices a kind of kernel.

    Args:
        kind: The kind.
        platform: Where it is priced.
        family: Model family wanted, or None for what the platform prefers.
        fallback: ``error`` raises `UnsupportedKernelError` where there is none, ``roofline`` gives a rough one.
        example: A kernel of the kind.
    """
    return _choose(kind, platform, family, fallback, example).model


def _choices_of(mapped: MappedNetwork, platform: Platform, family: str | None, fallback: str) -> list[_Choice]:
    """What prices each of the kinds of a network."""
    choices: dict[str, _Choice] = {}
    before = _chosen_before(platform)
    # What cannot be priced is named by the kernel that comes first.
    for number, kind in sorted(zip(mapped.examples_by_kind.tolist(), mapped.kinds, strict=True)):
        example = mapped.kernels[number]
        # All that a choice, but for an error's text, looks at.
        key = kind, family, fallback, example.anchor.kind, moves_data(kind, example)
        choice = before.get(key)
        if choice is None:
            choice = _choose(kind, platform, family, fallback, example)
            usual = family is None or _choose(kind, platform, None, fallback, example) == choice
            choice = before[key] = choice._replace(usual=usual)
        choices[kind] = choice
    return [choices[kind] for kind in mapped.kinds]


@kept
def _chosen_before(_platform: Platform) -> dict[tuple[str, str | None, str, str, bool], _Choice]:
    return {}


def _key(kind: str, choice: _Choice) -> tuple[Any, ...]:
    """What tells kinds and their choices apart; models are compared by identity."""
    return kind, id(choice.model), *choice[1:]


def _shared(platform: Platform, kinds: Sequence[str], choices: Sequence[_Choice]) -> _PricedKinds:
    kept_kinds = _compiled(platform)
    key = tuple(_key(kind, choice) for kind, choice in zip(kinds, choices, strict=True))
    found = kept_kinds.get(key)
    if found is None:
        while len(kept_kinds) >= _MOST_KEPT:
            del kept_kinds[next(iter(kept_kinds))]
        # It holds the models, so that no other model can have their identities while the key is in use.
        found = kept_kinds[key] = _PricedKinds(platform, kinds, choices)
    return found


@kept
def _chosen(_platform: Platform, _mapped: MappedNetwork) -> dict[tuple[str | None, str], _PricedKinds]:
    return {}


@kept
def _compiled(_platform: Platform) -> dict[tuple[tuple[Any, ...], ...], _PricedKinds]:
    return {}


def _priced_as(kind: str, platform: Platform, example: Kernel) -> str:
    """The kind whose models price a kind; empty where none do.

    Its own, where the platform has them; else those of copies at the platform's precision; else those of the kind that
    it was part of when the platform was fitted: by definition, without the signs of operands, or, as the kind of a
    rule, its layer's. What a device's own stage tells apart (a convolution in software) is not like its layer.
    """
    plain, precision = kind_of(kind), precision_in(kind)
    candidates = [kind, *([plain] if moves_data(kind, example) else [])]
    signless, former = unmarked(plain), ""
    if plain in KINDS or signless != plain:
        former = KINDS[plain].part_of if plain in KINDS else signless
    elif any(rule.kind == plain for rule in platform.mapping.rules):
        former = example.anchor.kind
    if former:
        candidates += [with_precision(former, precision), *([former] if moves_data(kind, example) else [])]
    return next((name for name in candidates if name in platform.models), "")


def _choose(kind: str, platform: Platform, family: str | None, fallback: str, example: Kernel) -> _Choice:
    priced = _priced_as(kind, platform, example)
    if priced:
        families = platform.models[priced]
        known = priced not in platform.assumed and kind_of(priced) == kind_of(kind)
        wanted = family or platform.default_family(priced)
        last_resort = (platform.default_family(priced),) if wanted in _SIMPLER else ()
        for name in (wanted, *_SIMPLER.get(wanted, ()), *last_resort):
            if name in families:
                return _Choice(families[name], name, fitted=known)
        raise UnsupportedKernelError(
            f"platform {platform.name!r} has no {wanted!r} model for {kind!r}, only {', '.join(sorted(families))}"
        )
    if fallback == "roofline":
        return _Choice(fallback_model(platform), FALLBACK_METHOD, fitted=False)
    refuse_precision(kind, platform, example)
    operator = example.anchor.attributes.get("operator")
    what = f"operator {operator!r}" if operator else f"kind {kind!r}"
    raise UnsupportedKernelError(
        f"platform {platform.name!r} has no model for {what} of layer {example.name!r}; use --fallback "
        "roofline to price it roughly"
    )


@lru_cache(maxsize=64)
def fallback_model(platform: Platform) -> Roofline:
    """A roofline with the median peak rate, bandwidth and offset of the kinds that were measured.

    Args:
        platform: Where the fitted rooflines are taken from; those that rest on assumptions do not count.

    Raises:
        UnsupportedKernelError: The platform has no measured roofline to derive one from.
    """
    known = [
        model
        for kind, families in platform.models.items()
        if kind not in platform.assumed
        for model in (families.get("roofline"), families.get("refined-roofline"))
        if isinstance(model, Roofline)
    ]
    if not known:
        raise UnsupportedKernelError(
            f"platform {platform.name!r} has no roofline of a measured kind to derive a fallback from; "
            "use --fallback error"
        )
    return Roofline(
        ops_per_s=float(np.median([model.ops_per_s for model in known])),
        bytes_per_s=float(np.median([model.bytes_per_s for model in known])),
        offset_s=float(np.median([model.offset_s for model in known])),
    )
