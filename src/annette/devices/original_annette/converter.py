"""Layouts ``original-dnndk`` and ``original-ncs2``: the original ANNETTE's published parameters as platforms.

These are parameters of layer models and mapping rules that its authors fitted (repository
embedded-machine-learning/annette, Apache-2.0), no measurements: they are converted, and nothing is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from annette._version import __version__
from annette.bench.importing.collection import digest_of
from annette.devices.original_annette.models import OriginalRefinedRoofline, OriginalRoofline
from annette.documents import Finite, Positive, convert
from annette.errors import DatasetError
from annette.files import open_regular
from annette.mapping.kernel import Precision
from annette.mapping.model import MappingModel
from annette.mapping.rule import Action, Rule
from annette.models.roofline import RefinedRoofline, Roofline, Unroll
from annette.platforms import Overhead, Platform, Provenance, Source

if TYPE_CHECKING:
    from pathlib import Path

    from annette.models.base import LayerModel

__all__ = ["convert_dnndk", "convert_ncs2"]

_ORIGIN: Final = "https://github.com/embedded-machine-learning/annette, revision a8107fd"
_LICENCE: Final = "Apache-2.0"

_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "Conv": ("conv", "grouped_conv"),
    "DepthwiseConv": ("depthwise_conv",),
    "ConvTranspose": ("conv_transpose",),
    "FullyConnected": ("fully_connected",),
    "Pool": ("max_pool", "average_pool", "global_max_pool", "global_average_pool"),
    "Add": ("add",),
    "Exp": ("exp",),
    "Log": ("log",),
    "Tanh": ("tanh",),
}
"""Kinds that each of the original's types with parameters of their own stands for."""

_CATCH_ALL: Final = (
    "relu", "clip", "leaky_relu", "sigmoid", "tanh", "softplus", "batch_norm", "lrn", "softmax",
    "add", "sub", "mul", "div", "pow", "reduce_mean", "arg_max",
    "concat", "slice", "pad", "transpose", "copy", "space_to_depth", "resize_nearest", "resize_linear",
)  # fmt: skip
"""Kinds of the original's other types, which it prices by their bytes with the parameters of its type ``Base``.

Types with multiply-accumulates for which a platform has no parameters (DepthwiseConv on the ZCU102) are not among
them: the original prices them as if they did not compute.
"""

_OPS_FACTOR: Final = {"Pool": 0.5}
"""Our operations over the original's: it counts two for each element of a pooling window, we count one."""

_SOFTPLUS_PARTS: Final = ("Exp", "Base", "Log")
"""The original runs Softplus as Exp, Power and Log one after the other; Power has no parameters of its own."""

_UNROLLED: Final = {"h": "out_width", "w": "out_height", "c": "in_channels", "f": "out_channels"}
"""Dimensions behind the original's letters: its convolutions read ``h`` off the output's width."""

_LAYERS: Final = {
    "Conv": "conv|grouped_conv",
    "DepthwiseConv": "depthwise_conv",
    "BatchNorm": "batch_norm",
    "Relu": "relu",
    "Relu6": "clip",
    "LeakyRelu": "leaky_relu",
    "Pool": "max_pool|average_pool",
}
"""Pattern for each of the original's types that its mapping rules name."""

_CONVERTED: Final = {8: (), 16: ("int8", "bf16")}
"""Precisions of networks that the tools of a device of so many bits turn into its own."""


@dataclass(frozen=True)
class _Target:
    """One of the original's platforms.

    Attributes:
        name: Of the platform file.
        key: Part of the names of the parameter files.
        mapping: Name of the mapping file.
        device: What it runs on.
        runtime: What it runs with.
        bits: Width of activations and weights.
    """

    name: str
    key: str
    mapping: str
    device: str
    runtime: str
    bits: int


_DNNDK: Final = _Target("zcu102-dnndk", "dnndk", "mapping-dnndk.json", "Xilinx ZCU102, DPU B4096", "DNNDK", 8)
_NCS2: Final = _Target(
    "ncs2-openvino", "ncs2", "mapping-ov.json", "Intel Neural Compute Stick 2 (Myriad X)", "OpenVINO", 16
)


