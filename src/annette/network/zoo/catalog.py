"""What the zoo holds, and the figures published about it.

`docs/zoo.md` is made from this table, and the tests compare every network with its published figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

__all__ = ["CATALOG", "PARAMETRIC", "Entry"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One network of the zoo.

    Attributes:
        name: What it is called; also the name of its function.
        module: The module of `annette.network.zoo` that builds it.
        description: One line for people.
        gmacs: Published multiply-accumulates in 1e9, at the default options; 0 where nothing is published.
        parameters: Published learned parameters, as trained (batch normalization with scale and shift).
        source: Where the figures are published.
        input: Its inputs' shape without the batch.
        exact: Whether ``parameters`` is exact rather than rounded, and of the same definition.
        extra_gmacs: What is counted here beyond the publication, in 1e9; the note says why.
        extra_parameters: Parameters held here beyond the publication's; the note says why.
        note: Why figures differ.
    """

    name: str
    module: str
    description: str
    gmacs: float
    parameters: int
    source: str
    input: str = "3x224x224"
    exact: bool = False
    extra_gmacs: float = 0.0
    extra_parameters: int = 0
    note: str = ""


_OMZ: Final = "Open Model Zoo, "

PARAMETRIC: Final = {
    "nasbench101": ("nasbench101", "nasbench101"),
    "nasbench201": ("nasbench201", "nasbench201"),
    "published": ("described", "published"),
}
"""Families of networks that are named behind a colon, each with its module and function."""

_torchvision = partial(Entry, source="torchvision, table of classification weights", exact=True)
"""A network that torchvision documents, with exact parameters."""
_semantic_fpn = partial(Entry, source="arXiv:2106.13797, comparison of backbones under Semantic FPN", input="3x512x512")

