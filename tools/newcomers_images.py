"""Networks of single images, written by hand, for the fourth list that nobody tuned for.

They are what somebody writes for a task of their own: the architectures are public, the sizes our own.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as f
from written_parts import conv, written

if TYPE_CHECKING:
    from export_networks import Job

Tensor = torch.Tensor


class Residual(nn.Module):
    """Two convolutions around a shortcut, whose channels are weighed by what they hold in the mean."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, *, weigh: bool = False) -> None:
        super().__init__()
        self.first = conv(inputs, outputs, 3, stride)
        self.second = nn.Sequential(nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs))
        self.weights = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(outputs, outputs // 8), nn.ReLU(),
            nn.Linear(outputs // 8, outputs), nn.Sigmoid(),
        ) if weigh else None  # fmt: skip
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        """The block's map."""
        inner = self.second(self.first(image))
        if self.weights is not None:
            inner = inner * self.weights(inner)[:, :, None, None]
        return f.relu(inner + self.shortcut(image))


class Gate(nn.Module):
    """Weighs what a shortcut carries by what the decoder knows (Oktay et al., arXiv:1804.03999)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.carried, self.known = nn.Conv2d(channels, channels // 2, 1), nn.Conv2d(channels, channels // 2, 1)
        self.weight = nn.Conv2d(channels // 2, 1, 1)

    def forward(self, carried: Tensor, known: Tensor) -> Tensor:
        """The shortcut, weighed."""
        return carried * torch.sigmoid(self.weight(f.relu(self.carried(carried) + self.known(known))))


class ResidualUnet(nn.Module):
    """A U-Net of residual blocks with weighed channels and gates on its shortcuts."""

    def __init__(self, classes: int = 4, width: int = 24) -> None:
        super().__init__()
        widths = [width, 2 * width, 4 * width, 8 * width]
        self.down = nn.ModuleList(
            Residual(inputs, outputs, 1 if inputs == 3 else 2, weigh=True)
            for inputs, outputs in zip([3, *widths], widths, strict=False)
        )
        pairs = list(zip(widths[::-1], widths[-2::-1], strict=False))
        self.grow = nn.ModuleList(nn.ConvTranspose2d(wide, narrow, 2, 2) for wide, narrow in pairs)
        self.gates = nn.ModuleList(Gate(narrow) for _, narrow in pairs)
        self.up = nn.ModuleList(Residual(2 * narrow, narrow, weigh=True) for _, narrow in pairs)
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Classes of every pixel."""
        kept = []
        for block in self.down:
            image = block(image)
            kept.append(image)
        for grow, gate, block, carried in zip(self.grow, self.gates, self.up, kept[-2::-1], strict=True):
            image = grow(image)
            image = block(torch.cat((gate(carried, image), image), 1))
        return self.head(image)


def trunk(widths: tuple[int, ...] = (32, 64, 128, 256)) -> nn.ModuleList:
    """Stages of residual blocks, each half as large as the one before; the first takes a quarter of the image."""
    stages = [nn.Sequential(conv(3, widths[0], 7, 2), nn.MaxPool2d(3, 2, 1), Residual(widths[0], widths[0]))]
    for inputs, outputs in itertools.pairwise(widths):
        stages.append(nn.Sequential(Residual(inputs, outputs, 2), Residual(outputs, outputs)))
    return nn.ModuleList(stages)


class LaneRows(nn.Module):
    """Finds, in each of some rows, the cell that a lane crosses (Qin et al., arXiv:2004.11757)."""

    def __init__(self, cells: int = 100, rows: int = 32, lanes: int = 4) -> None:
        super().__init__()
        self.stages, self.shape = trunk(), (cells + 1, rows, lanes)
        self.narrow = nn.Conv2d(256, 8, 1)
        self.head = nn.Sequential(nn.Linear(8 * 9 * 25, 512), nn.ReLU(), nn.Linear(512, (cells + 1) * rows * lanes))

    def forward(self, image: Tensor) -> Tensor:
        """Scores of cells."""
        for stage in self.stages:
            image = stage(image)
        return self.head(self.narrow(image).flatten(1)).view(-1, *self.shape)


class CrowdDensity(nn.Module):
    """How many people stand where: ten layers of VGG and six dilated ones (Li et al., arXiv:1802.10062)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for outputs in (32, 32, 0, 64, 64, 0, 128, 128, 128, 0, 256, 256, 256):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()] if outputs else [nn.MaxPool2d(2)]
            inputs = outputs or inputs
        for outputs in (256, 256, 256, 128, 64, 32):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=2, dilation=2), nn.ReLU()]
            inputs = outputs
        self.layers = nn.Sequential(*layers, nn.Conv2d(inputs, 1, 1))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The density and its sum."""
        density = self.layers(image)
        return density, density.sum((1, 2, 3))


class DepthDecoder(nn.Module):
    """Disparities on four scales from one image, with reflected borders (Godard et al., arXiv:1806.01260)."""

    def __init__(self) -> None:
        super().__init__()
        self.stages, widths = trunk(), (16, 32, 64, 128)
        carried, inputs = (32, 64, 128), 256
        self.before, self.after, self.heads = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for index in (3, 2, 1, 0):
            self.before.append(self.layer(inputs, widths[index]))
            self.after.append(self.layer(widths[index] + (carried[index - 1] if index else 0), widths[index]))
            self.heads.append(nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(widths[index], 1, 3), nn.Sigmoid()))
            inputs = widths[index]

    @staticmethod
    def layer(inputs: int, outputs: int) -> nn.Sequential:
        """A convolution over a map whose border is reflected."""
        return nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3), nn.ELU())

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Disparities, from coarse to fine."""
        image = (image - 0.45) / 0.225
        kept = []
        for stage in self.stages:
            image = stage(image)
            kept.append(image)
        found = []
        for index, (before, after, head) in enumerate(zip(self.before, self.after, self.heads, strict=True)):
            image = f.interpolate(before(image), scale_factor=2.0, mode="nearest")
            image = after(torch.cat((image, kept[2 - index]), 1) if index < 3 else image)
            found.append(head(image))
        return tuple(found)


class HandPoints(nn.Module):
    """Points of a hand as means of heat maps (Nibali et al., arXiv:1801.07372), and which hand it is."""

    def __init__(self, points: int = 21) -> None:
        super().__init__()
        self.stages = trunk((24, 48, 96, 192))
        self.grow = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False), conv(192, 96),
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False), conv(96, 64),
        )  # fmt: skip
        self.maps, self.side = nn.Conv2d(64, points, 1), nn.Linear(192, 2)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Places from -1 to 1, and scores of left and right."""
        for stage in self.stages:
            image = stage(image)
        maps = self.maps(self.grow(image))
        batch, points, height, width = maps.shape
        share = maps.flatten(2).softmax(-1).view(batch, points, height, width)
        across = (share.sum(2) * torch.linspace(-1, 1, width)).sum(-1)
        down = (share.sum(3) * torch.linspace(-1, 1, height)).sum(-1)
        return torch.stack((across, down), -1), self.side(image.mean((2, 3)))


