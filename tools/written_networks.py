"""Networks of images, written by hand, for the list that nobody tuned for (``tools/export_unseen.py``).

They are what somebody writes after reading a paper: the architectures are public, the sizes our own.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as f
from written_parts import conv, written

if TYPE_CHECKING:
    from export_networks import Job

Tensor = torch.Tensor


class UNet(nn.Module):
    """U-Net with transposed convolutions (Ronneberger, Fischer and Brox, arXiv:1505.04597)."""

    def __init__(self, channels: tuple[int, ...] = (24, 48, 96, 192)) -> None:
        super().__init__()
        ends = zip((1, *channels), channels, strict=False)
        self.down = nn.ModuleList(nn.Sequential(conv(a, b), conv(b, b)) for a, b in ends)
        pairs = list(zip(channels[:0:-1], channels[-2::-1], strict=True))
        self.grow = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, 2) for a, b in pairs)
        self.up = nn.ModuleList(nn.Sequential(conv(2 * b, b), conv(b, b)) for _, b in pairs)
        self.head = nn.Conv2d(channels[0], 4, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Classes of every pixel."""
        kept = []
        for block in self.down[:-1]:
            image = block(image)
            kept.append(image)
            image = f.max_pool2d(image, 2)
        image = self.down[-1](image)
        for grow, block in zip(self.grow, self.up, strict=True):
            image = block(torch.cat((kept.pop(), grow(image)), 1))
        return self.head(image)


class Refinement(nn.Module):
    """Weights channels by their mean over the map, as BiSeNet refines its context."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv, self.weigh = conv(inputs, outputs), nn.Conv2d(outputs, outputs, 1)

    def forward(self, image: Tensor) -> Tensor:
        """The weighted map."""
        image = self.conv(image)
        return image * self.weigh(image.mean((2, 3), keepdim=True)).sigmoid()


class BiSeNet(nn.Module):
    """Segmentation by a spatial and a context path (Yu et al., arXiv:1808.00897)."""

    def __init__(self) -> None:
        super().__init__()
        self.spatial = nn.Sequential(conv(3, 32, 7, 2), conv(32, 32, 3, 2), conv(32, 32, 3, 2), conv(32, 64, 1))
        self.stem = nn.Sequential(conv(3, 32, 3, 2), nn.MaxPool2d(3, 2, 1), conv(32, 64, 3, 2), conv(64, 64))
        self.middle, self.deep = nn.Sequential(conv(64, 128, 3, 2), conv(128, 128)), conv(128, 256, 3, 2)
        self.refine_middle, self.refine_deep = Refinement(128, 64), Refinement(256, 64)
        self.fuse, self.head = Refinement(128, 128), nn.Conv2d(128, 19, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Classes of every pixel."""
        middle = self.middle(self.stem(image))
        deep = self.deep(middle)
        context = self.refine_deep(deep) + deep.mean((1, 2, 3), keepdim=True)
        context = f.interpolate(context, scale_factor=2, mode="nearest") + self.refine_middle(middle)
        context = f.interpolate(context, scale_factor=2, mode="nearest")
        fused = self.fuse(torch.cat((self.spatial(image), context), 1))
        return f.interpolate(self.head(fused), scale_factor=8, mode="bilinear", align_corners=True)


class WeightedFusion(nn.Module):
    """One layer of a bidirectional pyramid with learned weights (Tan, Pang and Le, arXiv:1911.09070)."""

    def __init__(self, channels: int, levels: int) -> None:
        super().__init__()
        self.levels = levels
        self.weights = nn.Parameter(torch.rand(2 * levels, 3))
        self.convs = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, channels, 3, 1, 1, groups=channels, bias=False),
                nn.Conv2d(channels, channels, 1),
                nn.BatchNorm2d(channels),
            )
            for _ in range(2 * levels)
        )

    def blend(self, index: int, maps: list[Tensor]) -> Tensor:
        """The weighted sum of maps of one size, convolved."""
        weights = f.relu(self.weights[index, : len(maps)])
        weights = weights / (weights.sum() + 1e-4)
        return self.convs[index](f.silu(sum(weight * each for weight, each in zip(weights, maps, strict=True))))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """The pyramid, from fine to coarse, once down and once up."""
        down = [maps[-1]]
        for level in range(self.levels - 2, -1, -1):
            finer = f.interpolate(down[0], scale_factor=2, mode="nearest")
            down.insert(0, self.blend(level, [maps[level], finer]))
        up = [down[0]]
        for level in range(1, self.levels):
            coarser = f.max_pool2d(up[-1], 3, 2, 1)
            up.append(self.blend(self.levels + level, [maps[level], down[level], coarser]))
        return up


