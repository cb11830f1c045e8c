"""Networks of sound, words, graphs, tables and rays, written by hand, for the list that nobody tuned for.

They are what somebody writes after reading a paper: the architectures are public, the sizes our own
(``tools/export_unseen.py`` exports them).
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as f
from written_parts import conv, written

if TYPE_CHECKING:
    from export_networks import Job

Tensor = torch.Tensor


class Messages(nn.Module):
    """Attention over the edges of a graph: gather at both ends, normalise by scattered sums, scatter back.

    Velickovic et al., arXiv:1710.10903, with a recurrent update of the nodes.
    """

    def __init__(self, width: int = 64, rounds: int = 3) -> None:
        super().__init__()
        self.rounds, self.into = rounds, nn.Linear(16, width)
        self.message, self.score = nn.Linear(2 * width, width), nn.Linear(width, 1)
        self.update, self.out = nn.GRUCell(width, width), nn.Linear(width, 8)

    def forward(self, nodes: Tensor, edges: Tensor) -> Tensor:
        """Results of every node, from [nodes, 16] and [2, edges]."""
        state, ends = self.into(nodes), edges[1]
        for _ in range(self.rounds):
            pair = torch.cat((state[edges[0]], state[ends]), 1)
            message = f.leaky_relu(self.message(pair))
            weight = self.score(message).exp()
            rows = ends[:, None].expand_as(message)
            sums = torch.zeros(state.shape[0], 1).scatter_add(0, rows[:, :1], weight)
            gathered = torch.zeros_like(state).scatter_add(0, rows, message * weight / (sums[ends] + 1e-6))
            state = self.update(gathered, state)
        return self.out(state)


class ConformerBlock(nn.Module):
    """Half a feed-forward, attention, convolution, half a feed-forward (Gulati et al., arXiv:2005.08100)."""

    def __init__(self, width: int, heads: int, kernel: int) -> None:
        super().__init__()
        self.before, self.after = self.forward_part(width), self.forward_part(width)
        self.norm, self.attention = nn.LayerNorm(width), nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm_conv, self.gate = nn.LayerNorm(width), nn.Conv1d(width, 2 * width, 1)
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.batch_norm, self.point, self.last = nn.BatchNorm1d(width), nn.Conv1d(width, width, 1), nn.LayerNorm(width)

    @staticmethod
    def forward_part(width: int) -> nn.Sequential:
        """A feed-forward part."""
        return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width))

    def forward(self, sound: Tensor) -> Tensor:
        """The changed frames, [1, frames, width]."""
        sound = sound + 0.5 * self.before(sound)
        normal = self.norm(sound)
        sound = sound + self.attention(normal, normal, normal, need_weights=False)[0]
        gated = f.glu(self.gate(self.norm_conv(sound).transpose(1, 2)), 1)
        sound = sound + self.point(f.silu(self.batch_norm(self.depthwise(gated)))).transpose(1, 2)
        return self.last(sound + 0.5 * self.after(sound))


class Conformer(nn.Module):
    """Subsampling by four and blocks of a Conformer, up to the scores of characters."""

    def __init__(self, width: int = 144, blocks: int = 4) -> None:
        super().__init__()
        self.subsample = nn.Sequential(conv(1, 48, 3, 2), conv(48, 48, 3, 2))
        self.into = nn.Linear(48 * 20, width)
        self.blocks = nn.Sequential(*(ConformerBlock(width, 4, 31) for _ in range(blocks)))
        self.out = nn.Linear(width, 64)

    def forward(self, frames: Tensor) -> Tensor:
        """Scores of every fourth frame, from [1, 1, frames, 80]."""
        small = self.subsample(frames).transpose(1, 2).flatten(2)
        return self.out(self.blocks(self.into(small))).log_softmax(-1)


class WaveNet(nn.Module):
    """Gated, dilated, causal convolutions with skips (van den Oord et al., arXiv:1609.03499)."""

    def __init__(self, width: int = 48, layers: int = 16) -> None:
        super().__init__()
        self.into = nn.Conv1d(1, width, 1)
        self.dilations = [2 ** (index % 8) for index in range(layers)]
        self.wide = nn.ModuleList(nn.Conv1d(width, 2 * width, 2, dilation=each) for each in self.dilations)
        self.keep = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in self.dilations)
        self.skip = nn.ModuleList(nn.Conv1d(width, 64, 1) for _ in self.dilations)
        self.out = nn.Sequential(nn.ReLU(), nn.Conv1d(64, 64, 1), nn.ReLU(), nn.Conv1d(64, 256, 1))

    def forward(self, wave: Tensor) -> Tensor:
        """Scores of the next sample's levels, from [1, 1, samples]."""
        state, total = self.into(wave), torch.zeros(())
        for wide, keep, skip, dilation in zip(self.wide, self.keep, self.skip, self.dilations, strict=True):
            value, gate = wide(f.pad(state, (dilation, 0))).chunk(2, 1)
            found = value.tanh() * gate.sigmoid()
            total, state = total + skip(found), state + keep(found)
        return self.out(total)


