"""Processors with OpenVINO's CPU plug-in."""

from annette.devices.device import Device, json_file

__all__ = ["DEVICE"]

DEVICE = Device(
    name="openvino_cpu",
    title="x86 and ARM processors with OpenVINO",
    converts=("fp16", "bf16", "fp64"),
    recognises=lambda environment: environment.get("runtime") == "openvino" and environment.get("device") == "CPU",
    layouts=json_file(__name__, "layouts.json"),
    backends={"openvino": f"{__name__}.backend:OpenvinoBackend"},
    reports={"openvino-counters": f"{__name__}.reports:parse_openvino_counters"},
)
