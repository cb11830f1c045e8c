"""Networks of sounds and other signals, written by hand, for the second list that nobody tuned for.

They are what somebody writes after reading a paper: the architectures are public, the sizes our own
(``tools/export_strangers.py`` exports them).
"""

from __future__ import annotations

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


class WaveUNet(nn.Module):
    """Sources of a wave: strided 1-D convolutions, LSTM, transposed ones (Defossez et al., arXiv:1911.13254)."""

    def __init__(self, width: int = 24, depth: int = 4, sources: int = 2) -> None:
        super().__init__()
        sizes = [width * 2**index for index in range(depth)]
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv1d(a, b, 8, 4, 2), nn.ReLU(), nn.Conv1d(b, 2 * b, 1), nn.GLU(1))
            for a, b in zip((1, *sizes), sizes, strict=False)
        )
        deep = sizes[-1]
        self.recur, self.join = nn.LSTM(deep, deep, 2, bidirectional=True), nn.Linear(2 * deep, deep)
        self.up = nn.ModuleList(
            nn.Sequential(nn.Conv1d(b, 2 * b, 3, padding=1), nn.GLU(1), nn.ConvTranspose1d(b, a, 8, 4, 2))
            for a, b in zip((sources, *sizes), sizes, strict=False)
        )

    def forward(self, wave: Tensor) -> Tensor:
        """One wave a source."""
        kept = []
        for down in self.down:
            wave = down(wave)
            kept.append(wave)
        state = self.join(self.recur(wave.permute(2, 0, 1))[0]).permute(1, 2, 0)
        for index in range(len(kept) - 1, -1, -1):
            state = self.up[index](state + kept[index])
            if index:
                state = f.relu(state)
        return state


class Spectrogram(nn.Module):
    """Bands of a wave by convolutions with sines and cosines, as exporters without FFT need it."""

    def __init__(self, window: int = 512, hop: int = 160, bands: int = 64) -> None:
        super().__init__()
        self.hop, half = hop, window // 2 + 1
        angle = 2 * math.pi / window * torch.arange(half)[:, None] * torch.arange(window)
        shape = torch.hann_window(window)
        self.register_buffer("waves", torch.cat((angle.cos() * shape, angle.sin() * shape))[:, None])
        self.register_buffer("bands", torch.rand(half, bands) / half)

    def forward(self, wave: Tensor) -> Tensor:
        """Logarithms of the energies, [1, 1, frames, bands], from [1, samples]."""
        real, imaginary = f.conv1d(wave[:, None], self.waves, stride=self.hop).chunk(2, 1)
        power = (real**2 + imaginary**2).transpose(1, 2)
        return (power @ self.bands).clamp(min=1e-10).log10()[:, None]


class SoundEvents(nn.Module):
    """What a sound holds: a spectrogram and pairs of convolutions (Kong et al., arXiv:1912.10211)."""

    def __init__(self, classes: int = 50) -> None:
        super().__init__()
        sizes = (1, 32, 64, 128)
        self.front, self.norm = Spectrogram(), nn.BatchNorm2d(64)
        self.blocks = nn.ModuleList(nn.Sequential(conv(a, b), conv(b, b)) for a, b in itertools.pairwise(sizes))
        self.last, self.out = nn.Linear(128, 128), nn.Linear(128, classes)

    def forward(self, wave: Tensor) -> Tensor:
        """How likely every event is."""
        state = self.norm(self.front(wave).transpose(1, 3)).transpose(1, 3)
        for block in self.blocks:
            state = f.avg_pool2d(block(state), 2)
        state = state.mean(3)
        return self.out(f.relu(self.last(state.amax(2) + state.mean(2)))).sigmoid()


