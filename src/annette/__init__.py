"""Estimates how long a neural network takes on a device, layer by layer, without running it there.

Example:
    >>> import annette
    >>> result = annette.estimate("mobilenet_v2", "ncs2-openvino")
    >>> result.network, len(result.kernels) > 50
    ('mobilenet_v2', True)
"""

from __future__ import annotations

from annette._version import __version__

# Nothing else is imported here, not even `typing`: the command line imports this first and silences interrupts next.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from annette.advice.advice import advise
    from annette.api import (
        benchmark,
        calibrate,
        check_machine,
        evaluate,
        fit,
        import_table,
        measure,
        observe_sizes,
        plan_benchmark,
        transfer,
    )
    from annette.bench.backend_list import list_backends
    from annette.bench.contents import compare_datasets, describe_dataset
    from annette.errors import AnnetteError
    from annette.estimation import Estimate
    from annette.estimation.comparison import compare_platforms
    from annette.estimation.difference import compare_networks
    from annette.estimation.estimator import estimate, find_kernels
    from annette.estimation.generation import estimate_generation
    from annette.estimation.many import estimate_many
    from annette.estimation.sweep import sweep
    from annette.network import Network
    from annette.network.finding import find_networks
    from annette.network.load import load_network
    from annette.platforms import Platform, list_platforms, load_platform
    from annette.remote import estimate_on_cluster
    from annette.spaces.search import search

__all__ = [
    "AnnetteError",
    "Estimate",
    "Network",
    "Platform",
    "__version__",
    "advise",
    "benchmark",
    "calibrate",
    "check_machine",
    "compare_datasets",
    "compare_networks",
    "compare_platforms",
    "describe_dataset",
    "estimate",
    "estimate_generation",
    "estimate_many",
    "estimate_on_cluster",
    "evaluate",
    "find_kernels",
    "find_networks",
    "fit",
    "import_table",
    "list_backends",
    "list_platforms",
    "load_network",
    "load_platform",
    "measure",
    "observe_sizes",
    "plan_benchmark",
    "search",
    "sweep",
    "transfer",
]

_HOMES: Final = {
    "AnnetteError": "annette.errors",
    "advise": "annette.advice.advice",
    "Estimate": "annette.estimation",
    "Network": "annette.network",
    "Platform": "annette.platforms",
    "compare_datasets": "annette.bench.contents",
    "compare_networks": "annette.estimation.difference",
    "compare_platforms": "annette.estimation.comparison",
    "describe_dataset": "annette.bench.contents",
    "estimate": "annette.estimation.estimator",
    "estimate_generation": "annette.estimation.generation",
    "estimate_many": "annette.estimation.many",
    "estimate_on_cluster": "annette.remote",
    "find_kernels": "annette.estimation.estimator",
    "find_networks": "annette.network.finding",
    "list_backends": "annette.bench.backend_list",
    "list_platforms": "annette.platforms",
    "load_network": "annette.network.load",
    "load_platform": "annette.platforms",
    "search": "annette.spaces.search",
    "sweep": "annette.estimation.sweep",
}
"""Module of each name; the functions that measure, fit or evaluate are in `annette.api`."""


def __getattr__(name: str) -> Any:
    """What this package offers, imported on first use: the command line starts before numpy is loaded."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - see above

    value = getattr(import_module(_HOMES.get(name, "annette.api")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
