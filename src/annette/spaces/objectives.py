"""What a search looks for beside latency: a score for each candidate, the higher the better."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.errors import OptionError, nearest
from annette.references import resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from annette.mapping.kernel import FloatArray
    from annette.spaces.full_road import Priced
    from annette.spaces.space import IntArray, SearchSpace

    Objective = Callable[[SearchSpace, IntArray, Priced], FloatArray]

__all__ = ["PROXIES", "load_objective", "objective_as_sent"]

PROXIES: Final = ("operations", "weights")
"""Scores that need no training: operations of all layers, bytes of all constants. Larger networks are often, but not
always, more accurate; neither is an accuracy."""


def load_objective(name: str) -> Objective:
    """Finds an objective.

    Args:
        name: One of `PROXIES`; a file of scores, ``.csv`` with the columns ``candidate`` (a label) and ``score``, or
            ``.npz`` with the arrays ``candidates`` (rows of decisions) and ``scores``; or ``module:function``, called
            with a list of labels, which returns a score for each.

    Returns:
        A function of a space, candidates and what is known of them; candidates without a score have NaN.

    Raises:
        OptionError: There is no such objective, or the file cannot be used.
    """
    if name in PROXIES:
        return lambda _, __, priced: priced.ops if name == "operations" else priced.weight_bytes
    if name.endswith((".csv", ".npz")):
        return _Scores(Path(name))
    if ":" in name:
        return _called(name)
    raise OptionError(
        f"there is no objective {name!r}{nearest(name, PROXIES)}; known: {', '.join(PROXIES)}, a .csv or .npz file of "
        "scores, or module:function"
    )


def objective_as_sent(objective: str | Objective) -> str:
    """An objective as workers of a cluster take it: a proxy, or the whole path of a file of scores.

    Raises:
        OptionError: It is code, which workers are not sent.
    """
    if isinstance(objective, str) and objective.endswith((".csv", ".npz")):
        return str(Path(objective).absolute())
    if not isinstance(objective, str) or objective not in PROXIES:
        raise OptionError(
            "workers of a cluster run nobody's code but annette's: the objective is there "
            f"{', '.join(PROXIES)}, or a .csv or .npz file of scores, not {objective!r}"
        )
    return objective


def _called(name: str) -> Objective:
    function = resolve(name)

    def score(space: SearchSpace, candidates: IntArray, _: Priced) -> FloatArray:
        labels = [space.label(row) for row in candidates.tolist()]
        scores = np.asarray(function(labels), dtype=np.float64)
        if scores.shape != (len(labels),):
            raise OptionError(f"objective {name!r} gave {scores.shape} scores for {len(labels)} candidates")
        return scores

    return score


class _Scores:
    """Scores from a file, by candidate."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._by_row: dict[tuple[int, ...], float] = {}
        self._by_label: dict[str, float] = {}
        try:
            if path.suffix == ".npz":
                with np.load(path, allow_pickle=False) as arrays:
                    rows, scores = arrays["candidates"].tolist(), arrays["scores"].tolist()
                self._by_row = {tuple(row): float(score) for row, score in zip(rows, scores, strict=True)}
            else:
                with path.open(encoding="utf-8", newline="") as file:
                    self._by_label = {row["candidate"]: float(row["score"]) for row in csv.DictReader(file)}
        except (OSError, KeyError, ValueError, TypeError) as error:
            raise OptionError(f"scores {str(path)!r} cannot be read: {error}") from error

    def __call__(self, space: SearchSpace, candidates: IntArray, _: Priced) -> FloatArray:
        if self._by_label:
            self._by_row.update((space.parse(label), score) for label, score in self._by_label.items())
            self._by_label = {}
        nan = float("nan")
        return np.array([self._by_row.get(tuple(row), nan) for row in candidates.tolist()])
