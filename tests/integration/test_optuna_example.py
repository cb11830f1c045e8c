"""The example for Optuna runs, where it is installed."""

import runpy
from pathlib import Path

import pytest

from annette.platforms import load_platform
from annette.spaces.compiled import compile_space
from annette.spaces.once_for_all import OnceForAll

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "optuna_search.py"


def test_latency_is_a_constraint_and_a_second_objective():
    optuna = pytest.importorskip("optuna", minversion="5", reason="optuna 5 is not installed: pip install optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    example = runpy.run_path(str(EXAMPLE))
    prices = compile_space(OnceForAll(resolutions=(128,)), load_platform("kirin970-tvm"), training=32)
    trials = example["constrained"](prices, 20).trials
    assert all("latency" in str(trial.system_attrs) for trial in trials)
    front = example["two_objectives"](prices, 20).best_trials
    assert front
    assert all(trial.values[1] > 0 for trial in front)
