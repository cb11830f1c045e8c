"""Exports networks of public model libraries, with random weights, to see how estimates fare outside the zoo.

Usage, in an environment of its own with torch, torchvision, timm, transformers and onnx (none is needed by annette)::

    python tools/export_networks.py --out exports
    annette evaluate --platform epyc-onnxruntime-fp32 --suite exports/blind.csv --measure --backend onnxruntime

The first two lists were split before any of their networks was measured (every other name in alphabetical order):
``look.csv`` may be looked at while models, mappings and plans are made better; ``blind.csv`` was only to be scored, but
single networks of it were looked at after its first scoring (docs/held-out-log.md). ``fresh.csv`` takes its place:
other architectures, chosen by name before any of them was exported or measured. Networks that are exported already are
not exported again; of ``fresh.csv`` those that PyTorch cannot export are named and left out.
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

FRESH_TIMM = (
    "hardcorenas_a", "spnasnet_100", "mixnet_s", "hgnetv2_b0", "starnet_s2", "fasternet_t1", "resnest14d",
    "nf_regnet_b1", "tresnet_m", "repghostnet_100", "inception_next_tiny", "mambaout_femto", "rdnet_tiny",
    "nasnetalarge", "cspnext_s", "mobilenet_edgetpu_v2_s", "repvit_m1_0", "efficientvit_m2", "botnet26t_256",
    "swiftformer_xs", "shvit_s2", "nextvit_small", "mvitv2_tiny", "gcvit_xxtiny", "pit_s_224", "sequencer2d_s",
    "hiera_tiny_224", "eva02_tiny_patch14_224", "volo_d1_224",
)  # fmt: skip
FRESH_TORCHVISION = ("resnet18", "mobilenet_v2", "maxvit_t")
FRESH_DETECTION = {"ssdlite320_mobilenet_v3_large": 320, "retinanet_resnet50_fpn": 320}
"""Detectors up to the outputs of their heads (what follows, non-maximum suppression, has no fixed cost)."""

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


class Detector(torch.nn.Module):
    """A detector of torchvision from a prepared image to the outputs of its head."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = model.backbone, model.head

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Scores and boxes of every anchor."""
        return tuple(self.head(list(self.backbone(image).values())).values())


class Translator(torch.nn.Module):
    """Encoder and decoder of a language model over a whole source and a whole target."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Hidden states of the target."""
        return self.model(input_ids=source, decoder_input_ids=target, use_cache=False, return_dict=False)[0]


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
    return {f"hf_{name}": text(*made_of) for name, made_of in made.items()}


def text(model: Any, config: Any, length: int, values: dict[str, Any]) -> Job:
    """A language model on ``length`` tokens."""
    inputs = (torch.randint(0, 900, (1, length)), torch.ones(1, length, dtype=torch.long))
    return lambda: Text(model(config(**values))), inputs


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
    return {f"hf_{name}": other(*made_of) for name, made_of in made.items()}


def other(model: Any, config: Any, shape: tuple[int, ...], values: dict[str, Any]) -> Job:
    """A model of one input of ``shape``."""
    return lambda: First(model(config(**values)), return_dict=False), (torch.zeros(1, *shape),)


