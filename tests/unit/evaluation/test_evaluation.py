"""Estimates against a device that is known: errors, swaps, intervals, documents, the command."""

import json
import sys
from dataclasses import replace

import jsonschema
import numpy as np
import pytest

from annette.bench.dataset import Dataset
from annette.bench.records import Purpose
from annette.cli.main import main
from annette.errors import OptionError
from annette.evaluation.evaluation import evaluate
from annette.evaluation.metrics import OPERATION_COUNT, PLAIN_ROOFLINE
from annette.evaluation.suites import DEVELOPMENT, HELD_OUT
from annette.evaluation.truth import MachineSpeed, Truth, truths_of
from annette.mapping.kernel import KernelTable, Precision
from annette.models.roofline import Roofline
from annette.network.graph_json import graph_digest
from annette.platforms import LogResiduals, Overhead, Provenance, dump_platform
from annette.platforms.intervals import Intervals
from annette.report.evaluation import evaluation_document, evaluation_page, print_evaluation
from annette.report.page import Page
from annette.report.schema import schema
from tests.unit.fitting.synthetic import DEVICE, chain, run
from tests.unit.samples import platform

RANDOM = np.random.default_rng(3)
NETWORKS = [chain(f"net{index}", RANDOM, length=index % 4 + 2) for index in range(8)]


def exact(**changes):
    """A platform whose models are the device itself."""
    parts = {
        "models": {kind: {model.family: model} for kind, model in DEVICE.items()},
        "overhead": Overhead(),
        "intervals": Intervals(networks=LogResiduals((0.025, 0.05, 0.95, 0.975), (-0.1, -0.05, 0.05, 0.1))),
    }
    return platform(**{**parts, **changes})


def truths(noise=0.0, rounds=3):
    random = np.random.default_rng(5)
    return [
        Truth(network.name, network, tuple(one.latency_s for one in runs), tuple(runs))
        for network in NETWORKS
        for runs in [[run(network, random, noise=0.0, shared=noise, round_=r) for r in range(rounds)]]
    ]


def test_says_which_networks_the_benchmark_was_made_for():
    digest = graph_digest(NETWORKS[3])
    made = exact(provenance=Provenance("test", made_for=(("net1", "0" * 32), ("elsewhere.onnx", digest))))
    found = evaluate(made, truths(), suite="test", notes=("first",))
    assert found.notes[0] == "first"
    assert "made for net1, net3 (annette bench --for)" in found.notes[1]
    assert evaluate(made, truths()[4:], suite="test").notes == ()
    assert evaluate(exact(), truths(), suite="test").notes == ()


def test_a_platform_that_is_the_device_has_no_error():
    found = evaluate(exact(), truths(), suite="test")
    assert found.models[0].errors.mape == pytest.approx(0, abs=1e-9)
    assert found.floor == pytest.approx(0, abs=1e-9)
    assert found.models[0].ranking.spearman == pytest.approx(1)
    assert all(value == pytest.approx(0, abs=1e-9) for value in found.remaining.values())
    assert {entry.kind for entry in found.kinds} == {"conv", "max_pool"}
    assert sum(entry.share for entry in found.kinds) == pytest.approx(1)


def test_one_disturbed_round_of_three_does_not_move_the_floor():
    calm, disturbed = Truth("x", NETWORKS[0], (1.0, 1.02, 1.04)), Truth("x", NETWORKS[0], (1.0, 1.02, 9.0))
    assert calm.floor == pytest.approx(disturbed.floor)
    assert 0.01 < calm.floor < 0.05
    assert Truth("x", NETWORKS[0], (1.0,)).floor is None
    assert Truth("x", NETWORKS[0]).latency_s is None


