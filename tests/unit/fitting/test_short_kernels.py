"""What a run costs by itself, and what its kernels take without the profiler, of runs whose times are known."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from annette.bench.records import KernelRecord
from annette.fitting.overheads import RunOverheads, run_overheads
from annette.fitting.short_kernels import first_uses, unresolved, without_profiler
from annette.mapping.kernel import KernelTable
from annette.models.roofline import Roofline
from tests.unit.fitting.synthetic import chain, convolutions, run, samples

PER_RUN_S, PER_INPUT_S, PER_OUTPUT_S, PROFILER_S = 4.5e-6, 4e-7, 5e-7, 1.8e-6


def profiled(times_s, *, inputs=1, outputs=1, noise=1.0, digits=6, **changes):
    """A run of kernels that take these times, with a profile in whole microseconds."""
    records = tuple(
        KernelRecord(f"k{index}", "Sin", (), (time_s := round(exact_s + PROFILER_S, digits)), (time_s,))
        for index, exact_s in enumerate(times_s)
    )
    total_s = (PER_RUN_S + PER_INPUT_S * inputs + PER_OUTPUT_S * outputs + sum(times_s)) * noise
    random = np.random.default_rng(0)
    layers = [SimpleNamespace(kind="sin", workload=time_s) for time_s in times_s]
    network = SimpleNamespace(inputs=["i"] * inputs, outputs=["o"] * outputs, layers=layers)
    made = replace(run(chain("c", random), random), kernels=records, latency_s=total_s, samples_s=(total_s,), **changes)
    object.__setattr__(made, "network", network)
    return made


def campaign():
    random = np.random.default_rng(1)
    runs = []
    for index in range(300):
        count = int(random.choice([1, 1, 1, 2, 3, 5, 8, 16, 32, 64]))
        times_s = 10 ** random.uniform(-6.7, -3.5 if index % 3 else -6, count)
        inputs, outputs = (int(random.choice([1, 1, 1, 2, 4, 8])) for _ in range(2))
        noise = float(np.exp(random.normal(0, 0.02)))
        runs.append(profiled(times_s, inputs=inputs, outputs=outputs, noise=noise))
    return runs


def test_costs_beside_kernels_are_found_from_runs_of_any_length():
    found = run_overheads(campaign())
    assert found.runs == 300
    assert found.per_run_s == pytest.approx(PER_RUN_S, abs=3e-7)
    assert found.per_input_s == pytest.approx(PER_INPUT_S, abs=1e-7)
    assert found.per_output_s == pytest.approx(PER_OUTPUT_S, abs=1e-7)
    assert found.profiler_s == pytest.approx(PROFILER_S, abs=1e-7)
    assert found.per_kernel_s == 0
    assert 1e-7 < found.spread_s < 1e-6


def test_the_first_kernel_and_several_of_them_cost_more():
    random = np.random.default_rng(2)
    runs = []
    for index in range(200):
        count = [1, 4, 8, 16, 32][index % 5]
        made = profiled([float(10 ** random.uniform(-6.5, -5.7))] * count, digits=12)
        first = replace(made.kernels[0], latency_s=made.kernels[0].latency_s + 9e-7)
        total_s = made.latency_s + 4e-7 + (3e-7 if count > 1 else 0.0)
        runs.append(replace(made, kernels=(first, *made.kernels[1:]), latency_s=total_s, samples_s=(total_s,)))
    found = run_overheads(runs)
    assert found.first_s == pytest.approx(9e-7)
    assert found.per_run_s == pytest.approx(PER_RUN_S + PER_INPUT_S + PER_OUTPUT_S + 4e-7, abs=2e-8)
    assert found.several_s == pytest.approx(3e-7, abs=2e-8)
    assert found.profiler_s == pytest.approx(PROFILER_S, abs=1e-8)
    before, after = runs[3], without_profiler(runs[3:4], found)[0]
    assert before.kernels[0].latency_s > before.kernels[1].latency_s
    assert after.kernels[0].latency_s == pytest.approx(after.kernels[1].latency_s, abs=1e-8)


def test_equal_numbers_of_inputs_say_nothing_about_one():
    found = run_overheads([one for one in campaign() if len(one.network.inputs) == 1])
    assert found.per_input_s == 0
    assert found.per_run_s == pytest.approx(PER_RUN_S + PER_INPUT_S, abs=3e-7)


def test_a_platform_states_the_host_s_costs_where_they_were_found():
    stated = run_overheads(campaign()).stated()
    assert stated.per_run_s == pytest.approx(PER_RUN_S, abs=3e-7)
    assert (stated.per_input_byte_s, stated.per_output_byte_s) == (0, 0)
    assert run_overheads(campaign()[:9]).stated().per_run_s is None


@pytest.mark.parametrize("exact_s", [2e-7, 6e-7, 1.4e-6, 4.3e-6])
@pytest.mark.parametrize("count", [1, 16, 64])
def test_short_kernels_follow_from_the_total(exact_s, count):
    overheads = RunOverheads(PER_RUN_S, 0.0, PROFILER_S, 100, PER_INPUT_S, PER_OUTPUT_S)
    (after,) = without_profiler([profiled([exact_s] * count)], overheads)
    assert [kernel.latency_s for kernel in after.kernels] == pytest.approx([exact_s] * count, abs=1.2e-7)


def test_long_runs_leave_their_kernels_alone():
    overheads = RunOverheads(PER_RUN_S, 0.0, PROFILER_S, 100, PER_INPUT_S, PER_OUTPUT_S)
    (after,) = without_profiler([profiled([2e-3, 1e-6], noise=1.05)], overheads)
    assert after.kernels[0].latency_s == pytest.approx(2e-3, rel=1e-3)
    assert after.kernels[1].latency_s == pytest.approx(1e-6, abs=5e-7)


@pytest.mark.parametrize(
    ("changes", "overheads"),
    [
        ({"details": {"evicted_bytes": "1000"}}, RunOverheads(PER_RUN_S, 0.0, PROFILER_S, 100)),
        ({}, RunOverheads(0.0, 0.0, PROFILER_S, 3)),
    ],
    ids=["evicted", "unknown"],
)
def test_where_no_total_says_so_at_most_half_is_the_profiler_s(changes, overheads):
    (after,) = without_profiler([profiled([2e-7, 5e-6], **changes)], overheads)
    assert [kernel.latency_s for kernel in after.kernels] == pytest.approx([1e-6, 7e-6 - PROFILER_S])


def test_shares_in_short_sums_are_left_out_where_there_are_others():
    table = convolutions(40)
    table.values[20:] = table.values[20]  # The last 20 are of one configuration.
    device = Roofline(1e16, 1e16, 4e-7)
    measured = samples(table, device.predict_s(table))
    run_of_row = np.array([*range(10), *[10, 11, 12, 13, 14] * 2, *[15] * 20])
    run_s = np.full(16, 2e-5)
    # Ten alone, five runs of two kernels, a row of equal ones.
    found = unresolved(measured, run_of_row, run_s)
    assert np.flatnonzero(found).tolist() == list(range(10, 20))
    assert not unresolved(measured, run_of_row, np.full(16, 1e-3)).any()
    # A row of many equal kernels whose total is not known, and one whose caches were emptied.
    without = np.array([*run_s[:15], np.nan])
    assert np.flatnonzero(unresolved(measured, run_of_row, without)).tolist() == list(range(10, 40))
    assert np.flatnonzero(unresolved(measured, run_of_row, np.array([*run_s[:15], np.inf]))).tolist() == [
        *range(10, 20)
    ]
    assert not unresolved(samples(table, 50 * device.predict_s(table)), run_of_row, run_s).any()
    assert not unresolved(measured.select(np.arange(5, 20)), run_of_row[5:20], run_s).any()


def test_the_first_kernel_of_a_kind_without_weights_is_left_out_where_caches_were_emptied():
    poolings = convolutions(30, seed=2)
    poolings.kinds[:] = "pool"
    poolings["weight_bytes"][:] = 0
    table = KernelTable.concatenate([convolutions(30), poolings])
    measured = samples(table, np.full(60, 1e-5))
    run_of_row = np.array([*np.repeat(np.arange(6), 5), *np.repeat(np.arange(6), 5)])
    emptied = np.array([True, False, True, False, False, False])
    assert np.flatnonzero(first_uses(measured, run_of_row, emptied)).tolist() == [30, 40]
    longer = samples(table, np.full(60, 1e-4))
    assert not first_uses(longer, run_of_row, emptied).any(), "fetching code is little of that"
    few = np.array([*range(30), 30, 40])  # Nothing would be left of the poolings.
    assert not first_uses(measured.select(few), run_of_row[few], emptied).any()
