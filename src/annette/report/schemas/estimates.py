"""Documents of estimates and of networks."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from annette.report.schemas.base import (
    FloatFrom0,
    Interval,
    IntFrom0,
    IntFrom1,
    ReportDocument,
    ReportPart,
    Share,
)

__all__ = [
    "ComparedPlatform",
    "ComparisonDocument",
    "EstimateDocument",
    "KernelPart",
    "LayerPart",
    "MappedKernel",
    "NetworkDocument",
    "TensorPart",
]


class KernelPart(ReportPart, frozen=True):
    """One kernel of an estimate.

    Attributes:
        name: Name of the kernel, usually that of its main layer.
        kind: Kind of kernel, which decides its layer model.
        layers: Names of the layers that run as this kernel.
        rules: Mapping rules that formed it.
        latency_s: Its time.
        interval_s: Interval of its time; null where there is none.
        ops: Operations of all its layers.
        bytes: Bytes read and written across its border, at the platform's precision.
        bound: What limits it; `free` costs nothing.
        utilisation: Share of the kind's peak rate that it reaches, of operations or bytes as `bound` says.
        method: The family that priced it; `fallback-roofline` is a rough price.
        in_range: Whether it lies inside the range its model was fitted on.
    """

    name: str
    kind: str
    layers: list[str]
    rules: list[str]
    latency_s: FloatFrom0
    interval_s: Interval | None
    ops: IntFrom0
    bytes: FloatFrom0
    bound: Literal["compute", "memory", "free"]
    utilisation: Share
    method: str
    in_range: bool


class EstimateDocument(ReportDocument, frozen=True, tag="annette/estimate/1"):
    """An estimate.

    Printed by `annette estimate --json`; with several networks, a list of such documents.

    Attributes:
        network: Name of the network.
        platform: Name of the platform.
        model: Family of layer models that was asked for, or that the platform prefers.
        batch: Samples processed together.
        latency_s: The headline: device or end-to-end time, as `latency_is` says.
        latency_is: What the platform's headline measures.
        device_latency_s: Time on the device: the sum of the kernels and what the device adds.
        end_to_end_latency_s: Time as the host sees it; null where the platform does not know its overhead.
        interval_s: Lower and upper end of the interval of `latency_s`; null where the platform has none.
        confidence: Probability that the intervals are meant to hold with.
        coverage: The smaller one of the next two.
        coverage_ops: Share of operations priced by fitted models.
        coverage_kernels: Share of kernels priced by fitted models.
        notes: What a reader should know about this result.
        kernels: All kernels in order of execution.
    """

    network: str
    platform: str
    model: str
    batch: IntFrom1
    latency_s: FloatFrom0
    latency_is: Literal["device", "end_to_end"]
    device_latency_s: FloatFrom0
    end_to_end_latency_s: FloatFrom0 | None
    interval_s: Interval | None
    confidence: Share
    coverage: Share
    coverage_ops: Share
    coverage_kernels: Share
    notes: list[str]
    kernels: list[KernelPart]


class ComparedPlatform(ReportPart, frozen=True):
    """What one platform makes of the network.

    Attributes:
        platform: Name of the platform.
        model: Family of layer models that was asked for, or that the platform prefers.
        latency_s: The headline: device or end-to-end time, as `latency_is` says.
        latency_is: What the platform's headline measures.
        device_latency_s: Time on the device: the sum of the kernels and what the device adds.
        end_to_end_latency_s: Time as the host sees it; null where the platform does not know its overhead.
        interval_s: Lower and upper end of the interval of `latency_s`; null where the platform has none.
        coverage: The smaller one of the next two.
        times_fastest: Latency over that of the fastest platform; null where that is 0.
        heaviest_kernels: Names of the three kernels that take longest.
        notes: What a reader should know about this result.
    """

    platform: str
    model: str
    latency_s: FloatFrom0
    latency_is: Literal["device", "end_to_end"]
    device_latency_s: FloatFrom0
    end_to_end_latency_s: FloatFrom0 | None
    interval_s: Interval | None
    coverage: Share
    times_fastest: FloatFrom0 | None
    heaviest_kernels: list[str]
    notes: list[str]


class ComparisonDocument(ReportDocument, frozen=True, tag="annette/comparison/1"):
    """One network on several platforms, fastest first.

    Printed by `annette compare --json`.

    Attributes:
        network: Name of the network.
        platforms: The platforms, fastest first.
    """

    network: str
    platforms: list[ComparedPlatform]


class TensorPart(ReportPart, frozen=True):
    """An activation that a layer reads or writes.

    Attributes:
        name: Name of the tensor.
        shape: Its shape.
        dtype: Type of its elements.
    """

    name: str
    shape: list[IntFrom1]
    dtype: str


class LayerPart(ReportPart, frozen=True):
    """One layer.

    Attributes:
        name: Name of the layer.
        kind: Kind of layer.
        inputs: Activations it reads.
        outputs: Activations it writes.
        macs: Its multiply-accumulates.
        ops: Its operations.
        params: Learned numbers it reads.
        bytes: Bytes it reads and writes.
        dimensions: Its named dimensions that are not 1.
        attributes: Its attributes.
    """

    name: str
    kind: str
    inputs: list[TensorPart]
    outputs: list[TensorPart]
    macs: IntFrom0
    ops: IntFrom0
    params: IntFrom0
    bytes: IntFrom0
    dimensions: dict[str, int]
    attributes: dict[str, Any]


class MappedKernel(ReportPart, frozen=True):
    """One kernel under the mapping of a platform.

    Attributes:
        name: Name of the kernel.
        kind: Kind of kernel.
        layers: Names of its layers; none in a copy that the runtime adds.
        rules: Mapping rules that formed it.
        free: Whether it costs nothing.
        ops: Operations of all its layers.
    """

    name: str
    kind: str
    layers: list[str]
    rules: list[str]
    free: bool
    ops: IntFrom0


class NetworkDocument(ReportDocument, frozen=True, tag="annette/network/1"):
    """A network: totals and layers.

    Printed by `annette inspect --json`.

    Attributes:
        network: Name of the network.
        format: Where it came from, such as `onnx` or `zoo`.
        batch: Samples processed together.
        inputs: Shape of each input by name.
        outputs: Shape of each output by name.
        macs: Multiply-accumulates of convolutions and matrix products.
        ops: Operations of all layers; one multiply-accumulate is two.
        params: Learned numbers, each counted once.
        bytes: Bytes that all layers read and write, at the file's own precision.
        kinds: Number of layers of each kind.
        unsupported: Operators whose work is not known.
        notes: What was repaired or assumed while reading.
        layers: All layers in topological order.
        kernels: Kernels in order of execution, with `--platform` only.
    """

    network: str
    format: str
    batch: IntFrom1
    inputs: dict[str, list[IntFrom0]]
    outputs: dict[str, list[IntFrom0]]
    macs: IntFrom0
    ops: IntFrom0
    params: IntFrom0
    bytes: IntFrom0
    kinds: dict[str, IntFrom0]
    unsupported: list[str]
    notes: list[str]
    layers: list[LayerPart]
    kernels: list[MappedKernel] | UnsetType = UNSET
