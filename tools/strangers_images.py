"""Networks of images, written by hand, for the second list that nobody tuned for (``tools/export_strangers.py``).

They are what somebody writes after reading a paper: the architectures are public, the sizes our own.
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


def separable(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """A depthwise and a pointwise convolution."""
    return nn.Sequential(conv(inputs, inputs, 3, stride, inputs), conv(inputs, outputs, 1))


def bottleneck(inputs: int, outputs: int, stride: int, widen: int = 6) -> nn.Sequential:
    """An inverted bottleneck without a shortcut."""
    wide = widen * inputs
    return nn.Sequential(
        conv(inputs, wide, 1), conv(wide, wide, 3, stride, wide),
        nn.Conv2d(wide, outputs, 1, bias=False), nn.BatchNorm2d(outputs),
    )  # fmt: skip


class FastScnn(nn.Module):
    """One path that learns to shrink, shared by detail and context (Poudel et al., arXiv:1902.04502)."""

    def __init__(self, classes: int = 19) -> None:
        super().__init__()
        self.shrink = nn.Sequential(conv(3, 32, 3, 2), separable(32, 48, 2), separable(48, 64, 2))
        self.context = nn.Sequential(
            bottleneck(64, 64, 2), bottleneck(64, 64, 1), bottleneck(64, 96, 2), bottleneck(96, 96, 1),
            bottleneck(96, 128, 1),
        )  # fmt: skip
        self.pools = nn.ModuleList(conv(128, 32, 1) for _ in range(3))
        self.join, self.fine = conv(128 + 96, 128, 1), nn.Conv2d(64, 128, 1)
        self.coarse = nn.Sequential(nn.Conv2d(128, 128, 3, padding=4, dilation=4, groups=128), nn.Conv2d(128, 128, 1))
        self.head = nn.Sequential(separable(128, 128), separable(128, 128), nn.Conv2d(128, classes, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Classes of every pixel."""
        detail = self.shrink(image)
        deep = self.context(detail)
        size = deep.shape[2:]
        pyramid = [
            f.interpolate(pool(f.adaptive_avg_pool2d(deep, bins)), size=size, mode="bilinear")
            for pool, bins in zip(self.pools, (1, 2, 4), strict=True)
        ]
        deep = f.interpolate(self.join(torch.cat((deep, *pyramid), 1)), scale_factor=4, mode="bilinear")
        fused = f.relu(self.fine(detail) + self.coarse(deep))
        return f.interpolate(self.head(fused), scale_factor=8, mode="bilinear")


