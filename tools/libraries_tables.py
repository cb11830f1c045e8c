"""Networks of graphs, tables, recommendations, time series and control, for the third list that nobody tuned for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from libraries_parts import at, job, made, maker, rand
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable

    from export_networks import Job

Tensor = torch.Tensor
NODES, EDGES = 400, 2400
SERIES, PAST, AHEAD = 7, 96, 24


def edges(nodes: int = NODES, count: int = EDGES) -> Tensor:
    """Which nodes of a graph are joined; the graph belongs to the network and does not change."""
    return torch.randint(0, nodes, (2, count))


class Pooled(nn.Module):
    """Differentiable pooling of a dense graph, twice, between dense convolutions."""

    def __init__(self) -> None:
        super().__init__()
        dense = at("torch_geometric.nn.DenseGCNConv")
        self.first, self.share = dense(32, 64), dense(32, 48)
        self.second, self.share_again = dense(64, 64), dense(64, 12)
        self.last, self.head = dense(64, 64), nn.Linear(64, 10)
        self.pool = at("torch_geometric.nn.dense_diff_pool")

    def forward(self, nodes: Tensor, joined: Tensor) -> Tensor:
        """Classes of the graph."""
        kept, joined, *_ = self.pool(self.first(nodes, joined).relu(), joined, self.share(nodes, joined))
        again, joined, *_ = self.pool(self.second(kept, joined).relu(), joined, self.share_again(kept, joined))
        return self.head(self.last(again, joined).mean(1))


def on_graph(path: str, **values: Any) -> Job:
    """Message passing over a graph that is fixed."""
    joined = edges()
    return job(
        lambda: at(path)(**values), torch.rand(NODES, 64), call=lambda model, nodes: model(nodes, joined)
    )  # fmt: skip


def molecules() -> dict[str, Job]:
    """Networks of atoms."""
    atoms, pairs = 40, edges(40, 600)
    numbers = torch.randint(1, 9, (atoms,))
    kinds = torch.tensor([[6, 1, 7, 8, 1, 6, 1, 1, 6, 8, 1, 1]])
    return {
        "pyg_schnet": job(
            lambda: at("torch_geometric.nn.SchNet")(
                hidden_channels=64, num_filters=64, num_interactions=3,
                interaction_graph=lambda places, _: (pairs, (places[pairs[0]] - places[pairs[1]]).norm(dim=-1)),
            ),
            10 * torch.rand(atoms, 3),
            call=lambda model, places: model(numbers, places, torch.zeros(atoms, dtype=torch.long)),
        ),
        "egnn_molecule": job(
            lambda: at("egnn_pytorch.EGNN_Network")(depth=3, dim=32, num_nearest_neighbors=8), rand(48, 32), rand(48, 3)
        ),
        "ani_2x": job(
            lambda: at("torchani.arch.simple_ani")(("H", "C", "N", "O"), lot="wb97x-631gd"), 3 * rand(12, 3),
            call=lambda model, places: model((kinds, places)).energies,
        ),
        "point_transformer": job(
            lambda: at("point_transformer_pytorch.PointTransformerLayer")(
                dim=64, pos_mlp_hidden_dim=32, attn_mlp_hidden_mult=2, num_neighbors=16
            ),
            rand(192, 64), rand(192, 3),
        ),
    }  # fmt: skip


def clicks(name: str) -> Job:
    """A recommender of DeepCTR over twelve words and eight numbers."""

    def make() -> nn.Module:
        sparse, dense = at("deepctr_torch.inputs.SparseFeat"), at("deepctr_torch.inputs.DenseFeat")
        columns = [sparse(f"word{index}", 500, embedding_dim=16) for index in range(12)]
        columns += [dense(f"number{index}", 1) for index in range(8)]
        return at(f"deepctr_torch.models.{name.lower()}.{name}")(columns, columns)

    row = torch.cat((torch.randint(0, 500, (1, 12)).float(), torch.rand(1, 8)), 1)
    return job(make, row)


def tabular() -> dict[str, Job]:
    """One row of a table."""
    return {
        "tab_transformer": job(
            lambda: at("tab_transformer_pytorch.TabTransformer")(
                categories=(10, 5, 6, 5, 8, 20), num_continuous=10, dim=32, dim_out=1, depth=4, heads=4,
                mlp_act=nn.ReLU(),
            ),
            torch.randint(0, 5, (1, 6)), rand(10),
        ),
        "tabnet_classifier": made("pytorch_tabnet.tab_network.TabNet", 54, input_dim=54, output_dim=7, n_steps=4,
                                  group_attention_matrix=torch.eye(54)),
        "rtdl_resnet": made(
            "rtdl_revisiting_models.ResNet", 64, d_in=64, d_out=10, n_blocks=4, d_block=192, d_hidden_multiplier=2.0,
            dropout1=0.0, dropout2=0.0,
        ),
        "ctr_autoint": clicks("AutoInt"),
        "ctr_xdeepfm": clicks("xDeepFM"),
        "ctr_fibinet": clicks("FiBiNET"),
    }  # fmt: skip


def forecast(name: str, *, together: bool = False, **values: Any) -> Job:
    """A forecaster of one series, or of several together."""
    shape = (PAST, SERIES) if together else (PAST, 1)
    series = {"n_series": SERIES} if together else {}

    def call(model: nn.Module, past: Tensor) -> Any:
        window: dict[str, Any] = dict.fromkeys(("futr_exog", "hist_exog", "stat_exog"))
        return model({**window, "insample_y": past, "insample_mask": torch.ones_like(past)})

    return job(
        maker(f"neuralforecast.models.{name}", h=AHEAD, input_size=PAST, **series, **values), rand(*shape), call=call
    )


def forecasts() -> dict[str, Job]:
    """Networks of time series."""
    wide: dict[str, Any] = {"hidden_size": 128, "e_layers": 2, "d_ff": 256}
    return {
        "nhits": forecast("NHITS"),
        "tide": forecast("TiDE", hidden_size=256),
        "bitcn": forecast("BiTCN", hidden_size=32),
        "dilated_rnn": forecast("DilatedRNN", encoder_hidden_size=64),
        "itransformer": forecast("iTransformer", together=True, n_heads=4, **wide),
        "softs": forecast("SOFTS", together=True, d_core=128, **wide),
        "timemixer": forecast("TimeMixer", together=True, e_layers=2),
        "timexer": forecast("TimeXer", together=True, n_heads=4, **wide),
    }


def controllers() -> dict[str, Job]:
    """What steers something."""

    def seen() -> nn.Module:
        spaces: Callable[..., Any] = at("gymnasium.spaces.Box")
        box = spaces(0, 255, (4, 84, 84), dtype=at("numpy.uint8"))
        return at("stable_baselines3.common.policies.ActorCriticCnnPolicy")(
            box, at("gymnasium.spaces.Discrete")(6), lambda _: 1e-4, normalize_images=False
        )

    def acts(model: nn.Module, image: Tensor) -> Any:
        policy, value = model.mlp_extractor(model.features_extractor(image))
        return model.action_net(policy), model.value_net(value)

    return {
        "sb3_nature_cnn": job(seen, rand(4, 84, 84), call=acts),
        "ncps_cfc": made("ncps.torch.CfC", 32, 20, input_size=20, units=64),
    }


def jobs() -> dict[str, Job]:
    """All networks of this part by name."""
    share = torch.rand(1, 150, 150).gt(0.95).float()
    layers: dict[str, Any] = {"in_channels": 64, "hidden_channels": 64, "num_layers": 3, "out_channels": 16}
    return {
        "pyg_diffpool": job(Pooled, rand(150, 32), share),
        "pyg_gat": on_graph("torch_geometric.nn.models.GAT", **layers, heads=4),
        "pyg_gin": on_graph("torch_geometric.nn.models.GIN", **layers),
        **molecules(),
        **tabular(),
        **{f"nf_{name}": made_job for name, made_job in forecasts().items()},
        **controllers(),
    }
