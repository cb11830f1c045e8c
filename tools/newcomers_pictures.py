"""Networks that judge, mend or make images or see films, by hand, for the fourth list that nobody tuned for."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch
from newcomers_images import trunk
from torch import nn
from torch.nn import functional as f
from written_parts import written

if TYPE_CHECKING:
    from export_networks import Job

Tensor = torch.Tensor


class DefectAutoencoder(nn.Module):
    """Draws a part anew through a narrow middle; where it differs from the picture, the part has a defect."""

    def __init__(self, widths: tuple[int, ...] = (3, 32, 64, 64, 128), middle: int = 100) -> None:
        super().__init__()
        down: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(widths):
            down += [nn.Conv2d(inputs, outputs, 4, 2, 1), nn.LeakyReLU(0.2)]
        up: list[nn.Module] = []
        for inputs, outputs in zip(widths[::-1], widths[-2::-1], strict=False):
            last = outputs == widths[0]
            up += [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1), nn.Sigmoid() if last else nn.LeakyReLU(0.2)]
        self.encode = nn.Sequential(*down, nn.Conv2d(widths[-1], middle, 8))
        self.decode = nn.Sequential(nn.ConvTranspose2d(middle, widths[-1], 8), nn.LeakyReLU(0.2), *up)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """What is wrong where, and how wrong the picture is."""
        wrong = (self.decode(self.encode(image)) - image).pow(2).mean(1, keepdim=True)
        return f.avg_pool2d(wrong, 5, 1, 2), wrong.amax((1, 2, 3))


class StudentTeacher(nn.Module):
    """Where a student's features differ from its teacher's (Wang et al., arXiv:2103.04257)."""

    def __init__(self) -> None:
        super().__init__()
        self.teacher, self.student = trunk(), trunk()

    def forward(self, image: Tensor) -> Tensor:
        """The product of differences on three scales."""
        taught, learned = image, image
        found = torch.ones(1)
        for index, (teach, learn) in enumerate(zip(self.teacher, self.student, strict=True)):
            taught, learned = teach(taught), learn(learned)
            if index < 3:
                apart = f.normalize(taught, dim=1) - f.normalize(learned, dim=1)
                apart = 0.5 * apart.pow(2).sum(1, keepdim=True)
                found = found * f.interpolate(apart, size=image.shape[2:], mode="bilinear", align_corners=False)
        return found


class LightCurves(nn.Module):
    """Brightens a photograph by eight curves that it estimates for every pixel (Guo et al., arXiv:2001.06826)."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(inputs, width if index < 6 else 24, 3, padding=1)
            for index, inputs in enumerate((3, width, width, width, width, 2 * width, 2 * width))
        )

    def forward(self, image: Tensor) -> Tensor:
        """The photograph, brightened."""
        kept = [image]
        for layer in self.layers[:4]:
            kept.append(f.relu(layer(kept[-1])))
        fifth = f.relu(self.layers[4](kept[4]))
        sixth = f.relu(self.layers[5](torch.cat((kept[3], fifth), 1)))
        curves = torch.tanh(self.layers[6](torch.cat((kept[2], sixth), 1)))
        for curve in torch.split(curves, 3, 1):
            image = image + curve * (image.pow(2) - image)
        return image


class FastUpscaler(nn.Module):
    """Shrinks, maps and expands features, and grows the image last (Dong et al., arXiv:1608.00367)."""

    def __init__(self, scale: int = 3) -> None:
        super().__init__()
        middle: list[nn.Module] = []
        for _ in range(4):
            middle += [nn.Conv2d(12, 12, 3, padding=1), nn.PReLU(12)]
        self.layers = nn.Sequential(
            nn.Conv2d(1, 56, 5, padding=2), nn.PReLU(56), nn.Conv2d(56, 12, 1), nn.PReLU(12), *middle,
            nn.Conv2d(12, 56, 1), nn.PReLU(56), nn.ConvTranspose2d(56, 1, 9, scale, 4, scale - 1),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        """The larger image."""
        return self.layers(image).clamp(0, 1)


class ImageTranslator(nn.Module):
    """Seven strided convolutions down and seven transposed ones up, with shortcuts (Isola et al., arXiv:1611.07004)."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        widths = [3, width, 2 * width, 4 * width, 8 * width, 8 * width, 8 * width, 8 * width]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for index, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
            whole = index in {0, 6}
            down: list[nn.Module] = [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=whole)]
            down = down if index == 0 else [nn.LeakyReLU(0.2), *down]
            self.down.append(nn.Sequential(*down, *([] if whole else [nn.InstanceNorm2d(outputs)])))
        for index in range(6, -1, -1):
            inputs, outputs = widths[index + 1] * (1 if index == 6 else 2), widths[index]
            last = [nn.Tanh()] if index == 0 else [nn.InstanceNorm2d(outputs)]
            self.up.append(nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(inputs, outputs, 4, 2, 1), *last))

    def forward(self, image: Tensor) -> Tensor:
        """The image in the other style."""
        kept = []
        for block in self.down:
            image = block(image)
            kept.append(image)
        for index, block in enumerate(self.up):
            image = block(image if index == 0 else torch.cat((image, kept[6 - index]), 1))
        return image


class FramesLstm(nn.Module):
    """Features of every frame, read by an LSTM (Donahue et al., arXiv:1411.4389)."""

    def __init__(self, classes: int = 25) -> None:
        super().__init__()
        self.stages = trunk((16, 32, 64, 128))
        self.read = nn.LSTM(128, 128, num_layers=2, batch_first=True)
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(128, classes))

    def forward(self, frames: Tensor) -> Tensor:
        """Classes of the film."""
        batch, count = frames.shape[:2]
        held = frames.flatten(0, 1)
        for stage in self.stages:
            held = stage(held)
        read, _ = self.read(held.mean((2, 3)).view(batch, count, -1))
        return self.head(read[:, -1])


class VolumeClassifier(nn.Module):
    """Convolutions over time and space at once (Tran et al., arXiv:1412.0767)."""

    def __init__(self, classes: int = 20) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for index, outputs in enumerate((24, 48, 96, 128)):
            pool = (1, 2, 2) if index == 0 else 2
            layers += [nn.Conv3d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool3d(pool, pool)]
            inputs = outputs
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.head = nn.Sequential(nn.Linear(128 * 2 * 5 * 5, 512), nn.ReLU(), nn.Dropout(), nn.Linear(512, classes))

    def forward(self, film: Tensor) -> Tensor:
        """Classes of the film."""
        return self.head(self.layers(film))


def jobs() -> dict[str, Job]:
    """All networks of this part by name."""
    return written({
        "defect_autoencoder": (DefectAutoencoder, (torch.rand(1, 3, 128, 128),)),
        "student_teacher": (StudentTeacher, (torch.rand(1, 3, 224, 224),)),
        "light_curves": (LightCurves, (torch.rand(1, 3, 192, 256),)),
        "fast_upscaler": (FastUpscaler, (torch.rand(1, 1, 120, 160),)),
        "image_translator": (ImageTranslator, (torch.rand(1, 3, 256, 256),)),
        "frames_lstm": (FramesLstm, (torch.rand(1, 8, 3, 112, 112),)),
        "volume_classifier": (VolumeClassifier, (torch.rand(1, 3, 16, 80, 80),)),
    })  # fmt: skip
