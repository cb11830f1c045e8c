"""Sweeps: which points of a dataset belong together, and what of them is shown."""

import re
from dataclasses import replace

import pytest

from annette.bench.dataset import Dataset
from annette.bench.plan import Case, Plan
from annette.bench.records import KernelRecord, Purpose, Run, Status
from annette.bench.sweeps import GROUP, SWEEP, SWEPT, sweeps_of
from annette.network.builder import NetworkBuilder
from annette.report.dataset import dataset_document, dataset_page

STEP_S = 10e-6


def network(channels, name="n"):
    net = NetworkBuilder(name)
    x = net.input("x", (1, 4, 8, 8))
    return net.build(net.conv(x, channels, 3, padding=1, name=SWEPT))


def staircase_s(channels):
    return -(-channels // 8) * STEP_S


def run(channels, **changes):
    """A point of a sweep on a device that computes 8 channels at a time."""
    kernel_s = staircase_s(channels)
    values = {
        "case": f"micro-kernel/sweep/out/{channels:03d}", "round": 0, "purpose": Purpose.MICRO_KERNEL,
        "network": network(channels), "environment": {"runtime": "paper", "device": "npu"},
        "details": {GROUP: "sweep/out", SWEEP: "out_channels"}, "status": Status.OK, "reason": "",
        "started_unix_s": 1.0, "duration_s": 1.0, "latency_s": 2 * kernel_s, "samples_s": (2 * kernel_s,),
        "reference_s": (), "matched_share": 1.0,
        "kernels": (
            KernelRecord("a", "Conv", (SWEPT,), kernel_s, (kernel_s,)),
            KernelRecord("b", "Copy", (), kernel_s, (kernel_s,), added=True),
        ),
    }  # fmt: skip
    return Run(**{**values, **changes})


@pytest.fixture
def dataset(tmp_path):
    with Dataset.create(tmp_path / "d.sqlite") as dataset:
        yield dataset


def test_a_sweep_has_the_times_of_the_swept_layer_over_its_size(dataset):
    for channels in (24, 4, 16, 8, 12):
        dataset.add(run(channels))
    dataset.add(run(3, case="other", details={GROUP: "conv"}))
    (sweep,) = sweeps_of(dataset)
    assert (sweep.name, sweep.dimension, sweep.kind) == ("sweep/out", "out_channels", "conv")
    assert sweep.sizes == (4, 8, 12, 16, 24)
    assert sweep.latency_s == tuple(map(staircase_s, sweep.sizes))
    assert sweep.fixed == {
        "in_channels": 4, "in_height": 8, "in_width": 8, "out_height": 8, "out_width": 8, "kernel_height": 3,
        "kernel_width": 3,
    }  # fmt: skip
    assert sweep.of_kernels
    assert sweep.left_out == 0


def test_points_that_failed_or_are_marked_are_left_out_and_counted(dataset):
    for channels in (4, 8, 12):
        dataset.add(run(channels))
    dataset.add(run(16, status=Status.FAILED, kernels=()))
    dataset.add(run(20, status=Status.UNSTABLE))
    (sweep,) = sweeps_of(dataset)
    assert sweep.sizes == (4, 8, 12)
    assert sweep.left_out == 2


def test_without_a_report_of_kernels_the_whole_network_counts(dataset):
    for channels in (4, 12):
        dataset.add(run(channels, kernels=()))
    (sweep,) = sweeps_of(dataset)
    assert not sweep.of_kernels
    assert sweep.latency_s == (2 * STEP_S, 4 * STEP_S)


def test_one_point_is_no_sweep(dataset):
    dataset.add(run(4))
    assert sweeps_of(dataset) == ()


def test_the_page_draws_the_staircase(dataset):
    for channels in range(1, 33):
        dataset.add(run(channels))
    page = dataset_page(dataset_document(dataset))
    heights = [float(found) for found in re.findall(r'<circle cx="[^"]+" cy="([^"]+)"', page)]
    assert len(heights) == 32
    assert len(set(heights)) == 4
    assert heights == sorted(heights, reverse=True)
    assert [heights.count(height) for height in sorted(set(heights))] == [8, 8, 8, 8]
    assert "output channels of conv" in page
    assert "http:" not in page.replace("http://www.w3.org", "")
    assert "https:" not in page
    assert page.count("<svg") == page.count("</svg>") == 1


def test_names_on_the_page_cannot_break_out_of_it(dataset):
    dataset.add(run(4, environment={"runtime": "<script>", "device": "&"}))
    page = dataset_page(dataset_document(dataset))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_budget_keeps_sweeps_whole():
    def cases(group, count, sweep=""):
        return [
            Case(f"{group}{n}", Purpose.MICRO_KERNEL, group, network(n + 1), 1.0, sweep=sweep) for n in range(count)
        ]

    plan = Plan("p", (*cases("random", 40), *cases("first", 10, "out_channels"), *cases("second", 10, "in_channels")))
    assert plan.within(80.0).counts() == {
        f"micro-kernel/{g}": n for g, n in (("first", 10), ("random", 40), ("second", 10))
    }
    assert plan.within(40.0).counts() == {"micro-kernel/first": 10, "micro-kernel/random": 30}
    assert plan.within(20.0).counts() == {"micro-kernel/first": 10, "micro-kernel/random": 10}
    assert plan.within(10.0).counts() == {"micro-kernel/random": 10}
    again = Plan.from_text(plan.to_text())
    assert [case.sweep for case in again.cases] == [case.sweep for case in plan.cases]
    assert again.cases[-1] == replace(plan.cases[-1], network=again.cases[-1].network)
