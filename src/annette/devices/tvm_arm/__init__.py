"""ARM processors of phones with kernels that TVM has tuned."""

from annette.devices.device import Device, json_file

__all__ = ["DEVICE"]

DEVICE = Device(
    name="tvm_arm",
    title="ARM processors of phones with TVM (TopHub's tuned kernels)",
    recognises=lambda environment: (
        environment.get("collection") == "tophub" and environment.get("device") in ("snapdragon835", "kirin970")
    ),
    rules=json_file(__name__, "rules.json"),
    presets=json_file(__name__, "presets.json"),
    layer_models={
        "saturating-rate": f"{__name__}.models:SaturatingRate",
        "cached-memory": f"{__name__}.models:CachedMemory",
    },
    importers={"tophub": f"{__name__}.importer:import_tophub"},
    fit=f"{__name__}.fit:fit_datasets",
)