def test_swapping_the_wrong_part_for_its_truth_removes_the_error():
    late = exact(overhead=Overhead(per_kernel_s=1e-3))
    remaining = evaluate(late, truths(), suite="test").remaining
    assert remaining["nothing"] > 0.5
    assert remaining["overhead"] == pytest.approx(0, abs=1e-9)
    assert remaining["kernel model"] == pytest.approx(remaining["nothing"])
    slow = {**DEVICE, "conv": replace(DEVICE["conv"], ops_per_s=5e10)}
    wrong = exact(models={kind: {model.family: model} for kind, model in slow.items()})
    remaining = evaluate(wrong, truths(), suite="test").remaining
    assert remaining["kernel model"] == pytest.approx(0, abs=1e-9)
    assert remaining["nothing"] > 0.1


def test_the_operation_count_gets_its_best_scale():
    found = {entry.model: entry.errors.mape for entry in evaluate(exact(), truths(), suite="test").models}
    ops = np.array([network.ops for network in NETWORKS], dtype=float)
    measured = np.array([truth.latency_s for truth in truths()])
    best = min(np.abs(ops * scale / measured - 1).mean() for scale in measured / ops)
    assert found[OPERATION_COUNT] == pytest.approx(best)


def test_baselines_are_shown_for_every_network_and_as_a_ratio():
    plain = Roofline(ops_per_s=2e10, bytes_per_s=1e10)
    found = evaluate(exact(plain_roofline=plain), truths(noise=0.02), suite="test")
    by_model = {entry.model: entry for entry in found.models}
    assert by_model[PLAIN_ROOFLINE].ratio == by_model[PLAIN_ROOFLINE].errors.mape / found.models[0].errors.mape
    for network, entry in zip(NETWORKS, found.networks, strict=True):
        kernels = exact().mapping.apply(network)
        table = KernelTable.from_kernels(kernels, network, Precision())
        times_s = np.maximum(table["ops"] / 2e10, table.bytes / 1e10)
        assert entry.by_model[PLAIN_ROOFLINE] == pytest.approx(
            sum(time_s for time_s, kernel in zip(times_s, kernels, strict=True) if not kernel.free)
        )
        assert entry.by_model[OPERATION_COUNT] > 0
    assert PLAIN_ROOFLINE in found.kinds[0].by_model
    assert PLAIN_ROOFLINE not in {entry.model for entry in evaluate(exact(), truths(), suite="test").models}


def test_interval_coverage_is_counted():
    assert evaluate(exact(intervals=None), truths(), suite="test").intervals == ()
    narrow = Intervals(networks=LogResiduals((0.01, 0.5, 0.99), (-1e-9, 0.0, 1e-9)))
    found = evaluate(exact(intervals=narrow), truths(noise=0.04, rounds=1), suite="test").intervals
    assert [entry.covered for entry in found] == [0.0] * 4
    wide = Intervals(networks=LogResiduals((0.01, 0.5, 0.99), (-1.0, 0.0, 1.0)))
    found = evaluate(exact(intervals=wide), truths(noise=0.04, rounds=1), suite="test").intervals
    assert [entry.covered for entry in found] == [1.0] * 4
    assert [entry.width for entry in found] == sorted(entry.width for entry in found)
    assert all(entry.global_width < entry.width for entry in found)


def test_a_network_that_cannot_be_estimated_is_listed_with_the_reason():
    bare = exact(models={"conv": {"refined-roofline": DEVICE["conv"]}})
    found = evaluate(bare, truths(), suite="test")
    assert found.models == ()
    assert all("max_pool" in entry.problem for entry in found.networks)
    lines = []
    print_evaluation(evaluation_document(found), page=Page(width=200, write=lines.append))
    assert sum("is left out" in line for line in lines) == len(NETWORKS)


def test_documents_follow_the_schema_and_pages_load_nothing():
    known = truths(noise=0.03)
    unknown = Truth("unmeasured <b>", NETWORKS[0])
    document = evaluation_document(evaluate(exact(), [*known, unknown], suite="a<b"))
    jsonschema.validate(json.loads(json.dumps(document, allow_nan=False)), schema("evaluation"))
    page = evaluation_page(document)
    assert page.count("<circle") == 2 * len(NETWORKS)
    assert "a&lt;b" in page
    assert "<b>" not in page
    assert "http:" not in page.replace("http://www.w3.org", "")
    assert "https:" not in page
    assert "src=" not in page


