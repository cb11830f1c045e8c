"""Networks of fields, physics and games, written by hand, for the second list that nobody tuned for.

They are what somebody writes after reading a paper: the architectures are public, the sizes our own
(``tools/export_strangers.py`` exports them).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from strangers_tables import dense
from torch import nn
from torch.nn import functional as f
from written_parts import conv, written

if TYPE_CHECKING:
    from export_networks import Job

Tensor = torch.Tensor


class Sine(nn.Module):
    """A dense layer and a sine (Sitzmann et al., arXiv:2006.09661)."""

    def __init__(self, inputs: int, outputs: int, rate: float) -> None:
        super().__init__()
        self.rate, self.layer = rate, nn.Linear(inputs, outputs)
        nn.init.uniform_(self.layer.weight, -math.sqrt(6 / inputs) / rate, math.sqrt(6 / inputs) / rate)

    def forward(self, values: Tensor) -> Tensor:
        """The changed values."""
        return torch.sin(self.rate * self.layer(values))


def sine_field() -> nn.Module:
    """Colours of places."""
    return nn.Sequential(Sine(2, 192, 30), Sine(192, 192, 30), Sine(192, 192, 30), nn.Linear(192, 3))


class Hyper(nn.Module):
    """An image encoder that gives the weights of another network (Ha, Dai and Le, arXiv:1609.09106)."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.encode = nn.Sequential(conv(3, 24, 3, 2), conv(24, 48, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.shapes = [(2, width), (width, width), (width, 3)]
        self.make = nn.ModuleList(dense(48, 64, (a + 1) * b) for a, b in self.shapes)

    def forward(self, image: Tensor, places: Tensor) -> Tensor:
        """Colours, from [images, 3, 32, 32] and [images, places, 2]."""
        code = self.encode(image)
        for index, (make, (inputs, outputs)) in enumerate(zip(self.make, self.shapes, strict=True)):
            made = make(code).reshape(-1, inputs + 1, outputs)
            places = torch.baddbmm(made[:, -1:], places, made[:, :-1])
            if index < len(self.shapes) - 1:
                places = places.tanh()
        return places


