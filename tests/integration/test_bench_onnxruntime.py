"""Plans and whole networks on ONNX Runtime: everything runs, and nearly all of the time is matched to layers."""

import numpy as np
import pytest

from annette.api import plan_benchmark
from annette.bench.backend import Subject
from annette.bench.dataset import Dataset
from annette.bench.generate import generate_plan
from annette.bench.measurement import Settings
from annette.bench.plan import Plan
from annette.bench.records import Status, made_for
from annette.bench.session import benchmark, measure_networks, network_case
from annette.bench.subnormals import can_flush
from annette.devices.onnxruntime_cpu.backend import OnnxRuntimeBackend, OnnxRuntimeOptions
from annette.network import zoo
from annette.network.readers.onnx import read_onnx

pytestmark = pytest.mark.skipif(not OnnxRuntimeBackend.available().usable, reason="onnxruntime is not installed")

SETTINGS = Settings(warmup=1, repeats=2, target_s=1e-3, most_repeats=2, visit_repeats=2, attempts=1)


def test_a_sample_of_the_plan_runs_and_is_matched(tmp_path):
    whole = generate_plan("quick")
    groups = {}
    for case in whole.cases:
        groups.setdefault((case.purpose, case.group), case)
    plan = Plan("one of each", tuple(case for case in groups.values() if case.expected_s < 0.5))
    assert len(plan.cases) > 120
    outcome = benchmark(plan, tmp_path / "d.sqlite", backend="onnxruntime", options={"threads": 1}, settings=SETTINGS)
    assert outcome.failed == 0
    assert outcome.matched_share > 0.995
    with Dataset.open(tmp_path / "d.sqlite") as dataset:
        for run in dataset.runs():
            names = {layer.name for layer in run.network.layers}
            assert run.kernels
            assert all(set(kernel.layers) <= names for kernel in run.kernels)
            assert run.environment["runtime"] == "onnxruntime"


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_what_is_cut_out_of_networks_of_ones_own_runs_as_the_kernels_it_was_made_for(tmp_path, precision):
    options = {"threads": 1, "precision": precision}
    networks = {"mine": zoo.build("shufflenet_v2_x0_5"), "other": zoo.build("vit_b_16")}
    whole = plan_benchmark("onnxruntime", budget_s=30.0, options=options, networks=networks, share=0.5)
    plan = Plan("own", tuple(case for case in whole.cases if case.made_for and case.expected_s < 0.5))
    assert len(plan.cases) > 30
    outcome = benchmark(plan, tmp_path / "d.sqlite", backend="onnxruntime", options=options, settings=SETTINGS)
    assert outcome.failed == 0
    assert outcome.matched_share > 0.99
    with Dataset.open(tmp_path / "d.sqlite") as dataset:
        runs = list(dataset.runs())
    assert {name for name, _ in made_for(runs)} == {"mine", "other"}
    assert all(run.kernels for run in runs)


def test_whole_networks_are_matched(tmp_path):
    names = ("squeezenet1_1", "mobilenet_v3_small", "resnet18")
    cases = [network_case(name, zoo.build(name), backend="onnxruntime") for name in names]
    with Dataset.create(tmp_path / "d.sqlite") as dataset:
        measured = measure_networks(
            cases, dataset, backend="onnxruntime", options={"threads": 1}, settings=SETTINGS, rounds=2
        )
    for network in measured:
        assert len(network.usable) == 2
        assert all(run.matched_share > 0.99 for run in network.usable)
        assert network.latency_s > 1e-4


def test_a_file_is_measured_as_it_is(tmp_path):
    from annette.network.load import load_network
    from annette.network.writers.onnx import write_onnx

    path = tmp_path / "net.onnx"
    write_onnx(zoo.build("squeezenet1_1"), path)
    case = network_case("net", load_network(path), backend="onnxruntime", path=path)
    with Dataset.create(tmp_path / "d.sqlite") as dataset:
        (measured,) = measure_networks(
            [case], dataset, backend="onnxruntime", options={"threads": 1}, settings=SETTINGS, rounds=1
        )
    (run,) = measured.rounds
    assert run.status is not Status.FAILED
    assert run.matched_share > 0.99


def test_a_broken_file_is_a_recorded_failure(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"no model")
    case = network_case("net", zoo.build("squeezenet1_1"), backend="onnxruntime", path=path)
    with Dataset.create(tmp_path / "d.sqlite") as dataset:
        (measured,) = measure_networks(
            [case], dataset, backend="onnxruntime", options={"threads": 1}, settings=SETTINGS, rounds=1
        )
    assert measured.rounds[0].status is Status.FAILED
    assert "ONNX Runtime refuses" in measured.rounds[0].reason


@pytest.mark.skipif(not can_flush(), reason="the C library or the processor cannot flush subnormal numbers")
def test_products_of_subnormal_numbers_can_be_taken_as_zero(tmp_path):
    onnx, helper = pytest.importorskip("onnx"), pytest.importorskip("onnx.helper")
    tiny = helper.make_tensor("tiny", onnx.TensorProto.FLOAT, [], [1e-30])
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["x", "tiny"], ["small"]),
            helper.make_node("Mul", ["small", "tiny2"], ["smaller"]),
            helper.make_node("Div", ["smaller", "tiny2"], ["y"]),
        ],
        "products",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [4])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [4])],
        [tiny, helper.make_tensor("tiny2", onnx.TensorProto.FLOAT, [], [1e-10])],
    )
    path = tmp_path / "products.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    backend = OnnxRuntimeBackend(OnnxRuntimeOptions(threads=1))
    with backend.compile(Subject(read_onnx(path), path)) as compiled:
        session = compiled._open(profiling=False)
        feeds = {"x": np.ones(4, dtype=np.float32)}
        assert session.run(None, feeds)[0].max() > 0
        assert compiled.flush_subnormals(True)
        compiled._feeds = feeds
        results = []
        compiled._call(Recorder(session, results))
        assert results[0].max() == 0
        assert not compiled.flush_subnormals(False)
        compiled._call(Recorder(session, results))
        assert results[1].max() > 0


class Recorder:
    """A session that keeps what it gave."""

    def __init__(self, session, results):
        self.session, self.results = session, results

    def run(self, names, feeds):
        self.results.append(self.session.run(names, feeds)[0])
