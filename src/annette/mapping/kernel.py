"""Kernels, and the table of numbers that layer models see.

Objects are for people, tables for machines: a `Kernel` says which layers run together and why, a `KernelTable` holds
the same kernels as columns, for one network or for ten thousand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from annette.mapping.access import access_of, walks
from annette.mapping.masks import NO_MASK, mask_behind, mask_of
from annette.mapping.precision import Precision, is_narrow, narrowest, precision_in, with_precision
from annette.network import Dimensions, Layer, Network, Tensor, kinds_in
from annette.network.kinds import Category

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

__all__ = [
    "ACTIVATION_CODES",
    "COLUMNS",
    "CONTEXT_PREFIX",
    "LEFT_TO_HOST",
    "NETWORK_COLUMNS",
    "FloatArray",
    "Kernel",
    "KernelTable",
    "Precision",
    "is_context_column",
    "revised",
]

FloatArray: TypeAlias = npt.NDArray[np.float64]

_CODED_FIRST: Final = (
    "celu", "clip", "elu", "gelu", "hard_sigmoid", "hard_swish", "leaky_relu", "mish", "prelu", "relu", "selu",
    "sigmoid", "silu", "softplus", "softsign", "tanh", "thresholded_relu",
)  # fmt: skip
"""Activations in the order of their codes, which the forests of shipped platforms hold: this order never changes."""

ACTIVATION_CODES: Final[Mapping[str, int]] = {
    kind: code
    for code, kind in enumerate(
        (*_CODED_FIRST, *sorted(kinds_in(Category.ACTIVATION).difference(_CODED_FIRST))), start=1
    )
}
"""Code of a fused activation in the ``activation`` column; 0 is none."""

COLUMNS: Final[tuple[str, ...]] = (
    *Dimensions._fields,
    "ops",
    "macs",
    "input_bytes",
    "weight_bytes",
    "output_bytes",
    "activation",
    "residual",
    "layer_count",
    "blocked",
    "masked",
    "reads_network_input",
    "writes_network_output",
    "network_weight_bytes",
    "network_ops",
    "run_length",
    "walk",
)
"""Columns of a kernel table, in order.

The named dimensions are the anchor layer's. ``ops`` and ``macs`` are sums over the kernel's layers; the byte columns
count what crosses the kernel's border, at the platform's precision or, for kernels of another, at that of their own
tensors; ``activation`` is a code of `ACTIVATION_CODES`;
``residual`` is 1 where a second activation is added in; ``layer_count`` is the number of layers in the kernel;
``blocked`` is 1 where it runs in a blocked layout; ``masked`` says how the scores of a softmax are masked,
or of the softmax that a matrix product reads (`annette.mapping.masks`), 0 otherwise.

``reads_network_input`` and ``writes_network_output`` are 1 at the border of the network: what the caller gives was last
touched a whole run ago and what he gets is not written where the next kernel finds it, perhaps in another precision.
Kernels that are benchmarked alone stand at both borders, nearly all kernels of a whole network at none. It is the
kernel's own tensors that count: one behind a view of the input is inside, a copy of the input and its reader are not.

``network_weight_bytes`` is the size of all constants of the whole network and ``network_ops`` the operations of all its
layers: what does not fit into a cache has to be fetched again in every run, and what lies in a cache that others share
is gone after some time. (What the network's layers write in between, and reuse distances of inputs and weights, were
tried and left out: forests took them for signs of cold caches in networks larger than any benchmark, which became 3 to
10 % too slow.)

