"""Networks of words and sounds, written by hand, for the second list that nobody tuned for.

They are what somebody writes after reading a paper: the architectures are public, the sizes our own
(``tools/export_strangers.py`` exports them).
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as f
from written_parts import written

if TYPE_CHECKING:
    from export_networks import Job

Tensor = torch.Tensor


class Tagger(nn.Module):
    """Tags of words: convolutions over characters, two directions of LSTM, the best path (Ma and Hovy, 1603.01354)."""

    def __init__(self, tags: int = 17) -> None:
        super().__init__()
        self.characters, self.words = nn.Embedding(100, 30), nn.Embedding(8000, 100)
        self.shapes = nn.Conv1d(30, 30, 3, padding=1)
        self.recur, self.out = nn.LSTM(130, 128, batch_first=True, bidirectional=True), nn.Linear(256, tags)
        self.moves = nn.Parameter(torch.randn(tags, tags))

    def forward(self, words: Tensor, characters: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of paths that end in every tag, and where each came from, from [1, words] and [1, words, 12]."""
        shapes = self.shapes(self.characters(characters)[0].transpose(1, 2)).amax(-1)
        scores = self.out(self.recur(torch.cat((self.words(words), shapes[None]), -1))[0])[0]
        best, came = scores[0], []
        for step in range(1, scores.shape[0]):
            best, origin = (best[:, None] + self.moves).max(0)
            best = best + scores[step]
            came.append(origin)
        return best, torch.stack(came)


class Words(nn.Module):
    """Classes of sentences by convolutions of three widths (Kim, arXiv:1408.5882)."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.embed = nn.Embedding(10000, width)
        self.convs = nn.ModuleList(nn.Conv1d(width, 100, size) for size in (3, 4, 5))
        self.out = nn.Linear(300, 5)

    def forward(self, ids: Tensor) -> Tensor:
        """Scores of the classes."""
        words = self.embed(ids).transpose(1, 2)
        return self.out(torch.cat([f.relu(conv(words)).amax(-1) for conv in self.convs], 1))


class Pair(nn.Module):
    """How alike two sentences are, by one recurrent encoder with attention over its states."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.embed, self.recur = nn.Embedding(8000, width), nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.score = nn.Sequential(nn.Linear(2 * width, 64), nn.Tanh(), nn.Linear(64, 4))
        self.out = nn.Sequential(nn.Linear(32 * width, 128), nn.ReLU(), nn.Linear(128, 1))

    def encode(self, ids: Tensor) -> Tensor:
        """Four weighted means of the states."""
        states = self.recur(self.embed(ids))[0]
        return (self.score(states).softmax(1).transpose(1, 2) @ states).flatten(1)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """A number between 0 and 1."""
        a, b = self.encode(first), self.encode(second)
        return self.out(torch.cat((a, b, (a - b).abs(), a * b), 1)).sigmoid()


class Memory(nn.Module):
    """Answers a question by three readings of a story (Sukhbaatar et al., arXiv:1503.08895)."""

    def __init__(self, words: int = 2000, width: int = 64, hops: int = 3) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(words, width) for _ in range(hops + 1))
        self.when = nn.Parameter(0.1 * torch.randn(1, 50, width))
        self.register_buffer("weights", torch.rand(12, width))

    def forward(self, story: Tensor, question: Tensor) -> Tensor:
        """Scores of answers, from [1, 50, 12] and [1, 12]."""
        state = (self.tables[0](question) * self.weights).sum(1)
        for into, out in zip(self.tables[:-1], self.tables[1:], strict=True):
            keys = (into(story) * self.weights).sum(2) + self.when
            values = (out(story) * self.weights).sum(2) + self.when
            seen = torch.einsum("bsd,bd->bs", keys, state).softmax(-1)
            state = state + torch.einsum("bs,bsd->bd", seen, values)
        return state @ self.tables[-1].weight.t()


