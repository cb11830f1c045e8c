"""Batches on runtimes that take one sample after the other: n samples are n times one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from annette.kept import kept
from annette.mapping.kernel import KernelTable
from annette.network import Layer, Network, Tensor
from annette.network.kinds import KINDS

if TYPE_CHECKING:
    from annette.estimation.estimate import Estimate, Prices

__all__ = ["repeated", "single_sample"]


@kept
def single_sample(network: Network) -> Network | None:
    """The same network for one sample of its batch.

    Args:
        network: A network whose activations all have a dimension of samples, alone or as a factor of another one. Which
            of several it is does not matter: the sizes are the same.

    Returns:
        The network, or None where an activation does not divide among the samples.
    """
    batch = network.batch
    tensors: dict[str, Tensor] = {}
    for name, tensor in network.tensors.items():
        if tensor.constant:
            tensors[name] = tensor
            continue
        axis = next((axis for axis, size in enumerate(tensor.shape) if size % batch == 0), None)
        if axis is None:
            return None
        shape = (*tensor.shape[:axis], tensor.shape[axis] // batch, *tensor.shape[axis + 1 :])
        tensors[name] = replace(tensor, shape=shape)
    layers = [_of_one_sample(layer, tensors, batch) for layer in network.layers]
    if any(layer is None for layer in layers):
        return None
    return Network(
        name=network.name,
        layers=[layer for layer in layers if layer is not None],
        tensors=tensors,
        inputs=network.inputs,
        outputs=network.outputs,
        batch=1,
        channels_last=network.channels_last,
        source_format=network.source_format,
        notes=network.notes,
    )


def _of_one_sample(layer: Layer, tensors: dict[str, Tensor], batch: int) -> Layer | None:
    workload = layer.workload
    sizes = workload.dimensions
    if workload.ops % batch or workload.macs % batch or (workload.macs and sizes.batch % batch):
        return None
    picked = batch if KINDS[layer.kind].reads_what_it_writes else 1
    read = [tensors[name] for name in dict.fromkeys(layer.inputs) if not tensors[name].constant]
    whole_read = max(workload.input_elements, 1)
    written = [tensors[name] for name in layer.outputs]
    elements = min(sum(tensor.elements for tensor in read), whole_read // batch)
    one = replace(
        workload,
        ops=workload.ops // batch,
        macs=workload.macs // batch,
        input_elements=elements,
        weight_elements=workload.weight_elements // picked,
        weight_bytes=workload.weight_bytes // picked,
        output_elements=sum(tensor.elements for tensor in written),
        input_bytes=workload.input_bytes // batch,
        output_bytes=workload.output_bytes // batch,
        dimensions=sizes if sizes.batch % batch else sizes._replace(batch=sizes.batch // batch),
    )
    attributes = dict(layer.attributes)
    if "shape" in attributes and len(written) == 1:
        attributes["shape"] = written[0].shape
    return replace(layer, workload=one, attributes=attributes)


def repeated(estimate: Estimate, batch: int) -> Estimate:
    """The estimate of so many samples, one after the other, from that of one.

    Args:
        estimate: Of one sample.
        batch: How many there are.
    """
    end_to_end_s, interval_s = estimate.end_to_end_latency_s, estimate.interval_s
    return replace(
        estimate,
        batch=batch,
        latency_s=batch * estimate.latency_s,
        device_latency_s=batch * estimate.device_latency_s,
        end_to_end_latency_s=None if end_to_end_s is None else batch * end_to_end_s,
        interval_s=None if interval_s is None else (batch * interval_s[0], batch * interval_s[1]),
        notes=(*estimate.notes, f"{batch} samples, which this runtime computes one after the other"),
        repeats=batch,
        table=_repeated_table(estimate.table, batch),
        prices=_repeated_prices(estimate.prices, batch),
    )


def _repeated_table(table: KernelTable, batch: int) -> KernelTable:
    values = table.values.copy()
    whole = KernelTable(table.kinds, values, table.context)
    for name in ("batch", "ops", "macs", "input_bytes", "output_bytes", "network_ops", "network_busy_ops"):
        whole[name][:] *= batch
    return whole


def _repeated_prices(prices: Prices, batch: int) -> Prices:
    return replace(
        prices,
        latency_s=batch * prices.latency_s,
        lower_s=batch * prices.lower_s,
        upper_s=batch * prices.upper_s,
        compute_s=batch * prices.compute_s,
        memory_s=batch * prices.memory_s,
    )
