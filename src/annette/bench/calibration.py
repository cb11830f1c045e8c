"""The fixed workload that is measured before and after everything, to tell a slow moment from a slow network."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from annette.network import DType, Network, Tensor, describe_layer

if TYPE_CHECKING:
    from annette.network import Layer

__all__ = ["calibration_network"]


@cache
def calibration_network() -> Network:
    """One 3x3 convolution, 64 to 64 channels on a 28 x 28 map: 29 million multiply-accumulates, 0.35 MB.

    It never changes: times are comparable between datasets only because of that.
    """
    data = Tensor("data", (1, 64, 28, 28))
    weights = Tensor("weights", (64, 64, 3, 3), DType.FLOAT32, constant=True)
    result = Tensor("result", (1, 64, 28, 28))
    layer: Layer = describe_layer(
        "conv",
        "calibration",
        inputs=[data, weights],
        outputs=[result],
        attributes={
            "kernel_shape": (3, 3),
            "strides": (1, 1),
            "pads": (1, 1, 1, 1),
            "dilations": (1, 1),
            "groups": 1,
        },
    )
    return Network(
        name="calibration",
        layers=[layer],
        tensors={tensor.name: tensor for tensor in (data, weights, result)},
        inputs=["data"],
        outputs=["result"],
    )
