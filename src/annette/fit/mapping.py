"""Learns mapping rules from what ran together: the fusion truth of probes and chains.

Known rules come first: decomposed operators are recognised, views cost nothing. Of what is left, every pair of kernels
of which one reads the other's result, and nobody else does, is an example: both were seen in one measured kernel, or in
two. For each pair of kinds a small decision tree over the dimensions of both sides tells the one from the other, and
each leaf that says "together" becomes a readable rule beside the hand-written ones.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from annette.errors import FitError
from annette.mapping.model import MappingModel
from annette.mapping.rule import Rule
from annette.network import KINDS, Category, Dimensions
from annette.network.kinds import kinds_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from annette.bench.records import Run
    from annette.mapping.kernel import FloatArray, Kernel

__all__ = ["MappingQuality", "learn_mapping", "mapping_quality"]

_FIELDS: Final = tuple(
    name for name in Dimensions._fields if name not in ("axis_size", "inner_size", "input_count", "output_count")
)
_DIVISORS: Final = (4, 8, 16, 32)
_CHANNELS: Final = ("in_channels", "out_channels")
_DEEPEST: Final = 3
_LEAST_IN_LEAF: Final = 3
_LEAST_GAIN: Final = 0.02
_PURE: Final = 0.9
_ANCHORS: Final = kinds_in(
    Category.CONVOLUTION, Category.MATRIX_PRODUCT, Category.ATTENTION, Category.RECURRENT, Category.POOLING
)


@dataclass(frozen=True, slots=True)
class MappingQuality:
    """How well a mapping model tells what runs together, over all pairs of neighbouring kernels.

    Attributes:
        pairs: Number of pairs.
        precision: Share of the pairs put together that truly run together; NaN where none were put together.
        recall: Share of the pairs that run together that were put together; NaN where none do.
        matthews: Matthews correlation coefficient, -1 to 1; 1 where everything is right, NaN where it is not defined.
    """

    pairs: int
    precision: float
    recall: float
    matthews: float


@dataclass(frozen=True, slots=True)
class _Pair:
    """One kernel that reads another's only result, with what was seen."""

    producer: Kernel
    consumer: Kernel
    together: bool


def mapping_quality(mapping: MappingModel, runs: Iterable[Run], *, base: MappingModel) -> MappingQuality:
    """Compares a mapping model with what was measured.

    Args:
        mapping: The mapping model.
        runs: Runs with matched kernels, best of networks that the model was not learned from.
        base: Rules that all models share; what they put together is not counted.
    """
    counts = np.zeros((2, 2), dtype=np.int64)
    for run in runs:
        kernel_of = {layer.name: i for i, kernel in enumerate(mapping.apply(run.network)) for layer in kernel.layers}
        for pair in _pairs(run, base):
            predicted = kernel_of[pair.producer.layers[-1].name] == kernel_of[pair.consumer.layers[-1].name]
            counts[int(pair.together), int(predicted)] += 1
    (true_apart, false_together), (false_apart, true_together) = counts.tolist()
    said, truly = true_together + false_together, true_together + false_apart
    spread = math.sqrt(said * truly * (true_apart + false_apart) * (true_apart + false_together))
    right = not false_together and not false_apart
    return MappingQuality(
        pairs=int(counts.sum()),
        precision=true_together / said if said else math.nan,
        recall=true_together / truly if truly else math.nan,
        matthews=(true_together * true_apart - false_together * false_apart) / spread
        if spread
        else (1.0 if right and counts.any() else math.nan),
    )


def learn_mapping(runs: Iterable[Run], *, base: MappingModel, name: str = "learned", seed: int = 0) -> MappingModel:
    """Learns which neighbouring layers run as one kernel.

    Args:
        runs: Runs with matched kernels.
        base: Rules that hold on every platform and are kept in front: recognised subgraphs and views.
        name: Of the resulting model.
        seed: Of the decision trees.

    Returns:
        The base's rules, then the learned ones, those with most evidence first.

    Raises:
        FitError: No run has matched kernels.
    """
    examples: dict[tuple[str, str], list[_Pair]] = defaultdict(list)
    for run in runs:
        for pair in _pairs(run, base):
            examples[pair.producer.kind, pair.consumer.kind].append(pair)
    if not examples:
        raise FitError("no run tells which layers ran in which kernel: a mapping cannot be learned")
    learned: list[tuple[int, Rule]] = []
    for (producer, consumer), pairs in sorted(examples.items()):
        together = sum(pair.together for pair in pairs)
        if together:
            leaves = _leaves(pairs, seed)
            learned += [(together, rule) for rule in _rules(producer, consumer, leaves, together, len(pairs))]
    learned.sort(key=lambda entry: (-entry[0], entry[1].name))
    return MappingModel(name, (*base.rules, *(rule for _, rule in learned)), base.layout)


