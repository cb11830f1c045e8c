"""Real exports: a corpus with reference counts, and networks exported here and now by torch's two exporters.

The corpus is a folder with an ``index.json``: a list of objects with ``file``, ``inputs`` (name and shape),
``graph_inputs`` (name, shape and type as declared in the file), ``reference_macs`` and ``output_shapes``.
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

import pytest

from annette.network import UNSUPPORTED
from annette.network.readers.onnx import read_onnx

_CORPUS = os.environ.get("ANNETTE_CORPUS", "")
_EXPLAINED = {
    # Not a network of the standard, or older than the oldest operator set that is read.
    "custom_domain": "refused",
    "old_opset6": "refused",
    # The first step multiplies a constant state of zeros by weights; that product is a constant and not counted.
    "keras/rnn": "folded",
    # Branches on its input data.
    "scripted_loop_if": "refused",
    # A product behind a selection of boxes: the reader counts the largest number of boxes.
    "detection_post": "bounded",
}


def _entries() -> list[dict[str, object]]:
    path = Path(_CORPUS) / "index.json"
    if not _CORPUS or not path.exists():
        return []
    skipped = tuple(_EXPLAINED)
    return [entry for entry in json.loads(path.read_text()) if not any(name in entry["file"] for name in skipped)]


@pytest.mark.skipif(not _CORPUS, reason="ANNETTE_CORPUS does not name a folder of exported networks")
@pytest.mark.parametrize("entry", _entries(), ids=lambda entry: entry["file"])
def test_corpus(entry):
    shapes = {item["name"]: tuple(item["shape"]) for item in entry["inputs"]}
    declared = {name: shape for name, shape, _ in entry["graph_inputs"]}
    loose = any(not isinstance(size, int) for shape in declared.values() for size in shape or [None])
    bound = {name: shape for name, shape in shapes.items() if name in declared} if loose else None
    network = read_onnx(Path(_CORPUS) / entry["file"], input_shapes=bound)
    assert all(layer.kind != UNSUPPORTED for layer in network.layers)
    assert not any("states another shape" in note for note in network.notes)
    if entry.get("reference_macs"):
        assert network.macs == pytest.approx(entry["reference_macs"], rel=0.01)
    computed = sorted(network.tensors[name].shape for name in network.outputs)
    measured = sorted({tuple(shape) for _, shape in entry.get("output_shapes") or []})
    if measured:
        assert set(computed) <= set(measured)


def _networks():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    nn = torch.nn

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.SiLU())
            self.depthwise = nn.Conv2d(16, 16, 5, padding=2, groups=16)
            self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 4, 1), nn.ReLU(), nn.Conv2d(4, 16, 1))
            self.up = nn.ConvTranspose2d(16, 8, 4, 2, 1)
            self.head = nn.Linear(8, 10)

        def forward(self, x):
            x = self.stem(x)
            y = self.depthwise(x)
            x = x + y * torch.sigmoid(self.squeeze(y))
            x = nn.functional.interpolate(self.up(x), scale_factor=0.5, mode="bilinear")
            return self.head(x.mean((2, 3)))

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.project, self.out = nn.LayerNorm(32), nn.Linear(32, 96), nn.Linear(32, 32)
            self.wide, self.narrow = nn.Linear(32, 64), nn.Linear(64, 32)

        def forward(self, x):
            batch, tokens, _ = x.shape
            parts = self.project(self.norm(x)).reshape(batch, tokens, 3, 4, 8).permute(2, 0, 3, 1, 4)
            mixed = nn.functional.scaled_dot_product_attention(parts[0], parts[1], parts[2])
            x = x + self.out(mixed.transpose(1, 2).reshape(batch, tokens, 32))
            return x + self.narrow(nn.functional.gelu(self.wide(x)))

    return torch, {
        "residual": (Residual(), (2, 3, 32, 32)),
        "attention": (Attention(), (2, 10, 32)),
    }


@pytest.mark.parametrize("dynamo", [False, True], ids=["torchscript", "dynamo"])
@pytest.mark.parametrize("name", ["residual", "attention"])
def test_torch_export(tmp_path, name, dynamo):
    torch, networks = _networks()
    if dynamo:
        pytest.importorskip("onnxscript", reason="torch's exporter needs onnxscript")
    from torch.utils.flop_counter import FlopCounterMode

    module, shape = networks[name]
    module.eval()
    sample = torch.zeros(shape)
    with (
        FlopCounterMode(display=False) as counter,
        torch.no_grad(),
        torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
    ):
        module(sample)
    path = tmp_path / f"{name}.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (sample,), str(path), dynamo=dynamo)
    network = read_onnx(path)
    assert network.macs == pytest.approx(counter.get_total_flops() / 2, rel=0.01)
    assert network.batch == shape[0]
