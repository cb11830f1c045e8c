"""Which runs may be fitted on."""

import numpy as np
import pytest

from annette.bench.host import pin_process
from annette.bench.records import Purpose, Run, Status
from tests.unit.bench.scripted import network

SCATTERED_S = tuple(np.linspace(0.8e-3, 1.2e-3, 40).tolist())


def run(status, samples_s=SCATTERED_S, reference_s=()):
    return Run(
        case="c", round=0, purpose=Purpose.CHAIN, network=network("c"), environment={}, details={}, status=status,
        reason="", started_unix_s=0.0, duration_s=1.0, latency_s=1e-3, samples_s=samples_s,
        reference_s=reference_s, kernels=(), matched_share=1.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("made", "usable"),
    [
        (run(Status.OK), True),
        (run(Status.TOO_SHORT), True),
        (run(Status.DRIFTED), False),
        (run(Status.FAILED, ()), False),
        (run(Status.UNSTABLE), True),
        (run(Status.UNSTABLE, SCATTERED_S[::10]), False),
        (run(Status.UNSTABLE, ()), False),
        (run(Status.UNSTABLE, (1e-3,)), False),
        (run(Status.UNSTABLE, (float("nan"),) * 40), False),
        (run(Status.UNSTABLE, reference_s=(1e-3,) * 9), True),
        (run(Status.UNSTABLE, reference_s=(1e-3,) * 5 + (1.2e-3,) * 4), False),
    ],
)
def test_an_unstable_run_counts_if_its_median_is_known(made, usable):
    assert made.usable is usable


@pytest.mark.parametrize(("cpus", "asked"), [((), False), ((1,), True), ((0, 1), False)])
def test_only_one_processor_is_measured_on_in_a_real_time_class(monkeypatch, cpus, asked):
    calls = []
    monkeypatch.setattr("os.sched_setaffinity", lambda *_: None, raising=False)
    monkeypatch.setattr("os.sched_setscheduler", lambda *a: calls.append(a), raising=False)
    reached = pin_process(cpus)
    assert bool(calls) is asked
    assert reached["scheduler"] == ("SCHED_RR" if asked else "SCHED_OTHER")
