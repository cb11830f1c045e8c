"""Exports the networks of docs/unseen-networks.csv, which nobody tuned for, with random weights.

Usage, in the environment of ``tools/export_networks.py``: ``python tools/export_unseen.py --out FOLDER``. The list was
fixed by name before any of its networks was exported, estimated or measured (docs/held-out-log.md has its rules). It
writes the files, their list FOLDER/unseen.csv for ``annette evaluate --suite``, and into docs/unseen-networks.csv what
became of each: its size and SHA-256, or why it was dropped (``tools/listed_networks.py``).
"""

from __future__ import annotations

from pathlib import Path

import torch
import torchvision
from export_networks import Job, timm_job
from listed_networks import export_listed, rows_of
from unseen_transformers import transformers_jobs
from written_networks import written_jobs
from written_sequences import sequence_jobs

LIST = Path(__file__).resolve().parents[1] / "docs" / "unseen-networks.csv"


class Flow(torch.nn.Module):
    """Optical flow by four rounds of updates, of which the last one's is given."""

    def __init__(self) -> None:
        super().__init__()
        self.model = torchvision.models.optical_flow.raft_small(weights=None)

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """The flow from the first image to the second."""
        return self.model(first, second, num_flow_updates=4)[-1]


def film() -> torch.nn.Module:
    """S3D for films of any size: it pools over what is left of a map instead of over 7 x 7."""
    model = torchvision.models.video.s3d(weights=None)
    model.avgpool = torch.nn.AdaptiveAvgPool3d(1)
    return model


def jobs() -> dict[str, Job]:
    """All networks by name: how to make one, and its inputs."""
    found: dict[str, Job] = {**transformers_jobs(), **written_jobs(), **sequence_jobs()}
    for row in rows_of(LIST):
        library, _, name = row["name"].partition("_")
        if library == "timm":
            found[row["name"]] = timm_job(name)
    image = torch.rand(1, 3, 128, 160)
    found["tv_raft_small"] = (Flow, (image, image.flip(-1)))
    found["tv_s3d"] = (film, (torch.rand(1, 3, 16, 112, 112),))
    return found


if __name__ == "__main__":
    export_listed(LIST, "unseen.csv", jobs, __doc__)
