"""Plans: what is to be measured, as data.

A plan holds the networks themselves, so that the measuring side needs no generator and the same plan can be carried
from board to board. Schema ``annette/plan/1``.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, Final

from msgspec import Meta

from annette.bench.records import Purpose  # noqa: TC001 - msgspec reads annotations
from annette.documents import Document, Duration, Natural, convert, parse_json
from annette.errors import DatasetError, NetworkError
from annette.network.graph_json import graph_from_json, graph_to_json

if TYPE_CHECKING:
    from annette.network import Network

__all__ = ["SCHEMA", "Case", "Plan"]

SCHEMA: Final = "annette/plan/1"
_SHARE_OF_SWEEPS: Final = 0.25
_SHARE_OF_FIRST_SWEEP: Final = 0.5
"""Of a budget, at the most."""


@dataclass(frozen=True, slots=True)
class Case:
    """One network to be measured for one reason.

    Attributes:
        id: Unique within the plan; stable between plans made with the same seed.
        purpose: Why it is measured.
        group: What it counts towards: kind, layout and alignment of the kernel it is about.
        network: What is measured.
        expected_s: Expected device time of the whole measurement, warm-up and repeats included.
        evicted_bytes: Memory touched before every run, so that weights come from where they lie in a whole network: the
            next cache, or main memory; 0 runs the network again and again.
        evicted_ops: Operations that a network of such weights would do in that time: as long as they take, at the speed
            of the reference workload, at least passes before every run. 0 runs at once; without ``evicted_bytes``
            it does not count.
        path: File that is measured as it is instead of lowering ``network``; empty for generated networks.
        sweep: Dimension of the layer `annette.bench.sweeps.SWEPT` that the cases of its group sweep; empty for none.
        made_for: Networks of a user that it was made for, by name and digest
            (`annette.network.graph_json.graph_digest`): they have the kernel that it is about.
    """

    id: str
    purpose: Purpose
    group: str
    network: Network
    expected_s: float
    path: str = ""
    evicted_bytes: int = 0
    evicted_ops: int = 0
    sweep: str = ""
    made_for: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The case as plain JSON values."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "network"}
        return {**values, "graph": graph_to_json(self.network)}

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Case:
        """Builds a case from `to_json`.

        Raises:
            DatasetError: The entry is not a case.
        """
        return _case(convert(entry, _CaseEntry, error=DatasetError, path="a case of a plan: $"))


class _CaseEntry(Document, frozen=True):
    """A case as `Case.to_json` writes it."""

    id: str
    purpose: Purpose
    group: str
    graph: dict[str, Any]
    expected_s: Duration
    path: str = ""
    evicted_bytes: Annotated[int, Meta(ge=0, le=2**36)] = 0
    evicted_ops: Natural = 0
    sweep: str = ""
    made_for: tuple[tuple[str, str], ...] = ()


class _PlanDocument(Document, frozen=True):
    schema: str
    name: str = ""
    cases: tuple[_CaseEntry, ...] = ()


def _case(entry: _CaseEntry) -> Case:
    values = {name: getattr(entry, name) for name in entry.__struct_fields__ if name != "graph"}
    try:
        return Case(**values, network=graph_from_json(entry.graph))
    except NetworkError as error:
        raise DatasetError(f"case {entry.id!r} of a plan holds no network: {error}") from error


@dataclass(frozen=True, slots=True)
class Plan:
    """Cases to be measured, in order.

    Attributes:
        name: For people: preset and seed.
        cases: What is measured; the identities are distinct.
    """

    name: str
    cases: tuple[Case, ...]

    def __post_init__(self) -> None:
        counts = Counter(case.id for case in self.cases)
        repeated = [identity for identity, count in counts.items() if count > 1]
        if repeated:
            raise DatasetError(f"plan {self.name!r} has several cases called {repeated[0]!r}")

    @property
    def expected_s(self) -> float:
        """Expected device time of the whole plan."""
        return sum(case.expected_s for case in self.cases)

    def counts(self) -> dict[str, int]:
        """Number of cases of each purpose and group, as ``purpose/group``, sorted."""
        return dict(sorted(Counter(f"{case.purpose}/{case.group}" for case in self.cases).items()))

    def within(self, budget_s: float) -> Plan:
        """The part of the plan that fits a time budget.

        Sweeps are kept as a whole or not at all: in the order of the plan, as many as fit a quarter of the budget, and
        the first also if it takes up to a half. All other groups are cut by the same share: their cases are taken
        round-robin, so that a small budget still sees every group. At least one case is kept.

        Args:
            budget_s: Device time, in seconds, more than 0.
        """
        queues: dict[str, list[Case]] = {}
        sweeps: dict[str, list[Case]] = {}
        for case in self.cases:
            (sweeps if case.sweep else queues).setdefault(f"{case.purpose}/{case.group}", []).append(case)
        kept: set[str] = set()
        used_s = 0.0
        for cases in sweeps.values():
            expected_s = sum(case.expected_s for case in cases)
            if used_s + expected_s <= budget_s * (_SHARE_OF_SWEEPS if kept else _SHARE_OF_FIRST_SWEEP):
                kept.update(case.id for case in cases)
                used_s += expected_s
        ranked = sorted(
            (
                ((position + 0.5) / len(cases), group, case)
                for group, cases in queues.items()
                for position, case in enumerate(cases)
            ),
            key=lambda entry: (entry[0], entry[1]),
        )
        for _, _, case in ranked:
            if kept and used_s + case.expected_s > budget_s:
                continue
            kept.add(case.id)
            used_s += case.expected_s
        return Plan(self.name, tuple(case for case in self.cases if case.id in kept))

    def to_text(self) -> str:
        """The plan as a JSON document."""
        return json.dumps(
            {"schema": SCHEMA, "name": self.name, "cases": [case.to_json() for case in self.cases]},
            separators=(",", ":"),
            sort_keys=True,
        )

    @classmethod
    def from_text(cls, text: str) -> Plan:
        """Reads `to_text`.

        Raises:
            DatasetError: The text is not a plan of this version.
        """
        document = parse_json(text.encode(errors="replace"), source="a plan", error=DatasetError)
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise DatasetError(f"a plan does not have schema {SCHEMA!r}")
        read = convert(document, _PlanDocument, error=DatasetError, path="a plan: $")
        return cls(read.name, tuple(map(_case, read.cases)))

    def digest(self) -> str:
        """Identity of the plan: SHA-256 of its text, 32 hexadecimal digits."""
        return hashlib.sha256(self.to_text().encode()).hexdigest()[:32]
