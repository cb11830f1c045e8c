"""A small platform for tests."""

from annette.mapping.kernel import Precision
from annette.mapping.model import MappingModel
from annette.mapping.rule import Rule
from annette.models.roofline import RefinedRoofline, Roofline, Unroll
from annette.platforms import Intervals, LogResiduals, Overhead, Platform, Provenance, Source


def example(**changes):
    """A platform with everything in it; keyword arguments replace parts."""
    parts = {
        "name": "bench-board",
        "description": "A board on a bench, für Tests.",
        "device": "Board 1",
        "runtime": "Runtime 2.0",
        "precision": Precision(activation_bits=8, weight_bits=4),
        "threads": 2,
        "latency_is": "end_to_end",
        "mapping": MappingModel("example", (Rule.parse("fold", "conv > batch_norm", description="Folds."),)),
        "models": {
            "relu": {"roofline": Roofline(1e9, 2e9, 1e-6)},
            "conv": {
                "roofline": Roofline(1e12, 1e10, 1e-6),
                "refined-roofline": RefinedRoofline(1e12, 1e10, 1e-6, {"out_channels": Unroll(16, 0.9)}),
            },
        },
        "preferred_family": "refined-roofline",
        "preferred_by_kind": {"relu": "roofline"},
        "overhead": Overhead(1e-6, 1e-3, 1e-9, 2e-9),
        "ranges": {"conv": {"in_channels": (3.0, 512.0), "ops": (1e3, 1e9)}},
        "intervals": Intervals(
            kernels={"conv": {"roofline": LogResiduals((0.05, 0.5, 0.95), (-0.2, 0.0, 0.1))}},
            networks=LogResiduals((0.05, 0.95), (-0.1, 0.1)),
            extrapolation_widening=2.0,
        ),
        "accuracy": ({"kind": "conv", "family": "roofline", "mape": 0.12, "layers": 200},),
        "provenance": Provenance(
            created_by="annette fit",
            sources=(Source("Measurements", "bench 3", "CC0-1.0", "2024-05-01", "0" * 64),),
            versions=(("runtime", "2.0"),),
            notes=("Clock fixed.",),
        ),
        "plain_roofline": Roofline(5e11, 1e10),
    }
    return Platform(**{**parts, **changes})
