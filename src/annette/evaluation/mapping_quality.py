"""How well a mapping model tells what a runtime does: which layers share a kernel, which never run, what is copied.

The truth is the measured kernels of profiled runs. Three questions are asked of every network. Of each pair of
adjacent layers: do they run in the same kernel? Of each layer: does it run at all? Of each activation: does the
runtime put in a copy of it? Views move nothing and are kept or dropped by runtimes at will, so they count neither as
layers nor as borders: layers with only views between them are adjacent.
"""

from __future__ import annotations

import math
import operator
from collections import Counter
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Final

from annette.documents import plain
from annette.mapping.precision import kind_of
from annette.network import Category
from annette.network.kinds import kinds_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annette.bench.records import Run
    from annette.mapping.kernel import Kernel
    from annette.mapping.model import MappingModel
    from annette.network import Layer, Network

__all__ = [
    "Confusion",
    "MappingQuality",
    "copies_of",
    "kernel_of_layer",
    "mapping_quality",
    "never_run",
    "quality_of_kernels",
]

_VIEWS: Final = kinds_in(Category.VIEW)


@dataclass(frozen=True, slots=True)
class Confusion:
    """Confusion counts of a yes-or-no question, with the figures that follow from them.

    Attributes:
        both: Cases predicted and true.
        only_predicted: Cases predicted and not true.
        only_true: Cases true and not predicted.
        neither: Cases neither predicted nor true.
    """

    both: int = 0
    only_predicted: int = 0
    only_true: int = 0
    neither: int = 0

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(*map(operator.add, astuple(self), astuple(other)))

    @property
    def cases(self) -> int:
        """All cases."""
        return sum(astuple(self))

    @property
    def precision(self) -> float:
        """Share of what is predicted that is true; NaN where nothing is predicted."""
        predicted = self.both + self.only_predicted
        return self.both / predicted if predicted else math.nan

    @property
    def recall(self) -> float:
        """Share of what is true that is predicted; NaN where nothing is true."""
        true = self.both + self.only_true
        return self.both / true if true else math.nan

    @property
    def matthews(self) -> float:
        """Matthews correlation coefficient, -1 to 1.

        1 where every case is right; 0 where the prediction is the same for all cases, some of which are wrong; NaN
        without cases.
        """
        if not self.cases:
            return math.nan
        if not self.only_predicted and not self.only_true:
            return 1.0
        predicted, true = self.both + self.only_predicted, self.both + self.only_true
        spread = math.sqrt(predicted * true * (self.cases - predicted) * (self.cases - true))
        return (self.both * self.neither - self.only_predicted * self.only_true) / spread if spread else 0.0

    def to_json(self) -> dict[str, Any]:
        """Cases, precision, recall and Matthews correlation; None for what is not defined."""
        figures = {"precision": self.precision, "recall": self.recall, "matthews": self.matthews}
        return {"cases": self.cases, "true": self.both + self.only_true} | {
            name: None if math.isnan(value) else value for name, value in figures.items()
        }


@dataclass(frozen=True, slots=True)
class MappingQuality:
    """How well a mapping model tells what a runtime does.

    Attributes:
        pairs: Pairs of adjacent layers that both ran: do they share a kernel?
        removed: Layers: does the runtime leave them out?
        copies: Activations and kinds of copies: does the runtime put one in?
    """

    pairs: Confusion = Confusion()
    removed: Confusion = Confusion()
    copies: Confusion = Confusion()

    def __add__(self, other: MappingQuality) -> MappingQuality:
        return MappingQuality(self.pairs + other.pairs, self.removed + other.removed, self.copies + other.copies)

    def to_json(self) -> dict[str, Any]:
        """The three parts as plain JSON values."""
        return dict(plain(self))


def mapping_quality(mapping: MappingModel, runs: Iterable[Run]) -> MappingQuality:
    """Compares a mapping model with what was measured.

    Args:
        mapping: The mapping model.
        runs: Runs with matched kernels, best of networks that the model was not learned from; those without a profile
            are passed over.
    """
    quality = MappingQuality()
    for run in runs:
        if run.kernels:
            quality += quality_of_kernels(mapping.apply(run.network), run)
    return quality


def quality_of_kernels(kernels: Iterable[Kernel], run: Run) -> MappingQuality:
    """Compares predicted kernels with those of a run.

    Args:
        kernels: What a mapping model makes of the run's network.
        run: A run with matched kernels.
    """
    network, kernels = run.network, tuple(kernels)
    truth = kernel_of_layer(run)
    predicted = {layer.name: i for i, kernel in enumerate(kernels) for layer in kernel.layers}
    free = {layer.name for kernel in kernels if kernel.free for layer in kernel.layers}
    pairs = [
        (predicted[first] == predicted[second], truth[first] == truth[second])
        for first, second in _adjacent(network)
        if first in truth and second in truth
    ]
    lost = never_run(run)
    removed = []
    if lost is not None:
        layers = [layer.name for layer in network.layers if layer.kind not in _VIEWS]
        removed = [(name in free, name in lost) for name in layers]
    return MappingQuality(_count(pairs), _count(removed), copies_of(kernels, run))


def kernel_of_layer(run: Run) -> dict[str, int]:
    """The position of the measured kernel that each layer ran in; layers that no kernel claims are missing."""
    return {layer: position for position, kernel in enumerate(run.kernels) for layer in kernel.layers}


def never_run(run: Run) -> set[str] | None:
    """Layers that the runtime left out; None where a kernel of unknown layers may have run them."""
    if any(not kernel.layers and not kernel.added for kernel in run.kernels):
        return None
    claimed = kernel_of_layer(run)
    return {layer.name for layer in run.network.layers if layer.name not in claimed and layer.kind not in _VIEWS}


def _adjacent(network: Network) -> set[tuple[str, str]]:
    """Pairs of layers of which the second reads a result of the first, directly or through views."""
    before: dict[str, tuple[Layer, ...]] = {}
    pairs = set()
    for layer in network.layers:
        made = [network.producers[tensor] for tensor in network.activations[layer.name] if tensor in network.producers]
        direct = tuple(source for maker in made for source in before.get(maker.name, (maker,)))
        if layer.kind in _VIEWS:
            before[layer.name] = direct
        else:
            pairs |= {(source.name, layer.name) for source in direct}
    return pairs


def copies_of(kernels: Iterable[Kernel], run: Run) -> Confusion:
    """Copies by kind of copy and tensor that is copied; nothing where the runtime does not say what it copies.

    Args:
        kernels: What a mapping model makes of the run's network.
        run: A run with matched kernels.
    """
    added = [record for record in run.kernels if record.added]
    if any("tensor" not in record.info for record in added):
        return Confusion()
    true = {(record.info.get("kind", record.operator), record.info["tensor"]) for record in added}
    predicted = {(kind_of(kernel.kind), kernel.inputs[0]) for kernel in kernels if not kernel.layers and kernel.inputs}
    tensors = sum(not tensor.constant for tensor in run.network.tensors.values())
    either = len(true | predicted)
    both = len(true & predicted)
    return Confusion(both, len(predicted) - both, len(true) - both, max(0, tensors - either))


def _count(cases: Iterable[tuple[bool, bool]]) -> Confusion:
    """Counts pairs of what is predicted and what is true."""
    counted = Counter(cases)
    return Confusion(*(counted[case] for case in ((True, True), (True, False), (False, True), (False, False))))
