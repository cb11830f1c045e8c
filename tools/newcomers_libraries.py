"""Networks of small public libraries for the fourth list that nobody tuned for: sounds, tables, graphs and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from libraries_parts import at, job, made, maker, rand
from libraries_tables import edges, forecast
from torch import nn

if TYPE_CHECKING:
    from export_networks import Job

Tensor = torch.Tensor
WORDS = 4000


def ids(length: int) -> Tensor:
    """Numbers of words."""
    return torch.randint(5, WORDS - 5, (1, length))


class KeyMemory(nn.Module):
    """A language model, one of whose layers looks up values under products of keys."""

    def __init__(self) -> None:
        super().__init__()
        layer: dict[str, Any] = {"d_model": 256, "nhead": 4, "dim_feedforward": 768, "dropout": 0.0}
        self.embed = nn.Embedding(WORDS, 256)
        self.first = nn.TransformerEncoderLayer(**layer, batch_first=True, norm_first=True)
        self.memory = at("product_key_memory.PKM")(dim=256, heads=4, num_keys=64, topk=16, dim_head=64)
        self.last = nn.TransformerEncoderLayer(**layer, batch_first=True, norm_first=True)
        self.out = nn.Linear(256, WORDS)

    def forward(self, text: Tensor) -> Tensor:
        """Scores of words."""
        x = self.first(self.embed(text))
        return self.out(self.last(x + self.memory(x)))


def language() -> dict[str, Job]:
    """Networks of words."""
    body: dict[str, Any] = {"num_tokens": WORDS, "dim": 256, "depth": 4, "heads": 4, "max_seq_len": 256}
    return {
        "routing_lm": job(
            maker("routing_transformer.RoutingTransformerLM", **body, window_size=64, causal=True), ids(256)
        ),
        "key_memory": job(KeyMemory, ids(96)),
        "linear_attention_lm": job(
            maker("linear_attention_transformer.LinearAttentionTransformerLM", **body, causal=False), ids(256)
        ),
    }


def listening() -> nn.Module:
    """The encoder of S3 tokens, whose attention has a convolution of its own as a memory."""
    return at("s3tokenizer.model_v2.AudioEncoderV2")(128, 384, 6, 4, 2, use_sdpa=False)


def sounds() -> dict[str, Job]:
    """Networks of sounds and biosignals."""
    places = ["FP1", "FP2", "F3", "F4", "C3", "C4", "P3", "P4"]
    return {
        "diffusion_unet_1d": job(
            maker("denoising_diffusion_pytorch.Unet1D", dim=32, dim_mults=(1, 2, 4), channels=8), rand(8, 512),
            torch.tensor([20]),
        ),
        "demucs_cross": job(
            maker("demucs.transformer.CrossTransformerEncoder", 192, num_heads=6, num_layers=3, norm_first=True),
            rand(192, 8, 28), rand(192, 224),
        ),
        "conformer_blocks": made("conformer.Conformer", 160, 192, dim=192, depth=3, heads=4, dim_head=48),
        "s3_encoder": job(
            listening, rand(128, 400), call=lambda model, sound: model(sound, torch.tensor([400]))[0]
        ),
        "brain_labram": job(
            maker("braindecode.models.Labram", n_chans=8, n_times=1000, n_outputs=4, sfreq=200, num_layers=4),
            rand(8, 1000), call=lambda model, signal: model(signal, ch_names=places),
        ),
        "brain_sparcnet": made("braindecode.models.SPARCNet", 16, 2000, n_chans=16, n_times=2000, n_outputs=6),
    }  # fmt: skip


def fields() -> list[Any]:
    """Twelve words of a click."""
    return [at("deepctr_torch.inputs.SparseFeat")(f"word{index}", 500, embedding_dim=16) for index in range(12)]


def product() -> nn.Module:
    """A recommender of products of its embeddings, and eight numbers."""
    numbers = [at("deepctr_torch.inputs.DenseFeat")(f"number{index}", 1) for index in range(8)]
    return at("deepctr_torch.models.pnn.PNN")(fields() + numbers, use_outter=True)


def convolved() -> nn.Module:
    """A recommender that convolves its embeddings and keeps the largest."""
    return at("deepctr_torch.models.ccpm.CCPM")(fields(), fields())


def rows() -> dict[str, Job]:
    """Networks of tables, clicks and series."""
    names = [f"word{index}" for index in range(8)] + [f"number{index}" for index in range(12)]
    table: dict[str, Any] = {
        "column_idx": {name: index for index, name in enumerate(names)}, "continuous_cols": names[8:],
        "cat_embed_input": [(name, 30) for name in names[:8]], "mlp_hidden_dims": [128, 64],
    }  # fmt: skip
    batch = torch.cat((torch.randint(1, 30, (32, 8)).float(), torch.rand(32, 12)), 1)
    form, chosen = "pytorch_widedeep.models", torch.randint(0, 500, (1, 12)).float()
    return {
        "saint_rows": job(maker(f"{form}.SAINT", **table, input_dim=32, n_heads=4, n_blocks=2), batch),
        "fastformer_rows": job(maker(f"{form}.TabFastFormer", **table, input_dim=32, n_heads=4, n_blocks=4), batch),
        "ctr_pnn": job(product, torch.cat((chosen, torch.rand(1, 8)), 1)),
        "ctr_ccpm": job(convolved, chosen),
        "nf_tsmixer": forecast("TSMixer", together=True, n_block=4, ff_dim=128),
        "nf_rmok": forecast("RMoK", together=True),
    }  # fmt: skip


def steering() -> dict[str, Job]:
    """Networks that value actions."""
    games = "tianshou.env.atari.atari_network"

    def quantiles() -> nn.Module:
        seen = at(f"{games}.DQNet")(c=4, h=84, w=84, action_shape=6, features_only=True)
        return at("tianshou.utils.net.discrete.ImplicitQuantileNetwork")(
            preprocess_net=seen, action_shape=6, hidden_sizes=(512,)
        )

    def value(model: nn.Module, image: Tensor, shares: Tensor) -> Tensor:
        known = model.preprocess(image)[0]
        return model.last((known.unsqueeze(1) * model.embed_model(shares)).flatten(0, 1))

    return {
        "implicit_quantiles": job(quantiles, rand(4, 84, 84), rand(32), call=value),
        "categorical_q": job(
            maker(f"{games}.C51Net", c=4, h=84, w=84, action_shape=[6]), rand(4, 84, 84),
            call=lambda model, image: model(image)[0],
        ),
    }  # fmt: skip


def graphs() -> dict[str, Job]:
    """Networks of graphs and fields."""
    joined, alone = edges(), torch.zeros(400, dtype=torch.long)
    return {
        "pyg_sgformer": job(
            maker("torch_geometric.nn.models.SGFormer", in_channels=64, hidden_channels=64, out_channels=16),
            torch.rand(400, 64), call=lambda model, nodes: model(nodes, joined, alone),
        ),
        "en_molecule": job(
            maker("en_transformer.EnTransformer", dim=64, depth=3, dim_head=32, heads=4), rand(40, 64), 5 * rand(40, 3)
        ),
        "uno_fields": made(
            "neuralop.models.UNO", 2, 48, 48, in_channels=2, out_channels=1, hidden_channels=24, n_layers=3,
            uno_out_channels=[24, 48, 24], uno_n_modes=[[8, 8], [6, 6], [8, 8]],
            uno_scalings=[[1, 1], [0.5, 0.5], [2, 2]], lifting_channels=48, projection_channels=48,
            channel_mlp_skip="linear",
        ),
    }  # fmt: skip


def jobs() -> dict[str, Job]:
    """All networks of this part by name."""
    return {**language(), **sounds(), **rows(), **steering(), **graphs()}
