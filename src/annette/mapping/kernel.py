"""Kernels, and the table of numbers that layer models see.

Objects are for people, tables for machines: a `Kernel` says which layers run together and why, a `KernelTable` holds
the same kernels as columns, for one network or for ten thousand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from annette.kept import Recent
from annette.mapping.access import access_of
from annette.mapping.one_kernel import ACTIVATION_CODES, KIND_OF, Kernel, described_by, revised, row_of, workloads_of
from annette.mapping.precision import Precision, is_narrow, narrowest, precision_in, with_precision
from annette.mapping.shared_weights import repeated_uses
from annette.network import Dimensions, Network, Tensor

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from annette.network.layer import Workload

__all__ = [
    "ACTIVATION_CODES",
    "COLUMNS",
    "CONTEXT_PREFIX",
    "LEFT_TO_HOST",
    "NETWORK_COLUMNS",
    "FloatArray",
    "Kernel",
    "KernelTable",
    "KnownRows",
    "Precision",
    "busy_ops_of",
    "is_context_column",
    "known_rows",
    "revised",
]

FloatArray: TypeAlias = npt.NDArray[np.float64]
KnownRows: TypeAlias = "Recent[Hashable, tuple[FloatArray, Sequence[Workload]]]"
"""Rows of kernels by what they follow from, each with the workloads whose identities are part of that."""

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
    "network_busy_ops",
    "run_length",
    "walk",
    "neighbours",
    "distance",
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
is gone after some time. ``network_busy_ops`` is that time, from one run of a kernel to the next, in operations: what a
core would have computed meanwhile at full rate, if each kernel of the network takes the time of its operations or of
its bytes, and that of a start. Where a kernel reads weights that another one has read in the same run
(`annette.mapping.shared_weights`), all three count what ran since then only.

(What the network's layers write in between as a number of bytes, and reuse distances of inputs and weights for all
kernels, were tried and left out: forests took them for signs of cold caches in networks larger than any benchmark,
which became 3 to 10 % too slow.)

``run_length``, ``walk``, ``neighbours`` and ``distance`` say how a kernel that moves or broadcasts elements goes
through memory (`annette.mapping.access`), 0 for all others.
"""

NETWORK_COLUMNS: Final = (
    "reads_network_input", "writes_network_output", "network_weight_bytes", "network_ops", "network_busy_ops"
)  # fmt: skip
"""Columns that describe the network around a kernel: they are no part of its configuration."""

_OPS_A_BYTE: Final = 4.0
_OPS_A_START: Final = 150_000.0
"""What a core computes while it moves one byte or starts one kernel: the plain rooflines of benchmarks on two server
processors have 3 to 9 operations for a byte, and short kernels take 1.3 us at the 115 Gops/s of the reference workload.
"""

CONTEXT_PREFIX: Final = "context:"
"""What the name of a column begins with whose numbers a context stage gives (`annette.mapping.context`)."""

LEFT_TO_HOST: Final = "left-to-host"
"""Among a kernel's rules: the device's compiler leaves it to the host, and nothing says how long that takes."""

_CONTEXT_COLUMN: Final = re.compile(r"context:[a-z][a-z0-9_]*")


def known_rows() -> KnownRows:
    """A memory for rows of kernels: networks repeat them, and so do those of a search space or of a campaign.

    It belongs to whoever makes many tables, and some megabytes of rows and workloads go with it.
    """
    return Recent(8_192)


def is_context_column(name: str) -> bool:
    """Whether a name is that of a context column: ``context:`` and a word in lower case."""
    return _CONTEXT_COLUMN.fullmatch(name) is not None


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
        known: KnownRows | None = None,
    ) -> KernelTable:
        """Builds the table of one network's kernels.

        Args:
            kernels: Any kernels of ``network``.
            network: Where their tensors are described.
            precision: Width of the platform's numbers; sets the byte columns.
            evicted_bytes: Memory touched between two runs, which counts like weights of the network that came before.
            evicted_ops: Operations whose time passed between two runs, which count like operations of that network.
                Touching memory takes time, too; the longer of both counts.
            known: Rows of networks before, to which those of this one are added; None where this is the only one.
        """
        kinds = _kinds(kernels, network, precision)
        values = _rows(kernels, kinds, network, precision, known_rows() if known is None else known)
        values[:, _INDEX["network_weight_bytes"]] = _held_bytes(network, precision) + evicted_bytes
        values[:, _INDEX["network_ops"]] = network.ops + evicted_ops
        evicted = max(evicted_ops, _OPS_A_BYTE * evicted_bytes)
        values[:, _INDEX["network_busy_ops"]] = busy_ops_of(values).sum() + evicted
        if network.links.shares_constants:
            _keep_shared_weights(values, list(repeated_uses(kernels, network)))
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
        kinds, numbers = self.numbered_kinds
        return {kind: np.flatnonzero(numbers == number) for number, kind in enumerate(kinds)}

    @cached_property
    def numbered_kinds(self) -> tuple[tuple[str, ...], npt.NDArray[np.intp]]:
        """The kinds that occur, in order of first appearance, and the place of each row's kind among them."""
        places: dict[str, int] = {}
        numbers = [places.setdefault(kind, len(places)) for kind in self.kinds.tolist()]
        return tuple(places), np.array(numbers, dtype=np.intp)

    @property
    def bytes(self) -> FloatArray:
        """Bytes that cross the border of each kernel, shape ``(rows,)``."""
        return self["input_bytes"] + self["weight_bytes"] + self["output_bytes"]