``run_length`` and ``walk`` say how a kernel that moves or broadcasts elements goes through memory
(`annette.mapping.access`), 0 for all others.
"""

NETWORK_COLUMNS: Final = ("reads_network_input", "writes_network_output", "network_weight_bytes", "network_ops")
"""Columns that describe the network around a kernel: they are no part of its configuration."""

CONTEXT_PREFIX: Final = "context:"
"""What the name of a column begins with whose numbers a context stage gives (`annette.mapping.context`)."""

LEFT_TO_HOST: Final = "left-to-host"
"""Among a kernel's rules: the device's compiler leaves it to the host, and nothing says how long that takes."""

_MASKED: Final = frozenset({"softmax", "matmul"})
"""Kinds whose ``masked`` depends on the layers around them."""

_CONVERSIONS: Final = frozenset({"quantize", "dequantize"})
_CONTEXT_COLUMN: Final = re.compile(r"context:[a-z][a-z0-9_]*")
_NO_CONTEXT: Final[Mapping[str, float]] = MappingProxyType({})


def is_context_column(name: str) -> bool:
    """Whether a name is that of a context column: ``context:`` and a word in lower case."""
    return _CONTEXT_COLUMN.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Kernel:
    """Layers that run as one.

    Attributes:
        name: The anchor's name.
        kind: Kind of kernel, the key of the layer models: the anchor's kind unless a rule gives another.
        anchor: The layer whose dimensions describe the kernel.
        layers: All layers, in topological order; none in a copy that the runtime adds.
        inputs: Activations read from outside, each once.
        outputs: Activations written for the outside.
        rules: Names of the mapping rules that formed it, in the order of use.
        free: Whether a rule says that the platform does nothing for it (a view).
        followers: What runs along with the anchor, a recognised subgraph (a decomposed GELU, …) as one layer of its
            kind; None stands for all layers but the anchor.
        blocked: Whether it runs in a blocked layout (`annette.mapping.layout`).
        context: Numbers that follow from the kernels around it, by name without ``context:``; see
            `annette.mapping.context`.
        precision: What it computes with where that is not what its tensors say: ``fp32`` where the runtime converts
            narrower tensors for it; None where it follows from them.
    """

    name: str
    kind: str
    anchor: Layer
    layers: tuple[Layer, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    rules: tuple[str, ...] = ()
    free: bool = False
    followers: tuple[Layer, ...] | None = None
    blocked: bool = False
    context: Mapping[str, float] = field(default_factory=lambda: _NO_CONTEXT)
    precision: str | None = None

    @property
    def ops(self) -> int:
        """Operations of all its layers."""
        return sum(layer.workload.ops for layer in self.layers)


_FIELDS: Final = tuple(
    (Kernel.__dict__[each.name].__get__, Kernel.__dict__[each.name].__set__) for each in fields(Kernel)
)
_set_blocked: Final = Kernel.__dict__["blocked"].__set__
_set_context: Final = Kernel.__dict__["context"].__set__


def revised(kernel: Kernel, *, blocked: bool | None = None, context: Mapping[str, float] | None = None) -> Kernel:
    """A kernel with another layout or context: as `dataclasses.replace`, in a quarter of the time.

    Args:
        kernel: The kernel.
        blocked: Whether it runs in a blocked layout; None leaves it.
        context: What a context stage gives it; None leaves it.
    """
    made = object.__new__(Kernel)
    for get, put in _FIELDS:
        put(made, get(kernel))
    if blocked is not None:
        _set_blocked(made, blocked)
    if context is not None:
        _set_context(made, context)
    return made


@dataclass(frozen=True, eq=False)
class KernelTable:
    """Kernels as columns of numbers.

    Attributes:
        kinds: Kind of each row, as an array of strings.
        values: One row per kernel, one column per name in `COLUMNS`, shape ``(rows, len(COLUMNS))``.
        context: Columns that a context stage gave, by their names with ``context:``, each of shape ``(rows,)``.
    """

    kinds: npt.NDArray[np.str_]
    values: FloatArray
    context: Mapping[str, FloatArray] = field(default_factory=dict)

    @classmethod
    def from_kernels(
        cls,
        kernels: Sequence[Kernel],
        network: Network,
        precision: Precision,
        *,
        evicted_bytes: float = 0.0,
        evicted_ops: float = 0.0,
    ) -> KernelTable:
        """Builds the table of one network's kernels.

        Args:
            kernels: Any kernels of ``network``.
            network: Where their tensors are described.
            precision: Width of the platform's numbers; sets the byte columns.
            evicted_bytes: Memory touched between two runs, which counts like weights of the network that came before.
            evicted_ops: Operations whose time passed between two runs, which count like operations of that network.
        """
        held_bytes = _held_bytes(network, precision) + evicted_bytes
        around = (held_bytes, network.ops + evicted_ops)
        given, wanted = set(network.inputs), set(network.outputs)
        kinds = _kinds(kernels, network, precision)
        numbers: dict[Hashable, int] = {}
        rows: list[tuple[float, ...]] = []
        row_of: list[int] = []
        for kernel, kind in zip(kernels, kinds, strict=True):
            own_width = not precision_in(kind)
            border = not given.isdisjoint(kernel.inputs), not wanted.isdisjoint(kernel.outputs)
            # Networks repeat their kernels: what has the same numbers is looked at once.
            alike = (kind, border, _described_by(kernel, network)) if own_width else id(kernel)
            number = numbers.setdefault(alike, len(rows))
            row_of.append(number)
            if number == len(rows):
                own = _row(kernel, network, precision, own_width=own_width)
                rows.append((*own, *border, *around, *access_of(kernel.anchor, network)))
        values = np.array(rows, dtype=np.float64).reshape(len(rows), len(COLUMNS))[row_of]
        return cls(np.array(kinds, dtype=np.str_), values, _context(kernels))

    @classmethod
    def concatenate(cls, tables: Sequence[KernelTable]) -> KernelTable:
        """Stacks tables; rows keep their order."""
        names = dict.fromkeys(name for table in tables for name in table.context)
        return cls(
            np.concatenate([table.kinds for table in tables]),
            np.concatenate([table.values for table in tables]),
            {name: np.concatenate([table[name] for table in tables]) for name in names},
        )

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, column: str) -> FloatArray:
        """One column by name, shape ``(rows,)``.

        A name with ``context:`` that no kernel of the table has a number for is a column of zeros.
        """
        index = _INDEX.get(column)
        if index is not None:
            return self.values[:, index]
        if column in self.context:
            return self.context[column]
        if is_context_column(column):
            return np.zeros(len(self.values))
        raise KeyError(column)

    def select(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> KernelTable:
        """The given rows as a table of their own."""
        context = {name: column[rows] for name, column in self.context.items()}
        return KernelTable(self.kinds[rows], self.values[rows], context)

    @cached_property
    def rows_by_kind(self) -> dict[str, npt.NDArray[np.intp]]:
        """Row numbers of each kind that occurs, kinds in order of first appearance."""
        kinds = self.kinds.tolist()
        rows_of: dict[str, list[int]] = {}
        for row, kind in enumerate(kinds):
            rows_of.setdefault(kind, []).append(row)
        return {kind: np.array(rows, dtype=np.intp) for kind, rows in rows_of.items()}

    @property
    def bytes(self) -> FloatArray:
        """Bytes that cross the border of each kernel, shape ``(rows,)``."""
        return self["input_bytes"] + self["weight_bytes"] + self["output_bytes"]


_INDEX: Final = {column: index for index, column in enumerate(COLUMNS)}


def _context(kernels: Sequence[Kernel]) -> dict[str, FloatArray]:
    """Columns of the numbers that context stages gave; 0 where a kernel lacks one."""
    distinct = {id(kernel.context): kernel.context for kernel in kernels}  # Stages give alike kernels the same one.
    names = list(dict.fromkeys(name for context in distinct.values() for name in context))
    if not names:
        return {}
    number = {identity: place for place, identity in enumerate(distinct)}
    rows = np.array([[context.get(name, 0.0) for name in names] for context in distinct.values()], dtype=np.float64)
    columns = np.ascontiguousarray(rows[[number[id(kernel.context)] for kernel in kernels]].T)
    return {f"{CONTEXT_PREFIX}{name}": column for name, column in zip(names, columns, strict=True)}


def _held_bytes(network: Network, precision: Precision) -> float:
    """Size of all constants: at the platform's precision, those of narrower networks as they are."""
    if not is_narrow(network) or precision.takes("int8"):
        return network.constant_elements * precision.weight_bits / 8
    read = {tensor for layer in network.layers for tensor in layer.inputs}
    return float(sum(network.tensors[tensor].size_bytes for tensor in read if network.tensors[tensor].constant))


