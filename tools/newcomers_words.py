"""Networks of words and proteins, written by hand, for the fourth list that nobody tuned for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as f
from written_parts import written

if TYPE_CHECKING:
    from export_networks import Job

Tensor = torch.Tensor


class TranslatorAttention(nn.Module):
    """A recurrent translator that looks at the source in every step (Bahdanau et al., arXiv:1409.0473).

    It writes sixteen words, each the likeliest after the one before.
    """

    def __init__(self, words: int = 6000, width: int = 192, steps: int = 16) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(words, width), nn.Embedding(words, width)
        self.read = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.start, self.steps = nn.Linear(width, width), steps
        self.ask, self.offer, self.score = nn.Linear(width, width), nn.Linear(2 * width, width), nn.Linear(width, 1)
        self.step, self.out = nn.GRUCell(3 * width, width), nn.Linear(4 * width, words)

    def forward(self, text: Tensor) -> Tensor:
        """Scores of words."""
        read, last = self.read(self.source(text))
        held, offered = torch.tanh(self.start(last[1])), self.offer(read)
        word = self.target(torch.ones_like(text[:, 0]))
        written_words = []
        for _ in range(self.steps):
            share = self.score(torch.tanh(self.ask(held).unsqueeze(1) + offered)).softmax(1)
            seen = (share * read).sum(1)
            held = self.step(torch.cat((word, seen), -1), held)
            scores = self.out(torch.cat((held, seen, word), -1))
            word = self.target(scores.argmax(-1))
            written_words.append(scores)
        return torch.stack(written_words, 1)


class Attended(nn.Module):
    """Reads a sequence in both directions, and adds it up by learned weights."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.read = nn.GRU(inputs, width, batch_first=True, bidirectional=True)
        self.look, self.context = nn.Linear(2 * width, 2 * width), nn.Linear(2 * width, 1, bias=False)

    def forward(self, sequence: Tensor) -> Tensor:
        """One vector for each sequence."""
        read, _ = self.read(sequence)
        return (self.context(torch.tanh(self.look(read))).softmax(1) * read).sum(1)


class DocumentAttention(nn.Module):
    """Sentences from words, and a document from sentences (Yang et al., doi:10.18653/v1/N16-1174)."""

    def __init__(self, words: int = 10000, classes: int = 5) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, 100, padding_idx=0)
        self.sentence, self.document = Attended(100, 50), Attended(100, 50)
        self.head = nn.Linear(100, classes)

    def forward(self, text: Tensor) -> Tensor:
        """Classes of a document of sentences of words."""
        batch, sentences, count = text.shape
        vectors = self.sentence(self.embed(text.view(batch * sentences, count)))
        return self.head(self.document(vectors.view(batch, sentences, -1)))


class CausalBlock(nn.Module):
    """Attention to what came before, and two linear layers, each after a normalization."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.first, self.second, self.heads = nn.LayerNorm(width), nn.LayerNorm(width), heads
        self.ask, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.register_buffer("before", torch.tril(torch.ones(length, length)).view(1, 1, length, length))

    def forward(self, x: Tensor) -> Tensor:
        """The block's vectors."""
        batch, length, width = x.shape
        asked = self.ask(self.first(x)).split(width, dim=2)
        query, key, value = (each.view(batch, length, self.heads, -1).transpose(1, 2) for each in asked)
        scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
        scores = scores.masked_fill(self.before[:, :, :length, :length] == 0, float("-inf"))
        seen = (f.softmax(scores, -1) @ value).transpose(1, 2).reshape(batch, length, width)
        x = x + self.out(seen)
        return x + self.feed(self.second(x))


class SmallGpt(nn.Module):
    """A language model of letters, as tutorials write it."""

    def __init__(self, letters: int = 96, width: int = 256, depth: int = 6, length: int = 256) -> None:
        super().__init__()
        self.letters, self.places = nn.Embedding(letters, width), nn.Embedding(length, width)
        self.blocks = nn.Sequential(*(CausalBlock(width, 8, length) for _ in range(depth)))
        self.after, self.head = nn.LayerNorm(width), nn.Linear(width, letters, bias=False)

    def forward(self, text: Tensor) -> Tensor:
        """Scores of the next letter, everywhere."""
        x = self.letters(text) + self.places(torch.arange(text.shape[1]))
        return self.head(self.after(self.blocks(x)))


class ProteinStructure(nn.Module):
    """Secondary structure and angles of a protein from profiles: dilated residual blocks and an LSTM."""

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.embed, self.first = nn.Embedding(26, 32), nn.Conv1d(32 + 20, width, 1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm1d(width), nn.ELU(),
                nn.Conv1d(width, width // 2, 7, padding=3 * dilation, dilation=dilation),
                nn.BatchNorm1d(width // 2), nn.ELU(), nn.Conv1d(width // 2, width, 1),
            )
            for dilation in (1, 2, 4, 1, 2, 4)
        )  # fmt: skip
        self.read = nn.LSTM(width, 96, batch_first=True, bidirectional=True)
        self.states, self.angles = nn.Linear(192, 8), nn.Linear(192, 4)

    def forward(self, chain: Tensor, profile: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of states, and sines and cosines of angles."""
        x = self.first(torch.cat((self.embed(chain), profile), -1).transpose(1, 2))
        for block in self.blocks:
            x = x + block(x)
        read, _ = self.read(x.transpose(1, 2))
        return self.states(read), torch.tanh(self.angles(read))


def jobs() -> dict[str, Job]:
    """All networks of this part by name."""
    return written({
        "translator_attention": (TranslatorAttention, (torch.randint(3, 6000, (1, 24)),)),
        "document_attention": (DocumentAttention, (torch.randint(1, 10000, (1, 12, 30)),)),
        "small_gpt": (SmallGpt, (torch.randint(0, 96, (1, 256)),)),
        "protein_structure": (ProteinStructure, (torch.randint(0, 25, (1, 200)), torch.rand(1, 200, 20))),
    })  # fmt: skip