class NarrowBlock(nn.Module):
    """A bottleneck whose middle is dilated, asymmetric or shrinks (Paszke et al., arXiv:1606.02147)."""

    def __init__(
        self, inputs: int, outputs: int, *, dilation: int = 1, long: bool = False, shrink: bool = False
    ) -> None:
        super().__init__()
        narrow, step = outputs // 4, 2 if shrink else 1
        if long:
            middle: list[nn.Module] = [
                nn.Conv2d(narrow, narrow, (5, 1), padding=(2, 0), bias=False),
                nn.Conv2d(narrow, narrow, (1, 5), padding=(0, 2)),
            ]
        else:
            middle = [nn.Conv2d(narrow, narrow, 3, padding=dilation, dilation=dilation)]
        self.main = nn.Sequential(
            nn.Conv2d(inputs, narrow, step, step, bias=False), nn.BatchNorm2d(narrow), nn.PReLU(),
            *middle, nn.BatchNorm2d(narrow), nn.PReLU(),
            nn.Conv2d(narrow, outputs, 1, bias=False), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        self.pool, self.more, self.out = nn.MaxPool2d(2) if shrink else nn.Identity(), outputs - inputs, nn.PReLU()

    def forward(self, image: Tensor) -> Tensor:
        """The block and its shortcut, whose missing channels are zero."""
        kept = self.pool(image)
        if self.more > 0:
            kept = f.pad(kept, (0, 0, 0, 0, 0, self.more))
        return self.out(kept + self.main(image))


class ENet(nn.Module):
    """ENet, whose decoder grows by transposed convolutions."""

    def __init__(self, classes: int = 12) -> None:
        super().__init__()
        self.first, self.pool = nn.Conv2d(3, 13, 3, 2, 1), nn.MaxPool2d(2)
        deep = [
            NarrowBlock(128, 128), NarrowBlock(128, 128, dilation=2), NarrowBlock(128, 128, long=True),
            NarrowBlock(128, 128, dilation=4), NarrowBlock(128, 128), NarrowBlock(128, 128, dilation=8),
            NarrowBlock(128, 128, long=True), NarrowBlock(128, 128, dilation=16),
        ]  # fmt: skip
        self.body = nn.Sequential(
            nn.BatchNorm2d(16), nn.PReLU(), NarrowBlock(16, 64, shrink=True), NarrowBlock(64, 64), NarrowBlock(64, 64),
            NarrowBlock(64, 128, shrink=True), *deep,
            nn.ConvTranspose2d(128, 64, 3, 2, 1, 1), nn.PReLU(), NarrowBlock(64, 64),
            nn.ConvTranspose2d(64, 16, 3, 2, 1, 1), nn.PReLU(), NarrowBlock(16, 16),
            nn.ConvTranspose2d(16, classes, 2, 2),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        """Classes of every pixel."""
        return self.body(torch.cat((self.first(image), self.pool(image)), 1))


class Factored(nn.Module):
    """Two pairs of 3x1 and 1x3 convolutions around a shortcut (Romera et al., doi:10.1109/TITS.2017.2750080)."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for step in (1, dilation):
            layers += [
                nn.Conv2d(channels, channels, (3, 1), padding=(step, 0), dilation=(step, 1)), nn.ReLU(),
                nn.Conv2d(channels, channels, (1, 3), padding=(0, step), dilation=(1, step), bias=False),
                nn.BatchNorm2d(channels), nn.ReLU(),
            ]  # fmt: skip
        self.main = nn.Sequential(*layers[:-1])

    def forward(self, image: Tensor) -> Tensor:
        """The changed map."""
        return f.relu(image + self.main(image))


class Shrink(nn.Module):
    """A convolution of stride two beside a pooling."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(inputs, outputs - inputs, 3, 2, 1), nn.BatchNorm2d(outputs)

    def forward(self, image: Tensor) -> Tensor:
        """A map of half the side."""
        return f.relu(self.norm(torch.cat((self.conv(image), f.max_pool2d(image, 2)), 1)))


def erfnet() -> nn.Module:
    """ERFNet on three scales, of three quarters of its width."""
    return nn.Sequential(
        Shrink(3, 16), Shrink(16, 48), *(Factored(48, 1) for _ in range(3)), Shrink(48, 96),
        *(Factored(96, dilation) for dilation in (2, 4, 8, 16)),
        nn.ConvTranspose2d(96, 48, 3, 2, 1, 1), nn.BatchNorm2d(48), nn.ReLU(), Factored(48, 1),
        nn.ConvTranspose2d(48, 16, 3, 2, 1, 1), nn.BatchNorm2d(16), nn.ReLU(), Factored(16, 1),
        nn.ConvTranspose2d(16, 20, 2, 2),
    )  # fmt: skip


class InnerUNet(nn.Module):
    """A small U-Net as a residual block (Qin et al., arXiv:2005.09007)."""

    def __init__(self, inputs: int, middle: int, outputs: int, depth: int) -> None:
        super().__init__()
        self.into = conv(inputs, outputs)
        self.down = nn.ModuleList(conv(outputs if index == 0 else middle, middle) for index in range(depth))
        self.bottom = nn.Sequential(nn.Conv2d(middle, middle, 3, padding=2, dilation=2), nn.ReLU())
        self.up = nn.ModuleList(conv(2 * middle, outputs if index == 0 else middle) for index in range(depth))

    def forward(self, image: Tensor) -> Tensor:
        """The changed map."""
        image = self.into(image)
        kept, state = [], image
        for index, down in enumerate(self.down):
            state = down(state if index == 0 else f.max_pool2d(state, 2))
            kept.append(state)
        state = self.bottom(state)
        for index in range(len(kept) - 1, -1, -1):
            state = self.up[index](torch.cat((state, kept[index]), 1))
            if index:
                state = f.interpolate(state, scale_factor=2, mode="bilinear")
        return image + state


class NestedUNet(nn.Module):
    """U-Nets within a U-Net, with a map of its own from every scale."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList((InnerUNet(3, 12, 32, 4), InnerUNet(32, 12, 48, 3), InnerUNet(48, 16, 64, 2)))
        self.up = nn.ModuleList((InnerUNet(48 + 32, 12, 32, 4), InnerUNet(64 + 48, 12, 48, 3)))
        self.sides = nn.ModuleList(nn.Conv2d(channels, 1, 3, padding=1) for channels in (32, 48, 64))
        self.fuse = nn.Conv2d(3, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """How salient every pixel is."""
        first = self.down[0](image)
        second = self.down[1](f.max_pool2d(first, 2))
        third = self.down[2](f.max_pool2d(second, 2))
        second = self.up[1](torch.cat((f.interpolate(third, scale_factor=2, mode="bilinear"), second), 1))
        first = self.up[0](torch.cat((f.interpolate(second, scale_factor=2, mode="bilinear"), first), 1))
        maps = [side(each) for side, each in zip(self.sides, (first, second, third), strict=True)]
        large = [maps[0], *(f.interpolate(each, size=image.shape[2:], mode="bilinear") for each in maps[1:])]
        return self.fuse(torch.cat(large, 1)).sigmoid()


class PreActivation(nn.Module):
    """A bottleneck whose normalizations come first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.main = nn.Sequential(
            nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, half, 1), nn.BatchNorm2d(half), nn.ReLU(),
            nn.Conv2d(half, half, 3, padding=1), nn.BatchNorm2d(half), nn.ReLU(), nn.Conv2d(half, channels, 1),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        """The changed map."""
        return image + self.main(image)


class Hourglass(nn.Module):
    """Down to a few pixels and back, with a shortcut on every scale (Newell, Yang and Deng, arXiv:1603.06937)."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.skip, self.low, self.last = PreActivation(channels), PreActivation(channels), PreActivation(channels)
        self.inner = Hourglass(channels, depth - 1) if depth > 1 else PreActivation(channels)

    def forward(self, image: Tensor) -> Tensor:
        """The changed map."""
        low = self.last(self.inner(self.low(f.max_pool2d(image, 2))))
        return self.skip(image) + f.interpolate(low, scale_factor=2, mode="nearest")


class Pose(nn.Module):
    """Two hourglasses, and the expected place of every joint."""

    def __init__(self, channels: int = 96, joints: int = 16) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 48, 7, 2), conv(48, channels), nn.MaxPool2d(2))
        self.glasses = nn.ModuleList(Hourglass(channels, 3) for _ in range(2))
        self.heads = nn.ModuleList(nn.Conv2d(channels, joints, 1) for _ in range(2))
        self.back = nn.Conv2d(joints, channels, 1)
        self.register_buffer("columns", torch.linspace(0, 1, 48))
        self.register_buffer("rows", torch.linspace(0, 1, 64))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Places of joints, [1, joints, 2], and how clear they are."""
        state = self.stem(image)
        for index, (glass, head) in enumerate(zip(self.glasses, self.heads, strict=True)):
            found = glass(state)
            heat = head(found)
            if index == 0:
                state = state + found + self.back(heat)
        likely = heat.flatten(2).softmax(-1).reshape(heat.shape)
        across = (likely.sum(2) * self.columns).sum(-1)
        along = (likely.sum(3) * self.rows).sum(-1)
        return torch.stack((across, along), -1), heat.flatten(2).amax(-1)


class Centres(nn.Module):
    """Objects as peaks of a map, found in the network (Zhou, Wang and Krahenbuhl, arXiv:1904.07850)."""

    def __init__(self, classes: int = 20) -> None:
        super().__init__()
        self.classes = classes
        self.down = nn.Sequential(
            conv(3, 24, 7, 2), conv(24, 48, 3, 2), conv(48, 48), conv(48, 96, 3, 2), conv(96, 96), conv(96, 192, 3, 2)
        )
        self.up = nn.Sequential(
            nn.ConvTranspose2d(192, 96, 4, 2, 1, bias=False), nn.BatchNorm2d(96), nn.ReLU(),
            nn.ConvTranspose2d(96, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
        )  # fmt: skip
        self.heads = nn.ModuleList(nn.Sequential(conv(64, 64), nn.Conv2d(64, size, 1)) for size in (classes, 2, 2))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of the fifty best peaks, and their sizes and offsets."""
        state = self.up(self.down(image))
        heat, size, offset = (head(state) for head in self.heads)
        heat = heat.sigmoid()
        peaks = heat * (f.max_pool2d(heat, 3, 1, 1) == heat).float()
        scores, places = peaks.flatten(1).topk(50)
        values = torch.cat((size, offset), 1).flatten(2).transpose(1, 2)
        places = places % values.shape[1]
        return scores, values.gather(1, places[..., None].expand(-1, -1, 4))


class Volumes(nn.Module):
    """A U-Net of volumes with instance normalization (Milletari, Navab and Ahmadi, arXiv:1606.04797)."""

    def __init__(self, sizes: tuple[int, ...] = (8, 16, 32)) -> None:
        super().__init__()
        ends = zip((1, *sizes), sizes, strict=False)
        self.down = nn.ModuleList(self.block(a, b) for a, b in ends)
        pairs = list(zip(sizes[:0:-1], sizes[-2::-1], strict=True))
        self.grow = nn.ModuleList(nn.ConvTranspose3d(a, b, 2, 2) for a, b in pairs)
        self.up = nn.ModuleList(self.block(2 * b, b) for _, b in pairs)
        self.head = nn.Conv3d(sizes[0], 3, 1)

    @staticmethod
    def block(inputs: int, outputs: int) -> nn.Sequential:
        """Convolution, instance normalization and a learned leak."""
        return nn.Sequential(nn.Conv3d(inputs, outputs, 3, padding=1), nn.InstanceNorm3d(outputs), nn.PReLU(outputs))

    def forward(self, volume: Tensor) -> Tensor:
        """Classes of every voxel."""
        kept = []
        for index, down in enumerate(self.down):
            volume = down(volume if index == 0 else f.max_pool3d(volume, 2))
            kept.append(volume)
        for grow, up, fine in zip(self.grow, self.up, kept[-2::-1], strict=True):
            volume = up(torch.cat((grow(volume), fine), 1))
        return self.head(volume).softmax(1)


def images_jobs() -> dict[str, Job]:
    """All of them by name."""
    image = functools.partial(torch.rand, 1, 3)
    return written(
        {
            "fast_scnn": (FastScnn, (image(256, 512),)),
            "enet": (ENet, (image(192, 256),)),
            "erfnet": (erfnet, (image(192, 256),)),
            "nested_unet": (NestedUNet, (image(160, 160),)),
            "hourglass_pose": (Pose, (image(256, 192),)),
            "centre_detector": (Centres, (image(256, 256),)),
            "volume_unet": (Volumes, (torch.rand(1, 1, 24, 64, 64),)),
        }
    )
