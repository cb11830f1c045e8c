"""Estimates of networks in another precision than the platform's."""

import pytest

from annette.errors import UnsupportedKernelError
from annette.estimation import estimate_network
from annette.mapping.precision import Precision
from annette.mapping.rules import preset
from annette.models.roofline import Roofline
from annette.network.quantization import quantized
from tests.unit.samples import platform, small_network

INTEGERS = ("conv@int8", "max_pool@int8", "fully_connected@int8", "quantize@int8", "dequantize@int8")


def _roofline(bytes_per_s=1e8):
    return {"roofline": Roofline(ops_per_s=4e9, bytes_per_s=bytes_per_s, offset_s=0.0)}


def _both(**changes):
    """The toy platform, fitted on int8 as well."""
    models = {
        **platform().models,
        "transpose": _roofline(),
        "reorder_output": _roofline(),
        **{kind: _roofline() for kind in INTEGERS},
    }
    return platform(models=models, preferred_family="roofline", mapping=preset("onnxruntime-cpu"), **changes)


def test_a_precision_that_was_never_fitted_is_refused_by_name():
    network = quantized(small_network(), "static-uint8")
    with pytest.raises(
        UnsupportedKernelError,
        match=r"layer 'image/quantize' computes in int8, which platform 'toy' was never fitted on; fitted there: fp32; "
        r"the nearest platform with int8 is '[a-z0-9-]+'; use --fallback roofline",
    ):
        estimate_network(network, platform())


def test_a_fallback_prices_and_marks_it():
    estimate = estimate_network(quantized(small_network(), "static-uint8"), platform(), fallback="roofline")
    assert estimate.coverage.ops == 0.0
    assert any("conv@int8" in note and "fallback" in note for note in estimate.notes)


def test_integer_kernels_have_models_and_bytes_of_their_own():
    target = _both()
    assert target.precisions == ("fp32", "int8")
    estimate = estimate_network(quantized(small_network(), "static-uint8"), target)
    (stem,) = (kernel for kernel in estimate.kernels if kernel.name == "stem")
    assert (stem.kind, stem.method) == ("conv@int8", "roofline")
    assert stem.bytes == 3 * 32 * 32 + 16 * 32 * 32 + 16 * 3 * 9 + 4 * 16
    plain = estimate_network(small_network(), target)
    assert {kernel.kind for kernel in plain.kernels if kernel.method != "free"} <= {
        "conv", "max_pool", "fully_connected", "reorder_input", "reorder_output",
    }  # fmt: skip


def test_data_movement_takes_the_models_of_the_plain_kind_by_its_own_bytes():
    estimate = estimate_network(quantized(small_network(), "static-uint8"), _both())
    moved = [kernel for kernel in estimate.kernels if kernel.kind == "transpose@int8"]
    assert moved
    assert all(kernel.method == "roofline" for kernel in moved)
    assert moved[0].bytes == 2 * 3 * 32 * 32
    assert moved[0].latency_s == pytest.approx(moved[0].bytes / 1e8)


@pytest.mark.parametrize(
    ("precision", "scheme", "note"),
    [
        (Precision(8, 8), None, "as if quantised to 8 bits"),
        (Precision(16, 16), None, "as if converted to fp16"),
        (Precision(16, 16, name="bf16"), None, "as if converted to bf16"),
        (Precision(16, 16, converts=("int8",)), "static-uint8", "a network of int8: estimated as if converted to fp16"),
        (Precision(32, 32), None, None),
    ],
)
def test_what_the_tools_convert_is_said_once(precision, scheme, note):
    network = small_network() if scheme is None else quantized(small_network(), scheme)
    notes = estimate_network(network, platform(precision=precision), fallback="roofline").notes
    assert sum("as if" in each for each in notes) == (note is not None)
    assert note is None or any(note in each for each in notes)
