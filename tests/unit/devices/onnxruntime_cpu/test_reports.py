"""Profiles of ONNX Runtime, sound and damaged."""

import json

import pytest

from annette.devices.onnxruntime_cpu.optimised_graph import OptimisedNode
from annette.devices.onnxruntime_cpu.reports import read_profile
from annette.errors import BackendRunError


def event(name, microseconds, operator="Conv"):
    arguments = {"op_name": operator, "input_type_shape": [{"float": [1, 8, 4, 4]}], "output_type_shape": []}
    return {"cat": "Node", "name": f"{name}_kernel_time", "dur": microseconds, "args": arguments}


def node(name, operator="Conv"):
    return OptimisedNode(name, operator, ("x",), ("y",), layout_change=False)


@pytest.fixture
def written(tmp_path):
    def write(content):
        path = tmp_path / "profile.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def test_the_last_runs_of_each_node_count(written):
    fence = {"cat": "Node", "name": "conv_fence_before", "dur": 1, "args": {}}
    session = {"cat": "Session", "name": "model_run", "dur": 100}
    runs = [[fence, event("conv", time), event("pool", 10 * time, "MaxPool"), session] for time in (50, 3, 4)]
    nodes = [node("conv"), node("pool", "MaxPool")]
    (conv, first), (pool, second) = read_profile(written([event for run in runs for event in run]), nodes, 2)
    assert (first, second) == tuple(nodes)
    assert conv.latency_s == pytest.approx((3e-6, 4e-6))
    assert pool.latency_s == pytest.approx((30e-6, 40e-6))
    assert conv.input_shapes == ((1, 8, 4, 4),)


def test_nodes_without_a_name_are_paired_by_type_in_order(written):
    nodes = [node("", "com.microsoft.nchwc.ReorderInput"), node("conv"), node("", "com.microsoft.nchwc.ReorderInput")]
    events = [event("a", 1, "ReorderInput"), event("conv", 2), event("b", 3, "ReorderInput"), event("c", 4, "Cast")]
    entries = read_profile(written(events), nodes, 1)
    assert [executed for _, executed in entries] == [nodes[0], nodes[1], nodes[2], None]
    assert [entry.operator for entry, _ in entries] == [
        "com.microsoft.nchwc.ReorderInput", "Conv", "com.microsoft.nchwc.ReorderInput", "Cast",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (json.dumps([event("conv", 1)])[:-20], "cannot be understood"),
        ([{"cat": "Node", "name": "conv_kernel_time", "args": {"op_name": "Conv"}}], "cannot be understood"),
        ([{"cat": "Node", "name": "conv_kernel_time", "dur": 1, "args": {}}], "cannot be understood"),
        ({"traceEvents": []}, "cannot be understood"),
        ([{"cat": "Session", "name": "model_run", "dur": 1}], "no kernel events"),
    ],
)
def test_what_is_damaged_or_has_other_fields_is_refused(written, content, message):
    with pytest.raises(BackendRunError, match=message):
        read_profile(written(content), [node("conv")], 1)


def test_a_missing_report_is_refused(tmp_path):
    with pytest.raises(BackendRunError, match="cannot be understood"):
        read_profile(tmp_path / "none.json", [], 1)
