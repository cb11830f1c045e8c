"""Networks of pytorchcv, for the third list that nobody tuned for: classes, segments, poses, faces and speech."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import torch
from libraries_parts import PICTURE, at, job, made, maker, rand

if TYPE_CHECKING:
    from export_networks import Job

MODELS = "pytorchcv.models"
STREET = (3, 256, 320)


def classes() -> dict[str, Job]:
    """Classifiers of photographs: name, module and function."""
    functions = {
        "squeezenext": "squeezenext.sqnxt23_w1", "condensenet": "condensenet.condensenet74_c4_g4",
        "diracnetv2": "diracnetv2.diracnet18v2", "menet": "menet.menet108_8x1_g3", "igcv3": "igcv3.igcv3_wd2",
        "fishnet": "fishnet.fishnet99", "bagnet": "bagnet.bagnet9", "channelnet": "channelnet.channelnet",
        "peleenet": "peleenet.peleenet", "dicenet": "dicenet.dicenet_wd2",
    }  # fmt: skip
    return {name: made(f"{MODELS}.{function}", *PICTURE) for name, function in functions.items()}


def segments() -> dict[str, Job]:
    """Segments of a street."""
    functions = {
        "icnet": "icnet.icnet_resnetd50b_cityscapes", "sinet": "sinet.sinet_cityscapes",
        "cgnet": "cgnet.cgnet_cityscapes", "dabnet": "dabnet.dabnet_cityscapes", "lednet": "lednet.lednet_cityscapes",
        "fpenet": "fpenet.fpenet_cityscapes",
    }  # fmt: skip
    settings: dict[str, Any] = {"in_size": STREET[1:]}
    return {name: made(f"{MODELS}.{function}", *STREET, **settings) for name, function in functions.items()}


def dense_points(model: torch.nn.Module, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """SuperPoint up to its two maps; how many points follow depends on the image."""
    held, points, words = model.features(image), model.detector, model.descriptor
    return points.detector(held).softmax(1), words.head(held)


def people() -> dict[str, Job]:
    """Poses, faces and points."""
    return {
        "ibppose": made(
            f"{MODELS}.ibppose_coco.IbpPose", 3, 128, 128, passes=2, backbone_out_channels=64, outs_channels=50,
            depth=3, growth_rate=32, use_bn=True, in_size=(128, 128),
        ),
        "lwopenpose": made(f"{MODELS}.lwopenpose_cmupan.lwopenpose2d_mobilenet_cmupan_coco", 3, 192, 192),
        "simplepose_mobile": made(
            f"{MODELS}.simpleposemobile_coco.simplepose_mobile_mobilenetv2b_w1_coco", 3, 256, 192
        ),
        "lffd": made(f"{MODELS}.lffd.lffd20x5s320v2_widerface", 3, 192, 192),
        "superpoint": job(
            maker(f"{MODELS}.superpointnet.superpointnet"), rand(1, 160, 160), call=dense_points,
        ),
        "prnet": made(f"{MODELS}.prnet.prnet", 3, 128, 128),
    }  # fmt: skip


def jasper(*, depthwise: bool) -> torch.nn.Module:
    """Jasper with dense residuals, or QuartzNet, of a third of its channels."""
    return at(f"{MODELS}.jasper.Jasper")(
        channels=[96, 96, 96, 128, 160, 192, 224, 256] if not depthwise else [128, 128, 128, 256, 256, 256, 256, 512],
        kernel_sizes=[33, 33, 39, 51, 63, 75, 87, 1] if depthwise else [11, 11, 13, 17, 21, 25, 29, 1],
        bn_eps=1e-3, dropout_rates=[0.0] * 8, repeat=3, use_dw=depthwise, use_dr=not depthwise, from_audio=False,
        num_classes=29,
    )  # fmt: skip


def jobs() -> dict[str, Job]:
    """All networks of this part by name."""
    found = {**classes(), **segments(), **people()}
    frames, length = rand(64, 200), torch.tensor([200])
    for name, depthwise in (("jasper_dr", False), ("quartznet", True)):
        found[name] = job(
            functools.partial(jasper, depthwise=depthwise), frames, call=lambda model, sound: model(sound, length)
        )
    return {f"cv_{name}": made_job for name, made_job in found.items()}
