"""Where a campaign measures: this machine, or whatever else takes cases and gives results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from annette.bench.records import Status
from annette.bench.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from annette.bench.measurement import CaseResult, Settings
    from annette.bench.plan import Case

__all__ = ["Measured", "Place", "ThisMachine", "Visit"]


@dataclass(frozen=True, slots=True)
class Visit:
    """One of several measurements of a case.

    Attributes:
        case: What is measured.
        number: Round under which it is recorded.
    """

    case: Case
    number: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of a visit.

    Attributes:
        visit: Which one.
        result: Its times, or why it failed.
        environment: What the measurement depends on.
        board: The board of a cluster that ran it; empty for this machine.
    """

    visit: Visit
    result: CaseResult
    environment: Mapping[str, str]
    board: str = ""


class Place(Protocol):
    """Measures the cases of a campaign."""

    def measure(self, waiting: Sequence[Visit], boards: Mapping[str, str]) -> Generator[Measured]:
        """Measures visits, in whatever order they are finished; closing the generator ends it.

        A case that fails is not visited again; every other visit has exactly one result.

        Args:
            waiting: All cases once, then all again.
            boards: The board of each case that boards have run before: its further visits belong there.
        """

    def probe(self) -> Mapping[str, str]:
        """The environment that measurements will have; nothing is measured."""


class ThisMachine:
    """Measures in worker processes of this machine, one case after the other.

    Args:
        backend: Name of the backend.
        options: Its options.
        settings: How cases are measured.
    """

    def __init__(self, backend: str, options: Mapping[str, Any], settings: Settings) -> None:
        self._supervisor = Supervisor(backend, options, settings)

    def measure(self, waiting: Sequence[Visit], boards: Mapping[str, str]) -> Generator[Measured]:
        """Measures visits in order; each round of visits begins in a new process.

        Raises:
            BackendError: The backend cannot be started.
        """
        del boards
        failed: set[str] = set()
        number = waiting[0].number if waiting else 0
        with self._supervisor as supervisor:
            for visit in waiting:
                if visit.case.id in failed:
                    continue
                if visit.number != number:
                    supervisor.renew()
                    number = visit.number
                result = supervisor.measure(visit.case)
                if result.status is Status.FAILED:
                    failed.add(visit.case.id)
                yield Measured(visit, result, supervisor.environment)

    def probe(self) -> Mapping[str, str]:
        """The environment that a worker reports.

        Raises:
            BackendError: The backend cannot be started.
        """
        with self._supervisor as supervisor:
            return supervisor.probe()