class Separator(nn.Module):
    """Two speakers out of one wave, by masks over learned frames (Luo and Mesgarani, arXiv:1809.07454)."""

    def __init__(self, width: int = 128, hidden: int = 192, blocks: int = 12) -> None:
        super().__init__()
        self.width, self.encode = width, nn.Conv1d(1, width, 16, 8, bias=False)
        self.norm, self.decode = nn.GroupNorm(1, width), nn.ConvTranspose1d(width, 1, 16, 8, bias=False)
        self.blocks = nn.ModuleList(self.block(width, hidden, 2 ** (index % 6)) for index in range(blocks))
        self.mask = nn.Sequential(nn.PReLU(), nn.Conv1d(width, 2 * width, 1))

    @staticmethod
    def block(width: int, hidden: int, dilation: int) -> nn.Sequential:
        """A dilated depthwise convolution between two pointwise ones, each normalised over all."""
        return nn.Sequential(
            nn.Conv1d(width, hidden, 1), nn.PReLU(), nn.GroupNorm(1, hidden),
            nn.Conv1d(hidden, hidden, 3, padding=dilation, dilation=dilation, groups=hidden), nn.PReLU(),
            nn.GroupNorm(1, hidden), nn.Conv1d(hidden, width, 1),
        )  # fmt: skip

    def forward(self, wave: Tensor) -> Tensor:
        """Two waves, from [1, 1, samples]."""
        frames = f.relu(self.encode(wave))
        state = self.norm(frames)
        for block in self.blocks:
            state = state + block(state)
        masks = self.mask(state).sigmoid().reshape(2, self.width, -1)
        return self.decode(frames * masks)


class Reader(nn.Module):
    """Reads a line of text: convolutions, two directions of LSTM (Shi, Bai and Yao, arXiv:1507.05717)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            conv(1, 32), nn.MaxPool2d(2), conv(32, 64), nn.MaxPool2d(2), conv(64, 128), conv(128, 128),
            nn.MaxPool2d((2, 1)), conv(128, 192), nn.MaxPool2d((4, 1)),
        )  # fmt: skip
        self.recur = nn.LSTM(192, 128, 2, bidirectional=True)
        self.out = nn.Linear(256, 96)

    def forward(self, line: Tensor) -> Tensor:
        """Scores of characters, from [1, 1, 32, width]."""
        return self.out(self.recur(self.features(line).squeeze(2).permute(2, 0, 1))[0])


class WordsByGru(nn.Module):
    """A language model of two gated recurrent layers, whose last layer is its embedding."""

    def __init__(self, words: int = 6000, width: int = 256) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.recur = nn.GRU(width, width, 2, batch_first=True)

    def forward(self, ids: Tensor) -> Tensor:
        """Scores of the next word after each word."""
        return f.linear(self.recur(self.embed(ids))[0], self.embed.weight)


class Translate(nn.Module):
    """PyTorch's own decoder over a memory that is given, with a causal mask."""

    def __init__(self, width: int = 256) -> None:
        super().__init__()
        self.embed, self.width = nn.Embedding(4000, width), width
        layer = nn.TransformerDecoderLayer(width, 4, 1024, activation="gelu", batch_first=True, norm_first=True)
        self.decoder, self.out = nn.TransformerDecoder(layer, 4, nn.LayerNorm(width)), nn.Linear(width, 4000)

    def forward(self, ids: Tensor, memory: Tensor) -> Tensor:
        """Scores of the next word after each word."""
        length = ids.shape[1]
        mask = torch.full((length, length), -1e9).triu(1)
        return self.out(self.decoder(self.embed(ids) * math.sqrt(self.width), memory, tgt_mask=mask))


class Experts(nn.Module):
    """Words to two of eight experts: all experts run, what was not chosen is weighted by zero.

    Shazeer et al., arXiv:1701.06538; so it is written where the choice must not change what runs.
    """

    def __init__(self, width: int = 192, experts: int = 8) -> None:
        super().__init__()
        self.norm, self.route = nn.LayerNorm(width), nn.Linear(width, experts)
        self.into = nn.Parameter(torch.randn(experts, width, 2 * width) / math.sqrt(width))
        self.back = nn.Parameter(torch.randn(experts, 2 * width, width) / math.sqrt(2 * width))

    def forward(self, words: Tensor) -> Tensor:
        """The changed words, [1, words, width]."""
        normal = self.norm(words)
        best, chosen = self.route(normal).softmax(-1).topk(2)
        weights = torch.zeros(*words.shape[:2], self.into.shape[0]).scatter(2, chosen, best / best.sum(-1, True))
        hidden = f.gelu(torch.einsum("bld,edh->belh", normal, self.into))
        found = torch.einsum("belh,ehd->beld", hidden, self.back)
        return words + torch.einsum("beld,ble->bld", found, weights)


