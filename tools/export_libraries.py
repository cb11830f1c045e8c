"""Exports the networks of docs/libraries.csv, the third list that nobody tuned for, with random weights.

Usage, in the environment of ``tools/export_networks.py`` with the libraries of the list's column ``source``:
``python tools/export_libraries.py --out FOLDER``. The list was fixed by name before any of its networks was built
(docs/held-out-log.md has its rules). It writes the files, their list FOLDER/libraries.csv for
``annette evaluate --suite``, and into docs/libraries.csv what became of each: its size and SHA-256, or why it was
dropped (``tools/listed_networks.py``). Each network has a process of its own and 120 seconds, and must run once in ONNX
Runtime without giving a number that is none.
"""

from __future__ import annotations

from pathlib import Path

import libraries_detection
import libraries_diffusion
import libraries_images
import libraries_language
import libraries_medical
import libraries_pytorchcv
import libraries_restoration
import libraries_sound
import libraries_tables
from listed_networks import export_parts

LIST = Path(__file__).resolve().parents[1] / "docs" / "libraries.csv"
PARTS = (
    libraries_images, libraries_medical, libraries_diffusion, libraries_pytorchcv, libraries_detection,
    libraries_restoration, libraries_sound, libraries_tables, libraries_language,
)  # fmt: skip

LOADED_ONCE = (
    "vit_pytorch", "doctr.models", "open_clip", "monai.networks.nets", "braindecode.models",
    "diffusers",
    "diffusers.models.transformers", "kornia.feature", "ultralytics.nn.tasks", "segmentation_models_pytorch",
    "torchaudio.models", "asteroid.models", "speechbrain.lobes.models.CRDNN", "neuralforecast.models",
    "torch_geometric.nn", "x_transformers", "deepctr_torch.models", "spandrel.architectures", "stable_baselines3",
)  # fmt: skip

if __name__ == "__main__":
    export_parts(LIST, PARTS, LOADED_ONCE, __doc__)