class Hierarchic(nn.Module):
    """Dilated convolutions of groups that each see the one before (Desplanques et al., arXiv:2005.07143)."""

    def __init__(self, width: int, dilation: int, groups: int = 8) -> None:
        super().__init__()
        part = width // groups
        self.into, self.out = (
            nn.Sequential(nn.Conv1d(width, width, 1), nn.ReLU(), nn.BatchNorm1d(width)) for _ in "ab"
        )
        self.convs = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(part, part, 3, padding=dilation, dilation=dilation), nn.ReLU(), nn.BatchNorm1d(part)
            )
            for _ in range(groups - 1)
        )
        self.weigh = nn.Sequential(nn.Conv1d(width, 64, 1), nn.ReLU(), nn.Conv1d(64, width, 1), nn.Sigmoid())

    def forward(self, sound: Tensor) -> Tensor:
        """The changed frames."""
        parts = list(self.into(sound).chunk(len(self.convs) + 1, 1))
        found = [parts[0]]
        for index, each in enumerate(self.convs):
            found.append(each(parts[index + 1] if index == 0 else parts[index + 1] + found[-1]))
        state = self.out(torch.cat(found, 1))
        return sound + state * self.weigh(state.mean(2, keepdim=True))


class Speaker(nn.Module):
    """A vector of a voice: means and deviations that attention weighs."""

    def __init__(self, width: int = 256) -> None:
        super().__init__()
        self.into = nn.Sequential(nn.Conv1d(80, width, 5, padding=2), nn.ReLU(), nn.BatchNorm1d(width))
        self.blocks = nn.ModuleList(Hierarchic(width, dilation) for dilation in (2, 3, 4))
        self.join = nn.Conv1d(3 * width, 768, 1)
        self.attend = nn.Sequential(nn.Conv1d(3 * 768, 96, 1), nn.Tanh(), nn.Conv1d(96, 768, 1))
        self.out = nn.Linear(2 * 768, 192)

    def forward(self, frames: Tensor) -> Tensor:
        """The vector, from [1, 80, frames]."""
        state, found = self.into(frames), []
        for block in self.blocks:
            state = block(state)
            found.append(state)
        state = f.relu(self.join(torch.cat(found, 1)))
        mean = state.mean(2, keepdim=True)
        spread = ((state - mean) ** 2).mean(2, keepdim=True).clamp(min=1e-6).sqrt()
        context = torch.cat((state, mean.expand_as(state), spread.expand_as(state)), 1)
        weights = self.attend(context).softmax(2)
        mean = (state * weights).sum(2)
        spread = ((state**2 * weights).sum(2) - mean**2).clamp(min=1e-6).sqrt()
        return self.out(torch.cat((mean, spread), 1))


