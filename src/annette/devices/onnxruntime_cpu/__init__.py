"""Processors with ONNX Runtime's CPU execution provider."""

from annette.devices.device import Device, json_file

__all__ = ["DEVICE"]

DEVICE = Device(
    name="onnxruntime_cpu",
    title="x86 and ARM processors with ONNX Runtime",
    recognises=lambda environment: environment.get("runtime") == "onnxruntime",
    rules=json_file(__name__, "rules.json"),
    presets=json_file(__name__, "presets.json"),
    layouts=json_file(__name__, "layouts.json"),
    mapping=f"{__name__}.mapping:known_mapping",
    memory={"onnxruntime": f"{__name__}.memory:plan_memory"},
    backends={"onnxruntime": f"{__name__}.backend:OnnxRuntimeBackend"},
)
