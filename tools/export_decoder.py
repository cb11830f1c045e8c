"""Exports language models of transformers as ONNX with a cache: ``python tools/export_decoder.py gpt2 gpt2.onnx``.

The weights are random. Inputs and outputs are named as optimum names them (``input_ids``, ``attention_mask``,
``position_ids``, ``past_key_values.0.key``, ``present.0.key``), all lengths are open, so that one file reads a prompt
(an empty cache) and single tokens. ``--exporter dynamo`` takes PyTorch's newer exporter. Needs torch and transformers,
and onnxscript for the newer exporter.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

import torch
import transformers
from transformers.cache_utils import DynamicCache

_GROUPED: Final[dict[str, Any]] = {
    "hidden_size": 512, "intermediate_size": 1376, "num_hidden_layers": 4, "num_attention_heads": 8,
    "num_key_value_heads": 2, "vocab_size": 8000,
}  # fmt: skip
MODELS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "gpt2": ("GPT2", {}),
    "llama": ("Llama", _GROUPED),
    "qwen2": ("Qwen2", _GROUPED),
    "qwen3": ("Qwen3", {**_GROUPED, "head_dim": 64}),
}
"""Class of each model and what of its configuration is not the default: GPT-2 is the small one of 12 layers."""

BATCH, READ, CACHED = 2, 3, 5
"""Sizes of the example that is traced; no two lengths are equal, so that none is taken for another."""


class WithCache(torch.nn.Module):
    """A model whose cache comes in and goes out as tensors."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, position_ids: torch.Tensor, *past: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        """Scores of the next tokens, then keys and values of each layer."""
        cache = DynamicCache()
        for layer in range(len(past) // 2):
            cache.update(past[2 * layer], past[2 * layer + 1], layer)
        result = self.model(
            input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids, past_key_values=cache,
            use_cache=True,
        )  # fmt: skip
        present = [part for layer in result.past_key_values.layers for part in (layer.keys, layer.values)]
        return (result.logits, *present)


def export(name: str, path: Path, exporter: str) -> None:
    """Exports one of `MODELS`."""
    torch.manual_seed(0)
    kind, changes = MODELS[name]
    config = getattr(transformers, f"{kind}Config")(**changes)
    maker = getattr(transformers, "GPT2LMHeadModel" if kind == "GPT2" else f"{kind}ForCausalLM")
    model = WithCache(maker(config)).eval()
    layers, heads = config.num_hidden_layers, getattr(config, "num_key_value_heads", config.num_attention_heads)
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    past = [torch.randn(BATCH, heads, CACHED, width) for _ in range(2 * layers)]
    positions = torch.arange(CACHED, CACHED + READ).expand(BATCH, READ).contiguous()
    ids, mask = torch.randint(0, 100, (BATCH, READ)), torch.ones(BATCH, READ + CACHED, dtype=torch.int64)
    parts = [f"{layer}.{part}" for layer in range(layers) for part in ("key", "value")]
    names = ["input_ids", "attention_mask", "position_ids", *(f"past_key_values.{part}" for part in parts)]
    outputs = ["logits", *(f"present.{part}" for part in parts)]
    how: dict[str, Any] = {"input_names": names, "output_names": outputs}
    if exporter == "dynamo":
        samples, read, cached = map(torch.export.Dim, ("batch_size", "sequence_length", "past_sequence_length"))
        whole = {0: samples, 1: torch.export.Dim.DYNAMIC}
        caches = tuple({0: samples, 2: cached} for _ in past)
        how |= {"dynamo": True, "dynamic_shapes": ({0: samples, 1: read}, whole, {0: samples, 1: read}, caches)}
    else:
        tokens = {0: "batch_size", 1: "sequence_length"}
        whole_name = "past_sequence_length + sequence_length"
        axes: dict[str, dict[int, str]] = dict.fromkeys(("input_ids", "position_ids", "logits"), tokens)
        axes["attention_mask"] = {0: "batch_size", 1: whole_name}
        axes |= {name: {0: "batch_size", 2: "past_sequence_length"} for name in names[3:]}
        axes |= {name: {0: "batch_size", 2: whole_name} for name in outputs[1:]}
        how |= {"dynamo": False, "dynamic_axes": axes, "opset_version": 17}
    with torch.no_grad():
        torch.onnx.export(model, (ids, mask, positions, *past), str(path), **how)


def main() -> None:
    """Exports what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("path", type=Path)
    parser.add_argument("--exporter", choices=("torchscript", "dynamo"), default="torchscript")
    chosen = parser.parse_args()
    export(chosen.model, chosen.path, chosen.exporter)


if __name__ == "__main__":
    main()
