"""Converts the original ANNETTE's published parameters into platform files.

Usage: ``python tools/convert_original_platforms.py PARAMETERS OUT`` where PARAMETERS is the folder with the original's
``layer-*.json`` and ``mapping-*.json`` (repository embedded-machine-learning/annette, Apache-2.0) and OUT the folder
to write to, ``src/annette/platforms/catalog``. Equal input gives equal bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from annette.devices.original_annette.models import OriginalRefinedRoofline, OriginalRoofline
from annette.mapping.kernel import Precision
from annette.mapping.model import MappingModel
from annette.mapping.rule import Action, Rule
from annette.models.refined_roofline import RefinedRoofline, Unroll
from annette.models.roofline import Roofline
from annette.platforms import Overhead, Platform, Provenance, Source, dump_platform

if TYPE_CHECKING:
    from annette.models.base import LayerModel

ORIGIN: Final = "https://github.com/embedded-machine-learning/annette, revision a8107fd"
LICENCE: Final = "Apache-2.0"

KINDS: Final[dict[str, tuple[str, ...]]] = {
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

CATCH_ALL: Final = (
    "relu", "clip", "leaky_relu", "sigmoid", "tanh", "softplus", "batch_norm", "lrn", "softmax",
    "add", "sub", "mul", "div", "pow", "reduce_mean", "arg_max",
    "concat", "slice", "pad", "transpose", "copy", "space_to_depth", "resize_nearest", "resize_linear",
)  # fmt: skip
"""Kinds of the original's other types, which it prices by their bytes with the parameters of its type ``Base``.

Types with multiply-accumulates for which a platform has no parameters (DepthwiseConv on the ZCU102) are not among
them: the original prices them as if they did not compute.
"""

OPS_FACTOR: Final = {"Pool": 0.5}
"""Our operations over the original's: it counts two for each element of a pooling window, we count one."""

SOFTPLUS_PARTS: Final = ("Exp", "Base", "Log")
"""The original runs Softplus as Exp, Power and Log one after the other; Power has no parameters of its own."""

UNROLLED: Final = {"h": "out_width", "w": "out_height", "c": "in_channels", "f": "out_channels"}
"""Dimensions behind the original's letters: its convolutions read ``h`` off the output's width."""

LAYERS: Final = {
    "Conv": "conv|grouped_conv",
    "DepthwiseConv": "depthwise_conv",
    "BatchNorm": "batch_norm",
    "Relu": "relu",
    "Relu6": "clip",
    "LeakyRelu": "leaky_relu",
    "Pool": "max_pool|average_pool",
}
"""Pattern for each of the original's types that its mapping rules name."""


@dataclass(frozen=True)
class Target:
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


TARGETS: Final = (
    Target("zcu102-dnndk", "dnndk", "mapping-dnndk.json", "Xilinx ZCU102, DPU B4096", "DNNDK", 8),
    Target("ncs2-openvino", "ncs2", "mapping-ov.json", "Intel Neural Compute Stick 2 (Myriad X)", "OpenVINO", 16),
)

REPLACED: Final = ("ncs2-openvino", "zcu102-dnndk")
"""Platforms that are fitted on measurements by tools of their own; only their ``-original`` is converted."""


def convert(parameters: Path, target: Target, *, original: bool) -> Platform:
    """Converts one platform.

    Args:
        parameters: Folder of the original's files.
        target: Which platform.
        original: Whether to add the original's own formulas, for comparing with its results.
    """
    files = [parameters / f"layer-{target.key}-{name}.json" for name in ("roofline", "ref_roofline")]
    plain, refined = (json.loads(file.read_text(encoding="utf-8")) for file in files)
    mapping_file = parameters / target.mapping
    for entry in (*plain.values(), *refined.values()):
        _check_bits(entry, target.bits)
    models = {kind: _families(kind, plain, refined, original=original) for kind in _kinds(plain)}
    never_measured = [kind for kind, name in _kinds(plain).items() if name == "Base"]
    return Platform(
        name=f"{target.name}-original" if original else target.name,
        description=_description(target, original=original),
        device=target.device,
        runtime=target.runtime,
        precision=Precision(activation_bits=target.bits, weight_bits=target.bits),
        threads=1,
        latency_is="end_to_end",
        mapping=_mapping(json.loads(mapping_file.read_text(encoding="utf-8")), target),
        models=models,
        preferred_family="refined-roofline",
        overhead=Overhead(
            per_kernel_s=0.0, per_run_s=0.0, per_input_byte_s=1.0 / _input_bytes_per_s(plain), per_output_byte_s=0.0
        ),
        provenance=_provenance([*files, mapping_file], never_measured),
    )


def _description(target: Target, *, original: bool) -> str:
    formulas = ", also with its own formulas, for comparing with its results" if original else ""
    return f"{target.device} with {target.runtime}: the original ANNETTE's published parameters{formulas}."


