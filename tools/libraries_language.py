"""Networks of words and genes from small public libraries, for the third list that nobody tuned for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from libraries_parts import at, job, rand
from torch import nn

if TYPE_CHECKING:
    from export_networks import Job

WORDS = 4000
BODY: dict[str, Any] = {"dim": 256, "depth": 4, "heads": 4}


def ids(length: int) -> torch.Tensor:
    """Numbers of words."""
    return torch.randint(5, WORDS - 5, (1, length))


def layers(kind: str, length: int, **values: Any) -> Job:
    """A language model of x-transformers."""
    return job(
        lambda: at("x_transformers.TransformerWrapper")(
            num_tokens=WORDS, max_seq_len=length, attn_layers=at(f"x_transformers.{kind}")(**BODY, **values)
        ),
        ids(length),
    )  # fmt: skip


def continuous() -> nn.Module:
    """Layers over a signal instead of words."""
    return at("x_transformers.ContinuousTransformerWrapper")(
        dim_in=32, dim_out=16, max_seq_len=160, attn_layers=at("x_transformers.Encoder")(**BODY, rotary_pos_emb=True)
    )


def translator() -> nn.Module:
    """Encoder and decoder with rotary positions."""
    side = {"num_tokens": WORDS, "depth": 3, "heads": 4, "max_seq_len": 64, "rotary_pos_emb": True}
    sides = {f"{place}_{name}": value for place in ("enc", "dec") for name, value in side.items()}
    return at("x_transformers.XTransformer")(dim=256, **sides)


def pythia() -> nn.Module:
    """A small Pythia of LitGPT."""
    litgpt = at("litgpt.Config")
    return at("litgpt.GPT")(
        litgpt(block_size=96, n_layer=4, n_embd=256, n_head=4, vocab_size=WORDS, padded_vocab_size=WORDS)
    )


def genes() -> nn.Module:
    """A small Enformer."""
    return at("enformer_pytorch.Enformer").from_hparams(
        dim=192,
        depth=2,
        heads=4,
        output_heads={"human": 64},
        target_length=16,
        num_downsamples=5,
        dim_divisible_by=32,
        attn_dim_key=32,
    )


def jobs() -> dict[str, Job]:
    """All networks of this part by name."""
    return {
        "xt_macaron": layers("Encoder", 128, macaron=True),
        "xt_talking_heads": layers("Decoder", 96, attn_pre_talking_heads=True, attn_post_talking_heads=True),
        "xt_alibi_sparse": layers("Decoder", 96, attn_sparse_topk=8, alibi_pos_bias=True),
        "xt_sandwich": layers("Encoder", 112, sandwich_coef=2),
        "xt_continuous": job(continuous, rand(160, 32)),
        "xt_encoder_decoder": job(
            translator, ids(48), ids(32),
            call=lambda model, source, target: model.decoder.net(
                target, context=model.encoder(source, return_embeddings=True)
            ),
        ),
        "local_transformer": job(
            lambda: at("local_attention.LocalTransformer")(
                num_tokens=WORDS, dim=256, depth=4, max_seq_len=256, local_attn_window_size=64, heads=4
            ),
            ids(256),
        ),
        "sinkhorn_lm": job(
            lambda: at("sinkhorn_transformer.SinkhornTransformerLM")(
                num_tokens=WORDS, dim=256, heads=4, depth=3, bucket_size=32, max_seq_len=256
            ),
            ids(256),
        ),
        "gmlp_lm": job(
            lambda: at("g_mlp_pytorch.gMLP")(num_tokens=WORDS, dim=256, depth=4, seq_len=128), ids(128)
        ),
        "litgpt_pythia_s": job(pythia, ids(96)),
        "performer_lm": job(
            lambda: at("performer_pytorch.PerformerLM")(
                num_tokens=WORDS, max_seq_len=192, dim=256, depth=4, heads=4, nb_features=64
            ),
            ids(192),
        ),
        "enformer_s": job(genes, rand(2048, 4)),
    }  # fmt: skip