def test_the_mapping_is_judged_on_profiled_networks_and_shown():
    found = evaluate(exact(), truths(), suite="test")
    assert found.mapping.pairs.cases == sum(entry.mapping.pairs.cases for entry in found.networks) > 0
    assert found.mapping.pairs.matthews == 1.0
    document = evaluation_document(found)
    lines = []
    print_evaluation(document, page=Page(width=200, write=lines.append))
    assert any("adjacent layers in one kernel" in line for line in lines)
    assert "adjacent layers in one kernel" in evaluation_page(document)
    unprofiled = evaluate(exact(), [Truth("x", NETWORKS[0], (1.0,))], suite="test")
    assert unprofiled.mapping is None


def test_no_networks_are_an_error():
    with pytest.raises(OptionError, match="no networks"):
        evaluate(exact(), [], suite="test")


def test_suites_never_mix():
    assert not set(DEVELOPMENT) & set(HELD_OUT)


def test_times_are_brought_to_the_speed_of_the_campaign(tmp_path):
    random = np.random.default_rng(0)
    with Dataset.create(tmp_path / "t.sqlite") as made:
        measured = run(NETWORKS[0], random, purpose=Purpose.NETWORK)
        made.add(replace(measured, reference_s=(2e-3, 2e-3, 2e-3)))
        made.add(run(NETWORKS[1], random, purpose=Purpose.CHAIN))
        (scaled,) = truths_of(made, speed=MachineSpeed(1e-3))
        (plain,) = truths_of(made)
    assert scaled.latency_s == pytest.approx(plain.latency_s / 2)
    assert (scaled.scale, plain.scale) == (pytest.approx(0.5), 1.0)
    for truth, said in ((scaled, True), (plain, False)):
        document = evaluation_document(evaluate(exact(), [truth], suite="test"))
        assert document["networks"][0]["scale"] == truth.scale
        lines = []
        print_evaluation(document, page=Page(200, lines.append))
        for report in ("".join(lines), evaluation_page(document)):
            assert ("multiplied by 0.500: " in report) == said
    assert MachineSpeed(1e-3, 0.5).factors([measured]) == [1.0]  # It was not calibrated.
    strange = replace(measured, reference_s=(float("nan"), 0.0, -1e-3))
    assert MachineSpeed(1e-3, 0.5).factors([strange]) == [1.0]
    calibrated = replace(measured, reference_s=(4e-3,) * 3)
    assert MachineSpeed(1e-3, 0.5).factors([calibrated]) == [pytest.approx(0.5)]
    assert MachineSpeed().factors([calibrated]) == [1.0]
    assert plain.latency_s == measured.latency_s


def test_rounds_are_brought_to_one_speed_each_by_its_own_moment(tmp_path):
    """Two rounds at different speeds of the machine are one time."""
    random = np.random.default_rng(0)
    with Dataset.create(tmp_path / "t.sqlite") as made:
        measured = run(NETWORKS[0], random, purpose=Purpose.NETWORK)
        for number, slower in enumerate((1.0, 1.21)):
            at = replace(
                measured,
                round=number,
                started_unix_s=1e3 * number,
                latency_s=measured.latency_s * slower**0.5,
                reference_s=(1e-3 * slower,) * 3,
            )
            made.add(at)
        (truth,) = truths_of(made, speed=MachineSpeed(1e-3, 0.5))
    assert truth.rounds_s == pytest.approx((measured.latency_s, measured.latency_s))
    assert [each.latency_s for each in truth.runs] == pytest.approx(truth.rounds_s)
    assert truth.scale == pytest.approx(1.21**-0.25)


