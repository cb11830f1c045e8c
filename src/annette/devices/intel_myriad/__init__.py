"""Intel Movidius Myriad X, the chip of the Neural Compute Stick 2, with OpenVINO's MYRIAD plug-in."""

from annette.devices.device import Device, json_file

__all__ = ["DEVICE"]

DEVICE = Device(
    name="intel_myriad",
    title="Intel Movidius Myriad X (Neural Compute Stick 2) with OpenVINO",
    converts=("int8", "bf16"),
    recognises=lambda environment: environment.get("runtime") == "openvino-myriad",
    rules=json_file(__name__, "rules.json"),
    presets=json_file(__name__, "presets.json"),
    mapping=f"{__name__}.fit:known_mapping",
    context_stages={"myriad-placement": f"{__name__}.stage:MyriadPlacement"},
    formulas={
        "myriad-convolution": f"{__name__}.formulas:CONVOLUTION",
        "myriad-pooling": f"{__name__}.formulas:POOLING",
        "myriad-software": f"{__name__}.formulas:SOFTWARE",
    },
    backends={"myriad": f"{__name__}.backend:MyriadBackend"},
    importers={"ncs2": f"{__name__}.importer:import_ncs2"},
    fit=f"{__name__}.fit:fit_datasets",
    suites=json_file(__name__, "suites.json"),
)
