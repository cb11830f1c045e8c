"""Layout ``tophub``: TVM's published schedules for ARM processors and GPUs, and the networks of its auto-tuning post.

Layers come from tlc-pack/tophub (Apache-2.0), networks from the post of 2018-10-03 on tvm.apache.org: as its script
built them with ``nnvm.testing``. They differ from their namesakes in the zoo: resnet18 is the pre-activation variant
with a projection in every stage, which the published layers confirm one by one (all 207 convolutions of the five
networks are rows of TopHub's tables).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from annette.bench.importing.collection import Collection, Origin, digest_of, kernel_runs, network_runs
from annette.bench.importing.kernel import MeasuredKernel, Stage
from annette.bench.importing.table import NetworkLatency, TableRow, rows_of
from annette.errors import DatasetError, OptionError, nearest
from annette.network.builder import NetworkBuilder
from annette.platforms import Source

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike
    from pathlib import Path

    from annette.network import Network
    from annette.network.tensor import Tensor

__all__ = ["NETWORKS", "import_tophub", "nnvm_network", "tophub_networks"]

NETWORKS: Final = ("resnet18", "mobilenet", "vgg16", "squeezenet_v1.1", "densenet121")
"""Names as the post writes them."""

_PROCESSORS: Final = "arm_cpu"
"""Start of the name of the files that hold processors."""


def import_tophub(path: Path, device: str | None) -> Collection:
    """Tuned layers of one device, and the whole networks where the post has it, for ``annette import``.

    Args:
        path: Folder with ``layers.csv`` and ``networks_ms.csv``, or the first of them alone.
        device: What TopHub calls the device, such as ``kirin970``.

    Raises:
        DatasetError: A table is missing or another one, or does not hold the device.
        OptionError: No device is stated.
    """
    if device is None:
        raise OptionError("layout 'tophub' holds several devices: state one, for example --device kirin970")
    layers = path / "layers.csv" if path.is_dir() else path
    environment = {"collection": "tophub", "device": device, "runtime": "tvm", "precision": "fp32"}
    rows = _rows(layers, device)
    library, _, version = rows[0]["file"].rpartition("_")
    runs = kernel_runs([_kernel(row) for row in rows], environment)
    sources = [
        Source(
            f"tuned convolutions of TopHub, {library} {version}",
            "https://github.com/tlc-pack/tophub",
            "Apache-2.0",
            sha256=digest_of(layers),
        )
    ]
    networks = layers.with_name("networks_ms.csv")
    if networks.is_file() and device in _rows_by_device(networks):
        runs += network_runs(tophub_networks(networks, device), environment)
        sources.append(
            Source(
                "latency of five networks, for checking only",
                "https://github.com/apache/tvm-site, post on auto-tuning of 2018-10-03",
                "Apache-2.0",
                date="2018-10-03",
                sha256=digest_of(networks),
            )
        )
    return Collection(runs, Origin(sources=tuple(sources), versions={f"TopHub {library}": version}))


def tophub_networks(path: str | PathLike[str], device: str) -> list[NetworkLatency]:
    """The whole networks measured on one device.

    Args:
        path: ``tophub/networks_ms.csv``.
        device: Such as ``snapdragon835``.

    Raises:
        DatasetError: The file is not that table, or has no such device.
    """
    measured = _rows_by_device(path)
    if device not in measured:
        raise DatasetError(f"table {str(path)!r} has no device {device!r}{nearest(device, measured)}")
    row = measured[device]
    return [NetworkLatency(name, nnvm_network(name), row.latency_s(name, 1e-3)) for name in NETWORKS if row[name]]


def _rows_by_device(path: str | PathLike[str]) -> dict[str, TableRow]:
    rows = rows_of(path)
    if not {"device", *NETWORKS} <= rows[0].keys():
        raise DatasetError(f"table {str(path)!r} has no columns device, {', '.join(NETWORKS)}: it is not the post's")
    return {row["device"].split(" (")[0]: row for row in rows}


def _rows(path: Path, device: str) -> list[TableRow]:
    """The tuned convolutions of a device in single precision; of a chip that was tuned as GPU, too, the processor's."""
    rows = rows_of(path)
    if not {"file", "device", "task", "dtype", "time_ms"} <= rows[0].keys():
        raise DatasetError(f"table {str(path)!r} has no columns file, device, task, dtype, time_ms: it is not TopHub's")
    wanted = [row for row in rows if (row["device"], row["dtype"]) == (device, "float32")]
    if not wanted:
        devices = {row["device"] for row in rows}
        raise DatasetError(f"table {str(path)!r} holds no float32 layers of {device!r}{nearest(device, devices)}")
    return [row for row in wanted if row["file"].startswith(_PROCESSORS)] or wanted


