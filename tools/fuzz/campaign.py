"""A campaign: cases of all formats in turns until enough were tried, with progress, figures and findings."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from tools.fuzz.case import build
from tools.fuzz.formats import FORMATS, SHARES
from tools.fuzz.minimise import minimised
from tools.fuzz.pool import HANG_S, Pool, Request, Worker
from tools.fuzz.record import Figures, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tools.fuzz.case import Case, Format

__all__ = ["run_campaign"]

_CHUNK: Final = 50
_PROGRESS_S: Final = 10.0


class _Schedule:
    """Requests in turns, each format as often as its share says."""

    def __init__(self, record: Record, seed: int, formats: Sequence[str], cases: int, end_s: float) -> None:
        self._seed, self._end_s = seed, end_s
        total = sum(SHARES[name] for name in formats)
        self._next = {name: record.next_case(seed, name) for name in formats}
        self._left = {name: max(0, -(-cases * SHARES[name] // total) - self._next[name]) for name in formats}
        self._spent = dict.fromkeys(formats, 0.0)

    def __iter__(self) -> Iterator[Request]:
        while time.monotonic() < self._end_s:
            waiting = [name for name, left in self._left.items() if left > 0]
            if not waiting:
                return
            name = min(waiting, key=lambda each: self._spent[each] / SHARES[each])
            count = min(_CHUNK, self._left[name])
            yield Request(name, self._seed, self._next[name], count)
            self._next[name] += count
            self._left[name] -= count
            self._spent[name] += count


def run_campaign(
    out: Path,
    *,
    seed: int,
    formats: Sequence[str] = tuple(FORMATS),
    cases: int = 10**9,
    minutes: float = 1e9,
    jobs: int = 1,
    extra: Sequence[Path] = (),
    hang_s: float = HANG_S,
    quiet: bool = False,
) -> Record:
    """Tries cases and keeps what was found.

    Args:
        out: Folder of the campaign; one that exists is continued.
        seed: Of everything random.
        formats: Names of formats.
        cases: How many in all, those of an earlier start included.
        minutes: Time after which no further cases are begun.
        jobs: Workers.
        extra: Files of a user's that join the seeds.
        hang_s: Time after which a case hangs.
        quiet: Whether nothing is printed.

    Returns:
        What was kept.
    """
    record = Record(out)
    schedule = iter(_Schedule(record, seed, formats, cases, time.monotonic() + 60 * minutes))
    forms = {name: FORMATS[name](extra) for name in formats}
    tally = _Tally(record, seed)
    news: list[tuple[Case, dict[str, Any]]] = []
    shown_s = time.monotonic()
    with Pool(jobs, extra, hang_s) as pool, tally, suppress(KeyboardInterrupt):
        for case, answer in pool.run(schedule):
            tally.add(case, answer)
            if "kind" in answer and record.add_finding(case, answer) and answer["kind"] != "fault":
                news.append((case, answer))
                record.keep_input(case, answer, build(forms[case.format], case), ["all"], forms[case.format].suffix)
            if not quiet and time.monotonic() - shown_s > _PROGRESS_S:
                shown_s = time.monotonic()
                print(f"{tally.cases} cases, {len(record.known)} classes of findings", file=sys.stderr, flush=True)
    _keep_smaller(record, news, forms, extra, hang_s)
    return record


class _Tally:
    """Figures of each format, kept whenever there are enough and at the end."""

    def __init__(self, record: Record, seed: int) -> None:
        self._record, self._seed = record, seed
        self._open: dict[str, Figures] = {}
        self._since_s = time.monotonic()
        self.cases = 0

    def add(self, case: Case, answer: dict[str, Any]) -> None:
        self.cases += 1
        figures = self._open.setdefault(case.format, Figures())
        figures.add(case, answer)
        if figures.cases == _CHUNK:
            self._keep(case.format)

    def _keep(self, form: str) -> None:
        now_s = time.monotonic()
        self._record.add_figures(self._seed, form, self._open.pop(form), now_s - self._since_s)
        self._since_s = now_s

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        for form in list(self._open):
            self._keep(form)


def _keep_smaller(
    record: Record,
    news: Sequence[tuple[Case, dict[str, Any]]],
    forms: Mapping[str, Format],
    extra: Sequence[Path],
    hang_s: float,
) -> None:
    """Makes the first input of each class smaller."""
    if not news:
        return
    with Worker(extra, hang_s) as worker:
        for case, answer in news:
            form = forms[case.format]
            slow = answer["kind"] in ("hang", "death")
            data, kept = minimised(worker, form, case, answer["key"], seconds=3 * hang_s if slow else 10.0)
            record.keep_input(case, answer, data, kept, form.suffix)
