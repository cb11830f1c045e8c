"""Networks of images built of rare blocks, by hand, for the second list that nobody tuned for.

They are what somebody writes after reading a paper: the architectures are public, the sizes our own
(``tools/export_strangers.py`` exports them).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as f
from written_parts import conv, written

if TYPE_CHECKING:
    from export_networks import Job

Tensor = torch.Tensor


class Deformable(nn.Module):
    """A convolution at places that are computed, by nine bilinear samplings (Dai et al., arXiv:1703.06211)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.offset = nn.Conv2d(inputs, 18, 3, padding=1)
        self.taps = nn.ModuleList(nn.Conv2d(inputs, outputs, 1, bias=False) for _ in range(9))
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, image: Tensor) -> Tensor:
        """The changed map."""
        height, width = image.shape[2:]
        offset = self.offset(image).tanh().permute(0, 2, 3, 1)
        rows, columns = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
        grid = torch.stack((columns[None].expand(height, width), rows[:, None].expand(height, width)), -1)[None]
        total = torch.zeros(())
        for index, tap in enumerate(self.taps):
            shift = torch.tensor([index % 3 - 1.0, index // 3 - 1.0]) + offset[..., 2 * index : 2 * index + 2]
            place = grid + shift * torch.tensor([2.0 / width, 2.0 / height])
            total = total + tap(f.grid_sample(image, place, align_corners=False))
        return f.relu(self.norm(total))


def deformable() -> nn.Module:
    """Three convolutions, two deformable ones and a classifier."""
    return nn.Sequential(
        conv(3, 32, 3, 2), conv(32, 48, 3, 2), conv(48, 64, 3, 2), Deformable(64, 64), Deformable(64, 96),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, 100),
    )  # fmt: skip


def squash(vectors: Tensor) -> Tensor:
    """Vectors whose length says how likely something is."""
    square = (vectors**2).sum(-1, keepdim=True)
    return vectors * square / (1 + square) / (square + 1e-8).sqrt()


class Capsules(nn.Module):
    """Capsules with three rounds of routing by agreement (Sabour, Frosst and Hinton, arXiv:1710.09829)."""

    def __init__(self, primary: int = 8, classes: int = 10) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 96, 9), nn.Conv2d(96, 8 * primary, 9, 2)
        self.votes = nn.Parameter(0.1 * torch.randn(36 * primary, classes, 16, 8))

    def forward(self, image: Tensor) -> Tensor:
        """How likely every class is."""
        found = self.second(f.relu(self.first(image)))
        low = squash(found.reshape(image.shape[0], 8, -1).transpose(1, 2))
        votes = torch.einsum("ijdc,bic->bijd", self.votes, low)
        agree = torch.zeros(votes.shape[:3])
        for index in range(3):
            high = squash((agree.softmax(2)[..., None] * votes).sum(1))
            if index < 2:
                agree = agree + (votes * high[:, None]).sum(-1)
        return (high**2).sum(-1).sqrt()


