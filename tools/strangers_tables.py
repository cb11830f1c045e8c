"""Networks of graphs, points, tables, fields and games, written by hand, for the second list that nobody tuned for.

They are what somebody writes after reading a paper: the architectures are public, the sizes our own
(``tools/export_strangers.py`` exports them).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as f
from written_parts import written

if TYPE_CHECKING:
    from export_networks import Job

Tensor = torch.Tensor


def dense(*sizes: int, last: nn.Module | None = None) -> nn.Sequential:
    """Dense layers with rectifiers between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1], *([last] if last else []))


class Adjacent(nn.Module):
    """Graph convolutions by products with a dense adjacency (Kipf and Welling, arXiv:1609.02907)."""

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in ((200, width), (width, width), (width, 7)))

    def forward(self, nodes: Tensor, edges: Tensor) -> Tensor:
        """Scores of every node, from [nodes, 200] and [nodes, nodes]."""
        own = edges + torch.eye(edges.shape[0])
        scale = own.sum(1).rsqrt()
        matrix = own * scale[:, None] * scale
        for index, layer in enumerate(self.layers):
            nodes = matrix @ layer(nodes if index == 0 else f.relu(nodes))
        return nodes.log_softmax(1)


class EdgeConv(nn.Module):
    """Features of the edges to the nearest points, found anew in every layer (Wang et al., arXiv:1801.07829)."""

    def __init__(self, inputs: int, outputs: int, near: int) -> None:
        super().__init__()
        self.near = near
        self.main = nn.Sequential(
            nn.Conv2d(2 * inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)
        )

    def forward(self, points: Tensor) -> Tensor:
        """New features, [1, outputs, points]."""
        square = points.pow(2).sum(1)
        far = square[:, :, None] + square[:, None] - 2 * points.transpose(1, 2) @ points
        chosen = far.topk(self.near, largest=False).indices
        others = points[0].t()[chosen[0]].permute(2, 0, 1)[None]
        own = points[..., None].expand_as(others)
        return self.main(torch.cat((own, others - own), 1)).amax(-1)


class Cloud(nn.Module):
    """Classes of clouds of points."""

    def __init__(self) -> None:
        super().__init__()
        self.edges = nn.ModuleList(EdgeConv(a, b, 12) for a, b in ((3, 32), (32, 48), (48, 64)))
        self.join, self.out = nn.Conv1d(144, 256, 1), dense(512, 128, 40)

    def forward(self, points: Tensor) -> Tensor:
        """Scores of the classes, from [1, 3, points]."""
        found = []
        for edge in self.edges:
            points = edge(points)
            found.append(points)
        joined = f.leaky_relu(self.join(torch.cat(found, 1)), 0.2)
        return self.out(torch.cat((joined.amax(2), joined.mean(2)), 1))


class Equivariant(nn.Module):
    """Atoms that move along the lines between them (Satorras, Hoogeboom and Welling, arXiv:2102.09844)."""

    def __init__(self, width: int = 48, layers: int = 3) -> None:
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.edge = nn.ModuleList(nn.Sequential(dense(2 * width + 1, width, width), nn.SiLU()) for _ in range(layers))
        self.move = nn.ModuleList(dense(width, width, 1) for _ in range(layers))
        self.node = nn.ModuleList(dense(2 * width, width, width) for _ in range(layers))

    def forward(self, kinds: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """Features and places of the atoms, from [atoms, 8] and [atoms, 3]."""
        state, count = self.embed(kinds), kinds.shape[0]
        for edge, move, node in zip(self.edge, self.move, self.node, strict=True):
            apart = places[:, None] - places[None]
            square = apart.pow(2).sum(-1, keepdim=True)
            shape = (count, count, state.shape[1])
            pairs = edge(torch.cat((state[:, None].expand(shape), state[None].expand(shape), square), -1))
            places = places + (apart / (square + 1).sqrt() * move(pairs)).mean(1)
            state = state + node(torch.cat((state, pairs.sum(1)), 1))
        return state, places


class Sets(nn.Module):
    """Sets by attention through a few learned points (Lee et al., arXiv:1810.00825)."""

    def __init__(self, width: int = 96, points: int = 16) -> None:
        super().__init__()
        self.embed = nn.Linear(3, width)
        self.few = nn.ParameterList(nn.Parameter(torch.randn(1, points, width)) for _ in range(2))
        self.down, self.up = (
            nn.ModuleList(nn.MultiheadAttention(width, 4, batch_first=True) for _ in range(2)) for _ in "ab"
        )
        self.wide = nn.ModuleList(dense(width, width, width) for _ in range(2))
        self.seed = nn.Parameter(torch.randn(1, 4, width))
        self.pool, self.out = nn.MultiheadAttention(width, 4, batch_first=True), nn.Linear(4 * width, 10)

    def forward(self, members: Tensor) -> Tensor:
        """Ten numbers a set, from [1, members, 3]."""
        state = self.embed(members)
        for few, down, up, wide in zip(self.few, self.down, self.up, self.wide, strict=True):
            hidden = few + down(few, state, state, need_weights=False)[0]
            state = state + up(state, hidden, hidden, need_weights=False)[0]
            state = state + f.relu(wide(state))
        return self.out(self.pool(self.seed, state, state, need_weights=False)[0].flatten(1))


class Dots(nn.Module):
    """Products of all pairs of embeddings beside dense features (Naumov et al., arXiv:1906.00091)."""

    def __init__(self, tables: int = 16, rows: int = 3000, width: int = 32) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(rows, width) for _ in range(tables))
        self.bottom = dense(13, 128, 64, width, last=nn.ReLU())
        upper = torch.triu_indices(tables + 1, tables + 1, 1)
        self.register_buffer("pairs", upper[0] * (tables + 1) + upper[1])
        self.top = dense(width + len(upper[0]), 256, 64, 1, last=nn.Sigmoid())

    def forward(self, numbers: Tensor, chosen: Tensor) -> Tensor:
        """How likely each row of a batch is clicked."""
        low = self.bottom(numbers)
        vectors = torch.stack([low, *(table(chosen[:, index]) for index, table in enumerate(self.tables))], 1)
        dots = (vectors @ vectors.transpose(1, 2)).flatten(1)[:, self.pairs]
        return self.top(torch.cat((low, dots), 1))