def _pairs(run: Run, base: MappingModel) -> list[_Pair]:
    """The examples in one run; kernels whose layers no measured kernel claims are left out."""
    claimed = {layer: index for index, kernel in enumerate(run.kernels) for layer in kernel.layers}
    kernels = [kernel for kernel in base.apply(run.network) if kernel.layers and not kernel.free]
    readers: dict[str, list[Kernel]] = defaultdict(list)
    for kernel in kernels:
        for tensor in kernel.inputs:
            readers[tensor].append(kernel)
    found = []
    for kernel in kernels:
        after = [reader for tensor in kernel.outputs for reader in readers[tensor]]
        handed_out = any(tensor in run.network.outputs for tensor in kernel.outputs)
        places = [claimed.get(side.layers[-1].name) for side in (kernel, *after[:1])]
        if len(after) == 1 and not handed_out and None not in places:
            found.append(_Pair(kernel, after[0], places[0] == places[1]))
    return found


def _leaves(pairs: Sequence[_Pair], seed: int) -> list[tuple[str, ...]]:
    """Conditions of each leaf of a small tree that says "together"; one empty leaf where that is always so."""
    labels = np.array([pair.together for pair in pairs])
    if labels.all():
        return [()]
    names, values = _features(pairs)
    tree = DecisionTreeClassifier(
        max_depth=_DEEPEST,
        min_samples_leaf=max(_LEAST_IN_LEAF, len(pairs) // 50),
        min_impurity_decrease=_LEAST_GAIN,
        random_state=seed,
    ).fit(values, labels)
    return [conditions for conditions, share in _walk(tree.tree_, names, 0, ()) if share >= _PURE]


def _features(pairs: Sequence[_Pair]) -> tuple[list[str], FloatArray]:
    """Dimensions of both sides that vary, and remainders of channels; names are left sides of conditions."""
    columns: dict[str, list[float]] = {}
    for side, kernels in (("first", [p.producer for p in pairs]), ("second", [p.consumer for p in pairs])):
        for field in _FIELDS:
            values = [float(getattr(kernel.anchor.workload.dimensions, field)) for kernel in kernels]
            columns[f"{side}.{field}"] = values
            if field in _CHANNELS:
                columns |= {f"{side}.{field} % {size}": [value % size for value in values] for size in _DIVISORS}
    varying = {name: values for name, values in columns.items() if len(set(values)) > 1}
    return list(varying), np.column_stack(list(varying.values())) if varying else np.zeros((len(pairs), 1))


def _walk(tree: Any, names: Sequence[str], node: int, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], float]]:
    """Leaves with their conditions and their share of "together"."""
    if tree.children_left[node] < 0:
        apart, together = tree.value[node][0]
        return [(path, float(together / (apart + together)))]
    name, threshold = names[tree.feature[node]], _text(float(tree.threshold[node]))
    below = _walk(tree, names, tree.children_left[node], (*path, f"{name} <= {threshold}"))
    return below + _walk(tree, names, tree.children_right[node], (*path, f"{name} > {threshold}"))


def _text(threshold: float) -> str:
    return f"{threshold:g}" if float(f"{threshold:g}") == threshold else repr(threshold)


def _rules(producer: str, consumer: str, leaves: Sequence[tuple[str, ...]], together: int, seen: int) -> list[Rule]:
    """One rule a leaf. The side that does the work is the kernel's anchor."""
    anchor_second = producer not in _ANCHORS and consumer in _ANCHORS
    anchored = ("", "anchor ") if anchor_second else ("anchor ", "")
    pattern = [f"{anchored[0]}first = {producer}", f"{anchored[1]}second = {consumer}(first)"]
    guard = []
    if not anchor_second:
        category = KINDS[consumer].category if consumer in KINDS else None
        if category is Category.ACTIVATION:
            guard = ["first.has_activation == false"]
        elif category is Category.BINARY:
            guard = ["first.has_activation == false", "first.has_residual == false"]
    return [
        Rule.parse(
            f"learned-{producer}-{consumer}-{number}".replace("_", "-"),
            pattern,
            *guard,
            *conditions,
            description=f"Learned: {together} of {seen} measured pairs ran together.",
        )
        for number, conditions in enumerate(leaves, start=1)
    ]