class FaceHeads(nn.Module):
    """Age, mood and pose of a face from one thrifty trunk with a head for each."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv(3, 16, 3, 2)]
        inputs = 16
        for outputs, stride in ((32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1)):
            layers += [conv(inputs, inputs, 3, stride, inputs), conv(inputs, outputs, 1)]
            inputs = outputs
        self.trunk = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2))
        self.age = nn.Sequential(nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 101))
        self.mood, self.pose = nn.Linear(256, 7), nn.Sequential(nn.Linear(256, 64), nn.Tanh(), nn.Linear(64, 3))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The expected age, shares of moods, and angles."""
        known = self.trunk(image)
        age = (self.age(known).softmax(-1) * torch.arange(101.0)).sum(-1)
        return age, self.mood(known).softmax(-1), self.pose(known)


class SignatureSiamese(nn.Module):
    """How far two signatures are apart, by one network for both (Dey et al., arXiv:1707.02131)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 96, 11), nn.ReLU(), nn.LocalResponseNorm(5), nn.MaxPool2d(3, 2),
            nn.Conv2d(96, 128, 5, padding=2), nn.ReLU(), nn.LocalResponseNorm(5), nn.MaxPool2d(3, 2),
            nn.Conv2d(128, 192, 3, padding=1), nn.ReLU(), nn.Conv2d(192, 96, 3, padding=1), nn.ReLU(),
            nn.MaxPool2d(3, 2),
        )  # fmt: skip
        self.embed = nn.Sequential(nn.Linear(96 * 7 * 11, 512), nn.ReLU(), nn.Linear(512, 128))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Their distance."""
        one, other = (self.embed(self.features(each).flatten(1)) for each in (first, second))
        return f.pairwise_distance(one, other)


def jobs() -> dict[str, Job]:
    """All networks of this part by name."""
    photograph = torch.rand(1, 3, 256, 256)
    return written({
        "residual_unet": (ResidualUnet, (photograph,)),
        "lane_rows": (LaneRows, (torch.rand(1, 3, 288, 800),)),
        "crowd_density": (CrowdDensity, (torch.rand(1, 3, 240, 320),)),
        "depth_decoder": (DepthDecoder, (torch.rand(1, 3, 192, 640),)),
        "hand_points": (HandPoints, (photograph,)),
        "face_heads": (FaceHeads, (torch.rand(1, 3, 128, 128),)),
        "signature_siamese": (SignatureSiamese, (torch.rand(1, 1, 80, 110), torch.rand(1, 1, 80, 110))),
    })  # fmt: skip