class Interest(nn.Module):
    """What somebody looked at, weighted by what is offered (Zhou et al., arXiv:1706.06978)."""

    def __init__(self, items: int = 8000, width: int = 32) -> None:
        super().__init__()
        self.embed, self.score = nn.Embedding(items, width), dense(4 * width, 64, 16, 1)
        self.out = dense(3 * width, 128, 64, 1)

    def forward(self, past: Tensor, offered: Tensor) -> Tensor:
        """How likely each offer is taken, from [rows, 50] and [rows]."""
        seen, offer = self.embed(past), self.embed(offered)
        wide = offer[:, None].expand_as(seen)
        weights = self.score(torch.cat((seen, wide, seen - wide, seen * wide), -1))
        weights = weights.masked_fill((past == 0)[..., None], 0.0)
        interest = (weights * seen).sum(1)
        return self.out(torch.cat((interest, offer, interest * offer), 1)).sigmoid()


class NextItem(nn.Module):
    """The next item by causal attention over the last ones (Kang and McAuley, arXiv:1808.09781)."""

    def __init__(self, items: int = 6000, width: int = 64, length: int = 50) -> None:
        super().__init__()
        self.embed, self.place = nn.Embedding(items, width), nn.Parameter(0.02 * torch.randn(1, length, width))
        layer = nn.TransformerEncoderLayer(width, 2, 2 * width, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.register_buffer("mask", torch.full((length, length), -1e9).triu(1))

    def forward(self, past: Tensor) -> Tensor:
        """Scores of all items after the last."""
        state = self.blocks(self.embed(past) + self.place, mask=self.mask)
        return state[:, -1] @ self.embed.weight.t()


class Crosses(nn.Module):
    """Products of features with themselves, layer by layer (Wang et al., arXiv:2008.13535)."""

    def __init__(self, fields: int = 26, width: int = 16) -> None:
        super().__init__()
        self.embed, size = nn.Embedding(20000, width), fields * width
        self.cross = nn.ModuleList(nn.Linear(size, size) for _ in range(3))
        self.deep, self.out = dense(size, 256, 128, last=nn.ReLU()), nn.Linear(size + 128, 1)

    def forward(self, chosen: Tensor) -> Tensor:
        """How likely each row is clicked."""
        first = state = self.embed(chosen).flatten(1)
        for cross in self.cross:
            state = first * cross(state) + state
        return self.out(torch.cat((state, self.deep(first)), 1)).sigmoid()


class Choosing(nn.Module):
    """Columns of a table that are chosen step by step (Arik and Pfister, arXiv:1908.07442)."""

    def __init__(self, columns: int = 54, width: int = 32, steps: int = 4) -> None:
        super().__init__()
        self.norm, self.width = nn.BatchNorm1d(columns), width
        self.shared = nn.Sequential(nn.Linear(columns, 4 * width, bias=False), nn.BatchNorm1d(4 * width), nn.GLU())
        self.own = nn.ModuleList(
            nn.Sequential(nn.Linear(2 * width, 4 * width, bias=False), nn.BatchNorm1d(4 * width), nn.GLU())
            for _ in range(steps)
        )
        self.choose = nn.ModuleList(
            nn.Sequential(nn.Linear(width, columns), nn.BatchNorm1d(columns)) for _ in range(steps)
        )
        self.out = nn.Linear(width, 7)

    def forward(self, rows: Tensor) -> Tensor:
        """Scores of the classes, one row of a table each."""
        rows = self.norm(rows)
        left, total = torch.ones_like(rows), torch.zeros(())
        state = self.shared(rows)[:, self.width :]
        for own, choose in zip(self.own, self.choose, strict=True):
            mask = (choose(state) * left).softmax(-1)
            left = left * (1.3 - mask)
            shared = self.shared(mask * rows)
            found = (own(shared) + shared) * 0.7071
            total, state = total + f.relu(found[:, : self.width]), found[:, self.width :]
        return self.out(total)


class Columns(nn.Module):
    """Every column of a table as a token (Gorishniy et al., arXiv:2106.11959)."""

    def __init__(self, numbers: int = 20, kinds: int = 8, width: int = 96) -> None:
        super().__init__()
        self.weight, self.bias = (nn.Parameter(0.1 * torch.randn(numbers, width)) for _ in range(2))
        self.table, self.first = nn.Embedding(kinds * 30, width), nn.Parameter(torch.randn(1, 1, width))
        self.register_buffer("offsets", torch.arange(kinds) * 30)
        layer = nn.TransformerEncoderLayer(width, 8, 2 * width, batch_first=True, norm_first=True)
        self.blocks, self.out = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False), nn.Linear(width, 2)

    def forward(self, numbers: Tensor, kinds: Tensor) -> Tensor:
        """Scores of two classes a row."""
        tokens = numbers[..., None] * self.weight + self.bias
        first = self.first.expand(numbers.shape[0], -1, -1)
        return self.out(self.blocks(torch.cat((first, tokens, self.table(kinds + self.offsets)), 1))[:, 0])


