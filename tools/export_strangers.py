"""Exports the networks of docs/strangers.csv, the second list that nobody tuned for, with random weights.

Usage, in the environment of ``tools/export_networks.py``: ``python tools/export_strangers.py --out FOLDER``. The list
was fixed by name before any of its networks was built (docs/held-out-log.md has its rules). It writes the files, their
list FOLDER/strangers.csv for ``annette evaluate --suite``, and into docs/strangers.csv what became of each: its size
and SHA-256, or why it was dropped (``tools/listed_networks.py``).
"""

from __future__ import annotations

from pathlib import Path

import torch
import torchvision
from export_networks import Detector, Job, timm_job
from listed_networks import export_listed, rows_of
from strangers_blocks import blocks_jobs
from strangers_fields import fields_jobs
from strangers_generative import generative_jobs
from strangers_images import images_jobs
from strangers_language import language_jobs
from strangers_sequences import sequences_jobs
from strangers_signals import signals_jobs
from strangers_tables import tables_jobs
from strangers_together import together_jobs
from strangers_transformers import transformers_jobs

LIST = Path(__file__).resolve().parents[1] / "docs" / "strangers.csv"


def anchorless() -> torch.nn.Module:
    """FCOS on a ResNet-18, from a prepared image to the outputs of its heads."""
    detection = torchvision.models.detection
    backbone = detection.backbone_utils.resnet_fpn_backbone(backbone_name="resnet18", weights=None)
    return Detector(detection.FCOS(backbone, num_classes=20))


def film() -> torch.nn.Module:
    """A small Swin transformer of films."""
    return torchvision.models.video.SwinTransformer3d(
        patch_size=[2, 4, 4], embed_dim=48, depths=[2, 2, 4, 2], num_heads=[2, 4, 8, 16], window_size=[4, 7, 7],
        num_classes=400,
    )  # fmt: skip


def multiscale() -> torch.nn.Module:
    """A small multiscale vision transformer of films."""
    setting = torchvision.models.video.mvit.MSBlockConfig
    whole, halved = [1, 1, 1], [1, 2, 2]
    blocks = [
        (1, 64, 128, halved, [1, 4, 4]), (2, 128, 128, whole, [1, 4, 4]), (2, 128, 256, halved, [1, 2, 2]),
        (4, 256, 256, whole, [1, 2, 2]), (4, 256, 256, whole, [1, 2, 2]),
    ]  # fmt: skip
    settings = [
        setting(
            num_heads=heads, input_channels=inputs, output_channels=outputs, kernel_q=[3, 3, 3], kernel_kv=[3, 3, 3],
            stride_q=stride, stride_kv=shrink,
        )
        for heads, inputs, outputs, stride, shrink in blocks
    ]  # fmt: skip
    return torchvision.models.video.MViT((112, 112), 8, settings, residual_pool=False, residual_with_cls_embed=True,
                                         rel_pos_embed=False, proj_after_attn=False)  # fmt: skip


def jobs() -> dict[str, Job]:
    """All networks by name: how to make one, and its inputs."""
    parts = (
        language_jobs, transformers_jobs, together_jobs, images_jobs, blocks_jobs, generative_jobs, sequences_jobs,
        signals_jobs, tables_jobs, fields_jobs,
    )  # fmt: skip
    found = {name: job for part in parts for name, job in part().items()}
    for row in rows_of(LIST):
        library, _, name = row["name"].partition("_")
        if library == "timm":
            found[row["name"]] = timm_job(name)
    found["tv_fcos_resnet18"] = (anchorless, (torch.rand(1, 3, 256, 320),))
    found["tv_swin3d_s"] = (film, (torch.rand(1, 3, 8, 112, 112),))
    found["tv_mvit_video_s"] = (multiscale, (torch.rand(1, 3, 8, 112, 112),))
    return found


if __name__ == "__main__":
    export_listed(LIST, "strangers.csv", jobs, __doc__)
