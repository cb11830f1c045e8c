"""Networks that make or mend images, written by hand, for the second list that nobody tuned for.

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
from written_parts import conv, written

if TYPE_CHECKING:
    from export_networks import Job

Tensor = torch.Tensor


class Stereo(nn.Module):
    """Depth from two views by a volume of shifted features (Kendall et al., arXiv:1703.04309)."""

    def __init__(self, width: int = 16, shifts: int = 16) -> None:
        super().__init__()
        self.shifts = shifts
        self.features = nn.Sequential(conv(3, 24, 5, 2), conv(24, 32, 3, 2), conv(32, 32), nn.Conv2d(32, width, 1))
        self.volume = nn.Sequential(
            nn.Conv3d(2 * width, 24, 3, padding=1), nn.ReLU(), nn.Conv3d(24, 24, 3, padding=1), nn.ReLU()
        )
        self.down, self.up = nn.Conv3d(24, 40, 3, 2, 1), nn.ConvTranspose3d(40, 24, 4, 2, 1)
        self.out = nn.Conv3d(24, 1, 3, padding=1)
        self.register_buffer("steps", torch.arange(float(shifts)))

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """The expected shift of every pixel."""
        first, second = self.features(left), self.features(right)
        width = first.shape[3]
        pairs = [torch.cat((first, f.pad(second, (shift, 0))[..., :width]), 1) for shift in range(self.shifts)]
        state = self.volume(torch.stack(pairs, 2))
        state = state + self.up(f.relu(self.down(state)))
        likely = self.out(state).squeeze(1).softmax(1)
        shift = (likely * self.steps[None, :, None, None]).sum(1, keepdim=True)
        return f.interpolate(shift, scale_factor=4, mode="bilinear") * 4


class Normed(nn.Module):
    """Mirrored borders, a convolution and instance normalization."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.pad, self.conv = nn.ReflectionPad2d(kernel // 2), nn.Conv2d(inputs, outputs, kernel, stride)
        self.norm = nn.InstanceNorm2d(outputs, affine=True)

    def forward(self, image: Tensor) -> Tensor:
        """The changed map."""
        return self.norm(self.conv(self.pad(image)))


