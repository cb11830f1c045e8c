"""Exports the networks of docs/newcomers.csv, the fourth list that nobody tuned for, with random weights.

Usage, in the environment of ``tools/export_networks.py`` with the libraries of the list's column ``source``:
``python tools/export_newcomers.py --out FOLDER``. The list was fixed by name before any of its networks was built
(docs/held-out-log.md has its rules). It writes the files, their list FOLDER/newcomers.csv for
``annette evaluate --suite``, and into docs/newcomers.csv what became of each: its size and SHA-256, or why it was
dropped (``tools/listed_networks.py``). Each network has a process of its own and 120 seconds, and must run once in ONNX
Runtime without giving a number that is none.
"""

from __future__ import annotations

from pathlib import Path

import newcomers_images
import newcomers_libraries
import newcomers_pictures
import newcomers_restoration
import newcomers_signals
import newcomers_tables
import newcomers_transformers
import newcomers_words
from listed_networks import export_parts

LIST = Path(__file__).resolve().parents[1] / "docs" / "newcomers.csv"
PARTS = (
    newcomers_images, newcomers_pictures, newcomers_signals, newcomers_words, newcomers_tables,
    newcomers_transformers, newcomers_restoration, newcomers_libraries,
)  # fmt: skip
LOADED_ONCE = (
    "spandrel.architectures", "monai.networks.nets", "diffusers", "braindecode.models", "neuralforecast.models",
    "pytorch_widedeep.models", "torch_geometric.nn", "deepctr_torch.models", "tianshou.utils.net.discrete",
)  # fmt: skip

if __name__ == "__main__":
    export_parts(LIST, PARTS, LOADED_ONCE, __doc__)
