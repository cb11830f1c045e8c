"""Models of timm, torchvision and transformers for the fourth list that nobody tuned for.

All have the libraries' own initialisation, most in small configurations (``tools/export_newcomers.py`` exports them).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import timm
import torch
import torchvision
import transformers as t
from export_networks import VOCABULARY, First, timm_job
from libraries_parts import at, job, rand
from strangers_language import FOUR
from unseen_transformers import DECODER, EAGER, SMALL, WORDS, bare, ids, named, signal, translator, words

if TYPE_CHECKING:
    from export_networks import Job

PICTURE = (3, 224, 224)
ENDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
SEE: dict[str, Any] = {
    "hidden_size": 192, "num_hidden_layers": 6, "num_attention_heads": 3, "intermediate_size": 768, **EAGER,
}  # fmt: skip


def images() -> dict[str, Job]:
    """Networks of timm and torchvision."""
    names = ("vit_small_patch16_rope_mixed_224", "semnasnet_075", "cspresnext50", "efficientnet_es")
    crossed: dict[str, Any] = {"embed_dim": 64, "depths": (2, 2, 4, 2), "num_heads": (2, 4, 8, 16), "img_size": 224}
    block = torchvision.models.video.resnet

    def film() -> torch.nn.Module:
        return block.VideoResNet(
            block.BasicBlock, [block.Conv2Plus1D] * 4, [1, 1, 1, 1], block.R2Plus1dStem, num_classes=101
        )

    return {
        **{f"timm_{name}": timm_job(name) for name in names},
        "timm_caformer_s18_ten": job(lambda: timm.create_model("caformer_s18", num_classes=10), rand(*PICTURE)),
        "timm_swinv2_cr_s": job(
            lambda: at("timm.models.swin_transformer_v2_cr.SwinTransformerV2Cr")(window_size=7, **crossed),
            rand(*PICTURE),
        ),
        "tv_r2plus1d_10": job(film, rand(3, 8, 80, 80)),
    }  # fmt: skip


def decoders() -> dict[str, Job]:
    """Language models that write from left to right."""
    whole = {**DECODER, "intermediate_size": 1024, **ENDS}
    sparse = {**whole, "num_hidden_layers": 3, "experts_implementation": "batched_mm"}
    latent = {"kv_lora_rank": 96, "q_lora_rank": 128, "qk_rope_head_dim": 16, "qk_nope_head_dim": 48, "v_head_dim": 64,
              "n_routed_experts": 8, "num_experts_per_tok": 2, "n_group": 2, "topk_group": 1, "head_dim": 16,
              "moe_intermediate_size": 256, "first_k_dense_replace": 1,
              "num_key_value_heads": 6}  # fmt: skip
    chosen = {"num_local_experts": 4, "num_experts_per_tok": 2, "head_dim": 64, "num_key_value_heads": 2,
              "sliding_window": 32, "intermediate_size": 384}  # fmt: skip
    code = {"n_embd": 384, "n_layer": 4, "n_head": 4, "rotary_dim": 32, "n_positions": 512, "n_ctx": 512}
    return {
        "cohere_s": bare(t.CohereModel, t.CohereConfig, 64, **whole, num_key_value_heads=2),
        "olmo2_s": bare(t.Olmo2Model, t.Olmo2Config, 80, **whole),
        "nemotron_s": bare(t.NemotronModel, t.NemotronConfig, 64, **whole, num_key_value_heads=2),
        "gpt_oss_s": words(t.GptOssModel, t.GptOssConfig, 48, **{**sparse, **chosen}),
        "deepseek_v3_s": words(t.DeepseekV3Model, t.DeepseekV3Config, 48, **sparse, **latent),
        "codegen_s": bare(t.CodeGenModel, t.CodeGenConfig, 64, **code, **WORDS, use_cache=False),
        "phi_s": bare(t.PhiModel, t.PhiConfig, 96, **whole),
    }  # fmt: skip


def readers() -> dict[str, Job]:
    """Encoders of words and pages, and translators."""
    sides: dict[str, Any] = {"d_model": 256, "use_cache": False, **EAGER}
    for side in ("encoder", "decoder"):
        sides |= {f"{side}_layers": 3, f"{side}_ffn_dim": 1024, f"{side}_attention_heads": 4}
    pair = {**sides, "src_vocab_size": VOCABULARY, "tgt_vocab_size": VOCABULARY, "langs": ["en", "de"]}
    entities = {
        "input_ids": ids(64), "attention_mask": torch.ones(1, 64, dtype=torch.long),
        "entity_ids": torch.randint(1, 400, (1, 4)), "entity_attention_mask": torch.ones(1, 4, dtype=torch.long),
        "entity_position_ids": torch.randint(1, 60, (1, 4, 6)),
    }  # fmt: skip
    page = {
        "input_ids": ids(96), "xpath_tags_seq": torch.randint(0, 200, (1, 96, 12)),
        "xpath_subs_seq": torch.randint(0, 900, (1, 96, 12)),
    }  # fmt: skip
    line = {"input_ids": ids(24), "encoder_hidden_states": torch.randn(1, 197, 256)}
    scribe = {"d_model": 256, "decoder_layers": 4, "decoder_attention_heads": 4, "decoder_ffn_dim": 1024,
              "cross_attention_hidden_size": 256, "use_cache": False}  # fmt: skip
    return {
        "rembert_s": words(
            t.RemBertModel, t.RemBertConfig, 96, **SMALL, **WORDS, input_embedding_size=128, output_embedding_size=256
        ),
        "nomic_bert_s": words(t.NomicBertModel, t.NomicBertConfig, 128, **SMALL, **WORDS),
        "luke_s": named(
            lambda: t.LukeModel(t.LukeConfig(**FOUR, vocab_size=VOCABULARY, entity_vocab_size=500)), entities,
            return_dict=False,
        ),
        "markuplm_s": named(
            lambda: t.MarkupLMModel(t.MarkupLMConfig(**SMALL, vocab_size=VOCABULARY, max_depth=12)), page,
            return_dict=False,
        ),
        "trocr_decoder_s": named(
            lambda: t.TrOCRForCausalLM(t.TrOCRConfig(**scribe, **WORDS)), line, use_cache=False, return_dict=False
        ),
        "fsmt_s": translator(t.FSMTModel, t.FSMTConfig, (40, 24), **pair),
        "m2m_100_s": translator(t.M2M100Model, t.M2M100Config, (48, 24), **sides, vocab_size=VOCABULARY),
    }  # fmt: skip


def senses() -> dict[str, Job]:
    """Networks of speech and images."""
    heard = {"input_dim": 160, "num_layers": 4, "hidden_dim": 192, "num_heads": 4, "dim_head": 48, "context_size": 100}
    backbone = {"embedding_size": 32, "hidden_sizes": [32, 64, 128, 256], "depths": [2, 2, 2, 2], "layer_type": "basic"}
    queries = {"hidden_size": 128, "encoder_ffn_dim": 512, "decoder_ffn_dim": 512, "encoder_layers": 2,
               "decoder_layers": 2, "num_queries": 100}  # fmt: skip
    encoder = t.models.granite_speech.modeling_granite_speech.GraniteSpeechCTCEncoder
    listen = t.models.granite_speech.configuration_granite_speech.GraniteSpeechEncoderConfig
    rows = torch.cat((torch.arange(1, 181).view(1, 180, 1) // 13 + 1, torch.arange(180).view(1, 180, 1) % 13 + 1), -1)
    patches = torch.cat((rows.float(), torch.randn(1, 180, 768)), -1)
    return {
        "unispeech_sat_s": signal(
            t.UniSpeechSatModel, t.UniSpeechSatConfig, (20000,), **{**SMALL, "num_hidden_layers": 4},
            apply_spec_augment=False, **EAGER,
        ),
        "granite_speech_s": signal(encoder, listen, (200, 160), **heard),
        "dinov3_s": signal(t.DINOv3ViTModel, t.DINOv3ViTConfig, PICTURE, **SEE, num_register_tokens=4),
        "intern_vision_s": signal(
            t.InternVLVisionModel, t.InternVLVisionConfig, PICTURE, **SEE, image_size=[224, 224], patch_size=[14, 14]
        ),
        "pixtral_vision_s": signal(t.PixtralVisionModel, t.PixtralVisionConfig, (3, 192, 256), **SEE, image_size=256),
        "pix2struct_vision_s": (
            lambda: First(
                t.Pix2StructVisionModel(t.Pix2StructVisionConfig(
                    hidden_size=192, patch_embed_hidden_size=768, d_ff=512, d_kv=64, num_hidden_layers=6,
                    num_attention_heads=3, seq_len=512, initializer_range=0.02, **EAGER)),
                return_dict=False,
            ),
            (patches,),
        ),
        "dab_detr_s": named(
            lambda: t.DabDetrForObjectDetection(t.DabDetrConfig(
                backbone_config=t.ResNetConfig(**backbone, out_features=["stage4"]), encoder_attention_heads=4,
                decoder_attention_heads=4, **queries, **EAGER)),
            {"pixel_values": rand(3, 320, 320), "pixel_mask": torch.ones(1, 320, 320, dtype=torch.long)},
            return_dict=False,
        ),
    }  # fmt: skip


def jobs() -> dict[str, Job]:
    """All networks of this part by name."""
    small = {**decoders(), **readers(), **senses()}
    return {**images(), **{f"hf_{name}": made_job for name, made_job in small.items()}}
