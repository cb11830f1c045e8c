"""A network as a platform runs it: everything an estimate needs that depends on no model and no confidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annette.collector import uncollected
from annette.estimation.precision import conversion_notes
from annette.kept import kept
from annette.mapping.kernel import LEFT_TO_HOST, KernelTable, known_rows
from annette.mapping.one_kernel import KIND_OF
from annette.network import UNSUPPORTED
from annette.platforms.kernel_similarity import equal_rows
from annette.platforms.overhead import host_traffic

if TYPE_CHECKING:
    import numpy.typing as npt

    from annette.mapping.kernel import Kernel, KnownRows
    from annette.network import Network
    from annette.platforms import Platform
    from annette.platforms.overhead import HostTraffic

__all__ = ["MappedKernels", "MappedNetwork", "describe_kernels", "map_network"]


@dataclass(frozen=True, eq=False)
class MappedKernels:
    """The kernels of one network on one platform.

    Attributes:
        kernels: What runs, in order.
        table: The same as numbers.
        on_host: Which of them run on the host's processor, shape ``(kernels,)``.
        free: For which of them the platform does nothing, shape ``(kernels,)``.
        traffic: What one run carries between host and device.
    """

    kernels: tuple[Kernel, ...]
    table: KernelTable
    on_host: npt.NDArray[np.bool_]
    free: npt.NDArray[np.bool_]
    traffic: HostTraffic

    @property
    def run_on_device(self) -> int:
        """How many kernels the device runs."""
        return int((~self.on_host & ~self.free).sum())


@dataclass(frozen=True, eq=False)
class MappedNetwork(MappedKernels):
    """The same, prepared for estimates.

    Attributes:
        priced: One of each of the kernels that are not free, equal ones only once.
        examples: For each row of ``priced``, the number of the first kernel that it stands for.
        kinds: The kinds that occur in ``priced``, sorted.
        examples_by_kind: For each of them, the number of the first kernel of that kind in ``priced``.
        kind_of: For each row of ``priced``, the place of its kind in ``kinds``.
        place: For each kernel, its row in ``priced``, and the number of rows there for free ones.
        conversions: What was converted to the platform's precision, one sentence each.
        host_notes: What runs on the host or is left to it, one sentence each.
    """

    priced: KernelTable
    examples: npt.NDArray[np.intp]
    kinds: tuple[str, ...]
    examples_by_kind: npt.NDArray[np.intp]
    kind_of: npt.NDArray[np.intp]
    place: npt.NDArray[np.intp]
    conversions: tuple[str, ...]
    host_notes: tuple[str, ...]


def describe_kernels(platform: Platform, network: Network, kernels: tuple[Kernel, ...]) -> MappedKernels:
    """What is known of the kernels of a network.

    Args:
        platform: Where they run.
        network: What they are of.
        kernels: What `annette.mapping.MappingModel.apply` returned.
    """
    return MappedKernels(
        kernels=kernels,
        table=KernelTable.from_kernels(kernels, network, platform.precision, known=_rows_before(platform)),
        on_host=np.array(list(map(platform.host_kinds.__contains__, map(KIND_OF, kernels))), dtype=np.bool_),
        free=np.array([kernel.free for kernel in kernels], dtype=np.bool_),
        traffic=host_traffic(network, platform.precision),
    )


@kept
def map_network(platform: Platform, network: Network) -> MappedNetwork:
    """Maps a network to a platform's kernels, once for as long as both are in use.

    Args:
        platform: Where.
        network: What.

    Raises:
        MappingError: A rule recognises a kind of layer in what cannot be one.
        NetworkSizeError: The network asks for more work or memory than its layers warrant.
    """
    with uncollected():
        return _mapped(platform, network)


def _mapped(platform: Platform, network: Network) -> MappedNetwork:
    described = describe_kernels(platform, network, platform.mapping.apply(network))
    kernels, table = described.kernels, described.table
    costly = np.flatnonzero(~described.free)
    _, first, members = np.unique(equal_rows(table)[costly], return_index=True, return_inverse=True)
    place = np.full(len(table), len(first), dtype=np.intp)
    place[costly] = members.ravel()
    priced = table.select(costly[first])
    kinds = sorted(priced.rows_by_kind)
    kind_of = np.empty(len(priced), dtype=np.intp)
    for number, kind in enumerate(kinds):
        kind_of[priced.rows_by_kind[kind]] = number
    first_of_kind = np.array([priced.rows_by_kind[kind][0] for kind in kinds], dtype=np.intp)
    return MappedNetwork(
        **vars(described),
        priced=priced,
        examples=costly[first],
        kinds=tuple(kinds),
        examples_by_kind=costly[first][first_of_kind],
        kind_of=kind_of,
        place=place,
        conversions=tuple(conversion_notes(network, kernels, platform)),
        host_notes=tuple(_host_notes(kernels, platform)),
    )


@kept
def _rows_before(_platform: Platform) -> KnownRows:
    return known_rows()


def _host_notes(kernels: tuple[Kernel, ...], platform: Platform) -> list[str]:
    notes = []
    host = platform.host_kinds
    away = sorted({kernel.kind for kernel in kernels if not kernel.free and kernel.kind in host}) if host else []
    if away:
        notes.append(f"{', '.join(away)} run on the host: in the end-to-end time, not in the device's")
    left = sorted({_named(kernel) for kernel in kernels if LEFT_TO_HOST in kernel.rules})
    if left:
        notes.append(f"{', '.join(left)} left to the host by the device's compiler: not in any time")
    return notes


def _named(kernel: Kernel) -> str:
    """A kernel's kind, or the operator where its kind is unknown."""
    return str(kernel.anchor.attributes.get("operator", kernel.kind)) if kernel.kind == UNSUPPORTED else kernel.kind