def _rows(
    kernels: Sequence[Kernel], kinds: Sequence[str], network: Network, precision: Precision, known_before: KnownRows
) -> FloatArray:
    """Values of a table, 0 in columns of the whole network. What has the same numbers as before is looked up."""
    given, wanted = set(network.inputs), set(network.outputs)
    widths = precision.activation_bits, precision.weight_bits
    own_widths = {kind: not precision_in(kind) for kind in set(kinds)}
    rows: list[FloatArray] = [np.empty(0)]
    for kernel, kind in zip(kernels, kinds, strict=True):
        own_width = own_widths[kind]
        border = not given.isdisjoint(kernel.inputs), not wanted.isdisjoint(kernel.outputs)
        described = described_by(kernel, network) if own_width else None
        alike = None if described is None else (kernel.kind, border, widths, described)
        known = known_before.get(alike)
        if known is None:
            own = row_of(kernel, network, precision, own_width=own_width)
            access = kernel.access or access_of(kernel.anchor, network)
            known = np.array((*own, *border, *_OF_NETWORK, *access), dtype=np.float64), workloads_of(kernel)
            if alike is not None:
                known_before.put(alike, known)
        rows.append(known[0])
    return np.concatenate(rows).reshape(len(kernels), len(COLUMNS))


_OF_NETWORK: Final = (0.0, 0.0, 0.0)
_INDEX: Final = {column: index for index, column in enumerate(COLUMNS)}


def busy_ops_of(values: FloatArray) -> FloatArray:
    """Operations that a core does at full rate in the time that each kernel takes, shape ``(rows,)``."""
    ops, *sizes = [values[:, _INDEX[name]] for name in ("ops", "input_bytes", "weight_bytes", "output_bytes")]
    busy: FloatArray = np.maximum(ops, _OPS_A_BYTE * (sizes[0] + sizes[1] + sizes[2])) + _OPS_A_START
    return busy


def _keep_shared_weights(values: FloatArray, uses: Sequence[tuple[int, int]]) -> None:
    """Tells kernels whose weights were read before what happened since then, instead of what the whole network does.

    Args:
        values: Rows of the kernels, in the order of execution; their columns of the network are changed in place.
        uses: Numbers of such kernels, and of the kernels that read their weights last.
    """
    if not uses:
        return
    now, before = np.array(uses, dtype=np.intp).T
    since = {
        "network_weight_bytes": values[:, _INDEX["weight_bytes"]],
        "network_ops": values[:, _INDEX["ops"]],
        "network_busy_ops": busy_ops_of(values),
    }
    for name, amounts in since.items():
        passed = np.cumsum(amounts)
        column = values[:, _INDEX[name]]
        column[now] = np.minimum(column[now], passed[now] - passed[before])


def _context(kernels: Sequence[Kernel]) -> dict[str, FloatArray]:
    """Columns of the numbers that context stages gave; 0 where a kernel lacks one."""
    distinct = {id(kernel.context): kernel.context for kernel in kernels}  # Stages give alike kernels the same one.
    names = tuple(dict.fromkeys(chain.from_iterable(distinct.values())))
    if not names:
        return {}
    number = {identity: place for place, identity in enumerate(distinct)}
    numbers = [
        tuple(context.values()) if tuple(context) == names else tuple([context.get(name, 0.0) for name in names])
        for context in distinct.values()
    ]
    rows = np.array(numbers, dtype=np.float64)
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
    kinds = list(map(KIND_OF, kernels))
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