def _kinds(kernels: Sequence[Kernel], network: Network, precision: Precision) -> list[str]:
    """Kind of each kernel, with its precision where that is not the platform's own."""
    kinds = [kernel.kind for kernel in kernels]
    if not is_narrow(network):
        return kinds
    for row, kernel in enumerate(kernels):
        if kernel.precision is None and not precision_in(kernel.kind):
            name = narrowest(_touched(kernel, network))
            if not precision.takes(name):
                kinds[row] = with_precision(kernel.kind, name)
    return kinds


def _touched(kernel: Kernel, network: Network) -> list[Tensor]:
    """The activations that a kernel reads and writes; where it reads what was dequantized, the integers."""
    tensors = network.tensors
    found = [tensors[tensor] for tensor in (*kernel.inputs, *kernel.outputs)]
    for tensor in kernel.inputs:
        producer = network.producers.get(tensor)
        if producer is not None and producer.kind == "dequantize":
            found += [tensors[read] for read in producer.inputs[:1]]
    return found


def _computing(kernel: Kernel) -> tuple[Layer, ...]:
    """The layers of a kernel without the conversions that its operator does on the way."""
    return tuple(layer for layer in kernel.layers if layer is kernel.anchor or layer.kind not in _CONVERSIONS)


def _own_bytes(kernel: Kernel, network: Network) -> tuple[float, float, float]:
    """Bytes read, of constants, and written, in the element types of the tensors themselves."""
    if not kernel.layers:
        own = kernel.anchor.workload
        return own.input_bytes, own.weight_bytes, own.output_bytes
    tensors = network.tensors
    constants = {tensor for layer in kernel.layers for tensor in layer.inputs if tensors[tensor].constant}
    read, weights, written = (
        float(sum(tensors[tensor].size_bytes for tensor in names))
        for names in (kernel.inputs, constants, kernel.outputs)
    )
    return read, weights, written