class _Entry(msgspec.Struct):
    """The parameters of one of the original's types, as far as they are read."""

    est_type: str
    op_s: Positive
    bandwidth: Positive
    architecture: dict[str, Finite] = {}


class _Condition(msgspec.Struct):
    primary: dict[str, Any]
    secondary: dict[str, Any]


class _FusionRule(msgspec.Struct):
    """One of the original's mapping rules, likewise."""

    prim_type: str
    sec_type: str | None
    fuse_cond: _Condition | None


def convert_dnndk(parameters: Path) -> Platform:
    """The platform ``zcu102-dnndk-original``.

    Args:
        parameters: Folder of the original's ``layer-*.json`` and ``mapping-*.json``.

    Raises:
        DatasetError: A file is missing, or is not one of the original's.
    """
    return _convert(parameters, _DNNDK)


def convert_ncs2(parameters: Path) -> Platform:
    """The platform ``ncs2-openvino-original``; see `convert_dnndk`."""
    return _convert(parameters, _NCS2)


def _convert(parameters: Path, target: _Target) -> Platform:
    files = [parameters / f"layer-{target.key}-{name}.json" for name in ("roofline", "ref_roofline")]
    files.append(parameters / target.mapping)
    plain, refined = (_entries(file, target.bits) for file in files[:2])
    rules = _read(files[2])
    return Platform(
        name=f"{target.name}-original",
        description=f"{target.device} with {target.runtime}: the original ANNETTE's published parameters, "
        "also with its own formulas, for comparing with its results.",
        device=target.device,
        runtime=target.runtime,
        precision=Precision(target.bits, target.bits, converts=_CONVERTED[target.bits]),
        threads=1,
        latency_is="end_to_end",
        mapping=_mapping(rules, target, files[2]),
        models={kind: _families(kind, plain, refined, files[1]) for kind in _kinds(plain)},
        preferred_family="refined-roofline",
        overhead=Overhead(
            per_kernel_s=0.0,
            per_run_s=0.0,
            # The original charges network inputs to its type Base, whatever its type Input says.
            per_input_byte_s=1.0 / plain["Base"].bandwidth,
            per_output_byte_s=0.0,
        ),
        provenance=_provenance(files, [kind for kind, name in _kinds(plain).items() if name == "Base"]),
    )


