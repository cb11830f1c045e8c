"""The Toy NPU: a device family in a package of its own, as a third party would write one.

The device does not exist; `toy_npu.backend` works out its times by a law that the rest of the package does not see. It
has a 16 x 16 array for convolutions and matrix products, a vector unit for everything else, and a DMA engine that
brings the network's inputs onto the chip. Feature maps that do not fit into its buffer stay in DRAM.
"""

from annette.devices.device import Device, json_file

__all__ = ["DEVICE"]

DEVICE = Device(
    name="toy_npu",
    title="Toy NPU (a device for tests)",
    recognises=lambda environment: environment.get("runtime") == "toy",
    rules=json_file(__name__, "rules.json"),
    presets=json_file(__name__, "presets.json"),
    mapping=f"{__name__}.fit:known_mapping",
    context_stages={"toy-placement": f"{__name__}.stage:ToyPlacement"},
    layer_models={"toy-stream": f"{__name__}.models:Stream"},
    formulas={"toy-array": f"{__name__}.formulas:ARRAY"},
    backends={"toy": f"{__name__}.backend:ToyBackend"},
    reports={"toy-trace": f"{__name__}.report:parse_trace"},
    importers={"toy-sheet": f"{__name__}.report:import_sheet"},
    fit=f"{__name__}.fit:fit",
)
