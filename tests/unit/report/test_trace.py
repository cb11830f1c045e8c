"""Traces of estimates: in order, without gaps, with all that a kernel is known by."""

import json
from itertools import pairwise

import pytest

from annette.estimation import estimate_network
from annette.report.estimates import estimate_document
from annette.report.trace import trace_document
from tests.unit.samples import platform, small_network, with_intervals


def slices(trace, row):
    return [event for event in trace["traceEvents"] if event["ph"] == "X" and event["tid"] == row]


@pytest.fixture(scope="module")
def document():
    return estimate_document(estimate_network(small_network(), with_intervals()))


def test_kernels_follow_each_other_without_a_gap_or_an_overlap(document):
    events = slices(trace_document([document]), 1)
    assert [event["name"] for event in events] == [
        kernel["name"] for kernel in document["kernels"] if kernel["bound"] != "free"
    ]
    for event, following in pairwise(events):
        assert round(event["ts"] + event["dur"], 3) == following["ts"]
    assert sum(event["dur"] for event in events) == pytest.approx(
        1e6 * sum(kernel["latency_s"] for kernel in document["kernels"]), abs=1e-2
    )


def test_times_are_whole_nanoseconds(document):
    for event in slices(trace_document([document]), 1):
        assert event["ts"] * 1000 == pytest.approx(round(event["ts"] * 1000), abs=1e-6)


def test_what_a_run_costs_beside_its_kernels_follows_them():
    target = platform(overhead=type(platform().overhead)(per_kernel_s=1e-3))
    document = estimate_document(estimate_network(small_network(), target))
    trace = trace_document([document])
    (rest,) = slices(trace, 2)
    last = slices(trace, 1)[-1]
    assert rest["ts"] == pytest.approx(last["ts"] + last["dur"])
    assert rest["ts"] + rest["dur"] == pytest.approx(1e6 * document["latency_s"], abs=1e-2)


def test_a_kernel_tells_its_layers_and_its_interval(document):
    first = slices(trace_document([document]), 1)[0]
    kernel = next(each for each in document["kernels"] if each["bound"] != "free")
    assert first["args"]["layers"] == ", ".join(kernel["layers"])
    assert (first["args"]["lower_s"], first["args"]["upper_s"]) == tuple(kernel["interval_s"])
    assert first["cat"] == kernel["kind"]


def test_estimates_stand_below_each_other_and_are_json(document):
    trace = trace_document([document, document])
    assert {event["pid"] for event in trace["traceEvents"]} == {1, 2}
    assert len(trace["otherData"]["estimates"]) == 2
    assert json.loads(json.dumps(trace, allow_nan=False)) == trace
