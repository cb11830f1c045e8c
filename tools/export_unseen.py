"""Exports the networks of docs/unseen-networks.csv, which nobody tuned for, with random weights.

Usage, in the environment of ``tools/export_networks.py``: ``python tools/export_unseen.py --out FOLDER``. The list was
fixed by name before any of its networks was exported, estimated or measured (docs/held-out-log.md has its rules). It
writes the files, their list FOLDER/unseen.csv for ``annette evaluate --suite``, and into docs/unseen-networks.csv what
became of each: its size and SHA-256, or why it was dropped. A network is dropped only for what can be said without its
time: PyTorch cannot export it, or exports what ONNX Runtime does not load, or its file is larger than 100 MB.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import logging
import warnings
from pathlib import Path

import onnxruntime
import torch
import torchvision
from export_networks import Job, export, timm_job
from unseen_transformers import transformers_jobs
from written_networks import written_jobs
from written_sequences import sequence_jobs

LIST = Path(__file__).resolve().parents[1] / "docs" / "unseen-networks.csv"
COLUMNS = ("name", "source", "task", "family", "new_family", "bytes", "sha256", "dropped")
LARGEST_BYTES = 100_000_000


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
    for row in rows():
        library, _, name = row["name"].partition("_")
        if library == "timm":
            found[row["name"]] = timm_job(name)
    image = torch.rand(1, 3, 128, 160)
    found["tv_raft_small"] = (Flow, (image, image.flip(-1)))
    found["tv_s3d"] = (film, (torch.rand(1, 3, 16, 112, 112),))
    return found


def rows() -> list[dict[str, str]]:
    """The lines of the list."""
    with LIST.open(encoding="utf-8", newline="") as file:
        return [dict.fromkeys(COLUMNS, "") | row for row in csv.DictReader(file)]


def outcome(job: Job, path: Path) -> dict[str, str]:
    """Exports a network, and says how large its file is, or why it is dropped."""
    try:
        export(*job, path)
    except Exception as problem:  # noqa: BLE001 - whatever a library's model cannot do, the others are exported
        path.unlink(missing_ok=True)
        first = str(problem).strip().splitlines()[:1] or [""]
        return {"dropped": f"not exported: {type(problem).__name__}: {first[0][:150].strip()}"}
    try:
        onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as problem:  # noqa: BLE001 - the runtime has no error of its own that is public
        path.unlink()
        node = str(problem).partition("Node (")[2].splitlines()[0]
        return {"dropped": f"exported, but ONNX Runtime refuses the file: node ({node[:200].strip()}"}
    content = path.read_bytes()
    if len(content) > LARGEST_BYTES:
        path.unlink()
        return {"dropped": f"a file of {len(content) / 1e6:.0f} MB"}
    return {"bytes": str(len(content)), "sha256": hashlib.sha256(content).hexdigest()}


def main() -> None:
    """Exports what is not there yet and was not dropped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the networks and their list")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    torch.backends.mha.set_fastpath_enabled(False)  # One operator for a whole block, which ONNX does not have.
    made, lines = jobs(), rows()
    for row in lines:
        if not row["dropped"]:
            row.update(outcome(made[row["name"]], out / f"{row['name']}.onnx"))
        with LIST.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines)
    with (out / "unseen.csv").open("w", encoding="utf-8", newline="") as file:
        kept = [f"{row['name']}.onnx" for row in lines if row["sha256"]]
        csv.writer(file, lineterminator="\n").writerows([["network"], *([name] for name in kept)])


if __name__ == "__main__":
    main()
