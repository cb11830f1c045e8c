"""Networks of ultralytics, segmentation-models-pytorch and kornia, for the third list that nobody tuned for."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import torch
from libraries_parts import at, job, made, maker, rand

if TYPE_CHECKING:
    from export_networks import Job

SCENE = (3, 224, 288)
GREY = (1, 160, 192)


def yolo(layout: str, kind: str = "DetectionModel") -> torch.nn.Module:
    """A detector of ultralytics as it is exported: boxes and scores of all anchors, without a suppression."""
    model = at(f"ultralytics.nn.tasks.{kind}")(layout, verbose=False)
    head = model.model[-1]
    head.export, head.format, head.dynamic = True, "onnx", False
    return model


def detectors() -> dict[str, Job]:
    """One-stage detectors, and what else their bodies serve."""
    kinds = {
        "v9t": ("yolov9t.yaml", "DetectionModel"), "v10n": ("yolov10n.yaml", "DetectionModel"),
        "11n_seg": ("yolo11n-seg.yaml", "SegmentationModel"), "12n_pose": ("yolo12n-pose.yaml", "PoseModel"),
        "26n_depth": ("yolo26n-depth.yaml", "DepthModel"), "v8s_world": ("yolov8s-worldv2.yaml", "WorldModel"),
    }  # fmt: skip
    return {
        name: job(functools.partial(yolo, layout, kind), rand(3, 256, 320)) for name, (layout, kind) in kinds.items()
    }


def segments() -> dict[str, Job]:
    """Encoders of photographs with decoders of segments."""
    models: dict[str, Any] = {
        "manet": ("MAnet", "resnet18", {"encoder_depth": 4, "decoder_channels": (128, 64, 32, 16)}),
        "pan": ("PAN", "mobilenet_v2", {}),
        "linknet": ("Linknet", "resnet18", {}),
        "pspnet": ("PSPNet", "resnet34", {}),
        "deeplabv3plus": ("DeepLabV3Plus", "mobilenet_v2", {}),
    }
    return {
        name: made(f"segmentation_models_pytorch.{model}", 3, 192, 256, encoder_name=encoder, encoder_weights=None,
                   classes=12, **values)
        for name, (model, encoder, values) in models.items()
    }  # fmt: skip


def points() -> dict[str, Job]:
    """Points and edges of images, faces, and what describes a patch."""
    return {
        "disk": job(
            maker("kornia.feature.DISK"), rand(3, 128, 160),
            call=lambda model, image: model.heatmap_and_dense_descriptors(image),
        ),
        "hardnet": job(maker("kornia.feature.HardNet", pretrained=False), torch.rand(64, 1, 32, 32)),
        "hynet": job(maker("kornia.feature.HyNet", pretrained=False), torch.rand(64, 1, 32, 32)),
        "xfeat": made("kornia.feature.xfeat.XFeatModel", 3, 256, 320),
        "dexined": made("kornia.models.dexined.DexiNed", 3, 96, 128, pretrained=False),
        "yunet": made("kornia.models.yunet.YuNet", 3, 320, 320, phase="test", pretrained=False),
        "defmo": made("kornia.feature.DeFMO", 6, 64, 80, pretrained=False),
        "dedode": job(
            maker("kornia.feature.DeDoDe", detector_model="L", descriptor_model="B", amp_dtype=torch.float32),
            rand(3, 64, 96), call=lambda model, image: model.detector(image),
        ),
    }  # fmt: skip


def jobs() -> dict[str, Job]:
    """All networks of this part by name."""
    return {
        **{f"yolo_{name}": made_job for name, made_job in detectors().items()},
        **{f"smp_{name}": made_job for name, made_job in segments().items()},
        **{f"kornia_{name}": made_job for name, made_job in points().items()},
    }
