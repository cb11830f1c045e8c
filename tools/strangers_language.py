"""Language and document models of transformers for the second list that nobody tuned for.

All are small configurations with the library's own initialisation (``tools/export_strangers.py`` exports them).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import transformers as t
from export_networks import VOCABULARY
from unseen_transformers import DECODER, EAGER, SMALL, WORDS, bare, ids, named, translator, words

if TYPE_CHECKING:
    from export_networks import Job

PAIR = {
    "d_model": 256, "encoder_layers": 3, "decoder_layers": 3, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 1024, "decoder_ffn_dim": 1024, "use_cache": False,
    "vocab_size": VOCABULARY,
}  # fmt: skip
FOUR = {**SMALL, "num_hidden_layers": 4}


def encoders() -> dict[str, Job]:
    """Models that see a whole text."""
    shape = {"axial_pos_shape": (16, 16), "axial_pos_embds_dim": (64, 192), "max_position_embeddings": 256}
    plain = {**FOUR, "vocab_size": VOCABULARY}
    return {
        "longformer_s": words(t.LongformerModel, t.LongformerConfig, 256, attention_window=64, **plain),
        "bigbird_sparse_s": words(t.BigBirdModel, t.BigBirdConfig, 512, block_size=32, num_random_blocks=2,
                                  attention_type="block_sparse", **FOUR, **WORDS),
        "reformer_s": bare(t.ReformerModel, t.ReformerConfig, 256, attn_layers=["local", "lsh", "local", "lsh"],
                           num_attention_heads=4, num_buckets=8, vocab_size=VOCABULARY, **shape),
        "yoso_s": words(t.YosoModel, t.YosoConfig, 192, use_expectation=True, **plain),
        "ibert_s": words(t.IBertModel, t.IBertConfig, 96, quant_mode=True, **plain),
        "deberta_s": words(t.DebertaModel, t.DebertaConfig, 96, relative_attention=True,
                           pos_att_type=["p2c", "c2p"], max_relative_positions=64, position_biased_input=False,
                           **plain),
        "xlm_s": bare(t.XLMModel, t.XLMConfig, 112, emb_dim=384, n_layers=6, n_heads=6, **WORDS),
    }  # fmt: skip


def decoders() -> dict[str, Job]:
    """Models that see what came before."""
    half = {"n_embd": 384, "n_layer": 6, "n_head": 6, "use_cache": False, **WORDS}
    few = {**DECODER, "num_hidden_layers": 4}
    return {
        "ctrl_s": words(t.CTRLModel, t.CTRLConfig, 64, dff=1536, **half),
        "gptj_s": words(t.GPTJModel, t.GPTJConfig, 80, rotary_dim=32, **half),
        "gpt_bigcode_s": words(t.GPTBigCodeModel, t.GPTBigCodeConfig, 128, **half),
        "persimmon_s": words(t.PersimmonModel, t.PersimmonConfig, 96, intermediate_size=1536, **DECODER),
        "diffllama_s": words(t.DiffLlamaModel, t.DiffLlamaConfig, 72, intermediate_size=1024, num_key_value_heads=2,
                             **DECODER),
        "recurrent_gemma_s": words(t.RecurrentGemmaModel, t.RecurrentGemmaConfig, 48, intermediate_size=1536,
                                   num_key_value_heads=1, attention_window_size=32, **DECODER),
        "mamba2_s": bare(t.Mamba2Model, t.Mamba2Config, 64, hidden_size=256, num_hidden_layers=4, num_heads=8,
                         head_dim=64, state_size=32, n_groups=2, chunk_size=32, use_cache=False,
                         vocab_size=VOCABULARY),
        "xlstm_s": bare(t.xLSTMModel, t.xLSTMConfig, 64, hidden_size=256, num_hidden_layers=4, num_heads=4,
                        chunk_size=32, use_cache=False, vocab_size=VOCABULARY),
        "mixtral_s": words(t.MixtralModel, t.MixtralConfig, 48, intermediate_size=512, num_key_value_heads=2,
                           num_local_experts=4, **few),
        "minicpm3_s": words(t.MiniCPM3Model, t.MiniCPM3Config, 96, intermediate_size=1024, num_key_value_heads=6,
                            q_lora_rank=192, kv_lora_rank=96, qk_nope_head_dim=32, qk_rope_head_dim=16, v_head_dim=32,
                            **DECODER),
        "jamba_s": words(t.JambaModel, t.JambaConfig, 32, intermediate_size=768, num_key_value_heads=2, num_experts=4,
                         attn_layer_period=2, attn_layer_offset=1, use_mamba_kernels=False,
                         use_associative_scan=False, **few),
        "imagegpt_s": named(
            lambda: t.ImageGPTModel(t.ImageGPTConfig(**{**half, "vocab_size": 513}, n_positions=256)),
            {"input_ids": ids(256, 512), "attention_mask": torch.ones(1, 256, dtype=torch.long)}, return_dict=False,
        ),
        "decision_transformer_s": named(
            lambda: t.DecisionTransformerModel(t.DecisionTransformerConfig(n_layer=3, n_head=4)), episode(20),
            return_dict=False,
        ),
    }  # fmt: skip


def episode(steps: int) -> dict[str, torch.Tensor]:
    """What a robot sensed and did."""
    return {
        "states": torch.randn(1, steps, 17), "actions": torch.randn(1, steps, 4), "rewards": torch.randn(1, steps, 1),
        "returns_to_go": torch.randn(1, steps, 1), "timesteps": torch.arange(steps)[None],
        "attention_mask": torch.ones(1, steps, dtype=torch.long),
    }  # fmt: skip


def pairs() -> dict[str, Job]:
    """Encoders with decoders."""
    longt5 = {"d_model": 256, "d_kv": 32, "d_ff": 1024, "num_layers": 3, "num_heads": 8, "vocab_size": VOCABULARY,
              "local_radius": 31, "encoder_attention_type": "local"}  # fmt: skip
    prophet = {
        "hidden_size": 256, "num_encoder_layers": 3, "num_decoder_layers": 3, "num_encoder_attention_heads": 4,
        "num_decoder_attention_heads": 4, "encoder_ffn_dim": 1024, "decoder_ffn_dim": 1024, **WORDS,
    }  # fmt: skip
    switch = {"d_model": 256, "d_kv": 32, "d_ff": 768, "num_layers": 4, "num_decoder_layers": 2, "num_heads": 8,
              "num_experts": 4, "num_sparse_encoder_layers": 2, "num_sparse_decoder_layers": 1,
              "vocab_size": VOCABULARY}  # fmt: skip
    return {
        "led_s": translator(t.LEDModel, t.LEDConfig, (128, 24), attention_window=64, **PAIR),
        "longt5_s": translator(t.LongT5Model, t.LongT5Config, (192, 24), **longt5),
        "pegasus_x_s": translator(t.PegasusXModel, t.PegasusXConfig, (128, 24), block_size=32, num_global_tokens=16,
                                  **PAIR),
        "prophetnet_s": translator(t.ProphetNetModel, t.ProphetNetConfig, (64, 24), **prophet),
        "switch_transformers_s": translator(t.SwitchTransformersModel, t.SwitchTransformersConfig, (48, 24), **switch),
    }  # fmt: skip


def documents() -> dict[str, Job]:
    """Models of words at places of a page, and of tables."""
    length = 128
    corners = torch.randint(0, 400, (1, length, 2))
    boxes = torch.cat((corners, corners + torch.randint(5, 90, (1, length, 2))), -1)
    read = {"input_ids": ids(length), "bbox": boxes}
    kinds = torch.zeros(1, length, 7, dtype=torch.long)
    table = {"input_ids": ids(length), "token_type_ids": kinds}
    plain: dict[str, Any] = {**FOUR, "vocab_size": VOCABULARY}
    return {
        "layoutlm_s": named(lambda: t.LayoutLMModel(t.LayoutLMConfig(**plain, **EAGER)), read, return_dict=False),
        "lilt_s": named(lambda: t.LiltModel(t.LiltConfig(**plain)), read, return_dict=False),
        "bros_s": named(
            lambda: t.BrosModel(t.BrosConfig(**plain)), {**read, "bbox": boxes / 1000.0}, return_dict=False
        ),
        "tapas_s": named(lambda: t.TapasModel(t.TapasConfig(**plain)), table, return_dict=False),
    }


def language_jobs() -> dict[str, Job]:
    """All of them by name."""
    return {f"hf_{name}": job for name, job in {**encoders(), **decoders(), **pairs(), **documents()}.items()}
