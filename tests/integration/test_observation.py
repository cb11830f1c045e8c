"""Sizes that data decide, looked up in a run of ONNX Runtime, and bound wherever a file is run."""

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import helper, numpy_helper

import annette
from annette.bench.dataset import Dataset
from annette.bench.session import case_of, network_case
from annette.cli.main import cli
from annette.devices.onnxruntime_cpu import observation
from annette.devices.onnxruntime_cpu.observer import part_of
from annette.errors import BackendRunError, DatasetError, UndecidedSizeError
from annette.evaluation.truth import truths_of
from annette.network.inputs import InputValue
from annette.network.load import load_network
from annette.report.bench import measurement_document
from tests.unit.network.readers.onnx.build import model, save
from tests.unit.network.readers.onnx.test_onnx_sizes import RECURRENT, SELECTION

pytest.importorskip("onnxruntime")

POSITIVE = SELECTION.replace("places = NonZero(x)", "good = Relu(x)\n places = NonZero(good)")

SPREAD = """
    spread (float[10, 4] x, int64[10] durations) => (float[m, 4] y) {
        total = ReduceSum<keepdims=1>(durations)
        one = Constant<value = int64[1] {4}>()
        three = Constant<value = int64[1] {3}>()
        wide = Mul(total, three)
        shape = Concat<axis=0>(wide, one)
        row = ReduceMean<axes=[0], keepdims=1>(x)
        rows = Expand(row, shape)
        sign = Relu(rows)
        places = NonZero(sign)
        y = Relu(rows)
        z = Cast<to=1>(places)
    }
""".replace("(float[m, 4] y)", "(float[m, 4] y, float[2, k] z)")


@pytest.fixture
def selection(tmp_path):
    return save(tmp_path, model(POSITIVE))


def test_a_run_says_how_much_data_select(selection):
    inputs = annette.observe_sizes(selection)
    ((rank, count),) = inputs.values()
    assert list(inputs) == ["places"]
    assert rank == 1
    assert 10 < count < 30  # Half of standard normal values are above 0.
    network = load_network(selection, inputs=inputs)
    assert network.tensors["y"].shape == (count,)
    assert not network.extremes


def test_what_was_given_is_not_looked_up(selection):
    assert annette.observe_sizes(selection, inputs={"places": (3,)}) == {"places": (3,)}


def test_lengths_of_sequences_are_those_fed(tmp_path):
    path = save(tmp_path, model(RECURRENT))
    assert annette.observe_sizes(path) == {"lengths": (1,)}
    given = {"n": InputValue((7,))}
    assert annette.observe_sizes(path, inputs=given) == given


def test_shapes_that_nothing_bounds_are_found_one_after_the_other(tmp_path):
    path = save(tmp_path, model(SPREAD, opset=17))
    with pytest.raises(UndecidedSizeError):
        load_network(path)
    inputs = annette.observe_sizes(path)
    assert inputs["rows"] == (30, 4)
    network = load_network(path, inputs=inputs)
    assert network.tensors["y"].shape == (30, 4)
    assert case_of(path, "onnxruntime").network.tensors["y"].shape == (30, 4)


def test_what_is_measured_is_what_runs(selection):
    count = annette.observe_sizes(selection)["places"][1]
    read = load_network(selection)
    assert read.tensors["y"].shape == (20,)
    assert network_case("it", read, backend="onnxruntime", path=selection).network.tensors["y"].shape == (count,)
    assert case_of(selection, "onnxruntime").network.tensors["y"].shape == (count,)


def test_estimates_are_compared_with_the_run_that_was_recorded(selection, tmp_path):
    path = tmp_path / "truth.sqlite"
    (measured,) = annette.measure([selection], backend="onnxruntime", rounds=1, out=path)
    document = measurement_document(measured, "onnxruntime")
    assert any("sizes that data decide are taken as given: 'places'" in note for note in document["notes"])
    name, asked = str(selection), load_network(selection)
    with Dataset.open(path) as dataset:
        (truth,) = truths_of(dataset, [name], networks={name: asked})
        assert truth.network.tensors["y"].shape == measured.rounds[0].network.tensors["y"].shape != (20,)
        given = load_network(selection, inputs={"places": (3,)})
        with pytest.raises(DatasetError, match="another network"):
            truths_of(dataset, [name], networks={name: given})


def test_the_command_line_observes_where_it_is_asked_to(selection):
    plain, seen = (CliRunner().invoke(cli, ["inspect", str(selection), *more]).output for more in ([], ["--observe"]))
    assert "counted as 20; the interval" in plain
    assert "sizes that data decide are taken as given: 'places' = " in seen


def test_a_run_that_fails_says_why(tmp_path):
    graph = POSITIVE.replace("good = Relu(x)", "part = Gather(x, m)\n good = Add(x, part)")
    path = save(tmp_path, model(graph.replace("float[40] x", "float[40] x, int64 m")))
    with pytest.raises(BackendRunError, match=r"cannot be run to look up the sizes that its data decide: .*indices"):
        observation.observed_inputs(path, inputs={"m": InputValue((99,))})


def test_a_run_that_does_not_end_is_ended(selection):
    with pytest.raises(BackendRunError, match="did not end: give them with --input"):
        observation.observed_inputs(selection, timeout_s=0.01)


def test_only_the_part_that_decides_is_run():
    proto = model(POSITIVE)
    proto.graph.initializer.append(numpy_helper.from_array(np.ones(3, np.float32), "unused"))
    branch = helper.make_graph([helper.make_node("Relu", ["good"], ["b"])], "g", [], [onnx.ValueInfoProto(name="b")])
    proto.graph.node.append(helper.make_node("If", ["flag"], ["chosen"], then_branch=branch, else_branch=branch))
    whole = onnx.ModelProto()
    whole.CopyFrom(proto)
    part_of(proto, ["places"])
    assert [node.op_type for node in proto.graph.node] == ["Relu", "NonZero"]
    assert not proto.graph.initializer
    part_of(whole, ["chosen"])  # What a branch reads from outside is needed, too.
    assert [node.op_type for node in whole.graph.node] == ["Relu", "If"]
