"""Suites of networks to evaluate on, in two lists that never mix.

The development list may be looked at while models, features and benchmark plans are tuned. The held-out list is for
scoring: each scoring is a line in docs/held-out-log.md, with its commit. A network never changes lists. No plan and no
fit contains a whole network of either.
"""

from __future__ import annotations

from typing import Final

from annette.errors import OptionError, nearest

__all__ = ["DEVELOPMENT", "HELD_OUT", "NASBENCH_101", "NASBENCH_201", "SUITES", "suite"]

DEVELOPMENT: Final = (
    "alexnet",
    "bert_base",
    "densenet121",
    "efficientnet_b0",
    "inception_v3",
    "mnasnet0_5",
    "mobilenet_v1",
    "mobilenet_v2",
    "regnet_x_400mf",
    "resnet18",
    "resnet50",
    "semantic_fpn_resnet18",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "vgg16",
    "vit_b_16",
    "yolov4_tiny",
)
"""Networks that may be looked at while tuning."""

HELD_OUT: Final = (
    "convnext_tiny",
    "gpt2",
    "inception_v1",
    "inception_v2",
    "inception_v4",
    "mnasnet1_0",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
    "openpose_lightweight",
    "regnet_x_800mf",
    "regnet_y_400mf",
    "resnet34",
    "resnext50_32x4d",
    "semantic_fpn_resnet50",
    "shufflenet_v2_x1_0",
    "squeezenet1_0",
    "swin_t",
    "wide_resnet50_2",
    "yolov2",
    "yolov3",
)
"""Networks that are only scored."""

NASBENCH_101: Final = tuple(f"nasbench101:seed{seed}" for seed in range(34))
"""As many random NASBench-101 networks as in the paper."""

NASBENCH_201: Final = tuple(f"nasbench201:seed{seed}" for seed in range(16))
"""Random NAS-Bench-201 networks."""

SUITES: Final = {
    "classic": (*DEVELOPMENT, *HELD_OUT),
    "development": DEVELOPMENT,
    "held-out": HELD_OUT,
    "nasbench": (*NASBENCH_101, *NASBENCH_201),
    "nasbench101": NASBENCH_101,
    "nasbench201": NASBENCH_201,
}
"""Suites by name."""


def suite(name: str) -> tuple[str, ...]:
    """Networks of a suite, as names of the zoo.

    Raises:
        OptionError: There is no such suite.
    """
    if name not in SUITES:
        raise OptionError(f"no suite {name!r}{nearest(name, SUITES)}; known: {', '.join(SUITES)}")
    return SUITES[name]
