"""Xilinx's deep learning processing unit (DPU), on the ZCU102 with the DNNDK compiler."""

from annette.devices.device import Device, json_file

__all__ = ["DEVICE"]

DEVICE = Device(
    name="xilinx_dpu",
    title="Xilinx DPU B4096 (ZCU102) with DNNDK",
    rules=json_file(__name__, "rules.json"),
    presets=json_file(__name__, "presets.json"),
    layer_models={"dpu": f"{__name__}.model:Dpu"},
    reports={"dpu-profile": f"{__name__}.profile:parse_dpu_profile"},
    importers={"zcu102": f"{__name__}.tables:import_layers"},
)