class PyramidDetector(nn.Module):
    """A backbone of inverted bottlenecks, two weighted pyramids, and heads shared by all levels."""

    def __init__(self, channels: int = 56) -> None:
        super().__init__()
        widths = (16, 24, 40, 80, 112)
        self.stages = nn.ModuleList(self.stage(a, b) for a, b in zip((3, *widths), widths, strict=False))
        self.lateral = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in widths[2:])
        self.pyramids = nn.ModuleList(WeightedFusion(channels, 4) for _ in range(2))
        self.tower = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels), nn.Conv2d(channels, channels, 1), nn.SiLU()
        )
        self.scores, self.boxes = nn.Conv2d(channels, 9 * 20, 3, padding=1), nn.Conv2d(channels, 9 * 4, 3, padding=1)

    @staticmethod
    def stage(inputs: int, outputs: int) -> nn.Sequential:
        """An inverted bottleneck that halves the map."""
        wide = 4 * inputs
        return nn.Sequential(conv(inputs, wide, 1), conv(wide, wide, 5, 2, wide), nn.Conv2d(wide, outputs, 1))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Scores and boxes of all anchors."""
        maps = []
        for stage in self.stages:
            image = stage(image)
            maps.append(image)
        maps = [lateral(each) for lateral, each in zip(self.lateral, maps[2:], strict=True)]
        maps.append(f.max_pool2d(maps[-1], 3, 2, 1))
        for pyramid in self.pyramids:
            maps = pyramid(maps)
        towers = [self.tower(each) for each in maps]
        scores = [self.scores(each).permute(0, 2, 3, 1).reshape(1, -1, 20) for each in towers]
        boxes = [self.boxes(each).permute(0, 2, 3, 1).reshape(1, -1, 4) for each in towers]
        return torch.cat(scores, 1).sigmoid(), torch.cat(boxes, 1)


class Partial(nn.Module):
    """A block of which half the channels go past the bottlenecks (Wang et al., arXiv:1911.11929)."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        half = channels // 2
        self.blocks = nn.ModuleList(nn.Sequential(self.step(half, 1), self.step(half, 3)) for _ in range(blocks))
        self.join = nn.Sequential(nn.Conv2d(channels + half * blocks, channels, 1), nn.SiLU())

    @staticmethod
    def step(channels: int, kernel: int) -> nn.Sequential:
        """Convolution, normalization and SiLU."""
        return nn.Sequential(
            nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(channels), nn.SiLU()
        )

    def forward(self, image: Tensor) -> Tensor:
        """All intermediate maps, joined."""
        parts = list(image.chunk(2, 1))
        for block in self.blocks:
            parts.append(parts[-1] + block(parts[-1]))
        return self.join(torch.cat(parts, 1))


