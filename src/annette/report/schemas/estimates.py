"""Documents of estimates and of networks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, UnsetType

from annette.report.schemas.base import (
    FloatFrom0,
    Interval,
    IntFrom0,
    IntFrom1,
    OutsidePart,
    ReportDocument,
    ReportPart,
    Share,
    doc,
)  # fmt: skip

__all__ = [
    "BranchPart",
    "ChangedKernel",
    "ComparedPlatform",
    "ComparisonDocument",
    "DiffDocument",
    "DiffSide",
    "ErrorDocument",
    "EstimateDocument",
    "KernelPart",
    "LayerPart",
    "MappedKernel",
    "MemoryPart",
    "NetworkDocument",
    "OutsidePart",
    "ReadingPart",
    "SkippedPlatform",
    "TensorPart",
]


class KernelPart(ReportPart, frozen=True):
    """One kernel of an estimate."""

    name: Annotated[str, doc("Name of the kernel, usually that of its main layer.")]
    kind: Annotated[str, doc("Kind of kernel, which decides its layer model.")]
    layers: Annotated[list[str], doc("Names of the layers that run as this kernel.")]
    rules: Annotated[list[str], doc("Mapping rules that formed it.")]
    latency_s: Annotated[FloatFrom0, doc("Its time.")]
    interval_s: Annotated[Interval | None, doc("Interval of its time; null where there is none.")]
    ops: Annotated[IntFrom0, doc("Operations of all its layers.")]
    bytes: Annotated[FloatFrom0, doc("Bytes read and written across its border, at the platform's precision.")]
    bound: Annotated[Literal["compute", "memory", "free"], doc("What limits it; `free` costs nothing.")]
    utilisation: Annotated[
        Share, doc("Share of the kind's peak rate that it reaches, of operations or bytes as `bound` says.")
    ]
    method: Annotated[str, doc("The family that priced it; `fallback-roofline` is a rough price.")]
    in_range: Annotated[bool, doc("Whether it lies inside the range its model was fitted on.")]
    outside: Annotated[
        list[OutsidePart], doc("The features that do not, farthest first; empty where no fitted model priced it.")
    ]
    compute_s: Annotated[FloatFrom0, doc("Time that its operations alone would take, unrolling included.")]
    memory_s: Annotated[FloatFrom0, doc("Time that its bytes alone would take.")]
    efficiency: Annotated[Share, doc("Share of the peak rate that unrolled dimensions leave to its operations.")]
    dimensions: Annotated[dict[str, int], doc("Named dimensions of its main layer that are not 1.")]
    module: Annotated[list[str], doc("Modules of the network around it, outermost first; empty where none are named.")]


class MemoryPart(ReportPart, frozen=True):
    """What a run needs of memory."""

    peak_activation_bytes: Annotated[
        IntFrom0 | None, doc("Activations, and what kernels need beside, alive at once at most; null if not known.")
    ]
    peak_kernel: Annotated[str | None, doc("The kernel at which that is so; null where it is not known.")]
    weights_bytes: Annotated[
        IntFrom0, doc("All constants, each once, at the platform's precision, neither compressed nor packed.")
    ]
    allocated_bytes: Annotated[
        IntFrom0 | None,
        doc("What the compiler or runtime takes for the activations at its peak; null where that is not known."),
    ]
    by_memory: Annotated[
        dict[str, IntFrom0], doc("`allocated_bytes` by the memories that they lie in; empty where not known.")
    ]
    inputs: Annotated[bool, doc("Whether the network's inputs are among them; else the caller holds these.")]
    method: Annotated[
        str,
        doc(
            "`liveness`: whole tensors from first to last use, what any runtime needs at least that does not cut them; "
            "a name: the plan of that compiler or runtime; `unavailable`: nothing is known."
        ),
    ]
    reason: Annotated[str, doc("Why something is not known; empty where all is.")]
    alive_bytes: Annotated[list[IntFrom0], doc("Bytes alive at each of `kernels`; empty where not known.")]


class BranchPart(ReportPart, frozen=True):
    """One way through a network of which data choose what runs."""

    taken: Annotated[
        dict[str, str], doc("What each node that chooses runs, by its name: `then`, `else`, or its rounds.")
    ]
    latency_s: Annotated[FloatFrom0, doc("The network's estimate on this way.")]
    interval_s: Annotated[Interval | None, doc("Its interval; null where the platform has none.")]


class EstimateDocument(ReportDocument, frozen=True, tag="annette/estimate/1"):
    """An estimate.

    Printed by `annette estimate --json`; with several networks, a list of such documents and of `annette/error/1`.
    """

    network: Annotated[str, doc("Name of the network.")]
    platform: Annotated[str, doc("Name of the platform.")]
    model: Annotated[str, doc("Family of layer models that was asked for, or that the platform prefers.")]
    batch: Annotated[IntFrom1, doc("Samples processed together.")]
    latency_s: Annotated[FloatFrom0, doc("The headline: device or end-to-end time, as `latency_is` says.")]
    sample_latency_s: Annotated[FloatFrom0, doc("`latency_s` divided by the samples of the batch.")]
    latency_is: Annotated[Literal["device", "end_to_end"], doc("What the platform's headline measures.")]
    device_latency_s: Annotated[FloatFrom0, doc("Time on the device: the sum of the kernels and what the device adds.")]
    end_to_end_latency_s: Annotated[
        FloatFrom0 | None, doc("Time as the host sees it; null where the platform does not know its overhead.")
    ]
    interval_s: Annotated[
        Interval | None, doc("Lower and upper end of the interval of `latency_s`; null where the platform has none.")
    ]
    confidence: Annotated[Share, doc("Probability that the intervals are meant to hold with.")]
    coverage: Annotated[Share, doc("The smallest of the next three.")]
    coverage_ops: Annotated[Share, doc("Share of operations priced by fitted models.")]
    coverage_kernels: Annotated[Share, doc("Share of kernels priced by fitted models.")]
    coverage_latency: Annotated[Share, doc("Share of the kernels' estimated time priced by fitted models.")]
    notes: Annotated[list[str], doc("What a reader should know about this result.")]
    branches: Annotated[
        list[BranchPart],
        doc(
            "Every way through the network where data choose what runs: the rest of the document is of the dearest, "
            "but `interval_s` spans all. Empty where nothing is chosen by data."
        ),
    ]
    memory: Annotated[
        MemoryPart | UnsetType, doc("What a run needs of memory; absent where nothing but times was asked for.")
    ]
    kernels: Annotated[list[KernelPart], doc("All kernels in order of execution.")]


class DiffSide(ReportPart, frozen=True):
    """One of the two networks."""

    network: Annotated[str, doc("Name of the network.")]
    latency_s: Annotated[FloatFrom0, doc("The headline: device or end-to-end time, as `latency_is` says.")]
    interval_s: Annotated[
        Interval | None, doc("Lower and upper end of the interval of `latency_s`; null where the platform has none.")
    ]
    kernels: Annotated[IntFrom0, doc("How many kernels it has.")]
    notes: Annotated[list[str], doc("What a reader should know about its estimate.")]


class ChangedKernel(ReportPart, frozen=True):
    """A kernel that came, went or changed."""

    what: Annotated[Literal["changed", "new", "gone"], doc("What became of it.")]
    kind: Annotated[str, doc("Kind of kernel.")]
    before: Annotated[str | None, doc("Its name in the first network; null where it is new.")]
    after: Annotated[str | None, doc("Its name in the second network; null where it is gone.")]
    before_s: Annotated[FloatFrom0, doc("Its time in the first network, 0 where it is new.")]
    after_s: Annotated[FloatFrom0, doc("Its time in the second network, 0 where it is gone.")]
    change_s: Annotated[float, doc("Time after less time before: negative where time is saved.")]


class DiffDocument(ReportDocument, frozen=True, tag="annette/diff/1"):
    """What the second of two networks takes more or less than the first.

    Printed by `annette diff --json`.
    """

    platform: Annotated[str, doc("Name of the platform.")]
    latency_is: Annotated[Literal["device", "end_to_end"], doc("What the platform's headline measures.")]
    confidence: Annotated[Share, doc("Probability that the intervals are meant to hold with.")]
    before: Annotated[DiffSide, doc("The first network.")]
    after: Annotated[DiffSide, doc("The second network.")]
    change_s: Annotated[float, doc("Latency after less latency before: negative where the second is faster.")]
    change: Annotated[float | None, doc("`change_s` as a share of the first network's latency.")]
    interval_s: Annotated[
        Interval | None,
        doc("Lower and upper end of `change_s`, in which the errors of equal kernels cancel; null where not known."),
    ]
    certain: Annotated[bool, doc("Whether the interval lies on one side of zero.")]
    same: Annotated[IntFrom0, doc("Kernels that both have in the same sizes.")]
    kernels: Annotated[list[ChangedKernel], doc("The others, in order of execution.")]


class ComparedPlatform(ReportPart, frozen=True):
    """What one platform makes of the network."""

    platform: Annotated[str, doc("Name of the platform.")]
    model: Annotated[str, doc("Family of layer models that was asked for, or that the platform prefers.")]
    latency_s: Annotated[FloatFrom0, doc("The headline: device or end-to-end time, as `latency_is` says.")]
    sample_latency_s: Annotated[FloatFrom0, doc("`latency_s` divided by the samples of the batch.")]
    latency_is: Annotated[Literal["device", "end_to_end"], doc("What the platform's headline measures.")]
    device_latency_s: Annotated[FloatFrom0, doc("Time on the device: the sum of the kernels and what the device adds.")]
    end_to_end_latency_s: Annotated[
        FloatFrom0 | None, doc("Time as the host sees it; null where the platform does not know its overhead.")
    ]
    interval_s: Annotated[
        Interval | None, doc("Lower and upper end of the interval of `latency_s`; null where the platform has none.")
    ]
    coverage: Annotated[Share, doc("Smallest of the shares of operations, kernels and time that fitted models priced.")]
    coverage_latency: Annotated[Share, doc("Share of the kernels' estimated time priced by fitted models.")]
    times_fastest: Annotated[
        FloatFrom0 | None,
        doc("Latency over that of the fastest platform with the same `latency_is`; null where that is 0."),
    ]
    heaviest_kernels: Annotated[list[str], doc("Names of the three kernels that take longest.")]
    notes: Annotated[list[str], doc("What a reader should know about this result.")]


class SkippedPlatform(ReportPart, frozen=True):
    """A platform that could not be compared."""

    platform: Annotated[str, doc("Name of the platform.")]
    reason: Annotated[str, doc("Why it has no estimate of the network.")]


class ComparisonDocument(ReportDocument, frozen=True, tag="annette/comparison/1"):
    """One network on several platforms: device times, then end-to-end times, fastest first in each.

    Printed by `annette compare --json`.
    """

    network: Annotated[str, doc("Name of the network.")]
    platforms: Annotated[
        list[ComparedPlatform],
        doc("The platforms, fastest first among those with the same `latency_is`, which alone are ranked together."),
    ]
    skipped: Annotated[list[SkippedPlatform], doc("Known platforms that could not be compared; none where named.")]


class ErrorDocument(ReportDocument, frozen=True, tag="annette/error/1"):
    """A network that has no estimate.

    Stands in the list that `annette estimate --json` prints for several networks, in the place of an estimate.
    """

    network: Annotated[str, doc("The network as it was named: a file, or a network built in.")]
    error: Annotated[str, doc("What failed, and what to do.")]


class TensorPart(ReportPart, frozen=True):
    """An activation that a layer reads or writes."""

    name: Annotated[str, doc("Name of the tensor.")]
    shape: Annotated[list[IntFrom1], doc("Its shape.")]
    dtype: Annotated[str, doc("Type of its elements.")]


class LayerPart(ReportPart, frozen=True):
    """One layer."""

    name: Annotated[str, doc("Name of the layer.")]
    kind: Annotated[str, doc("Kind of layer.")]
    inputs: Annotated[list[TensorPart], doc("Activations it reads.")]
    outputs: Annotated[list[TensorPart], doc("Activations it writes.")]
    macs: Annotated[IntFrom0, doc("Its multiply-accumulates.")]
    ops: Annotated[IntFrom0, doc("Its operations.")]
    params: Annotated[IntFrom0, doc("Learned numbers it reads.")]
    bytes: Annotated[IntFrom0, doc("Bytes it reads and writes.")]
    dimensions: Annotated[dict[str, int], doc("Its named dimensions that are not 1.")]
    attributes: Annotated[dict[str, Any], doc("Its attributes.")]


class MappedKernel(ReportPart, frozen=True):
    """One kernel under the mapping of a platform."""

    name: Annotated[str, doc("Name of the kernel.")]
    kind: Annotated[str, doc("Kind of kernel.")]
    layers: Annotated[list[str], doc("Names of its layers; none in a copy that the runtime adds.")]
    rules: Annotated[list[str], doc("Mapping rules that formed it.")]
    free: Annotated[bool, doc("Whether it costs nothing.")]
    ops: Annotated[IntFrom0, doc("Operations of all its layers.")]


class ReadingPart(ReportPart, frozen=True):
    """One way through a network of which data choose what runs."""

    taken: Annotated[
        dict[str, str], doc("What each node that chooses runs, by its name: `then`, `else`, or its rounds.")
    ]
    macs: Annotated[IntFrom0, doc("Multiply-accumulates on this way.")]
    ops: Annotated[IntFrom0, doc("Operations on this way.")]


class DataSizePart(ReportPart, frozen=True):
    """A size that data decide when the network runs."""

    tensor: Annotated[
        str, doc("The tensor that has it, or that holds the lengths of sequences, as `--input` names it.")
    ]
    node: Annotated[str, doc("Name of the node that decides, or whose work the lengths decide.")]
    operator: Annotated[str, doc("Its operator.")]
    counted: Annotated[IntFrom0, doc("What it counts as.")]
    largest: Annotated[IntFrom0 | None, doc("The largest that it can be; null where nothing bounds it.")]
    given: Annotated[bool, doc("Whether a user or a run said that it is so.")]


class NetworkDocument(ReportDocument, frozen=True, tag="annette/network/1"):
    """A network: totals and layers.

    Printed by `annette inspect --json`.
    """

    network: Annotated[str, doc("Name of the network.")]
    format: Annotated[str, doc("Where it came from, such as `onnx` or `zoo`.")]
    batch: Annotated[IntFrom1, doc("Samples processed together.")]
    inputs: Annotated[dict[str, list[IntFrom0]], doc("Shape of each input by name.")]
    outputs: Annotated[dict[str, list[IntFrom0]], doc("Shape of each output by name.")]
    macs: Annotated[IntFrom0, doc("Multiply-accumulates of convolutions and matrix products.")]
    ops: Annotated[IntFrom0, doc("Operations of all layers; one multiply-accumulate is two.")]
    params: Annotated[IntFrom0, doc("Learned numbers, each counted once.")]
    bytes: Annotated[IntFrom0, doc("Bytes that all layers read and write, at the file's own precision.")]
    kinds: Annotated[dict[str, IntFrom0], doc("Number of layers of each kind.")]
    unsupported: Annotated[list[str], doc("Operators whose work is not known.")]
    notes: Annotated[list[str], doc("What was repaired or assumed while reading.")]
    branches: Annotated[
        list[ReadingPart],
        doc(
            "Every way through the network where data choose what runs, first that which the document describes: the "
            "one with the most operations. Empty where nothing is chosen by data."
        ),
    ]
    data_sizes: Annotated[list[DataSizePart], doc("Sizes that data decide when the network runs.")]
    layers: Annotated[list[LayerPart], doc("All layers in topological order.")]
    kernels: Annotated[
        list[MappedKernel] | UnsetType, doc("Kernels in order of execution, with `--platform` only.")
    ] = UNSET