class Spline(nn.Module):
    """A learned curve on every edge, of cubic splines (Liu et al., arXiv:2404.19756)."""

    def __init__(self, inputs: int, outputs: int, parts: int = 5) -> None:
        super().__init__()
        self.register_buffer("knots", torch.arange(-3.0, parts + 4) * (2 / parts) - 1)
        self.plain = nn.Linear(inputs, outputs)
        self.curves = nn.Parameter(0.1 * torch.randn(outputs, inputs, parts + 3))

    def forward(self, values: Tensor) -> Tensor:
        """Sums of the curves, by the recursion of de Boor."""
        wide, knots = values[..., None], self.knots
        basis = ((wide >= knots[:-1]) & (wide < knots[1:])).float()
        for degree in range(1, 4):
            left = (wide - knots[: -degree - 1]) / (knots[degree:-1] - knots[: -degree - 1])
            right = (knots[degree + 1 :] - wide) / (knots[degree + 1 :] - knots[1:-degree])
            basis = left * basis[..., :-1] + right * basis[..., 1:]
        return self.plain(f.silu(values)) + torch.einsum("bik,oik->bo", basis, self.curves)


def splines() -> nn.Module:
    """Three layers of curves."""
    return nn.Sequential(Spline(64, 64), nn.Tanh(), Spline(64, 64), nn.Tanh(), Spline(64, 10))


def tables_jobs() -> dict[str, Job]:
    """All of them by name."""
    near = (torch.rand(300, 300) > 0.97).float()
    chosen = torch.randint(1, 3000, (128, 26))
    return written(
        {
            "adjacency_graph": (Adjacent, (torch.randn(300, 200), near)),
            "edge_conv": (Cloud, (torch.rand(1, 3, 512),)),
            "equivariant_graph": (Equivariant, (torch.rand(40, 8), torch.randn(40, 3))),
            "set_transformer": (Sets, (torch.randn(1, 400, 3),)),
            "dot_recommender": (Dots, (torch.rand(256, 13), torch.randint(0, 3000, (256, 16)))),
            "interest_recommender": (Interest, (torch.randint(0, 8000, (64, 50)), torch.randint(0, 8000, (64,)))),
            "self_attentive_recommender": (NextItem, (torch.randint(0, 6000, (1, 50)),)),
            "cross_network": (Crosses, (chosen,)),
            "tabular_attention": (Choosing, (torch.randn(128, 54),)),
            "feature_tokens": (Columns, (torch.randn(32, 20), torch.randint(0, 30, (32, 8)))),
            "spline_network": (splines, (torch.rand(64, 64) * 2 - 1,)),
        }
    )
