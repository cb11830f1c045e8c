"""The original ANNETTE's own formulas, rules and published parameters, for comparing with its published results."""

from annette.devices.device import Device, json_file

__all__ = ["DEVICE"]

DEVICE = Device(
    name="original_annette",
    title="the original ANNETTE's published models of the ZCU102 and the Neural Compute Stick 2",
    rules=json_file(__name__, "rules.json"),
    presets=json_file(__name__, "presets.json"),
    layer_models={
        "original-roofline": f"{__name__}.models:OriginalRoofline",
        "original-refined-roofline": f"{__name__}.models:OriginalRefinedRoofline",
    },
    converters={
        "original-dnndk": f"{__name__}.converter:convert_dnndk",
        "original-ncs2": f"{__name__}.converter:convert_ncs2",
    },
)
