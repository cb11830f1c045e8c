"""Networks of sounds and other signals, written by hand, for the fourth list that nobody tuned for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from written_parts import conv, written

if TYPE_CHECKING:
    from export_networks import Job

Tensor = torch.Tensor


class SoundEvents(nn.Module):
    """Which sounds are heard when: convolutions that keep time, and recurrent layers in both directions."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.BatchNorm2d(1)]
        inputs = 1
        for outputs, pool in ((32, (2, 2)), (64, (2, 2)), (128, (1, 4)), (128, (1, 4))):
            layers += [conv(inputs, outputs), nn.AvgPool2d(pool), nn.Dropout(0.3)]
            inputs = outputs
        self.features = nn.Sequential(*layers)
        self.read = nn.GRU(128, 128, num_layers=2, batch_first=True, bidirectional=True)
        self.strong, self.attend = nn.Linear(256, classes), nn.Linear(256, classes)

    def forward(self, spectrogram: Tensor) -> tuple[Tensor, Tensor]:
        """Shares of every frame, and of the whole recording."""
        read, _ = self.read(self.features(spectrogram).squeeze(-1).transpose(1, 2))
        strong = self.strong(read).sigmoid()
        weights = self.attend(read).softmax(-1).clamp(1e-7, 1)
        return strong, (strong * weights).sum(1) / weights.sum(1)


class KeywordSeparable(nn.Module):
    """Depthwise separable convolutions over cepstra (Zhang et al., arXiv:1711.07128)."""

    def __init__(self, words: int = 12, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(1, width, (10, 4), 2, (5, 1), bias=False), nn.BatchNorm2d(width), nn.ReLU()
        ]  # fmt: skip
        for _ in range(4):
            layers += [conv(width, width, 3, 1, width), conv(width, width, 1)]
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, words))

    def forward(self, cepstra: Tensor) -> Tensor:
        """Shares of words."""
        return self.layers(cepstra).softmax(-1)


class RawAudio(nn.Module):
    """Convolutions over a waveform of 16,000 samples, the first one long (Dai et al., arXiv:1610.00087)."""

    def __init__(self, classes: int = 35) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs, kernel, stride in ((1, 128, 80, 4), (128, 128, 3, 1), (128, 256, 3, 1), (256, 512, 3, 1)):
            layers += [nn.Conv1d(inputs, outputs, kernel, stride), nn.BatchNorm1d(outputs), nn.ReLU(), nn.MaxPool1d(4)]
        self.layers, self.head = nn.Sequential(*layers), nn.Linear(512, classes)

    def forward(self, wave: Tensor) -> Tensor:
        """Logarithms of shares."""
        return self.head(self.layers(wave).mean(-1)).log_softmax(-1)


class ManyWidths(nn.Module):
    """Kernels of three widths and a pool beside each other (Ismail Fawaz et al., arXiv:1909.04939)."""

    def __init__(self, inputs: int, width: int = 32, narrow: int = 32) -> None:
        super().__init__()
        self.narrow = nn.Conv1d(inputs, narrow, 1, bias=False)
        self.kernels = nn.ModuleList(
            nn.Conv1d(narrow, width, kernel, padding=kernel // 2, bias=False) for kernel in (39, 19, 9)
        )
        self.pool = nn.Sequential(nn.MaxPool1d(3, 1, 1), nn.Conv1d(inputs, width, 1, bias=False))
        self.after = nn.Sequential(nn.BatchNorm1d(4 * width), nn.ReLU())

    def forward(self, series: Tensor) -> Tensor:
        """All beside each other."""
        narrow = self.narrow(series)
        return self.after(torch.cat([*(kernel(narrow) for kernel in self.kernels), self.pool(series)], 1))


class InceptionTime(nn.Module):
    """Six blocks of kernels of three widths, with a shortcut around every third."""

    def __init__(self, channels: int = 6, classes: int = 8) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ManyWidths(channels if index == 0 else 128) for index in range(6))
        self.shortcuts = nn.ModuleList(
            nn.Sequential(nn.Conv1d(inputs, 128, 1, bias=False), nn.BatchNorm1d(128)) for inputs in (channels, 128)
        )
        self.head = nn.Linear(128, classes)

    def forward(self, series: Tensor) -> Tensor:
        """Classes of a series."""
        kept = series
        for index, block in enumerate(self.blocks):
            series = block(series)
            if index % 3 == 2:
                series = (series + self.shortcuts[index // 3](kept)).relu()
                kept = series
        return self.head(series.mean(-1))


class RandomKernels(nn.Module):
    """A linear classifier over what random dilated kernels see (Dempster et al., arXiv:1910.13051)."""

    def __init__(self, classes: int = 5, kernels: int = 96) -> None:
        super().__init__()
        self.groups = nn.ModuleList(
            nn.Conv1d(1, kernels, length, dilation=dilation, padding=(length - 1) * dilation // 2)
            for length in (7, 9, 11) for dilation in (1, 2, 4, 8, 16, 32)
        )  # fmt: skip
        self.head = nn.Linear(2 * kernels * len(self.groups), classes)

    def forward(self, series: Tensor) -> Tensor:
        """Classes of a series, from each kernel's share of positive values and its largest one."""
        seen = []
        for group in self.groups:
            values = group(series)
            seen += [(values > 0).float().mean(-1), values.amax(-1)]
        return self.head(torch.cat(seen, 1))


def jobs() -> dict[str, Job]:
    """All networks of this part by name."""
    return written({
        "sound_events": (SoundEvents, (torch.rand(1, 1, 256, 64),)),
        "keyword_separable": (KeywordSeparable, (torch.rand(1, 1, 49, 10),)),
        "raw_audio": (RawAudio, (torch.rand(1, 1, 16000),)),
        "inception_time": (InceptionTime, (torch.rand(1, 6, 256),)),
        "random_kernels": (RandomKernels, (torch.rand(1, 1, 512),)),
    })  # fmt: skip
