"""Estimates, comparisons and networks as plain data, and as tables."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET

from annette.network import KINDS, UNSUPPORTED, Category
from annette.number_text import (
    amount_text,
    bytes_text,
    confidence_text,
    count_text,
    counted_text,
    feature_text,
    interval_text,
    percent_text,
    seconds_text,
    times_text,
    words_text,
)
from annette.report.page import Page, name_text, texts
from annette.report.schemas import estimates as schemas
from annette.report.schemas.base import part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.errors import AnnetteError
    from annette.estimation import Estimate, KernelEstimate
    from annette.estimation.comparison import Comparison
    from annette.mapping.kernel import Kernel
    from annette.network import Layer, Network

__all__ = [
    "BRIEFLY",
    "brief_document",
    "comparison_document",
    "error_document",
    "estimate_document",
    "network_document",
    "print_comparison",
    "print_estimate",
    "print_estimate_row",
    "print_network",
]

_SHOWN_BY_DEFAULT: Final = 15


def estimate_document(estimate: Estimate, *, memory: bool = True) -> dict[str, Any]:
    """An estimate as plain data, schema ``annette/estimate/1``.

    Args:
        estimate: The estimate.
        memory: Whether to work out what a run needs of memory, which takes longer than the estimate itself.
    """
    return part(
        schemas.EstimateDocument,
        estimate,
        coverage=estimate.coverage.lowest,
        coverage_ops=estimate.coverage.ops,
        coverage_kernels=estimate.coverage.kernels,
        coverage_latency=estimate.coverage.latency,
        branches=[part(schemas.BranchPart, branch, taken=dict(branch.taken)) for branch in estimate.branches],
        memory=part(schemas.MemoryPart, estimate.memory, by_memory=dict(estimate.memory.by_memory))
        if memory
        else UNSET,
        kernels=[_kernel(kernel) for kernel in estimate.kernels],
    ).plain()


BRIEFLY: Final = ("latency_s", "interval_s", "coverage", "notes")
"""Fields of the document of an estimate that `print_estimate_row` needs; of the notes, their number suffices."""


def brief_document(estimate: Estimate) -> dict[str, Any]:
    """What a row of a table of many networks shows: the latency, its interval, and how much fitted models priced."""
    return {
        "latency_s": estimate.latency_s,
        "interval_s": estimate.interval_s,
        "coverage": estimate.coverage.lowest,
        "notes": len(estimate.notes),
    }


def error_document(network: str, error: AnnetteError) -> dict[str, Any]:
    """A network without an estimate as plain data, schema ``annette/error/1``."""
    return schemas.ErrorDocument(network, " ".join(str(error).split())).plain()


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """One network on several platforms, ranked like with like, schema ``annette/comparison/1``."""
    ranked = comparison.ranked
    fastest_s: dict[str, float] = {}
    for estimate in ranked:
        fastest_s.setdefault(estimate.latency_is, estimate.latency_s)
    compared = [
        part(
            schemas.ComparedPlatform,
            estimate,
            coverage=estimate.coverage.lowest,
            coverage_latency=estimate.coverage.latency,
            times_fastest=estimate.latency_s / fastest_s[estimate.latency_is],
            heaviest_kernels=[
                kernel.name for kernel in sorted(estimate.kernels, key=lambda kernel: -kernel.latency_s)[:3]
            ],
        )
        for estimate in ranked
    ]
    skipped = [schemas.SkippedPlatform(name, reason) for name, reason in comparison.skipped]
    return schemas.ComparisonDocument(comparison.network, compared, skipped).plain()


def network_document(network: Network, kernels: Sequence[Kernel] | None = None) -> dict[str, Any]:
    """A network as plain data, schema ``annette/network/1``.

    Args:
        network: What is described.
        kernels: Its kernels under some mapping, if they are to be listed with the rules that formed them.
    """
    unsupported = {str(layer.attributes.get("operator", "?")) for layer in network.layers if layer.kind == UNSUPPORTED}
    mapped = [
        part(schemas.MappedKernel, kernel, layers=[layer.name for layer in kernel.layers]) for kernel in kernels or ()
    ]
    return part(
        schemas.NetworkDocument,
        network,
        network=network.name,
        format=network.source_format,
        inputs={name: list(network.tensors[name].shape) for name in network.inputs},
        outputs={name: list(network.tensors[name].shape) for name in network.outputs},
        params=network.parameters,
        kinds=dict(sorted(Counter(layer.kind for layer in network.layers).items())),
        unsupported=sorted(unsupported),
        branches=[
            part(schemas.ReadingPart, way, taken=dict(way.branches))
            for way in ((network, *network.variants) if network.branches else ())
        ],
        data_sizes=[part(schemas.DataSizePart, size) for size in network.data_sizes],
        layers=[_layer(layer, network) for layer in network.layers],
        kernels=UNSET if kernels is None else mapped,
    ).plain()


def print_estimate(document: dict[str, Any], *, everything: bool = False, page: Page | None = None) -> None:
    """Prints an estimate: the headline, the heaviest kernels (or all), the notes.

    Args:
        document: What `estimate_document` gives.
        everything: All kernels in order of execution, instead of the heaviest, of which those that are alike share a
            row.
        page: Where to; standard output by default.
    """
    page = page or Page()
    _print_headline(document, page)
    page.line(plain=_memory_text(document["memory"]))
    _print_kernels(document["kernels"], page, everything=everything)
    page.notes(document["notes"])


def print_estimate_row(name: str, document: Mapping[str, Any], *, page: Page | None = None) -> None:
    """Prints one of many estimates on a line: latency, interval, coverage, how many notes there are, and the network.

    Args:
        name: The network as the user named it.
        document: What `brief_document` or `estimate_document` gives.
        page: Where to; standard output by default.
    """
    notes = document["notes"] if isinstance(document["notes"], int) else len(document["notes"])
    (page or Page()).line(
        bold=f"{seconds_text(document['latency_s']):>10}",
        plain=f"  {interval_text(document['interval_s']):>24}  {percent_text(document['coverage']):>6} fitted  "
        f"{notes:>2} notes  {name}",
    )


def print_comparison(document: dict[str, Any], *, page: Page | None = None) -> None:
    """Prints one network on several platforms, fastest first, device and end-to-end times apart."""
    page = page or Page()
    page.line(bold=document["network"])
    header = (
        "platform", "latency", "interval", "to fastest", "measures", "coverage", "by time", "heaviest kernels"
    )  # fmt: skip
    meanings = list(dict.fromkeys(entry["latency_is"] for entry in document["platforms"]))
    for meaning in meanings:
        if len(meanings) > 1:
            page.line(plain=f"{words_text(meaning)} time:")
        rows = texts(
            [entry for entry in document["platforms"] if entry["latency_is"] == meaning],
            platform=str,
            latency_s=seconds_text,
            interval_s=interval_text,
            times_fastest=times_text,
            latency_is=words_text,
            coverage=percent_text,
            coverage_latency=percent_text,
            heaviest_kernels=lambda names: ", ".join(map(name_text, names)),
        )
        page.table(header, rows, left=(0, 4, 7))
    for entry in document["platforms"]:
        page.notes(f"{entry['platform']}: {note}" for note in entry["notes"])
    for entry in document["skipped"]:
        page.line(yellow=f"skipped {entry['platform']}: {entry['reason']}")


def print_network(document: dict[str, Any], *, everything: bool = False, page: Page | None = None) -> None:
    """Prints a network: totals, then its layers (or its kernels, where a mapping was applied)."""
    page = page or Page()
    page.line(
        bold=document["network"],
        plain=f"  {amount_text(document['macs'], 'MACs')}, {amount_text(document['ops'], 'ops')}, "
        f"{count_text(document['params'])} parameters, {bytes_text(document['bytes'])} moved, "
        f"{counted_text(len(document['layers']), 'layer')}, batch {document['batch']}",
    )
    if "kernels" in document:
        kernel_rows = [
            (
                name_text(kernel["name"]),
                kernel["kind"] + (" (free)" if kernel["free"] else ""),
                count_text(kernel["ops"]),
                ", ".join(map(name_text, kernel["layers"][1:])),
                ", ".join(kernel["rules"]),
            )
            for kernel in document["kernels"]
        ]
        page.table(("kernel", "kind", "ops", "further layers", "rules"), kernel_rows, left=(0, 1, 3, 4))
    else:
        layers = document["layers"]
        shown = layers if everything else sorted(layers, key=lambda entry: -entry["ops"])[:_SHOWN_BY_DEFAULT]
        counts = dict.fromkeys(("macs", "ops", "params"), count_text)
        layer_rows = texts(shown, name=name_text, kind=str, inputs=_sizes, outputs=_sizes, **counts, bytes=bytes_text)
        header = ("layer", "kind", "reads", "writes", "MACs", "ops", "params", "bytes")
        page.table(header, layer_rows, left=(0, 1, 2, 3))
        if len(shown) < len(layers):
            page.line(plain=f"… and {len(layers) - len(shown)} layers with fewer operations (--all shows them)")
    if document["unsupported"]:
        page.line(red="unsupported operators: " + ", ".join(document["unsupported"]))
    page.notes(document["notes"])


def _kernel(kernel: KernelEstimate) -> schemas.KernelPart:
    outside = [part(schemas.OutsidePart, feature) for feature in kernel.outside]
    return part(schemas.KernelPart, kernel, outside=outside)


def _print_kernels(kernels: Sequence[dict[str, Any]], page: Page, *, everything: bool) -> None:
    """Kernels as a table; of the heaviest, blocks that a network repeats take one row and not all of them."""
    total_s = sum(kernel["latency_s"] for kernel in kernels) or 1.0
    names = [kernel["name"] for kernel in kernels]
    modules = any(not name.startswith("/".join(kernel["module"])) for name, kernel in zip(names, kernels, strict=True))
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for number, kernel in enumerate(kernels):
        key = (str(number),) if everything else _figures(kernel)
        alike.setdefault(key, []).append(kernel)
    groups = list(alike.values())
    if not everything:
        groups = sorted(groups, key=lambda group: -sum(kernel["latency_s"] for kernel in group))[:_SHOWN_BY_DEFAULT]
    rows = []
    for group in groups:
        kind, layers, latency, *rest = _figures(group[0])
        times = f"{len(group)} x " if len(group) > 1 else ""
        share = percent_text(sum(kernel["latency_s"] for kernel in group) / total_s)
        module = (name_text(".".join(group[0]["module"])),) if modules else ()
        rows.append((name_text(group[0]["name"]), *module, kind, layers, times + latency, share, *rest))
    header = ("kernel", *(("module",) if modules else ()))
    header += ("kind", "layers", "latency", "share", "ops", "bytes", "bound", "utilisation", "method")
    page.table(header, rows, left=(0, 1, *((2,) if modules else ()), len(header) - 3, len(header) - 1))
    rest_s = total_s - sum(kernel["latency_s"] for group in groups for kernel in group)
    lighter = len(kernels) - sum(map(len, groups))
    if lighter:
        share = percent_text(rest_s / total_s)
        page.line(plain=f"… and {lighter} lighter kernels, {share} of the time (--all shows each)")


def _figures(kernel: dict[str, Any]) -> tuple[str, ...]:
    """What a row shows of a kernel beside its name, module and share."""
    return (
        kernel["kind"],
        str(len(kernel["layers"])),
        seconds_text(kernel["latency_s"]),
        count_text(kernel["ops"]),
        bytes_text(kernel["bytes"]),
        kernel["bound"],
        percent_text(kernel["utilisation"]),
        kernel["method"] + _range_text(kernel),
    )


def _range_text(kernel: dict[str, Any]) -> str:
    """The feature that lies farthest outside the fitted range, and how many more do."""
    outside = kernel["outside"]
    if not outside:
        return "" if kernel["in_range"] else " (beyond fitted models)"
    more = f" and {len(outside) - 1} more" if len(outside) > 1 else ""
    name, value = outside[0]["feature"], outside[0]["value"]
    return f" (out of range: {name} {feature_text(name, value)}{more})"


def _layer(layer: Layer, network: Network) -> schemas.LayerPart:
    workload = layer.workload
    dimensions = workload.dimensions.above_one()
    if KINDS[layer.kind].category in (Category.VIEW, Category.OPAQUE):
        dimensions = {}
    return part(
        schemas.LayerPart,
        workload,
        name=layer.name,
        kind=layer.kind,
        inputs=[_tensor(tensor, network) for tensor in network.activations[layer.name]],
        outputs=[_tensor(tensor, network) for tensor in layer.outputs],
        params=sum(
            network.tensors[tensor].elements for tensor in set(layer.inputs) if network.tensors[tensor].constant
        ),
        dimensions=dimensions,
        attributes={key: list(value) if isinstance(value, tuple) else value for key, value in layer.attributes.items()},
    )


def _tensor(name: str, network: Network) -> schemas.TensorPart:
    described = network.tensors[name]
    return schemas.TensorPart(name, list(described.shape), described.dtype.label)


def _print_headline(document: dict[str, Any], page: Page) -> None:
    interval = ""
    if document["interval_s"]:
        interval = f" ({interval_text(document['interval_s'])} at {confidence_text(document['confidence'])} confidence)"
    other = "device_latency_s" if document["latency_is"] == "end_to_end" else "end_to_end_latency_s"
    other_s, other_name = document[other], words_text(other.removesuffix("_latency_s"))
    latency = seconds_text(document["latency_s"])
    beside = "" if other_s is None else seconds_text(other_s)
    poor = ""
    if document["coverage"] < 1:
        shares = {"time": "latency", "operations": "ops", "kernels": "kernels"}
        stated = (f"{percent_text(document[f'coverage_{key}'])} of the {name}" for name, key in shares.items())
        poor = f"; only {percent_text(document['coverage'])} priced by fitted models ({', '.join(stated)})"
    each = f" ({seconds_text(document['sample_latency_s'])} per sample)" if document["batch"] > 1 else ""
    page.line(
        bold=f"{document['network']} on {document['platform']}: {latency}",
        plain=f"{interval}, {words_text(document['latency_is'])} time, batch {document['batch']}{each}, "
        f"{document['model']}" + (f"; {other_name} {beside}" if beside not in ("", latency) else ""),
        red=poor,
    )


def _memory_text(memory: dict[str, Any]) -> str:
    """Peak, what is allocated for it, weights, and how they are known; one line."""
    weights = f"weights {bytes_text(memory['weights_bytes'])}"
    if memory["peak_activation_bytes"] is None:
        return f"memory: activations unavailable ({memory['reason']}), {weights}"
    allocated = ""
    if memory["allocated_bytes"] is not None:
        parts = (f"{bytes_text(size)} {name}" for name, size in memory["by_memory"].items())
        allocated = f", allocated {' + '.join(parts) or bytes_text(memory['allocated_bytes'])}"
    beside = "" if memory["inputs"] else " beside the inputs"
    return (
        f"memory: {bytes_text(memory['peak_activation_bytes'])} activations at the peak{beside}{allocated} "
        f"({memory['method']}), {weights}"
    )


def _sizes(tensors: Sequence[dict[str, Any]]) -> str:
    return " ".join("x".join(map(str, tensor["shape"])) or "scalar" for tensor in tensors)
