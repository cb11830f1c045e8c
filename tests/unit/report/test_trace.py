"""Traces of estimates: in order, without gaps, with all that a kernel is known by."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        assert event["ts"] + event["dur"] == following["ts"]  # To the last bit: viewers nest what overlaps.
    assert sum(event["dur"] for event in events) == pytest.approx(
        1e6 * sum(kernel["latency_s"] for kernel in document["kernels"]), abs=1e-2
    )


@given(st.lists(st.floats(1e-9, 1.0), min_size=2, max_size=40))
def test_neighbours_overlap_neither_in_floating_point_nor_in_nanoseconds(latencies_s):
    known = {"name": "k", "kind": "conv", "layers": [], "rules": [], "bound": "compute", "interval_s": None}
    known |= dict.fromkeys(("ops", "bytes", "utilisation", "method", "in_range"), 0)
    document = dict.fromkeys(("network", "platform", "model", "batch", "latency_is", "interval_s", "notes"))
    document |= {"latency_s": sum(latencies_s), "kernels": [known | {"latency_s": each} for each in latencies_s]}
    for event, following in pairwise(slices(trace_document([document]), 1)):
        assert event["ts"] + event["dur"] == following["ts"]
        begin_ns, length_ns, next_ns = (int(time_us * 1000) for time_us in (event["ts"], event["dur"], following["ts"]))
        assert begin_ns + length_ns <= next_ns


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
