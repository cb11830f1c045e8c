"""Processors with OpenVINO's CPU plug-in."""

from annette.devices.device import Device

__all__ = ["DEVICE"]

DEVICE = Device(
    name="openvino_cpu",
    title="x86 and ARM processors with OpenVINO",
    recognises=lambda environment: environment.get("runtime") == "openvino" and "plugin" not in environment,
    backends={"openvino": f"{__name__}.backend:OpenvinoBackend"},
    reports={"openvino-counters": f"{__name__}.counters:parse_openvino_counters"},
)