class Style(nn.Module):
    """Changes the style of an image (Johnson, Alahi and Fei-Fei, arXiv:1603.08155)."""

    def __init__(self) -> None:
        super().__init__()
        self.into = nn.Sequential(
            Normed(3, 24, 9), nn.ReLU(), Normed(24, 48, 3, 2), nn.ReLU(), Normed(48, 96, 3, 2), nn.ReLU()
        )
        self.blocks = nn.ModuleList(nn.Sequential(Normed(96, 96, 3), nn.ReLU(), Normed(96, 96, 3)) for _ in range(4))
        self.up = nn.Sequential(
            nn.Upsample(scale_factor=2), Normed(96, 48, 3), nn.ReLU(), nn.Upsample(scale_factor=2), Normed(48, 24, 3),
            nn.ReLU(), nn.ReflectionPad2d(4), nn.Conv2d(24, 3, 9),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        """The image in another style."""
        state = self.into(image)
        for block in self.blocks:
            state = state + block(state)
        return self.up(state).tanh()


def discriminator() -> nn.Module:
    """Says of every patch whether it is real (Isola et al., arXiv:1611.07004)."""
    layers: list[nn.Module] = [nn.Conv2d(6, 48, 4, 2, 1), nn.LeakyReLU(0.2)]
    for inputs, outputs, stride in ((48, 96, 2), (96, 192, 2), (192, 256, 1)):
        layers += [nn.Conv2d(inputs, outputs, 4, stride, 1), nn.InstanceNorm2d(outputs), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(256, 1, 4, 1, 1))


class Modulated(nn.Module):
    """A convolution whose weights follow a style (Karras et al., arXiv:1912.04958)."""

    def __init__(self, inputs: int, outputs: int, style: int, kernel: int = 3) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel) / math.sqrt(inputs * kernel**2))
        self.scale, self.noise = nn.Linear(style, inputs), nn.Parameter(torch.randn(1, 1, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1, outputs, 1, 1))

    def forward(self, image: Tensor, style: Tensor) -> Tensor:
        """The changed map; the batch holds one image, whose style makes the weights."""
        weight = self.weight * (1 + self.scale(style))[0][None, :, None, None]
        weight = weight * (weight.pow(2).sum((1, 2, 3), keepdim=True) + 1e-8).rsqrt()
        found = f.conv2d(image, weight, padding=weight.shape[-1] // 2)
        return f.leaky_relu(found + self.noise * image[:, :1] + self.bias, 0.2)


class Synthesis(nn.Module):
    """An image of a style: a constant that grows by modulated convolutions."""

    def __init__(self, style: int = 128) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(4):
            layers += [nn.Linear(style, style), nn.LeakyReLU(0.2)]
        self.mapping, self.start = nn.Sequential(*layers), nn.Parameter(torch.randn(1, 128, 4, 4))
        sizes = [(128, 128), (128, 96), (96, 64), (64, 32)]
        self.grow = nn.ModuleList(Modulated(a, b, style) for a, b in sizes)
        self.keep = nn.ModuleList(Modulated(b, b, style) for _, b in sizes)
        self.colour = nn.ModuleList(nn.Conv2d(b, 3, 1) for _, b in sizes)

    def forward(self, noise: Tensor) -> Tensor:
        """An image."""
        style = self.mapping(noise)
        state, image = self.start, torch.zeros(1, 3, 4, 4)
        for grow, keep, colour in zip(self.grow, self.keep, self.colour, strict=True):
            large = f.interpolate(state, scale_factor=2, mode="bilinear")
            state = keep(grow(large, style), style)
            image = f.interpolate(image, scale_factor=2, mode="bilinear") + colour(state)
        return image


class Causal(nn.Conv2d):
    """A convolution that sees only pixels before its own (van den Oord et al., arXiv:1601.06759)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, itself: bool) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)
        mask = torch.ones(kernel, kernel).flatten()
        mask[kernel**2 // 2 + itself :] = 0
        self.register_buffer("mask", mask.reshape(kernel, kernel))

    def forward(self, image: Tensor) -> Tensor:
        """The changed map."""
        return f.conv2d(image, self.weight * self.mask, self.bias, padding=self.padding)


class Pixels(nn.Module):
    """Scores of the levels of every pixel."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.into = Causal(1, width, 7, itself=False)
        half = width // 2
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.ReLU(), nn.Conv2d(width, half, 1), nn.ReLU(), Causal(half, half, 3, itself=True), nn.ReLU(),
                nn.Conv2d(half, width, 1),
            )
            for _ in range(6)
        )  # fmt: skip
        self.out = nn.Sequential(nn.ReLU(), nn.Conv2d(width, 128, 1), nn.ReLU(), nn.Conv2d(128, 256, 1))

    def forward(self, image: Tensor) -> Tensor:
        """256 scores a pixel."""
        state = self.into(image)
        for block in self.blocks:
            state = state + block(state)
        return self.out(state)


class Codes(nn.Module):
    """An image as numbers of a book of vectors, and back (van den Oord, Vinyals and Kavukcuoglu, arXiv:1711.00937)."""

    def __init__(self, width: int = 64, codes: int = 512) -> None:
        super().__init__()
        self.encode = nn.Sequential(
            nn.Conv2d(3, 48, 4, 2, 1), nn.ReLU(), nn.Conv2d(48, 96, 4, 2, 1), nn.ReLU(), nn.Conv2d(96, width, 1)
        )
        self.book = nn.Embedding(codes, width)
        self.decode = nn.Sequential(
            nn.Conv2d(width, 96, 3, padding=1), nn.ReLU(), nn.ConvTranspose2d(96, 48, 4, 2, 1), nn.ReLU(),
            nn.ConvTranspose2d(48, 3, 4, 2, 1),
        )  # fmt: skip

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The image as its nearest vectors give it, and their numbers."""
        found = self.encode(image).permute(0, 2, 3, 1)
        flat = found.reshape(-1, found.shape[-1])
        book = self.book.weight
        far = flat.pow(2).sum(1, keepdim=True) - 2 * flat @ book.t() + book.pow(2).sum(1)
        numbers = far.argmin(1)
        return self.decode(self.book(numbers).reshape(found.shape).permute(0, 3, 1, 2)), numbers


class FlowStep(nn.Module):
    """Scaling, mixing of channels and coupling, all run backwards (Kingma and Dhariwal, arXiv:1807.03039)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(channels // 2, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 1), nn.ReLU(),
            nn.Conv2d(width, channels, 3, padding=1),
        )  # fmt: skip
        self.mix = nn.Conv2d(channels, channels, 1, bias=False)
        self.scale, self.shift = (nn.Parameter(0.1 * torch.randn(1, channels, 1, 1)) for _ in range(2))

    def forward(self, state: Tensor) -> Tensor:
        """The state one step nearer to an image."""
        kept, changed = state.chunk(2, 1)
        scale, shift = self.net(kept).chunk(2, 1)
        changed = changed / (scale + 2).sigmoid() - shift
        return self.mix(torch.cat((kept, changed), 1)) * torch.exp(-self.scale) - self.shift


