"""Visits of a case become one run: what the case takes when nobody disturbs it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from annette.bench.records import KernelRecord, Purpose, Run, Status
from annette.bench.visits import joined_error, joined_visits, undisturbed
from annette.network.builder import NetworkBuilder


def visit(round_: int, time_s: float, *, status: Status = Status.OK, operator: str = "Relu", **changes: object) -> Run:
    net = NetworkBuilder("small")
    network = net.build(net.relu(net.input("data", (1, 8, 4, 4))))
    run = Run(
        case="case",
        round=round_,
        purpose=Purpose.MICRO_KERNEL,
        network=network,
        environment={},
        details={},
        status=status,
        reason="",
        started_unix_s=float(round_),
        duration_s=1.0,
        latency_s=time_s,
        samples_s=(time_s, time_s),
        reference_s=(1e-3,),
        kernels=(KernelRecord("relu", operator, ("relu",), time_s, (time_s, time_s)),),
        matched_share=1.0,
    )
    return replace(run, **changes)  # type: ignore[arg-type]


def test_a_disturbed_visit_does_not_count() -> None:
    (run,) = joined_visits([visit(0, 1.9e-3), visit(1, 1.0e-3), visit(2, 1.02e-3)])
    assert run.status is Status.OK
    assert run.latency_s == pytest.approx(1.01e-3)
    assert run.kernels[0].latency_s == pytest.approx(1.01e-3)
    assert (run.round, run.attempts, run.duration_s) == (0, 3, 3.0)
    assert len(run.kernels[0].samples_s) == 6


@pytest.mark.parametrize(
    ("times_s", "expected"),
    [((3.0,), 3.0), ((9.0, 1.0), 1.0), ((9.0, 1.0, 2.0), 1.5), ((9.0, 1.0, 2.0, 8.0), 1.5), ((1, 2, 3, 8, 9), 2.0)],
)
def test_the_shorter_half_says_what_takes_how_long_undisturbed(times_s: tuple[float, ...], expected: float) -> None:
    assert undisturbed(times_s) == expected


def test_a_single_visit_stays_as_it_is() -> None:
    run = visit(0, 1e-3)
    assert joined_visits([run]) == [run]


def test_two_disturbed_visits_of_three_are_said() -> None:
    (run,) = joined_visits([visit(0, 1.9e-3), visit(1, 1.0e-3), visit(2, 1.4e-3)])
    assert run.status is Status.UNSTABLE
    assert "40%" in run.reason


def test_failed_visits_count_only_where_all_failed() -> None:
    failed = visit(1, 1e-3, status=Status.FAILED, reason="crashed", kernels=(), samples_s=())
    (run,) = joined_visits([visit(0, 1e-3), failed])
    assert run.status is Status.OK
    (run,) = joined_visits([failed, replace(failed, round=2)])
    assert (run.status, run.reason) == (Status.FAILED, "crashed")


def test_visits_on_a_board_that_was_lost_do_not_mix_with_those_of_another() -> None:
    """A board that is 5 % faster would be taken for the undisturbed time of the other one."""
    lost = visit(0, 0.95e-3, details={"board": "b"})
    others = [visit(number, time_s, details={"board": "a"}) for number, time_s in ((1, 1.0e-3), (2, 1.01e-3))]
    (run,) = joined_visits([lost, *others])
    assert run.latency_s == pytest.approx(1.0e-3)
    assert run.board == "a"
    assert run.kernels[0].error < 0.01
    assert (run.attempts, run.duration_s) == (3, 3.0)


def test_a_visit_of_other_kernels_is_another_measurement() -> None:
    (run,) = joined_visits([visit(0, 1e-3), visit(1, 0.5e-3, operator="Other"), visit(2, 1.01e-3)])
    assert run.kernels[0].operator == "Relu"
    assert run.kernels[0].latency_s > 0.9e-3


@pytest.mark.parametrize(
    ("times_s", "expected"),
    [
        ((1e-3,), 0.0),
        ((0.0, 1e-3), 0.0),
        ((1e-3, 1e-3, 2e-3), 0.005),
        ((2e-3, 1e-3, 1.1e-3), 0.0702),
        ((1e-3, 9e-3), 0.5),
        ((1.0, 1.1, 1.2, 1.3, 1.4), 0.0638),
    ],
)
def test_visits_that_differ_know_the_time_less_well(times_s: tuple[float, ...], expected: float) -> None:
    assert joined_error(times_s) == pytest.approx(expected, abs=1e-4)


def test_a_joined_kernel_says_how_well_its_time_is_known() -> None:
    (run,) = joined_visits([visit(0, 1.0e-3), visit(1, 1.1e-3), visit(2, 1.9e-3)])
    assert run.kernels[0].error == pytest.approx(0.0702, abs=1e-4)


def test_kernels_in_another_order_are_the_same_kernels() -> None:
    def copies(*times_s: float) -> tuple[KernelRecord, ...]:
        return tuple(KernelRecord(f"copy{number}", "Copy", (), s, (s,)) for number, s in enumerate(times_s))

    relu = visit(0, 1e-3).kernels
    runs = [
        visit(0, 1e-3, kernels=(*relu, *copies(5e-3, 1e-3))),
        visit(1, 1e-3, kernels=(*copies(1.1e-3, 4e-3), *relu)),
    ]
    (run,) = joined_visits(runs)
    factor = 6.1 / 6.0  # the second visit, in which nothing was interrupted, over the shortest times
    assert [kernel.operator for kernel in run.kernels] == ["Copy", "Copy", "Relu"]
    assert [kernel.latency_s for kernel in run.kernels] == pytest.approx([1e-3 * factor, 4e-3 * factor, 1e-3 * factor])
    assert [kernel.name for kernel in run.kernels] == ["copy0", "copy1", "relu"]


def test_kernels_add_up_to_what_one_visit_took() -> None:
    """The shortest of each kernel's times would be a run that was never seen, unless something interrupted them."""

    def kernels(*times_s: float) -> tuple[KernelRecord, ...]:
        return tuple(KernelRecord(f"relu{number}", f"Relu{number}", (), s, (s,)) for number, s in enumerate(times_s))

    differing = [visit(0, 2.1e-3, kernels=kernels(1.0e-3, 1.1e-3)), visit(1, 2.2e-3, kernels=kernels(1.2e-3, 1.0e-3))]
    (run,) = joined_visits(differing)
    assert sum(kernel.latency_s for kernel in run.kernels) == pytest.approx(2.1e-3)
    assert run.kernels[0].latency_s == pytest.approx(run.kernels[1].latency_s)
    interrupted = [visit(0, 9e-3, kernels=kernels(1.0e-3, 8.0e-3)), visit(1, 9e-3, kernels=kernels(8.0e-3, 1.0e-3))]
    (run,) = joined_visits(interrupted)
    assert sum(kernel.latency_s for kernel in run.kernels) == pytest.approx(2.5e-3)  # not 9 ms


def test_rounds_of_whole_networks_stay_apart() -> None:
    rounds = [visit(number, 1e-3, purpose=Purpose.NETWORK) for number in range(3)]
    assert joined_visits(rounds) == rounds