_ENTRIES: Final = (
    _torchvision("alexnet", "classic", "five convolutions, three large fully connected layers", 0.714, 61_100_840),
    _torchvision(
        "vgg16", "classic", "thirteen 3x3 convolutions, three large fully connected layers", 15.47, 138_357_544
    ),
    _torchvision(
        "vgg19", "classic", "sixteen 3x3 convolutions, three large fully connected layers", 19.632, 143_667_240
    ),
    Entry(
        "inception_v1",
        "inception",
        "GoogLeNet as published, with local response normalization",
        1.502,
        6_998_552,
        "multiply-adds: arXiv:1409.4842, table 1; parameters: the Caffe model bvlc_googlenet",
        exact=True,
        extra_gmacs=0.084,
        note="The paper counts a separable first convolution (34 M); the released model has a dense one (118 M).",
    ),
    _torchvision("googlenet", "inception", "GoogLeNet retrained with batch normalization", 1.498, 6_624_904),
    Entry(
        "inception_v2",
        "inception",
        "BN-Inception with a separable stem",
        1.94,
        11_200_000,
        "arXiv:1707.07012, comparison with the state of the art",
    ),
    _torchvision(
        "inception_v3",
        "inception",
        "factorized 5x5 and 7x7 convolutions",
        5.713,
        27_161_264,
        input="3x299x299",
        extra_parameters=-3_326_696,
        note="The published parameters include the auxiliary classifier of training (3 326 696).",
    ),
    Entry(
        "inception_v4",
        "inception",
        "uniform, deeper Inception",
        12.292,
        42_648_000,
        _OMZ + "googlenet-v4-tf (24.584 GFLOPs)",
        input="3x299x299",
    ),
    _torchvision("resnet18", "residual", "residual network of basic blocks", 1.814, 11_689_512),
    _torchvision("resnet34", "residual", "residual network of basic blocks", 3.664, 21_797_672),
    _torchvision("resnet50", "residual", "residual network of bottlenecks", 4.089, 25_557_032),
    _torchvision("resnet101", "residual", "residual network of bottlenecks", 7.801, 44_549_160),
    _torchvision("resnext50_32x4d", "residual", "bottlenecks with grouped convolutions", 4.23, 25_028_904),
    _torchvision("wide_resnet50_2", "residual", "bottlenecks of twice the width", 11.398, 68_883_240),
    _torchvision("densenet121", "residual", "every layer reads all before it", 2.834, 7_978_856),
    _torchvision("squeezenet1_0", "classic", "fire modules", 0.819, 1_248_424),
    _torchvision("squeezenet1_1", "classic", "fire modules, earlier pooling", 0.349, 1_235_496),
    Entry("mobilenet_v1", "mobile", "depthwise-separable convolutions", 0.569, 4_200_000, "arXiv:1704.04861"),
    _torchvision("mobilenet_v2", "mobile", "inverted residuals", 0.301, 3_504_872),
    _torchvision("mobilenet_v3_large", "mobile", "squeeze and excitation, hard swish", 0.217, 5_483_032),
    _torchvision("mobilenet_v3_small", "mobile", "squeeze and excitation, hard swish", 0.057, 2_542_856),
    _torchvision("shufflenet_v2_x0_5", "mobile", "split, shuffled channels", 0.040, 1_366_792),
    _torchvision("shufflenet_v2_x1_0", "mobile", "split, shuffled channels", 0.145, 2_278_604),
    _torchvision("mnasnet0_5", "mobile", "inverted residuals found by search", 0.104, 2_218_512),
    _torchvision("mnasnet1_0", "mobile", "inverted residuals found by search", 0.314, 4_383_312),
    _torchvision("efficientnet_b0", "mobile", "inverted residuals with SiLU and excitation", 0.386, 5_288_548),
    _torchvision("regnet_x_400mf", "residual", "grouped bottlenecks", 0.414, 5_495_976),
    _torchvision("regnet_x_800mf", "residual", "grouped bottlenecks", 0.800, 7_259_656),
    _torchvision("regnet_y_400mf", "residual", "grouped bottlenecks with excitation", 0.402, 4_344_144),
    _torchvision("regnet_y_800mf", "residual", "grouped bottlenecks with excitation", 0.834, 6_432_512),
    Entry(
        "yolov2",
        "dense_prediction",
        "object detection on Darknet-19",
        31.47,
        50_950_000,
        "operations: pjreddie.com/darknet/yolo (62.94 Bn); parameters: " + _OMZ + "yolo-v2-tf",
        input="3x608x608",
    ),
    Entry(
        "yolov3",
        "dense_prediction",
        "object detection on Darknet-53, three resolutions",
        32.93,
        61_922_000,
        "operations: pjreddie.com/darknet/yolo (65.86 Bn); parameters: " + _OMZ + "yolo-v3-tf",
        input="3x416x416",
    ),
    Entry(
        "yolov4_tiny",
        "dense_prediction",
        "object detection with cross-stage partial blocks",
        3.4645,
        6_053_500,
        _OMZ + "yolo-v4-tiny-tf (6.9289 GFLOPs)",
        input="3x416x416",
    ),
    _semantic_fpn("semantic_fpn_resnet18", "dense_prediction", "segmentation by a feature pyramid", 32.2, 15_500_000),
    _semantic_fpn("semantic_fpn_resnet50", "dense_prediction", "segmentation by a feature pyramid", 45.6, 28_500_000),
    Entry(
        "openpose_lightweight",
        "dense_prediction",
        "poses of several people, dilated MobileNet",
        7.7175,
        4_099_000,
        _OMZ + "human-pose-estimation-0001 (15.435 GFLOPs)",
        input="3x256x456",
    ),
    _torchvision("convnext_tiny", "residual", "7x7 depthwise convolutions, layer normalization", 4.456, 28_589_128),
    _torchvision("vit_b_16", "transformer", "vision transformer on patches of 16", 17.564, 86_567_656),
    _torchvision(
        "swin_t",
        "transformer",
        "attention in shifting windows",
        4.491,
        28_288_354,
        extra_parameters=308_016,
        note="The relative position bias is expanded from 169 to 2401 values a head, as in exported files.",
    ),
    Entry(
        "bert_base",
        "transformer",
        "text encoder",
        11.25,
        109_482_240,
        "operations: arXiv:2004.02984 (22.5 B at 128 tokens); parameters: bert-base-uncased of transformers",
        input="128 tokens",
        exact=True,
        extra_parameters=-294_912,
        note="Of the 512 positions only those of the sequence are held.",
    ),
    Entry(
        "gpt2",
        "transformer",
        "text decoder, prefill",
        0.0,
        124_439_808,
        "gpt2 of transformers; operations are tested against their closed form",
        input="128 tokens",
        exact=True,
        extra_parameters=37_909_248,
        note="The output layer holds its own copy of the word embeddings; of 1024 positions the sequence's are held.",
    ),
)

CATALOG: Final[dict[str, Entry]] = {entry.name: entry for entry in _ENTRIES}
"""Every network by name."""
