"""What ``import annette`` offers, and what the commands call.

``annette`` itself imports this package when one of the functions that measure, fit or evaluate is first used:
estimating stays quick. No vendor runtime is loaded here, and no learner before a fit.
"""

from annette.api.benchmarks import benchmark, check_machine, plan_benchmark
from annette.api.evaluations import evaluate
from annette.api.fits import calibrate, fit, open_datasets, transfer
from annette.api.imports import import_table
from annette.api.measurements import measure, observe_sizes
from annette.estimation.estimator import estimate
from annette.network.load import load_network
from annette.platforms import list_platforms, load_platform

__all__ = [
    "benchmark",
    "calibrate",
    "check_machine",
    "estimate",
    "evaluate",
    "fit",
    "import_table",
    "list_platforms",
    "load_network",
    "load_platform",
    "measure",
    "observe_sizes",
    "open_datasets",
    "plan_benchmark",
    "transfer",
]
