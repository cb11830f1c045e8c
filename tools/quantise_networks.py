"""Converts networks to 8 and 16 bits with ONNX Runtime's own quantisers, as its users do.

Usage: ``python tools/quantise_networks.py --out FOLDER [--scheme S …] NETWORK…``; a NETWORK is an ONNX file or the
name of a network of the zoo, which is written with random weights first. Files are called ``NAME-SCHEME.onnx``; those
that exist are kept. Schemes:

- ``qdq``: `quantize_static` with its defaults (QDQ, activations and weights int8).
- ``qdq-u8``: activations uint8, weights int8, as recommended for x86 processors with VNNI.
- ``qdq-channel``: as ``qdq-u8``, weights with a scale per channel.
- ``qoperator``: integer operators (``QLinearConv``, …), activations uint8, weights int8.
- ``dynamic``: `quantize_dynamic` with its defaults (weights int8, activations quantised as they come).
- ``fp16``: 16-bit floating point throughout, by the converter that ONNX Runtime ships.

Static schemes are calibrated on two random inputs of a fixed seed: files come out the same each time with the same
versions of onnx and onnxruntime on the same processor.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quant_pre_process,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.transformers.float16 import convert_float_to_float16

from annette.errors import AnnetteError
from annette.network import Network, zoo
from annette.network.load import load_network
from annette.network.writers.onnx import write_onnx

if TYPE_CHECKING:
    from collections.abc import Callable

CALIBRATION_INPUTS: Final = 2
SEED: Final = 7


class RandomInputs(CalibrationDataReader):  # type: ignore[misc]
    """A few random inputs of a network, always the same: reals of a normal distribution, ones for integers."""

    def __init__(self, network: Network) -> None:
        generator = np.random.default_rng(SEED)
        self._left = [
            {name: self._values(network, name, generator) for name in network.inputs} for _ in range(CALIBRATION_INPUTS)
        ]

    @staticmethod
    def _values(network: Network, name: str, generator: np.random.Generator) -> Any:
        tensor = network.tensors[name]
        if tensor.dtype.is_float:
            return generator.standard_normal(tensor.shape).astype(tensor.dtype.label)
        return np.ones(tensor.shape, dtype=tensor.dtype.label)

    def get_next(self) -> dict[str, Any] | None:
        """The next input, or None at the end."""
        return self._left.pop() if self._left else None


def static(source: Path, target: Path, network: Network, **options: Any) -> None:
    """Quantises activations with scales that are found beforehand."""
    quantize_static(source, target, RandomInputs(network), **options)


def dynamic(source: Path, target: Path, network: Network) -> None:
    """Quantises weights; activations are quantised in every run."""
    del network
    quantize_dynamic(source, target)


def fp16(source: Path, target: Path, network: Network) -> None:
    """Converts all floating-point numbers to 16 bits."""
    del network
    onnx.save(convert_float_to_float16(onnx.load(source)), target)


MIXED: Final = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
SCHEMES: Final[dict[str, Callable[[Path, Path, Network], None]]] = {
    "qdq": static,
    "qdq-u8": partial(static, **MIXED),
    "qdq-channel": partial(static, per_channel=True, **MIXED),
    "qoperator": partial(static, quant_format=QuantFormat.QOperator, **MIXED),
    "dynamic": dynamic,
    "fp16": fp16,
}


def convert(name: str, scheme: str, folder: Path) -> Path:
    """Converts one network.

    Args:
        name: An ONNX file, or a name of the zoo.
        scheme: One of `SCHEMES`.
        folder: Where the result goes.
    """
    target = folder / f"{Path(name).stem if name.endswith('.onnx') else name.replace(':', '_')}-{scheme}.onnx"
    if target.exists():
        return target
    with tempfile.TemporaryDirectory(prefix="annette-quantise-") as temporary:
        source = Path(name)
        if zoo.is_name(name):
            source = Path(temporary) / "network.onnx"
            write_onnx(zoo.build(name), source)
        network = load_network(source)
        prepared = source
        if scheme != "fp16":
            prepared = Path(temporary) / "prepared.onnx"
            quant_pre_process(source, prepared, skip_symbolic_shape=True)
        partial_target = Path(temporary) / "converted.onnx"
        SCHEMES[scheme](prepared, partial_target, network)
        target.write_bytes(partial_target.read_bytes())
    return target


def main() -> None:
    """Converts the networks named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    parser.add_argument("--scheme", action="append", choices=SCHEMES, help="all if none is named")
    parser.add_argument("networks", nargs="+", help="ONNX files, or names of the zoo")
    chosen = parser.parse_args()
    logging.getLogger().setLevel(logging.ERROR)
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name in chosen.networks:
        for scheme in chosen.scheme or SCHEMES:
            try:
                print(convert(name, scheme, chosen.out), flush=True)
            except (AnnetteError, ValueError, RuntimeError, OSError) as error:
                print(f"- {name} ({scheme}): {' '.join(str(error).split())[:300]}", flush=True)


if __name__ == "__main__":
    main()