def _kernel(row: TableRow) -> MeasuredKernel:
    number = {key: row.whole(key) for key in ("n", "h", "w", "c", "f", "kh", "kw", "sh", "sw", "pt", "pl", "oh", "ow")}
    back = [
        max((number[out] - 1) * number[stride] + number[kernel] - number[size] - number[front], 0)
        for out, stride, kernel, size, front in (("oh", "sh", "kh", "h", "pt"), ("ow", "sw", "kw", "w", "pl"))
    ]
    stage = Stage(
        kind="depthwise_conv" if row["kind"] == "dwconv" else "conv",
        in_channels=number["c"],
        in_height=number["h"],
        in_width=number["w"],
        out_channels=number["f"],
        kernel=(number["kh"], number["kw"]),
        stride=(number["sh"], number["sw"]),
        padding=(number["pt"], number["pl"], back[0], back[1]),
        batch=number["n"],
    )
    shape = "x".join(str(number[key]) for key in ("c", "h", "w", "f", "kh", "kw", "sh"))
    return MeasuredKernel(f"{row['task']}/{shape}", row["task"], (stage,), row.latency_s("time_ms", 1e-3))


def nnvm_network(name: str) -> Network:
    """Builds one of the networks for one image of 224 x 224.

    Args:
        name: One of `NETWORKS`.

    Raises:
        OptionError: There is no such network.
    """
    if name not in _BUILD:
        raise OptionError(
            f"nnvm.testing has no network {name!r} here{nearest(name, _BUILD)}; known: {', '.join(_BUILD)}"
        )
    net = NetworkBuilder(f"nnvm-{name}", source_format="nnvm")
    x = _BUILD[name](net, net.input("data", (1, 3, 224, 224)))
    return net.build(net.softmax(x, axis=1))


def _norm_relu(net: NetworkBuilder, x: Tensor) -> Tensor:
    return net.relu(net.batch_norm(x))


def _conv_norm_relu(net: NetworkBuilder, x: Tensor, filters: int, kernel: int, stride: int = 1) -> Tensor:
    x = net.conv(x, filters, kernel, stride=stride, padding="half", bias=False)
    return _norm_relu(net, x)


def _classifier(net: NetworkBuilder, x: Tensor) -> Tensor:
    return net.fully_connected(net.flatten(net.global_average_pool(x)), 1000)


def _resnet18(net: NetworkBuilder, x: Tensor) -> Tensor:
    x = net.max_pool(_conv_norm_relu(net, net.batch_norm(x), 64, 7, 2), 3, stride=2, padding=1)
    for stage, width in enumerate((64, 128, 256, 512)):
        for unit in range(2):
            stride = 2 if stage and unit == 0 else 1
            active = _norm_relu(net, x)
            shortcut = net.conv(active, width, 1, stride=stride, bias=False) if unit == 0 else x
            inner = _conv_norm_relu(net, active, width, 3, stride)
            x = net.add(net.conv(inner, width, 3, padding=1, bias=False), shortcut)
    return _classifier(net, _norm_relu(net, x))


def _mobilenet(net: NetworkBuilder, x: Tensor) -> Tensor:
    plan = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    x = _conv_norm_relu(net, x, 32, 3, 2)
    for width, stride in plan:
        x = _norm_relu(net, net.depthwise_conv(x, 3, stride=stride, bias=False))
        x = _conv_norm_relu(net, x, width, 1)
    return _classifier(net, x)


def _vgg16(net: NetworkBuilder, x: Tensor) -> Tensor:
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            x = net.relu(net.conv(x, width, 3, padding=1))
        x = net.max_pool(x, 2, stride=2)
    x = net.flatten(x)
    for _ in range(2):
        x = net.relu(net.fully_connected(x, 4096))
    return net.fully_connected(x, 1000)


def _squeezenet(net: NetworkBuilder, x: Tensor) -> Tensor:
    x = net.max_pool(net.relu(net.conv(x, 64, 3, stride=2, padding=1)), 3, stride=2)
    for position, (squeeze, expand) in enumerate(
        ((16, 64),) * 2 + ((32, 128),) * 2 + ((48, 192),) * 2 + ((64, 256),) * 2
    ):
        if position in (2, 4):
            x = net.max_pool(x, 3, stride=2)
        x = net.relu(net.conv(x, squeeze, 1))
        x = net.concat([net.relu(net.conv(x, expand, 1)), net.relu(net.conv(x, expand, 3, padding=1))])
    return net.flatten(net.global_average_pool(net.relu(net.conv(x, 1000, 1))))


def _densenet121(net: NetworkBuilder, x: Tensor) -> Tensor:
    x = net.max_pool(_conv_norm_relu(net, x, 64, 7, 2), 3, stride=2, padding=1)
    for stage, count in enumerate((6, 12, 24, 16)):
        for _ in range(count):
            inner = _conv_norm_relu(net, _norm_relu(net, x), 128, 1)
            x = net.concat([x, net.conv(inner, 32, 3, padding=1, bias=False)])
        x = _norm_relu(net, x)
        if stage < 3:
            x = net.conv(x, x.shape[1] // 2, 1, bias=False)
            x = net.average_pool(x, 2, stride=2)
    return _classifier(net, x)


_BUILD: Final[dict[str, Callable[[NetworkBuilder, Tensor], Tensor]]] = {
    "resnet18": _resnet18,
    "mobilenet": _mobilenet,
    "vgg16": _vgg16,
    "squeezenet_v1.1": _squeezenet,
    "densenet121": _densenet121,
}