class Steps(nn.Module):
    """Eight steps of Runge and Kutta along a learned derivative (Chen et al., arXiv:1806.07366)."""

    def __init__(self, size: int = 32, width: int = 128, steps: int = 8) -> None:
        super().__init__()
        self.steps = steps
        self.net = nn.Sequential(nn.Linear(size + 1, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(),
                                 nn.Linear(width, size))  # fmt: skip

    def slope(self, time: float, state: Tensor) -> Tensor:
        """The derivative at a time."""
        return self.net(torch.cat((state, torch.full_like(state[:, :1], time)), 1))

    def forward(self, state: Tensor) -> Tensor:
        """The state at the end."""
        size = 1 / self.steps
        for index in range(self.steps):
            time = index * size
            first = self.slope(time, state)
            second = self.slope(time + size / 2, state + size / 2 * first)
            third = self.slope(time + size / 2, state + size / 2 * second)
            fourth = self.slope(time + size, state + size * third)
            state = state + size / 6 * (first + 2 * second + 2 * third + fourth)
        return state


class Spectral(nn.Module):
    """A layer on a few waves of a field, whose Fourier transforms are products (Li et al., arXiv:2010.08895)."""

    def __init__(self, width: int, side: int, waves: int) -> None:
        super().__init__()
        angle = 2 * math.pi / side * torch.arange(waves)[:, None] * torch.arange(side)
        self.register_buffer("cosine", angle.cos() / math.sqrt(side))
        self.register_buffer("sine", angle.sin() / math.sqrt(side))
        self.real, self.imaginary = (nn.Parameter(torch.randn(width, width, waves, waves) / width) for _ in range(2))
        self.skip = nn.Conv2d(width, width, 1)

    def forward(self, field: Tensor) -> Tensor:
        """The changed field."""
        cosine, sine = self.cosine, self.sine
        rows_real, rows_imaginary = field @ cosine.t(), -(field @ sine.t())
        real = cosine @ rows_real + sine @ rows_imaginary
        imaginary = cosine @ rows_imaginary - sine @ rows_real
        made_real = torch.einsum("bixy,ioxy->boxy", real, self.real)
        made_real = made_real - torch.einsum("bixy,ioxy->boxy", imaginary, self.imaginary)
        made_imaginary = torch.einsum("bixy,ioxy->boxy", real, self.imaginary)
        made_imaginary = made_imaginary + torch.einsum("bixy,ioxy->boxy", imaginary, self.real)
        back = cosine.t() @ made_real - sine.t() @ made_imaginary
        back_imaginary = sine.t() @ made_real + cosine.t() @ made_imaginary
        return f.gelu(back @ cosine - back_imaginary @ sine + self.skip(field))


def fourier_operator() -> nn.Module:
    """A field at a later time."""
    layers = (Spectral(24, 64, 12) for _ in range(4))
    return nn.Sequential(nn.Conv2d(3, 24, 1), *layers, nn.Conv2d(24, 64, 1), nn.GELU(), nn.Conv2d(64, 1, 1))


class Operator(nn.Module):
    """Values of an operator: products of what a function and a place give (Lu et al., arXiv:1910.03193)."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.branch, self.trunk = dense(100, 256, 256, width), dense(2, 256, 256, width, last=nn.Tanh())
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, functions: Tensor, places: Tensor) -> Tensor:
        """A value a function and place, from [functions, 100] and [places, 2]."""
        return torch.einsum("bi,ni->bn", self.branch(functions), self.trunk(places)) + self.bias


class Actor(nn.Module):
    """What to do and what that is worth (Schulman et al., arXiv:1707.06347)."""

    def __init__(self, senses: int = 27, actions: int = 8) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(senses, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh())
        self.act, self.spread, self.value = nn.Linear(64, actions), nn.Parameter(torch.zeros(actions)), nn.Linear(64, 1)

    def forward(self, senses: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean and deviation of actions, and their worth."""
        state = self.body(senses)
        mean = self.act(state)
        return mean, self.spread.exp().expand_as(mean), self.value(state)


class Duel(nn.Module):
    """Worth of actions from four images of a game (Wang et al., arXiv:1511.06581)."""

    def __init__(self, actions: int = 18) -> None:
        super().__init__()
        self.see = nn.Sequential(
            nn.Conv2d(4, 32, 8, 4), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(),
            nn.Flatten(),
        )  # fmt: skip
        self.value, self.gain = dense(3136, 256, 1), dense(3136, 256, actions)

    def forward(self, images: Tensor) -> Tensor:
        """One number an action."""
        state = self.see(images / 255)
        gain = self.gain(state)
        return self.value(state) + gain - gain.mean(1, keepdim=True)


class Board(nn.Module):
    """Moves and worth of a position (Silver et al., arXiv:1712.01815)."""

    def __init__(self, width: int = 96, blocks: int = 6) -> None:
        super().__init__()
        self.into = conv(17, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(conv(width, width), nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
            for _ in range(blocks)
        )
        self.moves = nn.Sequential(conv(width, 2, 1), nn.Flatten(), nn.Linear(2 * 361, 362))
        self.worth = nn.Sequential(conv(width, 1, 1), nn.Flatten(), dense(361, 128, 1, last=nn.Tanh()))

    def forward(self, board: Tensor) -> tuple[Tensor, Tensor]:
        """Logarithms of moves' shares, and a number between -1 and 1."""
        state = self.into(board)
        for block in self.blocks:
            state = f.relu(state + block(state))
        return self.moves(state).log_softmax(1), self.worth(state)


class World(nn.Module):
    """Fifteen dreamt steps of a recurrent model of the world (Hafner et al., arXiv:1811.04551)."""

    def __init__(self, width: int = 200, hidden: int = 30, actions: int = 6, steps: int = 15) -> None:
        super().__init__()
        self.steps, self.hidden = steps, hidden
        self.into, self.recur = nn.Linear(hidden + actions, width), nn.GRUCell(width, width)
        self.prior, self.reward = dense(width, width, 2 * hidden), dense(width + hidden, width, 1)
        self.act = dense(width + hidden, width, actions, last=nn.Tanh())

    def forward(self, state: Tensor, latent: Tensor) -> Tensor:
        """Rewards of every step, from [dreams, width] and [dreams, hidden]."""
        rewards = []
        for _ in range(self.steps):
            action = self.act(torch.cat((state, latent), 1))
            state = self.recur(f.elu(self.into(torch.cat((latent, action), 1))), state)
            mean, spread = self.prior(state).chunk(2, 1)
            latent = mean + f.softplus(spread) * 0.1
            rewards.append(self.reward(torch.cat((state, latent), 1)))
        return torch.stack(rewards, 1)


def fields_jobs() -> dict[str, Job]:
    """All of them by name."""
    return written(
        {
            "sine_field": (sine_field, (torch.rand(2048, 2) * 2 - 1,)),
            "hyper_network": (Hyper, (torch.rand(4, 3, 32, 32), torch.rand(4, 256, 2))),
            "ode_steps": (Steps, (torch.randn(16, 32),)),
            "fourier_operator": (fourier_operator, (torch.randn(1, 3, 64, 64),)),
            "deep_operator": (Operator, (torch.randn(16, 100), torch.rand(500, 2))),
            "actor_critic": (Actor, (torch.randn(1, 27),)),
            "duelling_q": (Duel, (torch.rand(1, 4, 84, 84) * 255,)),
            "board_network": (Board, (torch.rand(1, 17, 19, 19),)),
            "world_model": (World, (torch.randn(16, 200), torch.randn(16, 30))),
        }
    )
