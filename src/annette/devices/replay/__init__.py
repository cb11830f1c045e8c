"""No device: plays the runs of a dataset back, for tests and for trying things out."""

from annette.devices.device import Device

__all__ = ["DEVICE"]

DEVICE = Device(
    name="replay",
    title="recorded runs of a dataset, played back",
    backends={"replay": f"{__name__}.backend:ReplayBackend"},
)