class Speak(nn.Module):
    """A decoder of spectrograms that sees where it looked before (Shen et al., arXiv:1712.05884)."""

    def __init__(self, width: int = 256, bands: int = 80, steps: int = 10) -> None:
        super().__init__()
        self.steps, self.bands, self.width = steps, bands, width
        self.before = nn.Sequential(nn.Linear(bands, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU())
        self.first, self.second = nn.LSTMCell(128 + width, width), nn.LSTMCell(2 * width, width)
        self.query, self.keys = nn.Linear(width, 64, bias=False), nn.Linear(width, 64)
        self.place, self.place_out = nn.Conv1d(2, 16, 15, padding=7), nn.Linear(16, 64, bias=False)
        self.score, self.out = nn.Linear(64, 1), nn.Linear(2 * width, bands)

    def forward(self, text: Tensor) -> Tensor:
        """The first frames, from an encoded text [1, letters, width]."""
        keys, batch = self.keys(text), text.shape[0]
        zero = torch.zeros(batch, self.width)
        first, second, frame = (zero, zero), (zero, zero), torch.zeros(batch, self.bands)
        seen, total, context, frames = torch.zeros(batch, text.shape[1]), torch.zeros(batch, text.shape[1]), zero, []
        for _ in range(self.steps):
            first = self.first(torch.cat((self.before(frame), context), 1), first)
            place = self.place_out(self.place(torch.stack((seen, total), 1)).transpose(1, 2))
            seen = self.score((self.query(first[0])[:, None] + keys + place).tanh()).squeeze(2).softmax(1)
            total, context = total + seen, (seen[:, None] @ text).squeeze(1)
            second = self.second(torch.cat((first[0], context), 1), second)
            frame = self.out(torch.cat((second[0], context), 1))
            frames.append(frame)
        return torch.stack(frames, 1)


class Joint(nn.Module):
    """Encoder, predictor and their sum at every pair of places (Graves, arXiv:1211.3711)."""

    def __init__(self, width: int = 256, letters: int = 64) -> None:
        super().__init__()
        self.encode, self.embed = nn.LSTM(160, width, 2, batch_first=True), nn.Embedding(letters, 128)
        self.predict, self.first = nn.LSTM(128, width, batch_first=True), nn.Linear(width, width)
        self.second, self.out = nn.Linear(width, width), nn.Linear(width, letters)

    def forward(self, frames: Tensor, letters: Tensor) -> Tensor:
        """Scores, [1, frames, letters so far, letters]."""
        sound = self.first(self.encode(frames)[0])
        text = self.second(self.predict(self.embed(letters))[0])
        return self.out((sound[:, :, None] + text[:, None]).tanh()).log_softmax(-1)


class Dilated(nn.Module):
    """Two causal dilated convolutions around a shortcut (Bai, Kolter and Koltun, arXiv:1803.01271)."""

    def __init__(self, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__()
        self.reach = 2 * dilation
        self.first, self.second = (nn.Conv1d(a, outputs, 3, dilation=dilation) for a in (inputs, outputs))
        self.skip = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, series: Tensor) -> Tensor:
        """The changed series."""
        state = f.relu(self.first(f.pad(series, (self.reach, 0))))
        state = f.relu(self.second(f.pad(state, (self.reach, 0))))
        return f.relu(state + self.skip(series))


def temporal() -> nn.Module:
    """Seven of them."""
    return nn.Sequential(*(Dilated(8 if index == 0 else 48, 48, 2**index) for index in range(7)), nn.Conv1d(48, 4, 1))


class Basis(nn.Module):
    """Forecasts that add up, what is explained being taken away (Oreshkin et al., arXiv:1905.10437)."""

    def __init__(self, past: int = 120, future: int = 24, blocks: int = 6, width: int = 256) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Linear(past, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width),
                nn.ReLU(), nn.Linear(width, past + future),
            )
            for _ in range(blocks)
        )  # fmt: skip
        self.sizes = (past, future)

    def forward(self, past: Tensor) -> Tensor:
        """The future of every series."""
        total = torch.zeros(past.shape[0], self.sizes[1])
        for block in self.blocks:
            back, ahead = block(past).split(self.sizes, 1)
            past, total = past - back, total + ahead
        return total


