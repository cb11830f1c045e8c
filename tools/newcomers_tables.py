"""Networks of clicks, points, control and physics, written by hand, for the fourth list that nobody tuned for."""

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


def layers(*widths: int, between: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """Linear layers with an activation between them."""
    made: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        made += [nn.Linear(inputs, outputs), between()]
    return nn.Sequential(*made[:-1])


class WideAndDeep(nn.Module):
    """A linear model of crossed words beside a deep one (Cheng et al., arXiv:1606.07792)."""

    def __init__(self, fields: int = 16, words: int = 2000, crosses: int = 50000, width: int = 16) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(words, width) for _ in range(fields))
        self.wide = nn.Embedding(crosses, 1)
        self.deep = layers(fields * width + 13, 512, 256, 128, 1)

    def forward(self, rows: Tensor, numbers: Tensor, crossed: Tensor) -> Tensor:
        """How likely every row is clicked."""
        known = [table(rows[:, index]) for index, table in enumerate(self.tables)]
        deep = self.deep(torch.cat((*known, torch.log1p(numbers.clamp(min=0))), 1))
        return torch.sigmoid(deep + self.wide(crossed).sum(1))


class TwoTowers(nn.Module):
    """A vector of a user and vectors of items, and the fifty best of these."""

    def __init__(self, users: int = 20000, items: int = 5000, width: int = 64) -> None:
        super().__init__()
        self.users, self.items = nn.Embedding(users, width), nn.Embedding(items, width)
        self.user, self.item = layers(2 * width, 128, width), layers(width + 24, 128, width)

    def forward(self, user: Tensor, history: Tensor, items: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Scores and places of the best."""
        asked = self.user(torch.cat((self.users(user), self.items(history).mean(1)), -1))
        offered = self.item(torch.cat((self.items(items), features), -1))
        scores = f.normalize(asked, dim=-1) @ f.normalize(offered, dim=-1).transpose(0, 1)
        best = torch.topk(scores / 0.05, 50)
        return best.values, best.indices


class SessionGru(nn.Module):
    """What somebody looks at next (Hidasi et al., arXiv:1511.06939)."""

    def __init__(self, items: int = 8000, width: int = 128) -> None:
        super().__init__()
        self.items, self.read = nn.Embedding(items, width), nn.GRU(width, width, batch_first=True)
        self.bias = nn.Parameter(torch.zeros(items))

    def forward(self, session: Tensor) -> Tensor:
        """Scores of all items, by the embeddings that the input has, too."""
        read, _ = self.read(self.items(session))
        return f.linear(read[:, -1], self.items.weight, self.bias)


class SkeletonBlock(nn.Module):
    """A convolution over joints that three graphs bind, and one over time (Yan et al., arXiv:1801.07455)."""

    def __init__(self, inputs: int, outputs: int, stride: int, joints: int) -> None:
        super().__init__()
        self.register_buffer("graphs", torch.rand(3, joints, joints) / joints)
        self.weigh = nn.Parameter(torch.ones(3, joints, joints))
        self.mix = nn.Conv2d(inputs, 3 * outputs, 1)
        self.time = nn.Sequential(
            nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(outputs, outputs, (9, 1), (stride, 1), (4, 0)),
            nn.BatchNorm2d(outputs),
        )  # fmt: skip
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1, (stride, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Features of joints over time."""
        batch, _, steps, joints = x.shape
        mixed = self.mix(x).view(batch, 3, -1, steps, joints)
        bound = torch.einsum("nkctv,kvw->nctw", mixed, self.graphs * self.weigh)
        return f.relu(self.time(bound) + self.shortcut(x))


class SkeletonGraph(nn.Module):
    """Actions of a skeleton."""

    def __init__(self, classes: int = 60, joints: int = 18) -> None:
        super().__init__()
        sizes = ((3, 32, 1), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 128, 2), (128, 128, 1))
        self.before = nn.BatchNorm1d(3 * joints)
        self.blocks = nn.Sequential(*(SkeletonBlock(*size, joints) for size in sizes))
        self.head = nn.Linear(128, classes)

    def forward(self, skeleton: Tensor) -> Tensor:
        """Scores of actions."""
        batch, channels, steps, joints = skeleton.shape
        flat = self.before(skeleton.permute(0, 3, 1, 2).reshape(batch, joints * channels, steps))
        x = flat.view(batch, joints, channels, steps).permute(0, 2, 3, 1)
        return self.head(self.blocks(x).mean((2, 3)))