def _provenance(files: list[Path], never_measured: list[str]) -> Provenance:
    return Provenance(
        created_by="tools/convert_original_platforms.py",
        sources=tuple(
            Source(
                title=f"ANNETTE, published parameters, {file.name}",
                location=ORIGIN,
                licence=LICENCE,
                sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
            )
            for file in files
        ),
        notes=(
            f"Priced from the original's catch-all type Base, never measured: {', '.join(sorted(never_measured))}.",
            "End-to-end latency is the original's: kernels and reading the input, nothing else on the host.",
            "Fitted ranges, intervals and accuracy were not published.",
        ),
    )


def _input_bytes_per_s(plain: dict[str, Any]) -> float:
    """The original charges network inputs to its type Base, whatever its type Input says."""
    return float(plain["Base"]["bandwidth"])


def _check_bits(entry: Any, bits: int) -> None:
    if isinstance(entry, dict) and entry.get("architecture"):
        stated = {entry["architecture"].get(key, bits) for key in ("bit_act", "bit_weights")}
        if stated != {bits}:
            raise SystemExit(f"{entry['name']}: widths {sorted(stated)} are not {bits} throughout")


def _kinds(plain: dict[str, Any]) -> dict[str, str]:
    """The original's type behind each kind."""
    found = dict.fromkeys(CATCH_ALL, "Base")
    for name, kinds in KINDS.items():
        if name in plain:
            found.update(dict.fromkeys(kinds, name))
    return found


def _families(kind: str, plain: dict[str, Any], refined: dict[str, Any], *, original: bool) -> dict[str, LayerModel]:
    """Layer models of one kind; a refined one only where it differs from the plain one."""
    simple = _roofline(kind, plain)
    models: dict[str, LayerModel] = {"roofline": simple}
    entry = refined[_kinds(refined)[kind]]
    unroll = _unroll(entry) if entry["est_type"] == "refined_roofline" else {}
    base = _roofline(kind, refined)
    if unroll or base != simple:
        models["refined-roofline"] = RefinedRoofline(base.ops_per_s, base.bytes_per_s, unroll=unroll)
    if original:
        models["original-roofline"] = OriginalRoofline(simple.ops_per_s, simple.bytes_per_s)
        models["original-refined-roofline"] = OriginalRefinedRoofline(base.ops_per_s, base.bytes_per_s, unroll=unroll)
    return models


def _roofline(kind: str, parameters: dict[str, Any]) -> Roofline:
    name = _kinds(parameters)[kind]
    entry = parameters[name]
    bytes_per_s = float(entry["bandwidth"])
    if kind == "softplus" and "Exp" in parameters:
        bytes_per_s = 1.0 / sum(1.0 / float(parameters[part]["bandwidth"]) for part in SOFTPLUS_PARTS)
    return Roofline(float(entry["op_s"]) * OPS_FACTOR.get(name, 1.0), bytes_per_s)


def _unroll(entry: dict[str, Any]) -> dict[str, Unroll]:
    architecture = entry["architecture"]
    return {
        dimension: Unroll(int(architecture[f"{letter}_par"]), float(architecture[f"{letter}_alpha"]))
        for letter, dimension in UNROLLED.items()
        if f"{letter}_par" in architecture
    }


def _mapping(parameters: dict[str, Any], target: Target) -> MappingModel:
    rules = [
        _rule(name, entry) for name, entry in parameters.items() if name != "name" and entry["sec_type"] is not None
    ]
    views = Rule.parse(
        "views",
        "view = @view",
        description="Views are new names for the same memory; nothing runs.",
        action=Action.FREE,
    )
    return MappingModel(f"{target.name}, the original's rules", (*rules, views))


def _rule(name: str, entry: dict[str, Any]) -> Rule:
    first, second = entry["prim_type"], entry["sec_type"]
    follower = "max_pool" if entry["fuse_cond"] else LAYERS[second]
    if entry["fuse_cond"] and not _wants_max_pool(entry["fuse_cond"]):
        raise SystemExit(f"rule {name}: condition {entry['fuse_cond']} is not known")
    return Rule.parse(
        f"{first}-{second}".lower(),
        f"anchor first = {LAYERS[first]} > second = {follower}",
        description=f"The original's rule {name}: {first} and a {second} behind it run as one kernel.",
    )


def _wants_max_pool(condition: dict[str, Any]) -> bool:
    wanted = [{"name": "pooling_type", "cond": "==", "val": "MAX"}]
    return not condition["primary"] and list(condition["secondary"].values()) == wanted


def main() -> None:
    """Writes all platform files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parameters", type=Path, help="folder with the original's layer-*.json and mapping-*.json")
    parser.add_argument("out", type=Path, help="folder to write to")
    arguments = parser.parse_args()
    for target in TARGETS:
        for original in (False, True):
            if not original and target.name in REPLACED:
                continue
            platform = convert(arguments.parameters, target, original=original)
            dump_platform(platform, arguments.out / f"{platform.name}.json")
            print(f"{platform.name}: {len(platform.models)} kinds")


if __name__ == "__main__":
    main()