def fresh() -> dict[str, Job]:
    """Networks of the third list, by name."""
    t = transformers
    eager = {"attn_implementation": "eager"}
    words = {"vocab_size": VOCABULARY, **eager}
    small = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 6, "intermediate_size": 1536}
    decoder = {"num_hidden_layers": 6, "num_attention_heads": 8, "hidden_size": 512, "use_cache": False}
    made_texts = {
        "squeezebert": (t.SqueezeBertModel, t.SqueezeBertConfig, 128, {"vocab_size": VOCABULARY}),
        "modernbert_s": (t.ModernBertModel, t.ModernBertConfig, 256, {
            **small, "intermediate_size": 576, "pad_token_id": 0, "cls_token_id": 1, "sep_token_id": 2,
            "bos_token_id": 1, "eos_token_id": 2, **words}),
        "deberta_v2_s": (t.DebertaV2Model, t.DebertaV2Config, 128, {
            **small, "relative_attention": True, "position_buckets": 256, "norm_rel_ebd": "layer_norm",
            "share_att_key": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False,
            "max_position_embeddings": 512, **words}),
        "bloom_s": (t.BloomModel, t.BloomConfig, 128, {
            "hidden_size": 512, "n_layer": 6, "n_head": 8, "use_cache": False, **words}),
        "gpt_neox_s": (t.GPTNeoXModel, t.GPTNeoXConfig, 128, {**decoder, "intermediate_size": 2048, **words}),
    }  # fmt: skip
    resnet = t.RTDetrResNetConfig(
        hidden_sizes=[64, 128, 256, 512], depths=[2, 2, 2, 2], layer_type="basic", out_indices=[2, 3, 4]
    )
    pose = t.VitPoseBackboneConfig(
        hidden_size=384, num_hidden_layers=12, num_attention_heads=6, image_size=[256, 192], out_indices=[12]
    )
    dino = t.Dinov2Config(
        hidden_size=384, num_attention_heads=6, image_size=518, out_indices=[3, 6, 9, 12], reshape_hidden_states=False
    )
    hifigan = functools.partial(t.SpeechT5HifiGan, t.SpeechT5HifiGanConfig(upsample_initial_channel=256))
    made_others = {
        "rt_detr_r18": (t.RTDetrForObjectDetection, t.RTDetrConfig, (3, 320, 320), {
            "backbone_config": resnet, "encoder_in_channels": [128, 256, 512], "decoder_layers": 3, **eager}),
        "yolos_tiny": (t.YolosForObjectDetection, t.YolosConfig, (3, 256, 320), {
            "hidden_size": 192, "num_attention_heads": 3, "intermediate_size": 768, "image_size": [256, 320],
            "num_detection_tokens": 100, "use_mid_position_embeddings": False, **eager}),
        "vitpose_s": (t.VitPoseForPoseEstimation, t.VitPoseConfig, (3, 256, 192), {
            "backbone_config": pose, "num_labels": 17, "use_simple_decoder": False, **eager}),
        "depth_anything_s": (t.DepthAnythingForDepthEstimation, t.DepthAnythingConfig, (3, 252, 252), {
            "backbone_config": dino, **eager}),
        "uvdoc": (t.UVDocModel, t.UVDocConfig, (3, 352, 256), {}),
        "pp_ocrv5_mobile_det": (t.PPOCRV5MobileDetForObjectDetection, t.PPOCRV5MobileDetConfig, (3, 480, 480), {}),
        "wav2vec2_conformer_s": (t.Wav2Vec2ConformerModel, t.Wav2Vec2ConformerConfig, (16000,), {
            **small, "num_hidden_layers": 4, "position_embeddings_type": "rotary", **eager}),
        "ast_s": (t.ASTModel, t.ASTConfig, (512, 128), {**small, "max_length": 512, **eager}),
    }  # fmt: skip
    moonshine = t.models.moonshine.modeling_moonshine.MoonshineEncoder
    marian = t.MarianConfig(
        d_model=512, encoder_layers=6, decoder_layers=6, encoder_ffn_dim=2048, decoder_ffn_dim=2048,
        encoder_attention_heads=8, decoder_attention_heads=8, pad_token_id=0, decoder_start_token_id=0,
        **words,
    )  # fmt: skip
    source, target = torch.randint(1, 900, (1, 96)), torch.randint(1, 900, (1, 64))
    found: dict[str, Job] = {
        **{f"hf_{name}": text(*made_of) for name, made_of in made_texts.items()},
        **{f"hf_{name}": other(*made_of) for name, made_of in made_others.items()},
        "hf_hifigan": (hifigan, (torch.zeros(60, 80),)),
        "hf_marian_s": (lambda: Translator(t.MarianModel(marian)), (source, target)),
        "hf_moonshine_enc": other(moonshine, t.MoonshineConfig, (32000,), eager),
    }
    for name in FRESH_TIMM:
        found[f"timm_{name}"] = timm_job(name)
    for name in FRESH_TORCHVISION:
        make = functools.partial(getattr(torchvision.models, name), weights=None)
        found[f"tv_{name}"] = (make, (torch.zeros(1, 3, 224, 224),))
    for name, side in FRESH_DETECTION.items():
        build = functools.partial(getattr(torchvision.models.detection, name), weights=None, weights_backbone=None)
        found[f"tv_{name}"] = (
            functools.partial(lambda build: Detector(build()), build),
            (torch.zeros(1, 3, side, side),),
        )
    return dict(sorted(found.items()))


def timm_job(name: str) -> Job:
    """A network of timm on images of the size it was trained for."""
    size = timm.get_pretrained_cfg(name).input_size
    return functools.partial(timm.create_model, name, pretrained=False), (torch.zeros(1, *size),)


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
        found[f"timm_{name}"] = timm_job(name)
    return dict(sorted(found.items()))


def export(make: Callable[[], torch.nn.Module], inputs: tuple[torch.Tensor, ...], path: Path) -> None:
    """Writes a network with random weights, unless the file is there."""
    if path.exists():
        return
    torch.manual_seed(0)
    with torch.no_grad():
        torch.onnx.export(make().eval(), inputs, str(path), dynamo=False, opset_version=OPSET)
    print(path.stem, flush=True)


def main() -> None:
    """Exports what is not there yet, and writes the three lists."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the networks and the lists")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    lists: dict[str, list[str]] = {"look": [], "blind": [], "fresh": []}
    for name, (make, inputs) in jobs().items():
        path = out / f"{name}.onnx"
        export(make, inputs, path)
        lists["blind" if name in BLIND else "look"].append(path.name)
    for name, (make, inputs) in fresh().items():
        path = out / f"{name}.onnx"
        try:
            export(make, inputs, path)
        except Exception as problem:  # noqa: BLE001 - whatever a library's model cannot do, the others are exported
            path.unlink(missing_ok=True)
            print(f"{name} is left out: {problem}".splitlines()[0], flush=True)
        else:
            lists["fresh"].append(path.name)
    for title, names in lists.items():
        with (out / f"{title}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["network"], *([name] for name in names)])


if __name__ == "__main__":
    main()