class Linear(nn.Module):
    """Causal attention without softmax, by sums over the past (Katharopoulos et al., arXiv:2006.16236)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.norm, self.norm_wide = heads, nn.LayerNorm(width), nn.LayerNorm(width)
        self.into, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, words: Tensor) -> Tensor:
        """The changed words."""
        batch, length, width = words.shape
        query, key, value = self.into(self.norm(words)).reshape(batch, length, 3, self.heads, -1).unbind(2)
        query, key = f.elu(query) + 1, f.elu(key) + 1
        past = torch.einsum("blhd,blhe->blhde", key, value).cumsum(1)
        weight = torch.einsum("blhd,blhd->blh", query, key.cumsum(1)) + 1e-6
        seen = torch.einsum("blhd,blhde->blhe", query, past) / weight[..., None]
        words = words + self.out(seen.reshape(batch, length, width))
        return words + self.wide(self.norm_wide(words))


def linear_attention() -> nn.Module:
    """Four blocks of it over words."""
    return nn.Sequential(nn.Embedding(6000, 192), *(Linear(192, 6) for _ in range(4)), nn.Linear(192, 6000))


class Projected(nn.Module):
    """Attention over keys and values of a fixed number of places (Wang et al., arXiv:2006.04768)."""

    def __init__(self, width: int, heads: int, length: int, places: int) -> None:
        super().__init__()
        self.heads, self.norm, self.norm_wide = heads, nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.pair, self.out = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)
        self.shrink = nn.Linear(length, places, bias=False)
        self.wide = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, words: Tensor) -> Tensor:
        """The changed words."""
        batch, length, width = words.shape
        normal = self.norm(words)
        few = self.shrink(normal.transpose(1, 2)).transpose(1, 2)
        query = self.query(normal).reshape(batch, length, self.heads, -1)
        key, value = self.pair(few).reshape(batch, few.shape[1], 2, self.heads, -1).unbind(2)
        seen = (torch.einsum("blhd,bkhd->bhlk", query, key) / math.sqrt(width // self.heads)).softmax(-1)
        words = words + self.out(torch.einsum("bhlk,bkhd->blhd", seen, value).reshape(batch, length, width))
        return words + self.wide(self.norm_wide(words))


class Long(nn.Module):
    """Classes of long texts."""

    def __init__(self, width: int = 192, length: int = 1024) -> None:
        super().__init__()
        self.embed, self.place = nn.Embedding(5000, width), nn.Parameter(0.02 * torch.randn(1, length, width))
        self.blocks = nn.Sequential(*(Projected(width, 6, length, 128) for _ in range(4)))
        self.out = nn.Linear(width, 10)

    def forward(self, ids: Tensor) -> Tensor:
        """Scores of the classes."""
        return self.out(self.blocks(self.embed(ids) + self.place).mean(1))


class Simple(nn.Module):
    """Recurrence whose products do not wait for the past (Lei et al., arXiv:1709.02755), unrolled."""

    def __init__(self, width: int = 256, layers: int = 2) -> None:
        super().__init__()
        self.embed, self.out = nn.Embedding(4000, width), nn.Linear(width, 4000)
        self.gates = nn.ModuleList(nn.Linear(width, 3 * width) for _ in range(layers))

    def forward(self, ids: Tensor) -> Tensor:
        """Scores of the next word after each."""
        words = self.embed(ids)
        for gates in self.gates:
            value, forget, keep = gates(words).chunk(3, -1)
            forget, keep = forget.sigmoid(), keep.sigmoid()
            cell, cells = torch.zeros_like(value[:, 0]), []
            for step in range(words.shape[1]):
                cell = forget[:, step] * cell + (1 - forget[:, step]) * value[:, step]
                cells.append(cell)
            words = keep * torch.stack(cells, 1).tanh() + (1 - keep) * words
        return self.out(words)


class Diagonal(nn.Module):
    """A long convolution by the kernel of a diagonal state space (Gu et al., arXiv:2206.11893), as one product."""

    def __init__(self, width: int, length: int, states: int = 16) -> None:
        super().__init__()
        self.rate = nn.Parameter(torch.rand(width, states) * 0.5 + 0.05)
        self.turn = nn.Parameter(torch.arange(states).repeat(width, 1) * 0.1)
        self.weight = nn.Parameter(torch.randn(width, states) / states)
        self.norm, self.mix = nn.LayerNorm(width), nn.Linear(width, 2 * width)
        steps = torch.arange(length)
        self.register_buffer("steps", steps.float())
        self.register_buffer("order", (steps[:, None] - steps[None]).clamp(min=0))
        self.register_buffer("past", (steps[:, None] >= steps[None]).float())

    def forward(self, sound: Tensor) -> Tensor:
        """The changed frames, [1, length, width]."""
        waves = torch.exp(-self.rate[..., None] * self.steps) * torch.cos(self.turn[..., None] * self.steps)
        kernel = (self.weight[..., None] * waves).sum(1)
        matrix = kernel[:, self.order] * self.past
        found = torch.einsum("wij,bjw->biw", matrix, self.norm(sound))
        return sound + f.glu(self.mix(f.gelu(found)), -1)


def state_space() -> nn.Module:
    """Three layers over frames of sound."""
    return nn.Sequential(nn.Linear(40, 64), *(Diagonal(64, 200) for _ in range(3)), nn.Linear(64, 12))


class Excited(nn.Module):
    """Separable 1-D convolutions whose channels are weighted by the whole sound (Han et al., arXiv:2005.03191)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(self.step(inputs, outputs, kernel, 1), self.step(outputs, outputs, kernel, stride))
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool1d(1), nn.Conv1d(outputs, outputs // 8, 1), nn.SiLU(),
            nn.Conv1d(outputs // 8, outputs, 1), nn.Sigmoid(),
        )  # fmt: skip
        self.skip = nn.Conv1d(inputs, outputs, 1, stride)

    @staticmethod
    def step(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
        """Depthwise, pointwise, normalization and SiLU."""
        return nn.Sequential(
            nn.Conv1d(inputs, inputs, kernel, stride, kernel // 2, groups=inputs, bias=False),
            nn.Conv1d(inputs, outputs, 1, bias=False), nn.BatchNorm1d(outputs), nn.SiLU(),
        )  # fmt: skip

    def forward(self, sound: Tensor) -> Tensor:
        """The changed frames."""
        found = self.main(sound)
        return f.silu(found * self.weigh(found) + self.skip(sound))


def context_net() -> nn.Module:
    """From 80 bands to scores of characters of every fourth frame."""
    sizes = [(80, 160, 1), (160, 160, 2), (160, 160, 1), (160, 256, 2), (256, 256, 1), (256, 320, 1)]
    blocks = (Excited(a, b, 5 if a == 80 else 15, stride) for a, b, stride in sizes)
    return nn.Sequential(*blocks, nn.Conv1d(320, 40, 1))


def sequences_jobs() -> dict[str, Job]:
    """All of them by name."""
    ids = functools.partial(torch.randint, 0, 2000)
    return written(
        {
            "bilstm_tagger": (Tagger, (ids((1, 24)), torch.randint(0, 100, (1, 24, 12)))),
            "text_cnn": (Words, (ids((8, 64)),)),
            "siamese_text": (Pair, (ids((1, 40)), ids((1, 40)))),
            "memory_network": (Memory, (ids((1, 50, 12)), ids((1, 12)))),
            "linear_attention": (linear_attention, (ids((1, 128)),)),
            "linformer": (Long, (ids((1, 1024)),)),
            "quasi_recurrent": (Simple, (ids((1, 48)),)),
            "state_space": (state_space, (torch.randn(1, 200, 40),)),
            "context_net": (context_net, (torch.randn(1, 80, 400),)),
        }
    )