def command(capsys, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["annette", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    captured = capsys.readouterr()
    return stop.value.code, captured.out, captured.err


def test_the_command_compares_a_list_and_writes_a_page(capsys, monkeypatch, tmp_path):
    dump_platform(exact(provenance=Provenance("test", measurement={"profiler_s": 0.0})), tmp_path / "toy.json")
    (tmp_path / "list.csv").write_text("network,latency_s\nalexnet,0.02\nvgg16,0.3\nresnet18,\n", encoding="utf-8")
    options = ("--platform", tmp_path / "toy.json", "--suite", tmp_path / "list.csv", "--fallback", "roofline")
    code, out, err = command(capsys, monkeypatch, "evaluate", *options, "--html", tmp_path / "page.html", "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["models"][0]["count"] == 2
    assert document["networks"][2]["measured_s"] is None
    assert "<svg" in (tmp_path / "page.html").read_text(encoding="utf-8")
    code, out, _ = command(capsys, monkeypatch, "evaluate", *options)
    assert code == 0
    assert "operation count" in out


def test_a_network_that_cannot_be_read_does_not_lose_the_others(capsys, monkeypatch, tmp_path):
    dump_platform(exact(), tmp_path / "toy.json")
    (tmp_path / "list.csv").write_text("network,latency_s\nalexnet,0.02\nnone.onnx,1\nvgg16,0.3\n", encoding="utf-8")
    options = ("--platform", tmp_path / "toy.json", "--suite", tmp_path / "list.csv", "--fallback", "roofline")
    code, out, err = command(capsys, monkeypatch, "evaluate", *options, "--json")
    document = json.loads(out)
    assert code == 2
    assert [entry["network"] for entry in document["networks"]] == ["alexnet", "vgg16"]
    assert any("none.onnx is left out" in note for note in document["notes"])
    assert "line 3" in err
    assert len(err.splitlines()) == 1


def test_a_list_of_which_nothing_can_be_read_is_an_error(capsys, monkeypatch, tmp_path):
    dump_platform(exact(), tmp_path / "toy.json")
    (tmp_path / "list.csv").write_text("network\nnone.onnx\nother.onnx\n", encoding="utf-8")
    options = ("--platform", tmp_path / "toy.json", "--suite", tmp_path / "list.csv")
    code, out, err = command(capsys, monkeypatch, "evaluate", *options)
    assert (code, out) == (2, "")
    assert "none.onnx" in err


@pytest.mark.parametrize("dearer", [0, 1], ids=["as_read", "variant"])
def test_of_undecided_networks_the_dearest_way_counts_and_a_note_says_so(dearer):
    alone = {each: evaluate(exact(), [Truth("x", each)], suite="test").networks[0] for each in NETWORKS[:2]}
    short, long = sorted(alone, key=lambda network: alone[network].estimated_s)
    first, second = (long, short) if dearer == 0 else (short, long)
    other = second.replaced(branches=[("choice", "else")])
    network = first.replaced(branches=[("choice", "then")], variants=[other])
    known = Truth("undecided", network, (1.0,))
    profiled = run(network, np.random.default_rng(0), purpose=Purpose.NETWORK)
    found = evaluate(exact(), [known, Truth("run", network, (1.0,), (profiled,))], suite="test")
    for result in found.networks:
        assert result.estimated_s == alone[long].estimated_s
        assert result.interval_s == (alone[short].interval_s[0], alone[long].interval_s[1])
    assert (found.networks[1].error_parts is None) == (dearer == 1)  # The profile belongs to the way that was read.
    assert [note.partition(":")[0] for note in found.notes] == ["undecided", "run"]
    assert "2 ways through the network" in found.notes[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--suite", "clasic"], "classic"),
        (["--suite", "development", "--measure"], "--backend"),
        (["--suite", "development", "--backend", "onnxruntime"], "--measure"),
        (["--suite", "development", "--cpus", "0"], "--measure"),
        (["--suite", __file__], "no list"),
        (["--suite", "development", "--truth", "none.sqlite"], "none.sqlite"),
        (["--suite", "none.csv"], "none.csv"),
        (["--suite", "development", "--threads", "2"], "--threads"),
        ([], "--suite"),
    ],
)
def test_mistakes_get_one_line(capsys, monkeypatch, tmp_path, options, message):
    dump_platform(exact(), tmp_path / "toy.json")
    code, out, err = command(capsys, monkeypatch, "evaluate", "--platform", tmp_path / "toy.json", *options)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