def _described_by(kernel: Kernel, network: Network) -> Hashable:
    """What the numbers of a kernel at the platform's precision follow from, as long as the kernel exists.

    Layers that were built alike have one workload in common, whose identity stands for it.
    """
    anchor, tensors = kernel.anchor, network.tensors
    if kernel.kind in _MASKED:
        return id(kernel)
    walk: Hashable = None
    if walks(anchor.kind):
        if not all(name in tensors for name in (*anchor.inputs, *anchor.outputs)):
            return id(kernel)
        shapes = [(tensors[name].shape, tensors[name].dtype) for name in (*anchor.inputs, *anchor.outputs)]
        walk = len(anchor.inputs), tuple(shapes), tuple(anchor.attributes.items())
    alone = anchor.kind, id(anchor.workload), kernel.blocked, len(kernel.layers), walk
    if len(kernel.layers) <= 1 and not kernel.followers:
        return alone
    followers = kernel.layers if kernel.followers is None else kernel.followers
    return (
        alone,
        tuple([(id(layer.workload), layer.kind) for layer in kernel.layers]),
        tuple([(id(layer.workload), layer.kind, layer is anchor) for layer in followers]),
        tuple([tensors[tensor].shape for tensor in kernel.inputs]),
        tuple([tensors[tensor].shape for tensor in kernel.outputs]),
    )


def _row(kernel: Kernel, network: Network, precision: Precision, *, own_width: bool = True) -> tuple[float, ...]:
    tensors = network.tensors
    if len(kernel.layers) <= 1:
        workload = kernel.anchor.workload
        read, weights, written = workload.input_elements, workload.weight_elements, workload.output_elements
        ops, macs = workload.ops, workload.macs
    else:
        read = sum(tensors[tensor].elements for tensor in kernel.inputs)
        written = sum(tensors[tensor].elements for tensor in kernel.outputs)
        weights = ops = macs = 0
        for layer in kernel.layers if own_width else _computing(kernel):
            # A batch_norm that runs with multiply-accumulates was folded into their weights beforehand.
            if layer.kind != "batch_norm" or not kernel.anchor.workload.macs:
                weights += layer.workload.weight_elements
            ops += layer.workload.ops
            macs += layer.workload.macs
    read_bytes, weight_bytes, written_bytes = (
        (
            read * precision.activation_bits / 8,
            weights * precision.weight_bits / 8,
            written * precision.activation_bits / 8,
        )
        if own_width
        else _own_bytes(kernel, network)
    )
    activation = residual = 0
    for layer in kernel.layers if kernel.followers is None else kernel.followers:
        if layer is kernel.anchor:
            continue
        if layer.kind in ACTIVATION_CODES:
            activation = ACTIVATION_CODES[layer.kind]
        elif layer.kind == "add" and layer.workload.dimensions.input_count > 1:
            residual = 1
    return (
        *kernel.anchor.workload.dimensions,
        ops,
        macs,
        read_bytes,
        weight_bytes,
        written_bytes,
        activation,
        residual,
        len(kernel.layers) if own_width else len(_computing(kernel)),
        kernel.blocked,
        _mask(kernel, network),
    )


def _mask(kernel: Kernel, network: Network) -> int:
    if kernel.kind == "softmax" and kernel.layers:
        return mask_of(kernel.layers[0], network)
    return mask_behind(kernel.anchor, network) if kernel.kind == "matmul" else NO_MASK
