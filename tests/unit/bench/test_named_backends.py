"""Backends by name, and values for their options."""

import pytest

from annette.bench.named_backends import backend_names, check_options, open_backend, parse_options
from annette.errors import OptionError


@pytest.mark.parametrize("name", backend_names())
def test_what_a_backend_has_by_default_is_in_range(name):
    check_options(name, {})


@pytest.mark.parametrize(
    ("backend", "texts", "reason"),
    [
        ("onnxruntime", {"threads": "0"}, "less than 1"),
        ("onnxruntime", {"precision": "fp8"}, "fp32 or int8"),
        ("onnxruntime", {"threads": "two"}, "not of type int"),
        ("openvino", {"precision": "fp8"}, "fp32, bf16, fp16"),
        ("vela", {"accelerator": "ethos-u99"}, "ethos-u99"),
        ("command", {"model_format": "pth"}, "none of onnx, tflite"),
        ("command", {"runs": "0"}, "at least 1"),
        ("command", {"report": "dpu-profil"}, "did you mean 'dpu-profile'"),
        ("onnxruntime", {"thread": "1"}, "did you mean 'threads'"),
    ],
)
def test_options_are_held_against_what_the_backend_takes_before_anything_runs(backend, texts, reason):
    with pytest.raises(OptionError, match=reason):
        parse_options(backend, texts)


def test_values_have_the_types_that_the_backend_declares():
    assert parse_options("command", {"runs": "3", "run_timeout_s": "2"}) == {"runs": 3, "run_timeout_s": 2.0}
    assert open_backend("command", {"command": "true {model}", "runs": 3}).options.runs == 3


def test_a_name_that_is_nearly_one_is_told_which():
    with pytest.raises(OptionError, match="did you mean 'onnxruntime'"):
        parse_options("onxruntime", {})
