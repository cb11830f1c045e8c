"""Several samples at once, as Vela's reports show it.

Convolutions and poolings run once for each sample. A convolution of single elements is a matrix product over all
positions of all samples, which reads and writes NHWC. An activation behind either runs by itself, over all samples.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from annette.devices.arm_ethos_u.scheduler.block_config import OpShape, round_up
from annette.devices.arm_ethos_u.scheduler.feature_maps import (
    BRICK,
    FeatureMap,
    height_of_positions,
    is_product_of_positions,
)
from annette.devices.arm_ethos_u.scheduler.operations import ACTIVATIONS, LUT_ACTIVATIONS, NpuOp, by_sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.mapping.kernel import Kernel

__all__ = ["batched", "copies_of_samples", "joins_samples"]


def batched(op: NpuOp, kernel: Kernel, maps: dict[str, FeatureMap]) -> list[NpuOp]:
    """The operations of a kernel that Vela does not take apart otherwise.

    Args:
        op: The operation of all samples.
        kernel: The kernel.
        maps: All feature maps; the one in front of an activation is added.
    """
    d = kernel.anchor.workload.dimensions
    if d.batch == 1 or op.chained or op.shape is None or kernel.kind not in ("conv", "depthwise_conv"):
        return [by_sample(op, d.batch)]
    product = is_product_of_positions(kernel)
    activation = next((layer.kind for layer in kernel.layers[1:] if layer.kind in ACTIVATIONS), None)
    target = op.ofm
    if activation is not None:
        target = f"{op.ofm}/{len(maps)}"
        depth = d.out_channels if product else round_up(d.out_channels, BRICK)
        maps[target] = FeatureMap(d.batch * d.out_height * d.out_width * depth, nhwc=product, whole=True)
    each = replace(op, ofm=target, ofm_nhwc=maps[target].nhwc, lut=False, activated=False)
    if product:
        positions = d.batch * d.out_height * d.out_width
        height = height_of_positions(positions)
        width = positions // height
        shape = op.shape._replace(ofm_height=height, ofm_width=width, ifm_height=height, ifm_width=width)
        each = replace(each, shape=shape, ofm_height=height)
    else:
        each = by_sample(each, d.batch)
    if activation is None:
        return [each]
    height, source = d.batch * d.out_height, maps[target]
    behind = replace(
        op,
        kind=activation,
        shape=OpShape(
            "pool", height, d.out_width, d.out_channels, d.out_channels, height, d.out_width, 1, 1, 1, 1, 1
        ),
        ifms=(target,),
        ifm_bytes=(source.size_bytes,),
        weight_bytes=0,
        scale_bytes=0,
        ifm_nhwc=source.nhwc,
        lut=activation in LUT_ACTIVATIONS,
        activated=False,
    )  # fmt: skip
    return [each, behind]


def joins_samples(kernel: Kernel) -> bool:
    """Whether a concat joins maps of several samples, none of which is written in place."""
    axis = kernel.anchor.attributes.get("axis", 1)
    return kernel.kind == "concat" and kernel.anchor.workload.dimensions.batch > 1 and axis != 0


def copies_of_samples(copies: Sequence[NpuOp], samples: int) -> list[NpuOp]:
    """The copies of a concat, one for each sample.

    Args:
        copies: One for each input, of all samples.
        samples: How many there are.
    """
    return [
        replace(
            op,
            shape=None
            if op.shape is None
            else op.shape._replace(
                ofm_height=max(op.shape.ofm_height // samples, 1), ifm_height=max(op.shape.ifm_height // samples, 1)
            ),
            ifm_bytes=tuple(size // samples for size in op.ifm_bytes),
            ofm_bytes=op.ofm_bytes // samples,
            ofm_elements=op.ofm_elements // samples,
            ofm_height=max(op.ofm_height // samples, 1),
            repeats=samples,
        )
        for op in copies
    ]
