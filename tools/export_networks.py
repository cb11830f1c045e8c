"""Exports networks of public model libraries, with random weights, to see how estimates fare outside the zoo.

Usage, in an environment of its own with torch, torchvision, timm, transformers and onnx (none is needed by annette)::

    python tools/export_networks.py --out exports
    annette evaluate --platform epyc-onnxruntime-fp32 --suite exports/blind.csv --measure --backend onnxruntime

Two lists, split before any of them was measured (every other name in alphabetical order): ``look.csv`` may be looked at
while models, mappings and plans are made better; ``blind.csv`` is only scored, with a line in docs/held-out-log.md.
Networks that are exported already are not exported again.
"""

from __future__ import annotations

import argparse
import csv
import functools
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import timm
import torch
import torchvision
import transformers

TORCHVISION = (
    "googlenet", "densenet169", "efficientnet_b2", "efficientnet_v2_s", "regnet_y_800mf", "regnet_x_1_6gf",
    "shufflenet_v2_x1_5", "vgg11_bn", "resnet101", "swin_v2_t", "mnasnet1_3", "mobilenet_v3_large", "resnet50",
    "convnext_tiny", "swin_t", "inception_v3",
)  # fmt: skip
SEGMENTATION = ("deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large", "fcn_resnet50")
TIMM = (
    "ghostnet_100", "mobileone_s0", "repvgg_a0", "edgenext_small", "mobilevit_s", "mobilevitv2_100",
    "efficientformer_l1", "levit_256", "deit_tiny_patch16_224", "pvt_v2_b0", "poolformer_s12", "mixer_s32_224",
    "gmlp_s16_224", "resmlp_12_224", "hrnet_w18_small", "dla34", "dpn68", "res2net50_26w_4s", "skresnet18",
    "seresnet50", "cspresnet50", "darknet53", "tf_efficientnet_lite0", "tinynet_a", "fbnetc_100", "xception41",
    "inception_resnet_v2", "coatnet_0_224", "lcnet_100", "ese_vovnet19b_dw", "rexnet_100", "selecsls42b",
    "twins_svt_small", "xcit_tiny_12_p16_224", "fastvit_t8", "convnextv2_atto", "davit_tiny", "focalnet_tiny_srf",
    "mobilenetv4_conv_small", "efficientvit_b0", "tiny_vit_5m_224", "cait_xxs24_224", "nf_resnet50", "eca_nfnet_l0",
    "visformer_tiny", "convmixer_768_32", "beit_base_patch16_224", "crossvit_tiny_240", "regnety_016",
    "resnetv2_50", "gernet_s", "mobilenetv2_120d",
)  # fmt: skip
BLIND = frozenset((
    "hf_bert_mini", "hf_distilbert", "hf_electra_small", "hf_mobilebert", "hf_qwen2_s", "hf_segformer_b0",
    "hf_wav2vec2_s", "timm_beit_base_patch16_224", "timm_coatnet_0_224", "timm_convnextv2_atto", "timm_cspresnet50",
    "timm_davit_tiny", "timm_dla34", "timm_eca_nfnet_l0", "timm_efficientformer_l1", "timm_ese_vovnet19b_dw",
    "timm_fbnetc_100", "timm_gernet_s", "timm_gmlp_s16_224", "timm_inception_resnet_v2", "timm_levit_256",
    "timm_mobilenetv2_120d", "timm_mobileone_s0", "timm_mobilevitv2_100", "timm_poolformer_s12", "timm_regnety_016",
    "timm_res2net50_26w_4s", "timm_resnetv2_50", "timm_selecsls42b", "timm_skresnet18", "timm_tiny_vit_5m_224",
    "timm_twins_svt_small", "timm_xception41", "tv_convnext_tiny", "tv_densenet169", "tv_efficientnet_v2_s",
    "tv_googlenet", "tv_lraspp_mobilenet_v3_large", "tv_mobilenet_v3_large", "tv_regnet_y_800mf", "tv_resnet50",
    "tv_swin_t", "tv_vgg11_bn",
))  # fmt: skip
"""Networks that are only scored; all others may be looked at."""

VOCABULARY = 8000
OPSET = 17

Job = tuple[Callable[[], torch.nn.Module], tuple[torch.Tensor, ...]]


class First(torch.nn.Module):
    """Gives one tensor where a model gives several: the first, or the one under ``key``."""

    def __init__(self, model: torch.nn.Module, key: str = "", **keywords: Any) -> None:
        super().__init__()
        self.model, self.key, self.keywords = model, key, keywords

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """The model's output."""
        given = self.model(*inputs, **self.keywords)
        return given[self.key] if self.key else given[0] if isinstance(given, tuple) else given


class Text(torch.nn.Module):
    """A language model with its two inputs by position."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Hidden states."""
        return self.model(input_ids=ids, attention_mask=mask, return_dict=False)[0]


