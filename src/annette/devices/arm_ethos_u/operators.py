"""Which operators of a TFLite file Vela leaves to the host, and what is quantised.

Vela runs what its report of supported operators lists (``operators.json``) and leaves the rest to the host's processor,
for which it states no time. Its conditions on types and sizes are followed as far as a network's description holds
them; quantisation parameters and the sums of weights are not looked at.

A network without a single tensor of integers that an accelerator computes on would be left to the host as a whole. It
is taken as if it had been quantised, since a user asks what the device would do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from annette.devices.device import json_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.mapping.kernel import Kernel
    from annette.network import Layer, Network

__all__ = ["accelerated_kinds", "is_quantised", "left_to_host"]

_FACTS: Final = json_file(__package__, "operators.json")
_QUANTISED: Final = frozenset({"int8", "uint8", "int16"})
_INVERSE_ROOT: Final = -0.5
_SQUARED: Final = ":square"
"""What the reader of TFLite calls the second layer of a squared difference."""

_MAP_RANK: Final = 3
_BITS: Final = {32: "kinds_of_32_bits", 64: "kinds_of_64_bits"}


def _family(*, shram: bool) -> Mapping[str, Any]:
    facts: Mapping[str, Any] = _FACTS()["ethos-u55" if shram else "ethos-u85"]
    return facts


def accelerated_kinds(*, shram: bool) -> tuple[str, ...]:
    """Kinds of layer that the accelerator runs.

    Args:
        shram: Whether it is an Ethos-U55 or U65, which have an SHRAM.
    """
    return tuple(_family(shram=shram)["kinds"])


def is_quantised(network: Network) -> bool:
    """Whether any tensor that flows between layers holds integers that the accelerator computes on."""
    flowing = (tensor for layer in network.layers for tensor in (*layer.inputs, *layer.outputs))
    return any(network.tensors[tensor].dtype.label in _QUANTISED for tensor in flowing)


def left_to_host(kernel: Kernel, network: Network, *, shram: bool, quantised: bool) -> bool:
    """Whether Vela leaves a kernel of a TFLite file to the host.

    Args:
        kernel: Any kernel; it is left there if one of its layers is.
        network: Where its tensors are described.
        shram: Whether the accelerator is an Ethos-U55 or U65.
        quantised: Whether the network holds integers; if not, types are not looked at.
    """
    facts = _family(shram=shram)
    return any(not _runs(layer, network, facts, quantised=quantised) for layer in kernel.layers)


def _runs(layer: Layer, network: Network, facts: Mapping[str, Any], *, quantised: bool) -> bool:
    if layer.kind == "generate":  # Shapes and constants, computed before the first run.
        return True
    if layer.kind == "pow":
        known = layer.attributes.get("scalar") == _INVERSE_ROOT or layer.name.endswith(_SQUARED)
    else:
        known = layer.kind in facts["kinds"]
    d = layer.workload.dimensions
    if not known or d.kernel_depth > 1:
        return False
    if layer.kind == "reduce_mean" and _is_over_depth_of_maps(layer, network):
        return False
    most = facts["most"].get(layer.kind, {})
    if any(getattr(d, name) > limit for name, limit in most.items()):
        return False
    if layer.kind in facts.get("scales", {}) and not _scale_fits(layer, facts["scales"][layer.kind]):
        return False
    return not quantised or _types_fit(layer, network, facts)


def _scale_fits(layer: Layer, scales: Mapping[str, Sequence[int]]) -> bool:
    """Whether a resize makes a feature map larger by a factor that the accelerator has.

    Which these are may depend on where its samples lie; a single element can be made as large as one likes.
    """
    d = layer.workload.dimensions
    ifm, ofm = (d.in_height, d.in_width), (d.out_height, d.out_width)
    if ifm in ((1, 1), ofm):
        return True
    coordinates = str(layer.attributes.get("coordinates", ""))
    less = int(coordinates == "align_corners")
    factors = {
        (wide - less) / max(narrow - less, 1) for narrow, wide in zip(ifm, ofm, strict=True) if (narrow, wide) != (1, 1)
    }
    return len(factors) == 1 and factors <= set(scales.get(coordinates, scales[""]))


def _is_over_depth_of_maps(layer: Layer, network: Network) -> bool:
    """Whether a mean reduces the depth of feature maps of which no side is one."""
    shape = network.tensors[layer.inputs[0]].shape if layer.inputs else ()
    axes = layer.attributes.get("axes", ())
    inner = len(shape) - 1 in axes if isinstance(axes, tuple) else False
    return inner and len(shape) >= _MAP_RANK and min(shape[-3:]) > 1


def _types_fit(layer: Layer, network: Network, facts: Mapping[str, Any]) -> bool:
    tensors = [network.tensors[name] for name in (*layer.inputs, *layer.outputs)]
    flowing = [tensor for tensor in tensors if not tensor.constant]
    if layer.kind in ("reshape", "gather"):  # The shape and the indices are no feature maps.
        flowing = [tensor for tensor in flowing if tensor.name in (*layer.inputs[:1], *layer.outputs)]
    if any(not tensor.shape for tensor in flowing):
        return False
    for tensor in flowing:
        if tensor.dtype.label not in facts["types"]:
            return False
        wide = facts.get(_BITS.get(tensor.dtype.bits, ""), "all")
        if wide != "all" and layer.kind not in wide:
            return False
    first = facts["first_operand"].get(layer.kind)
    return first is None or not flowing or flowing[0].dtype.label in first
