"""Any device for which there is a program that takes a network file and prints how long it takes."""

from annette.devices.device import Device

__all__ = ["DEVICE"]

DEVICE = Device(
    name="command",
    title="any device behind a program of yours (ssh, adb, a vendor's benchmark tool)",
    backends={"command": f"{__name__}.backend:CommandBackend"},
)
