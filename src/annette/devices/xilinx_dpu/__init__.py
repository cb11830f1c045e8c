"""Xilinx's deep learning processing unit (DPU), on the ZCU102 with the DNNDK compiler."""

from annette.devices.device import Device, json_file

__all__ = ["DEVICE"]

DEVICE = Device(
    name="xilinx_dpu",
    title="Xilinx DPU B4096 (ZCU102) with DNNDK",
    recognises=lambda environment: environment.get("collection") == "zcu102",
    rules=json_file(__name__, "rules.json"),
    presets=json_file(__name__, "presets.json"),
    layer_models={"dpu": f"{__name__}.models:Dpu"},
    reports={"dpu-profile": f"{__name__}.reports:parse_dpu_profile"},
    importers={"zcu102": f"{__name__}.importer:import_zcu102"},
    fit=f"{__name__}.fit:fit_datasets",
    suites=json_file(__name__, "suites.json"),
)