class Octave(nn.Module):
    """A convolution of channels of two resolutions, each of which feeds both (Chen et al., arXiv:1904.05049)."""

    def __init__(self, high: tuple[int, int], low: tuple[int, int]) -> None:
        super().__init__()
        pairs = {"hh": (high[0], high[1]), "hl": (high[0], low[1]), "lh": (low[0], high[1]), "ll": (low[0], low[1])}
        self.paths = nn.ModuleDict({name: nn.Conv2d(a, b, 3, padding=1, bias=False) for name, (a, b) in pairs.items()})
        self.norm_high, self.norm_low = nn.BatchNorm2d(high[1]), nn.BatchNorm2d(low[1])

    def forward(self, maps: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The two maps, changed."""
        high, low = maps
        up = f.interpolate(self.paths["lh"](low), scale_factor=2, mode="nearest")
        down = self.paths["hl"](f.avg_pool2d(high, 2))
        return (
            f.relu(self.norm_high(self.paths["hh"](high) + up)),
            f.relu(self.norm_low(self.paths["ll"](low) + down)),
        )


class OctaveNetwork(nn.Module):
    """Three stages of octave convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.start = conv(3, 32, 7, 2), nn.Conv2d(32, 32, 1)
        self.stages = nn.ModuleList((
            nn.Sequential(Octave((32, 48), (32, 48)), Octave((48, 48), (48, 48))),
            nn.Sequential(Octave((48, 80), (48, 80)), Octave((80, 80), (80, 80))),
            nn.Sequential(Octave((80, 128), (80, 128)),),
        ))  # fmt: skip
        self.head = nn.Linear(256, 100)

    def forward(self, image: Tensor) -> Tensor:
        """Scores of the classes."""
        high = f.max_pool2d(self.stem(image), 2)
        low = self.start(f.avg_pool2d(high, 2))
        for index, stage in enumerate(self.stages):
            if index:
                high, low = f.max_pool2d(high, 2), f.max_pool2d(low, 2)
            high, low = stage((high, low))
        return self.head(torch.cat((high.mean((2, 3)), low.mean((2, 3))), 1))


class Involution(nn.Module):
    """A kernel of its own for every pixel, shared by the channels of a group (Li et al., arXiv:2103.06255)."""

    def __init__(self, channels: int, groups: int, kernel: int = 5) -> None:
        super().__init__()
        self.groups, self.kernel = groups, kernel
        self.make = nn.Sequential(conv(channels, channels // 4, 1), nn.Conv2d(channels // 4, groups * kernel**2, 1))

    def forward(self, image: Tensor) -> Tensor:
        """The changed map."""
        batch, channels, height, width = image.shape
        side = self.kernel // 2
        padded = f.pad(image, (side, side, side, side))
        views = [
            padded[:, :, row : row + height, column : column + width]
            for row in range(self.kernel)
            for column in range(self.kernel)
        ]
        seen = torch.stack(views, 2).reshape(batch, self.groups, channels // self.groups, -1, height, width)
        weights = self.make(image).reshape(batch, self.groups, 1, -1, height, width)
        return (seen * weights).sum(3).reshape(image.shape)


def involutions() -> nn.Module:
    """A network whose spatial layers are involutions."""

    def stage(channels: int) -> list[nn.Module]:
        return [conv(channels, channels, 1), Involution(channels, channels // 16), nn.BatchNorm2d(channels), nn.ReLU()]

    return nn.Sequential(
        conv(3, 32, 3, 2), *stage(32), nn.MaxPool2d(2), conv(32, 64, 1), *stage(64), nn.AvgPool2d(2),
        conv(64, 128, 1), *stage(128), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 100),
    )  # fmt: skip


class ConvLstm(nn.Module):
    """Two layers of convolutional LSTM over a film, and the next image (Shi et al., arXiv:1506.04214)."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.width = width
        self.gates = nn.ModuleList(nn.Conv2d(inputs + width, 4 * width, 3, padding=1) for inputs in (1, width))
        self.out = nn.Conv2d(width, 1, 1)

    def forward(self, film: Tensor) -> Tensor:
        """The image that follows, from [1, images, 1, height, width]."""
        shape = (film.shape[0], self.width, *film.shape[3:])
        states = [(torch.zeros(shape), torch.zeros(shape)) for _ in self.gates]
        for index in range(film.shape[1]):
            seen = film[:, index]
            for layer, gates in enumerate(self.gates):
                hidden, cell = states[layer]
                into, forget, out, value = gates(torch.cat((seen, hidden), 1)).chunk(4, 1)
                cell = forget.sigmoid() * cell + into.sigmoid() * value.tanh()
                seen = out.sigmoid() * cell.tanh()
                states[layer] = (seen, cell)
        return self.out(seen).sigmoid()


class Faces(nn.Module):
    """Vectors of faces, whose last pooling is a depthwise convolution (Chen et al., arXiv:1804.07573)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(self.step(3, 64, 3, 2), self.step(64, 64, 3, 1, 64))
        sizes = [(64, 64, 2), (64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 128, 1), (128, 128, 2),
                 (128, 128, 1)]  # fmt: skip
        self.blocks = nn.ModuleList(
            nn.Sequential(
                self.step(a, 2 * a, 1, 1), self.step(2 * a, 2 * a, 3, stride, 2 * a),
                nn.Conv2d(2 * a, b, 1, bias=False), nn.BatchNorm2d(b),
            )
            for a, b, stride in sizes
        )  # fmt: skip
        self.last = nn.Sequential(self.step(128, 512, 1, 1), nn.Conv2d(512, 512, 7, groups=512), nn.BatchNorm2d(512))
        self.out = nn.Linear(512, 128)

    @staticmethod
    def step(inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> nn.Sequential:
        """Convolution, normalization and a learned leak."""
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(outputs), nn.PReLU(outputs),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        """A vector of length one."""
        state = self.stem(image)
        for block in self.blocks:
            changed = block(state)
            state = state + changed if changed.shape == state.shape else changed
        return f.normalize(self.out(self.last(state).flatten(1)))


class Plates(nn.Module):
    """Reads number plates without recurrence (Zherzdev and Gruzdev, arXiv:1806.10447)."""

    def __init__(self, characters: int = 68) -> None:
        super().__init__()
        self.first = nn.Sequential(conv(3, 64), nn.MaxPool2d(3, 1, 1), self.small(64, 128))
        self.second = nn.Sequential(nn.MaxPool2d(3, (2, 1), 1), self.small(128, 256), self.small(256, 256))
        self.third = nn.Sequential(
            nn.MaxPool2d(3, (2, 2), 1), nn.Conv2d(256, 256, (1, 5), padding=(0, 2)), nn.BatchNorm2d(256), nn.ReLU(),
            nn.Conv2d(256, characters, (13, 1), padding=(6, 0)), nn.BatchNorm2d(characters), nn.ReLU(),
        )  # fmt: skip
        self.join = nn.Conv2d(64 + 128 + 256 + characters, characters, 1)

    @staticmethod
    def small(inputs: int, outputs: int) -> nn.Sequential:
        """A block of long and flat kernels."""
        narrow = outputs // 4
        return nn.Sequential(
            nn.Conv2d(inputs, narrow, 1), nn.ReLU(), nn.Conv2d(narrow, narrow, (3, 1), padding=(1, 0)), nn.ReLU(),
            nn.Conv2d(narrow, narrow, (1, 3), padding=(0, 1)), nn.ReLU(), nn.Conv2d(narrow, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs), nn.ReLU(),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        """Scores of characters at every place along the plate."""
        stem = self.first[0](image)
        first = self.first[2](self.first[1](stem))
        second = self.second(first)
        third = self.third(second)
        pooled = [f.avg_pool2d(each, (4, 2)) for each in (stem, first)]
        pooled.append(f.avg_pool2d(second, (2, 2)))
        parts = [each / (each**2).mean() for each in pooled]
        return self.join(torch.cat((*parts, third), 1)).mean(2)


class Slots(nn.Module):
    """An image as a few slots that compete for its pixels (Locatello et al., arXiv:2006.15055)."""

    def __init__(self, width: int = 64, slots: int = 6) -> None:
        super().__init__()
        self.encode = nn.Sequential(
            nn.Conv2d(3, 32, 5, 2, 2), nn.ReLU(), nn.Conv2d(32, 32, 5, padding=2), nn.ReLU(),
            nn.Conv2d(32, width, 5, padding=2), nn.ReLU(),
        )  # fmt: skip
        self.place = nn.Parameter(0.1 * torch.randn(1, width, 32, 32))
        self.start, self.grid = nn.Parameter(torch.randn(1, slots, width)), nn.Parameter(torch.randn(1, width, 8, 8))
        self.query, self.key, self.value = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.update, self.norm, self.norm_slots = nn.GRUCell(width, width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.decode = nn.Sequential(
            nn.ConvTranspose2d(width, 48, 5, 2, 2, 1), nn.ReLU(), nn.ConvTranspose2d(48, 32, 5, 2, 2, 1), nn.ReLU(),
            nn.ConvTranspose2d(32, 32, 5, 2, 2, 1), nn.ReLU(), nn.Conv2d(32, 4, 3, padding=1),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        """The image put together from its slots."""
        pixels = self.norm((self.encode(image) + self.place).flatten(2).transpose(1, 2))
        keys, values, slots = self.key(pixels), self.value(pixels), self.start
        for _ in range(3):
            seen = (keys @ self.query(self.norm_slots(slots)).transpose(1, 2) / 8).softmax(-1) + 1e-8
            found = (seen / seen.sum(1, keepdim=True)).transpose(1, 2) @ values
            slots = self.update(found[0], slots[0])[None]
        parts = self.decode(slots[0, :, :, None, None] + self.grid)
        colours, shares = parts.split((3, 1), 1)
        return (colours * shares.softmax(0)).sum(0, keepdim=True)


def blocks_jobs() -> dict[str, Job]:
    """All of them by name."""
    image = functools.partial(torch.rand, 1, 3)
    return written(
        {
            "deformable": (deformable, (image(128, 128),)),
            "capsules": (Capsules, (torch.rand(2, 1, 28, 28),)),
            "octave": (OctaveNetwork, (image(224, 224),)),
            "involution": (involutions, (image(96, 96),)),
            "conv_lstm": (ConvLstm, (torch.rand(1, 6, 1, 48, 48),)),
            "slot_attention": (Slots, (image(64, 64),)),
            "face_embedding": (Faces, (image(112, 112),)),
            "plate_reader": (Plates, (image(24, 94),)),
        }
    )
