"""What a campaign keeps while it goes on: figures of every chunk of cases, an input for each class of findings."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tools.fuzz.case import Case

__all__ = ["FINDING_KINDS", "Figures", "Record"]

FINDING_KINDS: Final = {
    "traceback": "tracebacks",
    "hang": "hangs",
    "memory": "over memory",
    "death": "deaths",
    "estimate": "bad estimates",
    "message": "bad messages",
    "report": "bad reports",
    "fault": "faults of ours",
}
"""Kinds of findings, and how the figures call them."""


@dataclass
class Figures:
    """Figures of one format.

    Attributes:
        cases: Inputs tried.
        outcomes: How many ended in what.
        findings: How many of each kind of finding, repetitions of a class included.
        seconds: Time that they took in the worker.
        slowest_s: Time of the slowest, and its case.
        slowest: That case.
        peak_bytes: The most memory that a worker used.
    """

    cases: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    slowest_s: float = 0.0
    slowest: str = ""
    peak_bytes: int = 0

    def add(self, case: Case, answer: dict[str, Any]) -> None:
        """Counts one answer."""
        self.cases += 1
        self.outcomes[answer["outcome"]] += 1
        if "kind" in answer:
            self.findings[answer["kind"]] += 1
        self.seconds += answer["seconds"]
        self.peak_bytes = max(self.peak_bytes, answer["peak_bytes"])
        if answer["seconds"] >= self.slowest_s:
            self.slowest_s, self.slowest = answer["seconds"], case.name

    def merge(self, other: dict[str, Any]) -> None:
        """Adds figures as `Record` keeps them."""
        self.cases += other["cases"]
        self.outcomes.update(other["outcomes"])
        self.findings.update(other["findings"])
        self.seconds += other["seconds"]
        self.peak_bytes = max(self.peak_bytes, other["peak_bytes"])
        if other["slowest_s"] >= self.slowest_s:
            self.slowest_s, self.slowest = other["slowest_s"], other["slowest"]


class Record:
    """The folder of a campaign; continued where it exists.

    Args:
        folder: Where to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._figures = folder / "figures.jsonl"
        self._findings = folder / "findings.jsonl"
        self._kills = folder / "kills.jsonl"
        self._stress = folder / "stress.jsonl"
        self.known = {line["key"] for line in _lines(self._findings)}

    def add_figures(self, seed: int, form: str, figures: Figures, wall_s: float) -> None:
        """Keeps the figures of a chunk of cases."""
        values = {**vars(figures), "seed": seed, "format": form, "wall_s": wall_s}
        _append(self._figures, values)

    def add_finding(self, case: Case, answer: dict[str, Any]) -> bool:
        """Keeps that a case showed a finding; whether it is the first of its class."""
        new = answer["key"] not in self.known
        self.known.add(answer["key"])
        _append(
            self._findings,
            {"format": case.format, "case": case.name, **{key: answer[key] for key in ("kind", "key", "text")}},
        )
        return new

    def keep_input(self, case: Case, answer: dict[str, Any], data: bytes, kept: list[str], suffix: str) -> Path:
        """Keeps the input of a class of findings; the folder that it lies in."""
        digest = hashlib.sha256(answer["key"].encode()).hexdigest()[:8]
        folder = self.folder / "findings" / f"{case.format}-{answer['kind']}-{digest}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"input{suffix}").write_bytes(data)
        about = [
            f"{answer['key']}",
            answer["text"],
            f"format {case.format}, case {case.name}, mutations {' '.join(kept) or 'none'}",
        ]
        (folder / "about.txt").write_text("\n".join([*about, "", answer.get("trace", "")]), encoding="utf-8")
        return folder

    def next_case(self, seed: int, form: str) -> int:
        """How many cases of a format and a campaign's seed were tried: the number of the next."""
        return sum(line["cases"] for line in self._chunks() if (line["seed"], line["format"]) == (seed, form))

    def figures(self) -> tuple[dict[str, Figures], float]:
        """Figures of each format, and the time that the campaign took, seconds."""
        found: dict[str, Figures] = {}
        wall_s = 0.0
        for line in self._chunks():
            found.setdefault(line["format"], Figures()).merge(line)
            wall_s += line["wall_s"]
        return found, wall_s

    def add_kills(self, values: dict[str, Any]) -> None:
        """Keeps what came of killing a command."""
        _append(self._kills, values)

    def add_stress(self, values: dict[str, Any]) -> None:
        """Keeps what a process under load saw."""
        _append(self._stress, values)

    def kills(self) -> list[dict[str, Any]]:
        """What `add_kills` kept."""
        return list(_lines(self._kills))

    def stress(self) -> list[dict[str, Any]]:
        """What `add_stress` kept."""
        return list(_lines(self._stress))

    def classes(self) -> Iterator[tuple[str, str, int]]:
        """Classes of findings with their format and how often they were met, the most frequent first."""
        counts = Counter((line["format"], line["key"]) for line in _lines(self._findings))
        for (form, key), count in counts.most_common():
            yield form, key, count

    def _chunks(self) -> Iterator[dict[str, Any]]:
        return _lines(self._figures)


def _append(file: Path, values: dict[str, Any]) -> None:
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(values) + "\n")


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    if file.exists():
        for line in file.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)
