"""Once-for-All in Optuna: latency as a constraint, and as a second objective with NSGA-II.

Usage: ``python optuna_search.py [PLATFORM [TRIALS]]``. Needs ``pip install 'optuna>=5'``. Operations stand for accuracy
here; put a predictor of accuracy in their place.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import optuna

from annette.platforms import load_platform
from annette.spaces.compiled import compile_space
from annette.spaces.once_for_all import OnceForAll

if TYPE_CHECKING:
    from annette.spaces.full_road import SpacePrices

LIMIT_S = 0.02


def candidate(trial: optuna.Trial, prices: SpacePrices) -> np.ndarray:
    """The trial's decisions, one categorical parameter each."""
    names = prices.space.decision_names()
    return np.array([[trial.suggest_categorical(name, range(len(options))) for name, options in names]])


def constrained(prices: SpacePrices, trials: int) -> optuna.Study:
    """The largest network within a latency."""

    def objective(trial: optuna.Trial) -> float:
        priced = prices.price(candidate(trial, prices))
        # Above 0 breaks the constraint.
        trial.set_constraint("latency", float(priced.latency_s[0]) - LIMIT_S)
        return float(priced.ops[0])

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.NSGAIISampler(seed=0))
    study.optimize(objective, n_trials=trials)
    return study


def two_objectives(prices: SpacePrices, trials: int) -> optuna.Study:
    """The front of size and latency."""

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        priced = prices.price(candidate(trial, prices))
        return float(priced.ops[0]), float(priced.latency_s[0])

    study = optuna.create_study(directions=["maximize", "minimize"], sampler=optuna.samplers.NSGAIISampler(seed=0))
    study.optimize(objective, n_trials=trials)
    return study


def main(platform: str = "epyc-onnxruntime", trials: str = "1000") -> None:
    """Prints both results."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    prices = compile_space(OnceForAll(resolutions=(160, 192, 224)), load_platform(platform))
    best = constrained(prices, int(trials)).best_trial
    print(f"within {1e3 * LIMIT_S:g} ms: {best.value / 1e6:.0f} million operations")
    for trial in sorted(two_objectives(prices, int(trials)).best_trials, key=lambda each: each.values[1]):
        print(f"{1e3 * trial.values[1]:8.2f} ms  {trial.values[0] / 1e6:8.0f} million operations")


if __name__ == "__main__":
    main(*sys.argv[1:])