class PartialDetector(nn.Module):
    """A one-stage detector whose boxes are expected values of distributions, decoded in the network."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        sizes = [width * 2**index for index in range(5)]
        self.stages = nn.ModuleList(
            nn.Sequential(conv(a, b, 3, 2), Partial(b, 1 if index < 2 else 2))
            for index, (a, b) in enumerate(zip((3, *sizes), sizes, strict=False))
        )
        self.merge = nn.ModuleList(conv(a + b, b) for a, b in ((sizes[4], sizes[3]), (sizes[3], sizes[2])))
        self.heads = nn.ModuleList(nn.Conv2d(size, 4 * 16 + 12, 1) for size in (sizes[2], sizes[3], sizes[4]))
        self.register_buffer("bins", torch.arange(16.0))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Scores, and distances to the four sides."""
        maps = []
        for stage in self.stages:
            image = stage(image)
            maps.append(image)
        middle = self.merge[0](torch.cat((f.interpolate(maps[4], scale_factor=2), maps[3]), 1))
        fine = self.merge[1](torch.cat((f.interpolate(middle, scale_factor=2), maps[2]), 1))
        found = [head(each).flatten(2) for head, each in zip(self.heads, (fine, middle, maps[4]), strict=True)]
        sides, scores = torch.cat(found, 2).split((64, 12), 1)
        sides = sides.reshape(1, 4, 16, -1).softmax(2)
        return scores.sigmoid(), (sides * self.bins.reshape(1, 1, 16, 1)).sum(2)


class Tracker(nn.Module):
    """Finds a template in a picture by correlation of features (Bertinetto et al., arXiv:1606.09549)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            conv(3, 48, 11, 2), nn.MaxPool2d(3, 2), conv(48, 128, 5, groups=2), nn.MaxPool2d(3, 2),
            conv(128, 192), conv(192, 192, groups=2), nn.Conv2d(192, 128, 3, groups=2),
        )  # fmt: skip

    def forward(self, template: Tensor, picture: Tensor) -> Tensor:
        """How well the template fits, at every position: a convolution whose weights are computed."""
        return f.conv2d(self.features(picture), self.features(template)) / 1000


class Points(nn.Module):
    """Classes of clouds of points, with a learned rotation (Qi et al., arXiv:1612.00593)."""

    def __init__(self) -> None:
        super().__init__()
        self.look, self.turn = self.shared(3, 64, 256), nn.Linear(256, 9)
        self.first, self.second = self.shared(3, 64, 64), self.shared(64, 128, 512)
        self.head = nn.Sequential(nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 40))

    @staticmethod
    def shared(*sizes: int) -> nn.Sequential:
        """The same dense layers for every point."""
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(sizes):
            layers += [nn.Conv1d(inputs, outputs, 1), nn.BatchNorm1d(outputs), nn.ReLU()]
        return nn.Sequential(*layers)

    def forward(self, points: Tensor) -> Tensor:
        """Scores of the classes, from [1, 3, points]."""
        turned = self.turn(self.look(points).amax(2)).reshape(-1, 3, 3) + torch.eye(3)
        rotated = torch.bmm(points.transpose(1, 2), turned).transpose(1, 2)
        return self.head(self.second(self.first(rotated)).amax(2)).log_softmax(1)


class Residual(nn.Module):
    """Group normalization, SiLU and convolution, twice; a time is added between where there is one."""

    def __init__(self, inputs: int, outputs: int, time: int = 0) -> None:
        super().__init__()
        self.norm, self.conv = nn.GroupNorm(8, inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.again, self.last = nn.GroupNorm(8, outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        self.time = nn.Linear(time, outputs) if time else None
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, image: Tensor, time: Tensor | None = None) -> Tensor:
        """The changed map."""
        changed = self.conv(f.silu(self.norm(image)))
        if self.time is not None:
            changed = changed + self.time(time)[:, :, None, None]
        return self.skip(image) + self.last(f.silu(self.again(changed)))


class Look(nn.Module):
    """Attention of one head over the positions of a map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm, self.into = nn.GroupNorm(8, channels), nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, image: Tensor) -> Tensor:
        """The map and what its positions see of each other."""
        size = image.shape
        query, key, value = self.into(self.norm(image)).flatten(2).chunk(3, 1)
        seen = (query.transpose(1, 2) @ key / math.sqrt(size[1])).softmax(-1)
        return image + self.out((value @ seen.transpose(1, 2)).reshape(size))