class PointSets(nn.Module):
    """Features of neighbourhoods, twice, then of all points (Qi et al., arXiv:1706.02413).

    Centres are evenly spaced points of the cloud's order, neighbours the nearest ones.
    """

    def __init__(self, classes: int = 40) -> None:
        super().__init__()
        self.first, self.second = layers(3, 64, 64, 128), layers(128 + 3, 128, 128, 256)
        self.whole, self.head = layers(256 + 3, 256, 512), layers(512, 256, classes)

    @staticmethod
    def around(points: Tensor, known: Tensor | None, step: int, count: int) -> tuple[Tensor, Tensor]:
        """Centres, and for each its neighbours' places relative to it with what is known of them."""
        centres = points[:, ::step]
        near = torch.topk(torch.cdist(centres, points), count, largest=False).indices
        flat = near.flatten(1).unsqueeze(-1)

        def pick(values: Tensor) -> Tensor:
            return values.gather(1, flat.expand(-1, -1, values.shape[-1])).view(*near.shape, values.shape[-1])

        apart = pick(points) - centres.unsqueeze(2)
        return centres, apart if known is None else torch.cat((apart, pick(known)), -1)

    def forward(self, points: Tensor) -> Tensor:
        """Classes of a cloud."""
        centres, near = self.around(points, None, 4, 32)
        known = self.first(near).amax(2)
        centres, near = self.around(centres, known, 4, 16)
        known = self.second(near).amax(2)
        return self.head(self.whole(torch.cat((centres, known), -1)).amax(1))


class FlightController(nn.Module):
    """One step of a policy with memory: sensors and state in, commands and state out."""

    def __init__(self, sensors: int = 28, commands: int = 4, width: int = 64) -> None:
        super().__init__()
        self.see, self.remember = layers(sensors, 128, width, between=nn.ELU), nn.GRUCell(width, width)
        self.act = layers(width, 64, 2 * commands, between=nn.Tanh)
        self.register_buffer("mean", torch.zeros(sensors))
        self.register_buffer("scale", torch.ones(sensors))

    def forward(self, sensors: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Commands from -1 to 1, how far they spread, and the state for the next step."""
        seen = ((sensors - self.mean) / self.scale).clamp(-10, 10)
        state = self.remember(self.see(seen), state)
        middle, spread = self.act(state).chunk(2, -1)
        return torch.tanh(middle), spread.clamp(-5, 2).exp(), state


class HeatEquation(nn.Module):
    """Temperatures at points of space and time (Raissi et al., doi:10.1016/j.jcp.2018.10.045)."""

    def __init__(self, width: int = 50, depth: int = 8) -> None:
        super().__init__()
        self.layers = layers(3, *([width] * depth), 1, between=nn.Tanh)

    def forward(self, points: Tensor) -> Tensor:
        """One temperature for each point."""
        return self.layers(2 * points - 1)


class ChessEvaluation(nn.Module):
    """What a position is worth, from both sides' pieces (NNUE, as chess programs have it)."""

    def __init__(self, squares: int = 768, width: int = 256) -> None:
        super().__init__()
        self.pieces = nn.Linear(squares, width)
        self.first, self.second, self.last = nn.Linear(2 * width, 32), nn.Linear(32, 32), nn.Linear(32, 1)

    def forward(self, mine: Tensor, theirs: Tensor) -> Tensor:
        """One value."""
        x = torch.cat((self.pieces(mine), self.pieces(theirs)), -1).clamp(0, 1)
        return self.last(self.second(self.first(x).clamp(0, 1)).clamp(0, 1))


def jobs() -> dict[str, Job]:
    """All networks of this part by name."""
    return written({
        "wide_and_deep": (WideAndDeep, (
            torch.randint(0, 2000, (64, 16)), torch.rand(64, 13), torch.randint(0, 50000, (64, 20)))),
        "two_towers": (TwoTowers, (
            torch.randint(0, 20000, (1,)), torch.randint(0, 5000, (1, 30)), torch.randint(0, 5000, (1000,)),
            torch.rand(1000, 24))),
        "session_gru": (SessionGru, (torch.randint(0, 8000, (1, 20)),)),
        "skeleton_graph": (SkeletonGraph, (torch.rand(1, 3, 120, 18),)),
        "point_sets": (PointSets, (torch.rand(1, 1024, 3),)),
        "flight_controller": (FlightController, (torch.rand(1, 28), torch.rand(1, 64))),
        "heat_equation": (HeatEquation, (torch.rand(2048, 3),)),
        "chess_evaluation": (ChessEvaluation, (torch.rand(1, 768), torch.rand(1, 768))),
    })  # fmt: skip
