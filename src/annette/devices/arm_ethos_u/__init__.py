"""Arm Ethos-U microNPUs (U55, U65, U85), as Arm's compiler Vela schedules and prices networks for them."""

from annette.devices.arm_ethos_u.targets import presets
from annette.devices.device import Device, json_file

__all__ = ["DEVICE"]

DEVICE = Device(
    name="arm_ethos_u",
    title="Arm Ethos-U55, U65 and U85 with the compiler Vela (its estimates)",
    recognises=lambda environment: environment.get("runtime") == "vela",
    rules=json_file(__name__, "rules.json"),
    presets=presets,
    mapping=f"{__name__}.targets:known_mapping",
    context_stages={"ethos-u-placement": f"{__name__}.stage:EthosUPlacement"},
    formulas={"ethos-u-busiest": f"{__name__}.stage:BUSIEST"},
    backends={"vela": f"{__name__}.backend:VelaBackend"},
    fit=f"{__name__}.fit:fit",
    memory={"vela": f"{__name__}.memory:plan_memory"},
)