def _read(file: Path) -> dict[str, Any]:
    """Parameters of one file; of a key that is repeated (one of the published files has one) the last counts."""
    try:
        with open_regular(file, error=DatasetError) as opened:
            parameters = msgspec.json.decode(opened.read())
    except OSError as error:
        raise DatasetError(f"parameters {str(file)!r} cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise DatasetError(f"parameters {str(file)!r} are not valid JSON: {error}") from error
    if not isinstance(parameters, dict):
        raise DatasetError(f"{str(file)!r} holds no parameters of the original ANNETTE: it is no JSON object")
    return parameters


def _entries(file: Path, bits: int) -> dict[str, _Entry]:
    """The parameters of one file by the original's types, those that have some of their own and ``Base``."""
    parameters = _read(file)
    known = {name: entry for name, entry in parameters.items() if name in ("Base", *_KINDS)}
    path = f"parameters {str(file)!r}: $"
    entries = convert(known, dict[str, _Entry], error=DatasetError, path=path)
    if "Base" not in entries:
        raise DatasetError(f"{path}.Base is missing")
    for name, entry in entries.items():
        stated = {entry.architecture.get(key, bits) for key in ("bit_act", "bit_weights")}
        if stated != {bits}:
            raise DatasetError(f"{path}.{name}.architecture: widths {sorted(stated)} are not {bits} throughout")
    return entries


def _provenance(files: list[Path], never_measured: list[str]) -> Provenance:
    return Provenance(
        created_by=f"annette {__version__} import",
        sources=tuple(
            Source(
                title=f"ANNETTE, published parameters, {file.name}",
                location=_ORIGIN,
                licence=_LICENCE,
                sha256=digest_of(file),
            )
            for file in files
        ),
        notes=(
            f"Priced from the original's catch-all type Base, never measured: {', '.join(sorted(never_measured))}.",
            "End-to-end latency is the original's: kernels and reading the input, nothing else on the host.",
            "Fitted ranges, intervals and accuracy were not published.",
        ),
    )


def _kinds(plain: dict[str, Any]) -> dict[str, str]:
    """The original's type behind each kind."""
    types = dict.fromkeys(_CATCH_ALL, "Base")
    for name, kinds in _KINDS.items():
        if name in plain:
            types.update(dict.fromkeys(kinds, name))
    return types


def _families(kind: str, plain: dict[str, _Entry], refined: dict[str, _Entry], file: Path) -> dict[str, LayerModel]:
    """Layer models of one kind; a refined one only where it differs from the plain one."""
    simple = _roofline(kind, plain)
    models: dict[str, LayerModel] = {"roofline": simple}
    name = _kinds(refined).get(kind)
    if name is None:
        raise DatasetError(f"parameters {str(file)!r} have no type for {kind!r}, and the other file has one")
    entry = refined[name]
    unroll = _unroll(entry) if entry.est_type == "refined_roofline" else {}
    base = _roofline(kind, refined)
    if unroll or base != simple:
        models["refined-roofline"] = RefinedRoofline(base.ops_per_s, base.bytes_per_s, unroll=unroll)
    models["original-roofline"] = OriginalRoofline(simple.ops_per_s, simple.bytes_per_s)
    models["original-refined-roofline"] = OriginalRefinedRoofline(base.ops_per_s, base.bytes_per_s, unroll=unroll)
    return models


def _roofline(kind: str, entries: dict[str, _Entry]) -> Roofline:
    name = _kinds(entries)[kind]
    entry = entries[name]
    bytes_per_s = entry.bandwidth
    if kind == "softplus" and {"Exp", "Log"} <= entries.keys():
        bytes_per_s = 1.0 / sum(1.0 / entries[part].bandwidth for part in _SOFTPLUS_PARTS)
    return Roofline(entry.op_s * _OPS_FACTOR.get(name, 1.0), bytes_per_s)


def _unroll(entry: _Entry) -> dict[str, Unroll]:
    stated = entry.architecture
    return {
        dimension: Unroll(int(stated[f"{letter}_par"]), stated.get(f"{letter}_alpha", 0.0))
        for letter, dimension in _UNROLLED.items()
        if f"{letter}_par" in stated
    }


def _mapping(parameters: dict[str, Any], target: _Target, file: Path) -> MappingModel:
    stated = {name: entry for name, entry in parameters.items() if name != "name"}
    read = convert(stated, dict[str, _FusionRule], error=DatasetError, path=f"parameters {str(file)!r}: $")
    rules = [_rule(name, entry) for name, entry in read.items() if entry.sec_type is not None]
    views = Rule.parse(
        "views",
        "view = @view",
        description="Views are new names for the same memory; nothing runs.",
        action=Action.FREE,
    )
    return MappingModel(f"{target.name}, the original's rules", (*rules, views))


def _rule(name: str, entry: _FusionRule) -> Rule:
    first, second, condition = entry.prim_type, entry.sec_type, entry.fuse_cond
    for word in (first, second):
        if word not in _LAYERS:
            raise DatasetError(f"rule {name!r}: type {word!r} is not known; known: {', '.join(_LAYERS)}")
    if condition is not None and not _wants_max_pool(condition):
        raise DatasetError(f"rule {name!r}: its condition is not known")
    return Rule.parse(
        f"{first}-{second}".lower(),
        f"anchor first = {_LAYERS[first]} > second = {_LAYERS[str(second)] if condition is None else 'max_pool'}",
        description=f"The original's rule {name}: {first} and a {second} behind it run as one kernel.",
    )


def _wants_max_pool(condition: _Condition) -> bool:
    wanted = [{"name": "pooling_type", "cond": "==", "val": "MAX"}]
    return not condition.primary and list(condition.secondary.values()) == wanted
