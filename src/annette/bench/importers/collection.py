"""Tables by the name of their layout: what ``annette import`` reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.bench.importers.ncs2 import read_ncs2_counters
from annette.bench.importers.runs import kernel_runs, measured_run, network_runs
from annette.bench.importers.table import TableOptions, read_layer_table, read_network_table
from annette.bench.importers.tophub import tophub_layers
from annette.bench.importers.zcu102 import zcu102_layers
from annette.bench.records import KernelRecord, Purpose
from annette.errors import OptionError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from annette.bench.importers.ncs2 import CountedNetwork
    from annette.bench.records import Run

__all__ = ["LAYOUTS", "read_runs"]

LAYOUTS: Final = ("layers", "networks", "zcu102", "tophub", "ncs2")
"""Our two layouts, and the published collections of layers."""

_GRAPHS: Final = "graphs/annette"


def read_runs(
    path: Path, layout: str, environment: Mapping[str, str], options: TableOptions | None = None
) -> list[Run]:
    """Reads a table.

    Args:
        path: The CSV file.
        layout: One of `LAYOUTS`.
        environment: What the measurements depend on; ``device`` picks the rows of TopHub's table.
        options: Renamed and ignored columns, for our own layouts.

    Raises:
        DatasetError: The table cannot be read, or is not of that layout.
        OptionError: There is no such layout, or columns are renamed in a published collection.
    """
    if layout not in LAYOUTS:
        raise OptionError(f"there is no layout {layout!r}{nearest(layout, LAYOUTS)}; known: {', '.join(LAYOUTS)}")
    options = options or TableOptions()
    if layout == "layers":
        return kernel_runs(read_layer_table(path, options), environment)
    if layout == "networks":
        return network_runs(read_network_table(path, options), environment)
    if options.rename or options.ignore:
        raise OptionError(f"the columns of layout {layout!r} are known: --column and --ignore are for our own layouts")
    if layout == "zcu102":
        return kernel_runs(zcu102_layers(path), environment)
    if layout == "tophub":
        return kernel_runs(tophub_layers(path, environment["device"]), environment)
    return [_counted_run(counted, environment) for counted in read_ncs2_counters(path, path.parent.parent / _GRAPHS)]


def _counted_run(counted: CountedNetwork, environment: Mapping[str, str]) -> Run:
    """A network with the kernels that its report shows: what ran, and with it what was fused into it."""
    network = counted.network
    ran = {counter.layer: counter for counter in counted.counters if counter.runs}
    joined: dict[str, list[str]] = {name: [name] for name in ran if name in network.kinds_by_layer}
    writer = {tensor: layer.name for layer in network.layers for tensor in layer.outputs}
    home: dict[str, str] = {name: name for name in joined}
    for layer in network.layers:
        before = [home[writer[tensor]] for tensor in layer.inputs if writer.get(tensor) in home]
        if layer.name not in home and before:
            home[layer.name] = before[0]
            joined[before[0]].append(layer.name)
    records = tuple(
        KernelRecord(name, counter.kind, tuple(joined.get(name, ())), counter.latency_s, (counter.latency_s,))
        for name, counter in ran.items()
    )
    return measured_run(counted.name, Purpose.NETWORK, network, environment, kernels=records)