class GatedResidual(nn.Module):
    """Dense layers that a gate may pass by (Lim et al., arXiv:1912.09363)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.into, self.gate = nn.Linear(inputs, outputs), nn.Linear(outputs, 2 * outputs)
        self.norm = nn.LayerNorm(outputs)
        self.skip = nn.Linear(inputs, outputs) if inputs != outputs else nn.Identity()

    def forward(self, state: Tensor) -> Tensor:
        """The changed features."""
        return self.norm(self.skip(state) + f.glu(self.gate(f.elu(self.into(state))), -1))


class Fusion(nn.Module):
    """Quantiles of the future: chosen variables, LSTM and attention."""

    def __init__(self, variables: int = 10, width: int = 48, ahead: int = 24) -> None:
        super().__init__()
        self.ahead, self.variables = ahead, variables
        self.embed = nn.ModuleList(nn.Linear(1, width) for _ in range(variables))
        self.choose = GatedResidual(variables * width, variables)
        self.each = nn.ModuleList(GatedResidual(width, width) for _ in range(variables))
        self.recur, self.gate = nn.LSTM(width, width, batch_first=True), GatedResidual(width, width)
        self.attend, self.last = nn.MultiheadAttention(width, 4, batch_first=True), GatedResidual(width, width)
        self.out = nn.Linear(width, 3)

    def forward(self, series: Tensor) -> Tensor:
        """Three quantiles a step, from [1, steps, variables]."""
        parts = [embed(series[..., index : index + 1]) for index, embed in enumerate(self.embed)]
        weights = self.choose(torch.cat(parts, -1)).softmax(-1)
        found = torch.stack([each(part) for each, part in zip(self.each, parts, strict=True)], -1)
        state = (found * weights[:, :, None]).sum(-1)
        state = self.gate(state + self.recur(state)[0])
        seen = self.attend(state[:, -self.ahead :], state, state, need_weights=False)[0]
        return self.out(self.last(seen + state[:, -self.ahead :]))


class Anomaly(nn.Module):
    """A series through one vector and back (Malhotra et al., arXiv:1607.00148); what is left says what is odd."""

    def __init__(self, variables: int = 12, width: int = 64) -> None:
        super().__init__()
        self.encode, self.decode = (nn.LSTM(a, width, batch_first=True) for a in (variables, width))
        self.out = nn.Linear(width, variables)

    def forward(self, series: Tensor) -> Tensor:
        """The error of every step."""
        last = self.encode(series)[1][0][-1]
        state = self.decode(last[:, None].expand(-1, series.shape[1], -1))[0]
        return ((self.out(state) - series) ** 2).mean(-1)


def eeg() -> nn.Module:
    """Kernels along time, then along electrodes (Lawhern et al., arXiv:1611.08024)."""
    return nn.Sequential(
        nn.Conv2d(1, 8, (1, 64), padding=(0, 32), bias=False), nn.BatchNorm2d(8),
        nn.Conv2d(8, 16, (22, 1), groups=8, bias=False), nn.BatchNorm2d(16), nn.ELU(), nn.AvgPool2d((1, 4)),
        nn.Conv2d(16, 16, (1, 16), padding=(0, 8), groups=16, bias=False), nn.Conv2d(16, 16, 1, bias=False),
        nn.BatchNorm2d(16), nn.ELU(), nn.AvgPool2d((1, 8)), nn.Flatten(), nn.Linear(128, 4),
    )  # fmt: skip


class Heartbeat(nn.Module):
    """Rhythms of a heart by wide 1-D convolutions (Hannun et al., doi:10.1038/s41591-018-0268-3)."""

    def __init__(self, leads: int = 12, width: int = 48) -> None:
        super().__init__()
        self.into = nn.Sequential(nn.Conv1d(leads, width, 16, padding=8, bias=False), nn.BatchNorm1d(width), nn.ReLU())
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(width, width, 17, 2, 8, bias=False), nn.BatchNorm1d(width), nn.ReLU(),
                nn.Conv1d(width, width, 17, 1, 8, bias=False), nn.BatchNorm1d(width),
            )
            for _ in range(5)
        )  # fmt: skip
        self.out = nn.Linear(width, 9)

    def forward(self, signal: Tensor) -> Tensor:
        """How likely every rhythm is."""
        state = self.into(signal)[..., :-1]
        for block in self.blocks:
            state = f.relu(block(state) + f.max_pool1d(state, 2, ceil_mode=True))
        return self.out(state.mean(2)).sigmoid()


def signals_jobs() -> dict[str, Job]:
    """All of them by name."""
    return written(
        {
            "wave_unet": (WaveUNet, (torch.randn(1, 1, 16384),)),
            "spectrogram_cnn": (SoundEvents, (torch.randn(1, 16032),)),
            "speaker_tdnn": (Speaker, (torch.randn(1, 80, 200),)),
            "attention_decoder": (Speak, (torch.randn(1, 40, 256),)),
            "transducer_joint": (Joint, (torch.randn(1, 60, 160), torch.randint(0, 64, (1, 12)))),
            "temporal_conv": (temporal, (torch.randn(1, 8, 500),)),
            "basis_forecast": (Basis, (torch.randn(32, 120),)),
            "fusion_forecast": (Fusion, (torch.randn(1, 96, 10),)),
            "lstm_autoencoder": (Anomaly, (torch.randn(4, 60, 12),)),
            "eeg": (eeg, (torch.randn(1, 1, 22, 256),)),
            "ecg": (Heartbeat, (torch.randn(1, 12, 2000),)),
        }
    )
