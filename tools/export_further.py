"""Exports further networks of public libraries, of names that no list has, to see how a finished platform fares.

Usage, in the environment of ``tools/export_networks.py``: ``python tools/export_further.py --out FOLDER``. The names
were chosen before any of them was exported, estimated or measured, after the platform of the first row of
docs/results/further.md had been shipped; 36 more were larger than 100 MB, or PyTorch could not export them, or
the names turned out to stand in other lists. ``tools/evaluate_corpus.py`` measures and scores files.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

import torch
import torchvision
import transformers as t
from export_networks import First, Job, timm_job
from listed_networks import export_folder, outcome
from unseen_transformers import DECODER, EAGER, SMALL, WORDS, bare, signal, translator, words

TIMM = (
    "bat_resnext26ts", "botnet50ts_256", "coat_lite_mini", "coatnext_nano_rw_224", "convmixer_1024_20_ks9_p14",
    "convnext_atto", "convnextv2_femto", "cs3darknet_focus_s", "cspnext_tiny", "darknet21", "densenetblur121d",
    "dla46_c", "dpn48b", "eca_botnext26ts_256", "ecaresnet26t", "edgenext_x_small", "efficientformerv2_s1",
    "efficientnet_b0_gn", "efficientvim_m2", "efficientvit_b1", "ese_vovnet19b_slim", "fastvit_mci0", "gcresnet33ts",
    "ghostnetv3_050", "gmixer_12_224", "hardcorenas_b", "hgnetv2_b2", "hrnet_w18_small_v2", "inception_next_atto",
    "lcnetv2_small", "levit_128s", "lowformer_b1", "maxxvitv2_nano_rw_256", "mixnet_l", "mobilenetv1_100",
    "mobileone_s1", "mobilevit_xs", "pit_ti_224", "poolformerv2_s12", "pvt_v2_b2_li", "repghostnet_050", "resnet10t",
    "rexnetr_100", "seresnext26d_32x4d", "shvit_s1", "starnet_s1", "tinynet_c", "vit_small_patch32_224",
    "xcit_tiny_12_p8_224",
)  # fmt: skip
_RELATIVE: dict[str, Any] = {
    "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 32, "max_relative_positions": -1,
}  # fmt: skip
_HALF = {"n_layer": 6, "n_head": 6, "use_cache": False, **WORDS}


def language_jobs() -> dict[str, Job]:
    """Encoders, decoders and translators over words."""
    pegasus = {
        "d_model": 256, "encoder_layers": 3, "decoder_layers": 3, "encoder_attention_heads": 4,
        "decoder_attention_heads": 4, "encoder_ffn_dim": 1024, "decoder_ffn_dim": 1024, "use_cache": False, **WORDS,
    }  # fmt: skip
    return {
        "deberta_v2": words(
            t.DebertaV2Model, t.DebertaV2Config, 48, **SMALL, vocab_size=WORDS["vocab_size"], **_RELATIVE
        ),
        "roformer": words(t.RoFormerModel, t.RoFormerConfig, 64, **SMALL, **WORDS),
        "bigbird": words(t.BigBirdModel, t.BigBirdConfig, 64, **SMALL, **WORDS, attention_type="original_full"),
        "xmod": words(t.RobertaModel, t.RobertaConfig, 96, **SMALL, **WORDS),
        "opt": bare(t.OPTModel, t.OPTConfig, 48, **DECODER, ffn_dim=1536, word_embed_proj_dim=384),
        "bloom": bare(t.BloomModel, t.BloomConfig, 64, hidden_size=384, **_HALF),
        "pegasus": translator(t.PegasusModel, t.PegasusConfig, (48, 16), **pegasus),
    }


def signal_jobs() -> dict[str, Job]:
    """Networks of images, films and sounds."""
    stages = {"embed_dim": 64, "depths": [2, 2, 2, 2]}
    small = {"num_attention_heads": 3, "hidden_size": 192, "intermediate_size": 768, **EAGER}
    picture = (3, 224, 224)
    return {
        "hubert": signal(t.HubertModel, t.HubertConfig, (16000,), **SMALL, **EAGER),
        "data2vec_audio": signal(t.Data2VecAudioModel, t.Data2VecAudioConfig, (24000,), **SMALL, **EAGER),
        "ast": signal(t.ASTModel, t.ASTConfig, (512, 128), **SMALL, max_length=512, **EAGER),
        "deit": signal(t.DeiTModel, t.DeiTConfig, picture, **SMALL, **EAGER),
        "dinov2": signal(
            t.Dinov2Model, t.Dinov2Config, picture, hidden_size=384, num_hidden_layers=6, num_attention_heads=6, **EAGER
        ),
        "focalnet": signal(t.FocalNetModel, t.FocalNetConfig, picture, **stages),
        "hiera": signal(t.HieraModel, t.HieraConfig, picture, embed_dim=64),
        "yolos": signal(
            t.YolosModel, t.YolosConfig, (3, 256, 256), num_hidden_layers=6, image_size=[256, 256],
            num_detection_tokens=50, **small,
        ),
        "hifigan": signal(t.SpeechT5HifiGan, t.SpeechT5HifiGanConfig, (64, 80), upsample_initial_channel=128),
        "vivit": signal(
            t.VivitModel, t.VivitConfig, (8, 3, 112, 112), image_size=112, num_frames=8, num_hidden_layers=4, **small
        ),
    }  # fmt: skip


def jobs() -> dict[str, Job]:
    """All networks by name: how to make one, and its inputs."""
    models = torchvision.models
    found: dict[str, Job] = {f"timm_{name}": timm_job(name) for name in TIMM}
    found |= {f"hf_{name}": job for name, job in {**language_jobs(), **signal_jobs()}.items()}
    efficient = functools.partial(models.efficientnet_b1, weights=None)
    found["tv_efficientnet_b1"] = (efficient, (torch.rand(1, 3, 240, 240),))
    found["tv_mc3_18"] = (functools.partial(models.video.mc3_18, weights=None), (torch.rand(1, 3, 8, 80, 80),))
    mobile = models.segmentation.lraspp_mobilenet_v3_large
    found["tv_lraspp"] = (
        lambda: First(mobile(weights=None, weights_backbone=None), "out"), (torch.rand(1, 3, 256, 256),)
    )  # fmt: skip
    return found


def main() -> None:
    """Exports what is not there yet."""
    out = export_folder(__doc__ or "")
    torch.manual_seed(0)
    for name, job in jobs().items():
        path = out / f"{name}.onnx"
        if not path.exists():
            became = outcome(job, path)
            sys.stdout.write(f"{name}: {became.get('dropped') or became['bytes']}\n")


if __name__ == "__main__":
    main()
