"""Exports networks of public model libraries for the corpus of files that nobody here made (docs/corpus.csv).

Usage, in the environment of ``tools/export_networks.py``: ``python tools/export_corpus.py --out FOLDER``. Architectures
were chosen by name, from families and tasks that no earlier list has, before any of them was exported, estimated or
measured. Weights are random, drawn from one seed; what a library cannot export is named and left out.
"""

from __future__ import annotations

import argparse
import functools
import logging
import warnings
from pathlib import Path

import torch
import torchvision
import transformers
from export_networks import VOCABULARY, First, Job, export, other, text, timm_job

TIMM = (
    "mobilenetv4_conv_medium", "ghostnetv2_100", "repvit_m0_9", "edgenext_xx_small", "convnext_femto", "resnet26d",
    "dla60x_c", "pvt_v2_b1", "cs3darknet_s", "coat_tiny", "mobilevit_xxs", "crossvit_9_240", "regnetx_004",
    "tf_mixnet_m", "convit_tiny", "sebotnet33ts_256", "vit_tiny_patch16_224", "efficientnet_lite1", "hgnetv2_b1",
)  # fmt: skip
TORCHVISION = ("mnasnet0_75", "regnet_y_400mf", "shufflenet_v2_x0_5")


class Audio(torch.nn.Module):
    """An encoder of transformers that takes a waveform and gives one tensor."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.encoder = model.encoder

    def forward(self, wave: torch.Tensor) -> torch.Tensor:
        """Its features."""
        return self.encoder(wave)


def hugging_face() -> dict[str, Job]:
    """Text, speech, vision and time series models of transformers, by name."""
    t = transformers
    eager = {"attn_implementation": "eager"}
    words = {"vocab_size": VOCABULARY, **eager}
    small = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 6, "intermediate_size": 1536}
    found: dict[str, Job] = {
        "hf_gpt2_s": text(t.GPT2Model, t.GPT2Config, 64, {
            "n_embd": 384, "n_layer": 6, "n_head": 6, "use_cache": False, **words}),
        "hf_minilm": text(t.BertModel, t.BertConfig, 64, {**small, **words}),
        "hf_xlm_roberta_s": text(t.XLMRobertaModel, t.XLMRobertaConfig, 48, {**small, **words}),
        "hf_hubert_s": other(t.HubertModel, t.HubertConfig, (24000,), {**small, **eager}),
        "hf_mobilevit_v2": other(t.MobileViTV2Model, t.MobileViTV2Config, (3, 256, 256), {"width_multiplier": 0.5}),
        "hf_levit": other(t.LevitModel, t.LevitConfig, (3, 224, 224), {}),
        "hf_regnet": other(t.RegNetModel, t.RegNetConfig, (3, 224, 224), {}),
        "hf_swinv2": other(t.Swinv2Model, t.Swinv2Config, (3, 192, 192), {
            "image_size": 192, "embed_dim": 64, "depths": [2, 2, 4, 2], "num_heads": [2, 4, 8, 16], "window_size": 6}),
        "hf_poolformer": other(t.PoolFormerModel, t.PoolFormerConfig, (3, 224, 224), {}),
        "hf_encodec": (
            lambda: Audio(t.EncodecModel(t.EncodecConfig(num_filters=16, hidden_size=64))), (torch.zeros(1, 1, 12000),)
        ),
    }  # fmt: skip
    return found


def jobs() -> dict[str, Job]:
    """All networks by name: how to make one, and its inputs."""
    models = torchvision.models
    found = {**hugging_face(), **{f"timm_{name}": timm_job(name) for name in TIMM}}
    for name in TORCHVISION:
        found[f"tv_{name}"] = (functools.partial(getattr(models, name), weights=None), (torch.zeros(1, 3, 224, 224),))
    video = functools.partial(models.video.r3d_18, weights=None)
    found["tv_r3d_18"] = (video, (torch.zeros(1, 3, 8, 64, 64),))
    segmentation = models.segmentation.deeplabv3_resnet50
    found["tv_deeplabv3_resnet50"] = (
        lambda: First(segmentation(weights=None, weights_backbone=None), "out"), (torch.zeros(1, 3, 192, 192),)
    )  # fmt: skip
    return dict(sorted(found.items()))


def main() -> None:
    """Exports what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the networks")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    for name, (make, inputs) in jobs().items():
        path = out / f"{name}.onnx"
        try:
            export(make, inputs, path)
        except Exception as problem:  # noqa: BLE001 - whatever a library's model cannot do, the others are exported
            path.unlink(missing_ok=True)
            print(f"{name} is left out: {problem}".splitlines()[0], flush=True)


if __name__ == "__main__":
    main()