class Decoder(nn.Module):
    """The decoder of an autoencoder: from a small map to an image."""

    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Sequential(nn.Conv2d(4, 128, 3, padding=1), Residual(128, 128), Look(128), Residual(128, 128))
        grow = [(128, 96), (96, 64), (64, 32)]
        self.up = nn.Sequential(
            *(nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 3, padding=1), Residual(b, b))
              for a, b in grow)
        )  # fmt: skip
        self.end = nn.Sequential(nn.GroupNorm(8, 32), nn.SiLU(), nn.Conv2d(32, 3, 3, padding=1))

    def forward(self, latent: Tensor) -> Tensor:
        """An image."""
        return self.end(self.up(self.start(latent))).tanh()


class Noise(nn.Module):
    """A small U-Net that predicts noise, told the time (Ho, Jain and Abbeel, arXiv:2006.11239)."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.width, wide, time = width, 2 * width, 4 * width
        self.clock = nn.Sequential(nn.Linear(width, time), nn.SiLU(), nn.Linear(time, time))
        self.into = nn.Conv2d(3, width, 3, padding=1)
        self.fine, self.down = Residual(width, width, time), nn.Conv2d(width, wide, 3, 2, 1)
        self.coarse, self.look, self.middle = Residual(wide, wide, time), Look(wide), Residual(wide, wide, time)
        self.join, self.up = Residual(2 * wide, wide, time), nn.ConvTranspose2d(wide, width, 4, 2, 1)
        self.end, self.out = Residual(2 * width, width, time), nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, image: Tensor, step: Tensor) -> Tensor:
        """The noise in an image."""
        scale = torch.exp(torch.arange(self.width // 2) * (-math.log(10000) / (self.width // 2)))
        angle = step[:, None] * scale[None]
        time = self.clock(torch.cat((angle.sin(), angle.cos()), 1))
        fine = self.fine(self.into(image), time)
        coarse = self.coarse(self.down(fine), time)
        middle = self.middle(self.look(coarse), time)
        joined = self.up(self.join(torch.cat((middle, coarse), 1), time))
        return self.out(self.end(torch.cat((joined, fine), 1), time))


class Upscaler(nn.Module):
    """Super-resolution by residual blocks without normalization (Lim et al., arXiv:1707.02921)."""

    def __init__(self, channels: int = 48, blocks: int = 6) -> None:
        super().__init__()
        self.into = nn.Conv2d(3, channels, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1)
            )
            for _ in range(blocks)
        )
        self.out = nn.Sequential(
            nn.Conv2d(channels, 9 * channels, 3, padding=1), nn.PixelShuffle(3), nn.Conv2d(channels, 3, 3, padding=1)
        )

    def forward(self, image: Tensor) -> Tensor:
        """An image of three times the side."""
        first = image = self.into(image)
        for block in self.blocks:
            image = image + 0.1 * block(image)
        return self.out(first + image)


def generator() -> nn.Module:
    """Transposed convolutions from a vector to an image (Radford, Metz and Chintala, arXiv:1511.06434)."""
    sizes = (96, 256, 128, 64, 32)
    layers: list[nn.Module] = []
    for index, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        stride, pad = (1, 0) if index == 0 else (2, 1)
        layers += [nn.ConvTranspose2d(inputs, outputs, 4, stride, pad, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(32, 3, 4, 2, 1), nn.Tanh())


def written_jobs() -> dict[str, Job]:
    """All of them by name."""
    image = functools.partial(torch.rand, 1, 3)
    return written(
        {
            "unet": (UNet, (torch.rand(1, 1, 160, 160),)),
            "bisenet": (BiSeNet, (image(256, 384),)),
            "efficientdet_neck": (PyramidDetector, (image(320, 320),)),
            "csp_detector": (PartialDetector, (image(256, 320),)),
            "siamese_tracker": (Tracker, (image(127, 127), image(255, 255))),
            "point_network": (Points, (torch.rand(1, 3, 2048),)),
            "vae_decoder": (Decoder, (torch.randn(1, 4, 20, 20),)),
            "gan_generator": (generator, (torch.randn(4, 96, 1, 1),)),
            "diffusion_unet": (Noise, (torch.randn(1, 3, 48, 48), torch.tensor([37.0]))),
            "upscaler": (Upscaler, (image(72, 96),)),
        }
    )