def texts() -> dict[str, Job]:
    """Small language models, by name."""
    eager = {"attn_implementation": "eager", "vocab_size": VOCABULARY}
    decoder = {"hidden_size": 512, "num_hidden_layers": 6, "num_attention_heads": 8, "use_cache": False, **eager}
    t = transformers
    made = {
        "bert_mini": (t.BertModel, t.BertConfig, 128, {
            "hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024, **eager}),
        "distilbert": (t.DistilBertModel, t.DistilBertConfig, 128, eager),
        "albert": (t.AlbertModel, t.AlbertConfig, 64, {
            "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072, **eager}),
        "roberta_s": (t.RobertaModel, t.RobertaConfig, 256, {
            "hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 6, "intermediate_size": 1536, **eager}),
        "electra_small": (t.ElectraModel, t.ElectraConfig, 128, eager),
        "mobilebert": (t.MobileBertModel, t.MobileBertConfig, 128, eager),
        "opt_s": (t.OPTModel, t.OPTConfig, 128, {"ffn_dim": 2048, "word_embed_proj_dim": 512, **decoder}),
        "qwen2_s": (t.Qwen2Model, t.Qwen2Config, 128, {
            "intermediate_size": 1408, "num_key_value_heads": 2, **decoder}),
        "llama_s": (t.LlamaModel, t.LlamaConfig, 64, {"intermediate_size": 1408, **decoder}),
        "t5_enc_s": (t.T5EncoderModel, t.T5Config, 128, {
            "d_model": 384, "d_ff": 1024, "num_layers": 6, "num_heads": 6, "d_kv": 64, "vocab_size": VOCABULARY}),
    }  # fmt: skip
    return {
        f"hf_{name}": (
            functools.partial(lambda model, config, values: Text(model(config(**values))), model, config, values),
            (torch.randint(0, 900, (1, length)), torch.ones(1, length, dtype=torch.long)),
        )
        for name, (model, config, length, values) in made.items()
    }


def others() -> dict[str, Job]:
    """Vision and speech models of transformers, by name."""
    t = transformers
    whisper = t.models.whisper.modeling_whisper.WhisperEncoder
    eager = {"attn_implementation": "eager"}
    made = {
        "clip_vis": (t.CLIPVisionModel, t.CLIPVisionConfig, (3, 224, 224), {
            "hidden_size": 512, "num_hidden_layers": 8, "intermediate_size": 2048, "num_attention_heads": 8, **eager}),
        "segformer_b0": (t.SegformerForSemanticSegmentation, t.SegformerConfig, (3, 256, 256), {}),
        "wav2vec2_s": (t.Wav2Vec2Model, t.Wav2Vec2Config, (16000,), {
            "hidden_size": 384, "num_hidden_layers": 4, "num_attention_heads": 6, "intermediate_size": 1536, **eager}),
        "whisper_enc_tiny": (whisper, t.WhisperConfig, (80, 3000), {
            "d_model": 384, "encoder_layers": 4, "encoder_attention_heads": 6, "encoder_ffn_dim": 1536, **eager}),
        "dpt_convnext": (t.ConvNextModel, t.ConvNextConfig, (3, 224, 224), {
            "depths": [2, 2, 6, 2], "hidden_sizes": [64, 128, 256, 512]}),
    }  # fmt: skip
    return {
        f"hf_{name}": (
            functools.partial(
                lambda model, config, values: First(model(config(**values)), return_dict=False), model, config, values
            ),
            (torch.zeros(1, *shape),),
        )
        for name, (model, config, shape, values) in made.items()
    }


def jobs() -> dict[str, Job]:
    """All networks by name: how to make one, and its inputs."""
    models = torchvision.models
    bare = {name: {"aux_logits": False, "init_weights": False} for name in ("googlenet", "inception_v3")}
    found: dict[str, Job] = {**texts(), **others()}
    for name in TORCHVISION:
        side = 299 if name == "inception_v3" else 224
        make = functools.partial(getattr(models, name), weights=None, **bare.get(name, {}))
        found[f"tv_{name}"] = (make, (torch.zeros(1, 3, side, side),))
    for name in SEGMENTATION:
        build = getattr(models.segmentation, name)
        make = functools.partial(lambda build: First(build(weights=None, weights_backbone=None), "out"), build)
        found[f"tv_{name}"] = (make, (torch.zeros(1, 3, 256, 256),))
    for name in TIMM:
        size = timm.get_pretrained_cfg(name).input_size
        found[f"timm_{name}"] = (functools.partial(timm.create_model, name, pretrained=False), (torch.zeros(1, *size),))
    return dict(sorted(found.items()))


def main() -> None:
    """Exports what is not there yet, and writes the two lists."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the networks and the lists")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    lists: dict[str, list[str]] = {"look": [], "blind": []}
    for name, (make, inputs) in jobs().items():
        path = out / f"{name}.onnx"
        if not path.exists():
            torch.manual_seed(0)
            with torch.no_grad():
                torch.onnx.export(make().eval(), inputs, str(path), dynamo=False, opset_version=OPSET)
            print(name, flush=True)
        lists["blind" if name in BLIND else "look"].append(path.name)
    for title, names in lists.items():
        with (out / f"{title}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["network"], *([name] for name in names)])


if __name__ == "__main__":
    main()