class Recommender(nn.Module):
    """Tables of embeddings, products of all pairs and dense layers (Guo et al., arXiv:1703.04247)."""

    def __init__(self, fields: int = 20, rows: int = 2000, width: int = 24) -> None:
        super().__init__()
        self.table, self.first = nn.Embedding(fields * rows, width), nn.Embedding(fields * rows, 1)
        nn.init.normal_(self.table.weight, std=0.05)
        nn.init.normal_(self.first.weight, std=0.05)
        self.register_buffer("offsets", torch.arange(fields) * rows)
        self.deep = nn.Sequential(
            nn.Linear(fields * width + 13, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 1)
        )

    def forward(self, chosen: Tensor, dense: Tensor) -> Tensor:
        """How likely each row of a batch is clicked."""
        rows = chosen + self.offsets
        vectors = self.table(rows)
        pairs = 0.5 * (vectors.sum(1) ** 2 - (vectors**2).sum(1)).sum(1, keepdim=True)
        deep = self.deep(torch.cat((vectors.flatten(1), dense), 1))
        return (self.first(rows).sum(1) + pairs + deep).sigmoid()


class Rays(nn.Module):
    """Colours of rays: encoded positions, dense layers, and the sum of light (Mildenhall et al., arXiv:2003.08934)."""

    def __init__(self, width: int = 128, octaves: int = 8) -> None:
        super().__init__()
        self.register_buffer("octaves", 2.0 ** torch.arange(octaves))
        inputs = 3 + 6 * octaves
        self.first = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.second = nn.Sequential(nn.Linear(inputs + width, width), nn.ReLU(), nn.Linear(width, 4))

    def forward(self, origins: Tensor, directions: Tensor) -> Tensor:
        """A colour a ray, from two times [rays, 3]."""
        depths = torch.linspace(0.5, 4.0, 32)
        points = origins[:, None] + directions[:, None] * depths[:, None]
        angles = (points[..., None] * self.octaves).flatten(2)
        coded = torch.cat((points, angles.sin(), angles.cos()), -1)
        found = self.second(torch.cat((self.first(coded), coded), -1))
        dense = f.softplus(found[..., 3]) * (3.5 / 32)
        light = torch.exp(-(dense.cumsum(1) - dense))
        weights = light * (1 - torch.exp(-dense))
        return (weights[..., None] * found[..., :3].sigmoid()).sum(1)


class Flow(nn.Module):
    """Coupling layers with permutations between them, run backwards (Dinh, Sohl-Dickstein and Bengio, 1605.08803)."""

    def __init__(self, size: int = 64, layers: int = 8, width: int = 192) -> None:
        super().__init__()
        self.nets = nn.ModuleList(
            nn.Sequential(nn.Linear(size // 2, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
                          nn.Linear(width, size))
            for _ in range(layers)
        )  # fmt: skip
        self.register_buffer("order", torch.stack([torch.randperm(size) for _ in range(layers)]))

    def forward(self, noise: Tensor) -> Tensor:
        """Samples, [samples, size]."""
        state = noise
        for net, order in zip(self.nets, self.order, strict=True):
            kept, changed = state[:, order].chunk(2, 1)
            scale, shift = net(kept).chunk(2, 1)
            state = torch.cat((kept, (changed - shift) * torch.exp(-scale.tanh())), 1)
        return state


def experts() -> nn.Module:
    """Attention and experts in turn."""
    layer = functools.partial(nn.TransformerEncoderLayer, 192, 6, 384, batch_first=True)
    return nn.Sequential(layer(), Experts(), layer(), Experts())


def sequence_jobs() -> dict[str, Job]:
    """All of them by name."""
    edges = torch.randint(0, 500, (2, 2400))
    return written(
        {
            "graph_network": (Messages, (torch.randn(500, 16), edges)),
            "conformer_encoder": (Conformer, (torch.randn(1, 1, 320, 80),)),
            "wavenet": (WaveNet, (torch.randn(1, 1, 4000),)),
            "conv_tasnet": (Separator, (torch.randn(1, 1, 8000),)),
            "crnn": (Reader, (torch.rand(1, 1, 32, 256),)),
            "gru_language_model": (WordsByGru, (torch.randint(0, 6000, (1, 64)),)),
            "cross_attention_decoder": (Translate, (torch.randint(0, 4000, (1, 40)), torch.randn(1, 96, 256))),
            "mixture_of_experts": (experts, (torch.randn(1, 96, 192),)),
            "recommender": (Recommender, (torch.randint(0, 2000, (256, 20)), torch.rand(256, 13))),
            "radiance_field": (Rays, (torch.randn(256, 3), torch.randn(256, 3))),
            "coupling_flow": (Flow, (torch.randn(512, 64),)),
        }
    )