def glow() -> nn.Module:
    """From noise on 96 channels to an image, by two scales."""
    steps = [FlowStep(48, 96) for _ in range(4)]
    fine = [FlowStep(12, 64) for _ in range(4)]
    return nn.Sequential(*steps, nn.PixelShuffle(2), *fine, nn.PixelShuffle(2))


class Adaptive(nn.Module):
    """A block of a transformer that a condition scales, shifts and gates (Peebles and Xie, arXiv:2212.09748)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.condition = heads, nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        self.norm = nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)
        self.into, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width))

    def attend(self, tokens: Tensor) -> Tensor:
        """Attention of all heads."""
        batch, length, width = tokens.shape
        query, key, value = self.into(tokens).reshape(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = (query @ key.transpose(-2, -1) * (width // self.heads) ** -0.5).softmax(-1) @ value
        return self.out(seen.transpose(1, 2).reshape(batch, length, width))

    def forward(self, tokens: Tensor, condition: Tensor) -> Tensor:
        """The changed tokens."""
        a, b, c, d, e, g = self.condition(condition)[:, None].chunk(6, -1)
        tokens = tokens + c * self.attend(self.norm(tokens) * (1 + b) + a)
        return tokens + g * self.wide(self.norm(tokens) * (1 + e) + d)


class Diffusion(nn.Module):
    """The noise in a latent image, told step and class."""

    def __init__(self, width: int = 256, depth: int = 4) -> None:
        super().__init__()
        self.width, self.patch, self.label = width, nn.Conv2d(4, width, 2, 2), nn.Embedding(1000, width)
        self.clock = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.place = nn.Parameter(0.02 * torch.randn(1, 256, width))
        self.blocks = nn.ModuleList(Adaptive(width, 4) for _ in range(depth))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, 16)

    def forward(self, latent: Tensor, step: Tensor, label: Tensor) -> Tensor:
        """The noise, of the size of the latent image."""
        rates = torch.exp(torch.arange(self.width // 2) * (-math.log(10000) / (self.width // 2)))
        angles = step[:, None] * rates
        condition = self.clock(torch.cat((angles.cos(), angles.sin()), 1)) + self.label(label)
        tokens = self.patch(latent).flatten(2).transpose(1, 2) + self.place
        for block in self.blocks:
            tokens = block(tokens, condition)
        found = self.out(self.norm(tokens)).reshape(-1, 16, 16, 2, 2, 4)
        return found.permute(0, 5, 1, 3, 2, 4).reshape(latent.shape)


class Weighted(nn.Module):
    """A residual block whose channels are weighted by their means (Zhang et al., arXiv:1807.02758)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1)
        )
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels // 8, 1), nn.ReLU(),
            nn.Conv2d(channels // 8, channels, 1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        """The changed map."""
        found = self.main(image)
        return image + found * self.weigh(found)


class Enlarge(nn.Module):
    """An image of twice the side by groups of weighted blocks."""

    def __init__(self, channels: int = 40) -> None:
        super().__init__()
        self.into = nn.Conv2d(3, channels, 3, padding=1)
        self.groups = nn.ModuleList(
            nn.Sequential(*(Weighted(channels) for _ in range(4)), nn.Conv2d(channels, channels, 3, padding=1))
            for _ in range(2)
        )
        self.out = nn.Sequential(
            nn.Conv2d(channels, 4 * channels, 3, padding=1), nn.PixelShuffle(2), nn.Conv2d(channels, 3, 3, padding=1)
        )

    def forward(self, image: Tensor) -> Tensor:
        """The larger image."""
        first = state = self.into(image)
        for group in self.groups:
            state = state + group(state)
        return self.out(first + state)


class Gated(nn.Module):
    """Products of halves instead of activations (Chen et al., arXiv:2204.04676)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm, self.norm_wide = nn.GroupNorm(1, channels), nn.GroupNorm(1, channels)
        self.into = nn.Sequential(
            nn.Conv2d(channels, 2 * channels, 1),
            nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels),
        )
        self.weigh, self.out = nn.Conv2d(channels, channels, 1), nn.Conv2d(channels, channels, 1)
        self.wide, self.back = nn.Conv2d(channels, 2 * channels, 1), nn.Conv2d(channels, channels, 1)

    def forward(self, image: Tensor) -> Tensor:
        """The changed map."""
        first, second = self.into(self.norm(image)).chunk(2, 1)
        state = first * second
        image = image + self.out(state * self.weigh(state.mean((2, 3), keepdim=True)))
        first, second = self.wide(self.norm_wide(image)).chunk(2, 1)
        return image + self.back(first * second)


class Restore(nn.Module):
    """A U-Net of gated blocks that mends an image."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        sizes = (width, 2 * width, 4 * width)
        self.into, self.out = nn.Conv2d(3, width, 3, padding=1), nn.Conv2d(width, 3, 3, padding=1)
        self.encode = nn.ModuleList(Gated(size) for size in sizes)
        self.shrink = nn.ModuleList(nn.Conv2d(size, 2 * size, 2, 2) for size in sizes)
        self.middle = nn.Sequential(Gated(8 * width), Gated(8 * width))
        self.grow = nn.ModuleList(
            nn.Sequential(nn.Conv2d(2 * size, 4 * size, 1, bias=False), nn.PixelShuffle(2)) for size in sizes
        )
        self.decode = nn.ModuleList(Gated(size) for size in sizes)

    def forward(self, image: Tensor) -> Tensor:
        """The mended image."""
        state, kept = self.into(image), []
        for block, shrink in zip(self.encode, self.shrink, strict=True):
            state = block(state)
            kept.append(state)
            state = shrink(state)
        state = self.middle(state)
        for grow, block, fine in zip(self.grow[::-1], self.decode[::-1], kept[::-1], strict=True):
            state = block(grow(state) + fine)
        return image + self.out(state)


def denoiser() -> nn.Module:
    """Plain convolutions that give the noise (Zhang et al., arXiv:1608.03981)."""
    middle = [layer for _ in range(10) for layer in conv(56, 56)]
    return nn.Sequential(nn.Conv2d(1, 56, 3, padding=1), nn.ReLU(), *middle, nn.Conv2d(56, 1, 3, padding=1))


def generative_jobs() -> dict[str, Job]:
    """All of them by name."""
    image = functools.partial(torch.rand, 1, 3)
    return written(
        {
            "stereo_volume": (Stereo, (image(128, 192), image(128, 192))),
            "style_transfer": (Style, (image(160, 160),)),
            "patch_discriminator": (discriminator, (torch.rand(1, 6, 192, 192),)),
            "style_synthesis": (Synthesis, (torch.randn(1, 128),)),
            "pixel_cnn": (Pixels, (torch.rand(1, 1, 28, 28),)),
            "vq_vae": (Codes, (image(128, 128),)),
            "glow": (glow, (torch.randn(1, 48, 16, 16),)),
            "channel_attention_sr": (Enlarge, (image(80, 80),)),
            "gated_restorer": (Restore, (image(128, 128),)),
            "denoiser": (denoiser, (torch.rand(1, 1, 96, 96),)),
            "diffusion_transformer": (
                Diffusion,
                (torch.randn(1, 4, 32, 32), torch.tensor([37.0]), torch.tensor([7])),
            ),
        }
    )
