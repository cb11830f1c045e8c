"""What the reference workloads say of a machine."""

from __future__ import annotations

from itertools import combinations
from types import SimpleNamespace
from typing import TYPE_CHECKING

import jsonschema
import numpy as np
import pytest

from annette.bench import check
from annette.bench.backend import Availability, Backend
from annette.bench.check import MachineCheck, check_machine, checked_workloads, error_of_three, timing_backend
from annette.bench.host import ProcessorTimes
from annette.bench.measurement import Settings
from annette.bench.named_backends import backend_class
from annette.bench.records import Purpose, Status
from annette.bench.workloads import WORKLOADS, reference_workload
from annette.errors import BackendError, BackendUnavailableError, OptionError
from annette.report.bench import check_document, print_check
from annette.report.page import Page
from annette.report.schema import schema
from tests.unit.bench.test_calm import visit

if TYPE_CHECKING:
    from collections.abc import Callable


def runs(noise: dict[str, float]) -> list[object]:
    random = np.random.default_rng(4)
    return [
        visit(0, number, 1e-3 * (1 + random.exponential(amount)), case=f"{name}/{number % 5}")
        for name, amount in noise.items()
        for number in range(60)
    ]


def machine(noise: dict[str, float], **facts: object) -> MachineCheck:
    known = {
        "backend": "clock",
        "rounds": 12,
        "duration_s": 30.0,
        "stolen": None,
        "busy": None,
        "clock_hz": None,
    } | facts
    return MachineCheck(workloads=checked_workloads(runs(noise)), **known)  # type: ignore[arg-type]


def test_the_error_of_three_is_that_of_all_threes() -> None:
    times_s = np.random.default_rng(1).exponential(1.0, 9) + 1.0
    calm_s = np.sort(times_s)[:5].mean()
    expected = np.mean([abs((sum(three) - max(three)) / 2 / calm_s - 1) for three in combinations(times_s, 3)])
    assert error_of_three(times_s.tolist()) == pytest.approx(expected)


def test_only_what_is_disturbed_is_named() -> None:
    found = machine({"arithmetic": 0.001, "memory": 0.3})
    assert [workload.name for workload in found.workloads] == ["arithmetic", "memory"]
    assert found.workloads[0].calm == 1.0
    (cause,) = found.causes
    assert cause.startswith("memory: ")
    assert "bandwidth" in cause


def test_verdicts_follow_the_error() -> None:
    found = [machine(dict.fromkeys(WORKLOADS, noise)) for noise in (0.001, 0.1, 1.0)]
    assert [each.verdict for each in found] == ["calm", "disturbed", "too disturbed"]
    assert [each.index for each in found] == sorted((each.index for each in found), reverse=True)


def test_what_the_host_says_is_a_cause() -> None:
    calm = {"arithmetic": 0.0}
    assert machine(calm, stolen=0.0, busy=0.1, clock_hz=(2.0e9, 2.01e9)).causes == ()
    causes = machine(calm, stolen=0.2, busy=0.9, clock_hz=(1.0e9, 2.0e9)).causes
    assert [any(word in cause for cause in causes) for word in ("20%", "90%", "1.00 to 2.00 GHz")] == [True] * 3


def test_failed_workloads_are_left_out() -> None:
    failed = [visit(0, number, 1e-3, case="memory/0", status=Status.FAILED) for number in range(9)]
    assert checked_workloads(failed) == ()


class _Timing:
    deterministic = False
    estimates = False
    available = staticmethod(lambda: Availability(usable=True, reason="a script"))


def checked(monkeypatch: pytest.MonkeyPatch, status: Status) -> MachineCheck:
    """A check whose rounds take 10 s of a clock that only they move."""
    now = SimpleNamespace(s=0.0)
    ticks = iter(range(10))

    def campaign(plan: object, dataset: object, *, round_: int, **_: object) -> None:
        now.s += 10.0
        for case in plan.cases:  # type: ignore[attr-defined]
            run = visit(0, round_, 1e-3, case=case.id, status=status, purpose=Purpose.MICRO_KERNEL, reason="too large")
            dataset.add(run)  # type: ignore[attr-defined]

    def times() -> dict[int, ProcessorTimes]:
        tick = next(ticks)
        return {0: ProcessorTimes(100 * tick, 0, 50 * tick), 1: ProcessorTimes(100 * tick, 5 * tick, 90 * tick)}

    monkeypatch.setattr(check, "require_usable", lambda _: _Timing)
    monkeypatch.setattr(check, "run_campaign", campaign)
    monkeypatch.setattr(check, "processor_times", times)
    monkeypatch.setattr(check, "clock_hz", lambda cpus: [3e9 for _ in cpus])
    how = {"options": {}, "settings": Settings(cpus=(1,)), "clock": lambda: now.s}
    return check_machine("clock", duration_s=70.0, **how)  # type: ignore[arg-type]


def test_rounds_go_on_for_the_time_that_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    found = checked(monkeypatch, Status.OK)
    assert (found.rounds, found.duration_s) == (7, 70.0)
    assert (found.stolen, found.busy, found.clock_hz) == (0.05, 0.5, (3e9, 3e9))
    assert len(found.workloads) == len(WORKLOADS)


def test_a_backend_that_runs_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BackendError, match="too large"):
        checked(monkeypatch, Status.FAILED)


def test_what_is_worked_out_cannot_be_checked() -> None:
    with pytest.raises(OptionError, match="take times"):
        check_machine("replay", options={}, settings=Settings())


def test_workloads_feel_what_they_say() -> None:
    weights = {name: sum(x.workload.weight_bytes for x in reference_workload(name).layers) for name in WORKLOADS}
    moved = {name: sum(x.workload.bytes for x in reference_workload(name).layers) for name in WORKLOADS}
    assert moved["arithmetic"] < 128 * 1024
    assert weights["cache"] == 4 << 20
    assert moved["memory"] == 128 << 20
    assert len(reference_workload("tiny kernels").layers) == 40


def test_the_document_and_the_page_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    found = machine({"memory": 1.0})
    document = check_document(found)
    jsonschema.validate(document, schema("bench-check"))
    assert document["verdict"] == "too disturbed"
    print_check(document, page=Page())
    printed = capsys.readouterr().out
    assert "too disturbed" in printed
    assert document["causes"][0][:20] in printed


@pytest.mark.parametrize(
    ("usable", "expected"), [({"onnxruntime", "openvino", "replay"}, "onnxruntime"), ({"openvino"}, "openvino")]
)
def test_without_a_name_the_first_backend_that_takes_times_here_is_taken(
    monkeypatch: pytest.MonkeyPatch, usable: set[str], expected: str
) -> None:
    monkeypatch.setattr(check, "backend_class", backends(usable))
    assert timing_backend() == expected


def test_where_no_backend_takes_times_the_error_names_those_that_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "backend_class", backends({"replay", "vela"}))
    with pytest.raises(BackendUnavailableError, match=r"onnxruntime, openvino"):
        timing_backend()


def backends(usable: set[str]) -> Callable[[str], type[Backend]]:
    """Classes of the known backends, of which only some have their runtime here."""

    def find(name: str) -> type[Backend]:
        known = backend_class(name)
        state = Availability(usable=name in usable, reason="", install="")
        return type(name, (known,), {"available": classmethod(lambda _: state)})

    return find
