"""Networks of images and their words from small public libraries, for the third list that nobody tuned for.

All have the libraries' own initialisation (``tools/export_libraries.py`` exports them).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from libraries_parts import PICTURE, at, job, made, rand
from torch import nn

if TYPE_CHECKING:
    from export_networks import Job

SMALL: dict[str, Any] = {"num_classes": 1000, "dim": 192, "depth": 6, "heads": 3, "mlp_dim": 768}
PATCHES = {**SMALL, "image_size": 224, "patch_size": 16}
CROPS = (3, 32, 128)


def transformers_jobs() -> dict[str, Job]:
    """Vision transformers of vit-pytorch."""
    stages: dict[str, Any] = {"num_classes": 1000, "dim": 48, "dim_head": 24, "depth": (1, 2, 4, 2)}
    return {
        "cct": made(
            "vit_pytorch.cct.CCT", *PICTURE, img_size=224, embedding_dim=256, n_conv_layers=2, kernel_size=7, stride=2,
            padding=3, num_layers=7, num_heads=4, mlp_ratio=2.0, num_classes=1000, positional_embedding="learnable",
        ),
        "crossformer": made(
            "vit_pytorch.crossformer.CrossFormer", *PICTURE, dim=(48, 96, 192, 384), depth=(1, 1, 6, 2)
        ),
        "t2t": made(
            "vit_pytorch.t2t.T2TViT", *PICTURE, image_size=224, num_classes=1000, dim=192, depth=5, heads=3, mlp_dim=384
        ),
        "regionvit": made("vit_pytorch.regionvit.RegionViT", *PICTURE, dim=(48, 96, 192, 384), depth=(1, 1, 4, 1)),
        "scalable_vit": made(
            "vit_pytorch.scalable_vit.ScalableViT", 3, 256, 256, num_classes=1000, dim=48, heads=(1, 2, 4, 8),
            depth=(1, 2, 6, 1), ssa_dim_key=(24, 24, 24, 24), reduction_factor=(8, 4, 2, 1),
            window_size=(64, 32, None, None),
        ),
        "sep_vit": made("vit_pytorch.sep_vit.SepViT", *PICTURE, heads=(1, 2, 4, 8), window_size=7, **stages),
        "rvt": made("vit_pytorch.rvt.RvT", *PICTURE, **PATCHES),
        "deepvit": made("vit_pytorch.deepvit.DeepViT", *PICTURE, **PATCHES),
        "local_vit": made("vit_pytorch.local_vit.LocalViT", *PICTURE, **PATCHES),
        "patch_merger": made(
            "vit_pytorch.vit_with_patch_merger.ViT", *PICTURE, **{**PATCHES, "depth": 8}, patch_merge_layer=4
        ),
        "small_dataset": made("vit_pytorch.vit_for_small_dataset.ViT", *PICTURE, **PATCHES),
        "nest": made(
            "vit_pytorch.nest.NesT", *PICTURE, image_size=224, patch_size=4, dim=64, heads=2, num_hierarchies=3,
            block_repeats=(2, 2, 6), num_classes=1000,
        ),
        "mobile_vit": made(
            "vit_pytorch.mobile_vit.MobileViT", 3, 256, 256, image_size=(256, 256), dims=[96, 120, 144],
            channels=[16, 32, 48, 48, 64, 64, 80, 80, 96, 96, 384], num_classes=1000,
        ),
        "max_vit": made(
            "vit_pytorch.max_vit.MaxViT", *PICTURE, num_classes=1000, dim_conv_stem=32, dim=48, dim_head=24,
            depth=(1, 2, 3, 1), window_size=7,
        ),
    }  # fmt: skip


def spiking() -> nn.Module:
    """Two convolutions and a layer of leaky integrate-and-fire neurons over ten steps."""
    leaky = at("snntorch.Leaky")

    class Steps(nn.Module):
        """The neurons' potentials go from step to step."""

        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList((nn.Conv2d(2, 24, 5), nn.Conv2d(24, 48, 5), nn.Linear(48 * 25, 11)))
            self.neurons = nn.ModuleList(leaky(beta=0.9) for _ in self.layers)

        def forward(self, frames: torch.Tensor) -> torch.Tensor:
            """Spikes of the last layer, summed over the steps."""
            potentials, spikes = [neuron.init_leaky() for neuron in self.neurons], []
            for step in range(frames.shape[1]):
                held = frames[:, step]
                for index, (layer, neuron) in enumerate(zip(self.layers, self.neurons, strict=True)):
                    drive = layer(held.flatten(1) if index == 2 else held)
                    drive = drive if index == 2 else nn.functional.max_pool2d(drive, 2)
                    held, potentials[index] = neuron(drive, potentials[index])
                spikes.append(held)
            return torch.stack(spikes).sum(0)

    return Steps()


def reader(name: str) -> Job:
    """A reader of words of docTR, up to its scores of letters."""
    vocabulary = {"vocab": "abcdefghijklmnopqrstuvwxyz0123456789", "pretrained": False, "pretrained_backbone": False}
    return job(
        lambda: at(f"doctr.models.recognition.{name}")(**vocabulary), rand(*CROPS),
        call=lambda model, image: model(image, return_model_output=True)["out_map"],
    )  # fmt: skip


def captioner() -> nn.Module:
    """A small CoCa: image and text encoders, and a decoder of captions that looks at the image."""
    text = {"context_length": 32, "vocab_size": 8000, "width": 192, "heads": 3, "layers": 4}
    return at("open_clip.coca_model.CoCa")(
        embed_dim=192, multimodal_cfg={**text, "mlp_ratio": 4},
        text_cfg={**text, "embed_cls": True, "output_tokens": True},
        vision_cfg={"image_size": 160, "patch_size": 16, "width": 192, "layers": 6, "head_width": 64,
                    "attentional_pool": True, "attn_pooler_heads": 3, "attn_pooler_queries": 64,
                    "output_tokens": True},
    )  # fmt: skip


def jobs() -> dict[str, Job]:
    """All networks of this part by name."""
    words = torch.randint(5, 7900, (1, 32))
    return {
        **{f"vitp_{name}": made_job for name, made_job in transformers_jobs().items()},
        "clip_coca_s": job(captioner, rand(3, 160, 160), words),
        "doctr_fast_tiny": job(
            lambda: at("doctr.models.detection.fast_tiny")(pretrained=False, pretrained_backbone=False),
            rand(3, 384, 384),
            call=lambda model, image: model(image, return_model_output=True)["out_map"],
        ),
        "doctr_vitstr": reader("vitstr_small"),
        "doctr_viptr": reader("viptr_tiny"),
        "craft_text": made("easyocr.craft.CRAFT", 3, 160, 224),
        "effdet_d0": job(
            lambda: at("effdet.create_model")("efficientdet_d0", pretrained=False, pretrained_backbone=False,
                                              image_size=(384, 384)),
            rand(3, 384, 384),
        ),
        "facenet_inception_resnet_v1": made("facenet_pytorch.InceptionResnetV1", 3, 160, 160, pretrained=None),
        "efficientnet_b0_static": job(efficient, rand(*PICTURE)),
        "snn_leaky": job(spiking, rand(10, 2, 32, 32)),
    }  # fmt: skip


def efficient() -> nn.Module:
    """EfficientNet-B0 of efficientnet-pytorch, whose padding is fixed and whose activation is one that exports."""
    model = at("efficientnet_pytorch.EfficientNet").from_name("efficientnet-b0", image_size=224)
    model.set_swish(memory_efficient=False)
    return model
