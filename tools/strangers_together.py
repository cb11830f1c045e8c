"""Models of transformers that take images or films with words, for the second list that nobody tuned for.

All are small configurations with the library's own initialisation (``tools/export_strangers.py`` exports them).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import transformers as t
from export_networks import VOCABULARY
from strangers_language import FOUR
from strangers_transformers import NARROW
from unseen_transformers import EAGER, ids, named

if TYPE_CHECKING:
    from export_networks import Job

WORDS = 32
READ = {"hidden_size": 192, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 768}
SEE = {**NARROW, "num_hidden_layers": 4, "image_size": 192, "patch_size": 16}
ENDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def seen(side: int = 192, batch: int = 1) -> dict[str, torch.Tensor]:
    """An image and a line of words for each of ``batch``."""
    text = torch.cat([ids(WORDS) for _ in range(batch)])
    mask = torch.ones(batch, WORDS, dtype=torch.long)
    return {"input_ids": text, "attention_mask": mask, "pixel_values": torch.rand(1, 3, side, side)}


def fused() -> dict[str, Job]:
    """Words and images in one encoder, or in two that look at each other."""
    regions = {"visual_embeds": torch.randn(1, 36, 256)}
    words = {"input_ids": ids(WORDS), "attention_mask": torch.ones(1, WORDS, dtype=torch.long)}
    found = {"input_ids": ids(WORDS), "visual_feats": torch.randn(1, 36, 512), "visual_pos": torch.rand(1, 36, 4)}
    flava = {"image_config": SEE, "text_config": {**READ, "vocab_size": VOCABULARY}, "init_codebook": False,
             "multimodal_config": {**READ, "num_hidden_layers": 2}, "hidden_size": 192}  # fmt: skip
    blip = {"vision_config": SEE, "image_text_hidden_size": 128,
            "text_config": {**READ, "vocab_size": VOCABULARY, "encoder_hidden_size": 192, **ENDS}}  # fmt: skip
    bridge = {"hidden_size": 192, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 768,
              "text_config": {**READ, "num_hidden_layers": 4, "vocab_size": VOCABULARY},
              "vision_config": {"hidden_size": 192, "num_hidden_layers": 4, "image_size": 192}}  # fmt: skip
    git = {"vision_config": SEE, "num_hidden_layers": 4, "hidden_size": 192, "num_attention_heads": 4,
           "intermediate_size": 768, "vocab_size": VOCABULARY, **ENDS}  # fmt: skip
    visual: dict[str, Any] = {**FOUR, "visual_embedding_dim": 256, "vocab_size": VOCABULARY}
    lxmert = {"hidden_size": 256, "num_attention_heads": 4, "intermediate_size": 1024, "l_layers": 3, "x_layers": 2,
              "r_layers": 2, "visual_feat_dim": 512, "vocab_size": VOCABULARY}  # fmt: skip
    return {
        "flava_s": named(lambda: t.FlavaModel(t.FlavaConfig(**flava)), seen(), return_dict=False),
        "blip_s": named(lambda: t.BlipForImageTextRetrieval(t.BlipConfig(**blip)), seen(), return_dict=False),
        "bridgetower_s": named(lambda: t.BridgeTowerModel(t.BridgeTowerConfig(**bridge)), seen(), return_dict=False),
        "git_s": named(lambda: t.GitForCausalLM(t.GitConfig(**git)), seen(), use_cache=False, return_dict=False),
        "lxmert_s": named(lambda: t.LxmertModel(t.LxmertConfig(**lxmert)), found, return_dict=False),
        "visual_bert_s": named(
            lambda: t.VisualBertModel(t.VisualBertConfig(**visual)), {**words, **regions}, return_dict=False
        ),
        "blip2_qformer_s": named(
            lambda: t.Blip2QFormerModel(t.Blip2QFormerConfig(**READ, encoder_hidden_size=256)),
            {"query_embeds": torch.randn(1, 32, 192), "encoder_hidden_states": torch.randn(1, 145, 256)},
            return_dict=False,
        ),
    }  # fmt: skip


def compared() -> dict[str, Job]:
    """Words and images in encoders of their own, whose results are compared."""
    tall = {"text_config": {**READ, "vocab_size": VOCABULARY, "max_position_embeddings": 64, **ENDS}}
    film = {"input_ids": ids(WORDS), "attention_mask": torch.ones(1, WORDS, dtype=torch.long),
            "pixel_values": torch.rand(1, 8, 3, 112, 112)}  # fmt: skip
    clips = {**tall, "projection_dim": 128, "prompt_num_attention_heads": 4,
             "vision_config": {**SEE, "image_size": 112, "num_frames": 8, "mit_hidden_size": 128,
                               "mit_intermediate_size": 512, "mit_num_attention_heads": 4}}  # fmt: skip
    groups = {**tall, "projection_dim": 128, "projection_intermediate_dim": 512,
              "vision_config": {"hidden_size": 192, "intermediate_size": 768, "depths": [3, 2, 2],
                                "num_group_tokens": [32, 8, 0], "num_output_groups": [32, 8, 8],
                                "num_attention_heads": 6, "image_size": 192}}  # fmt: skip
    cut = {**tall, "projection_dim": 128, "extract_layers": [1, 2, 3], "reduce_dim": 64,
           "vision_config": SEE}  # fmt: skip
    return {
        "siglip_s": named(lambda: t.SiglipModel(t.SiglipConfig(**tall, vision_config=SEE, **EAGER)), seen(batch=2),
                          return_dict=False),
        "x_clip_s": named(lambda: t.XCLIPModel(t.XCLIPConfig(**clips)), film, return_dict=False),
        "groupvit_s": named(lambda: t.GroupViTModel(t.GroupViTConfig(**groups)), seen(), return_dict=False),
        "clipseg_s": named(lambda: t.CLIPSegForImageSegmentation(t.CLIPSegConfig(**cut)), seen(), return_dict=False),
    }  # fmt: skip


def together_jobs() -> dict[str, Job]:
    """All of them by name."""
    return {f"hf_{name}": job for name, job in {**fused(), **compared()}.items()}
