import csv
import json
import sys

import jsonschema
import pytest
from onnx import helper

from annette.bench.dataset import Dataset
from annette.bench.generate import generate_plan
from annette.bench.plan import Plan
from annette.bench.records import MADE_FOR, made_for
from annette.cli.main import main
from annette.report.schema import schema
from tests.unit.bench.scripted import install, plan
from tests.unit.network.readers.onnx.build import model, save


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs a command in a folder of its own, where the scripted backend is installed; gives code, output, errors."""
    install(tmp_path / "plug-in", monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.json").write_text(plan(count=3).to_text())

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["annette", *words])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, *capsys.readouterr()

    return call


BENCH = ("bench", "--backend", "scripted", "--plan", "plan.json", "--out", "d.sqlite")


def test_bench_prints_one_document_with_a_digest_that_repeats(run):
    code, output, errors = run(*BENCH, "--json")
    document = json.loads(output)
    assert (code, errors) == (0, "")
    assert document["schema"] == "annette/bench/1"
    assert (document["rows"], document["measured"], document["failed"]) == (3, 3, 0)
    assert document["matched_share"] == 1.0
    again = json.loads(run(*BENCH[:-1], "other.sqlite", "--json")[1])
    assert again["digest"] == document["digest"]
    assert len(document["digest"]) == 64


def test_bench_resumes_with_the_plan_of_the_dataset(run):
    assert run(*BENCH)[0] == 0
    code, output, _ = run("bench", "--backend", "scripted", "--out", "d.sqlite", "--resume", "--json")
    assert code == 0
    assert (json.loads(output)["measured"], json.loads(output)["skipped"]) == (0, 3)


@pytest.mark.parametrize(
    ("words", "document"),
    [
        ((*BENCH, "--json"), "bench"),
        ((*BENCH, "--dry-run", "--json"), "bench-plan"),
        (("measure", "squeezenet1_1", "--backend", "scripted", "--json", "--rounds", "1"), "measurement"),
        (("backends", "--json"), "backends"),
        (("dataset", "swept.sqlite", "--json"), "dataset-content"),
        (("dataset", "swept.sqlite", "swept.sqlite", "--json"), "dataset-comparison"),
    ],
)
def test_documents_follow_their_schemas(run, words, document, tmp_path):
    if "swept.sqlite" in words:
        cases = [case for case in generate_plan("quick", target="npu").cases if case.sweep][:6]
        (tmp_path / "swept.json").write_text(Plan("p", tuple(cases)).to_text())
        assert run("bench", "--backend", "scripted", "--plan", "swept.json", "--out", "swept.sqlite")[0] == 0
        assert run("measure", "alexnet", "--backend", "scripted", "--rounds", "1", "--out", "swept.sqlite")[0] == 0
    code, output, errors = run(*words)
    assert (code, errors) == (0, "")
    jsonschema.validate(json.loads(output), schema(document))


def test_bench_in_words(run):
    code, output, _ = run(*BENCH, "--device", "stone")
    assert code == 0
    assert "3 rows; 3 measured now" in output
    assert "digest" in output


def test_dry_run_measures_nothing(run, tmp_path):
    code, output, _ = run(*BENCH, "--dry-run", "--json", "--save-plan", "copy.json")
    document = json.loads(output)
    assert code == 0
    assert document["counts"] == {"micro-kernel/group": 3}
    assert document["expected_s"] == pytest.approx(0.3)
    assert not (tmp_path / "d.sqlite").exists()
    assert Plan.from_text((tmp_path / "copy.json").read_text()).digest() == document["plan_digest"]


@pytest.mark.parametrize("plan", [("--preset", "quick"), ("--plan", "plan.json")])
def test_a_dry_run_refuses_options_that_a_real_run_would(run, plan):
    code, output, errors = run("bench", "--backend", "onnxruntime", *plan, "--threads", "0", "--dry-run")
    assert (code, output) == (2, "")
    assert "'threads' of backend 'onnxruntime' is 0, less than 1" in errors


def test_a_budget_cuts_the_plan(run):
    assert json.loads(run(*BENCH, "--budget", "0.2s", "--dry-run", "--json")[1])["cases"] == 2


FOR = ("bench", "--backend", "scripted", "--preset", "quick", "--budget", "8s")


def test_a_part_is_for_the_networks_of_the_user_and_the_dataset_says_so(run, tmp_path):
    words = (*FOR, "--for", "squeezenet1_1", "shufflenet_v2_x0_5", "--for-share", "50%", "--device", "stone")
    code, output, errors = run(*words, "--dry-run", "--json", "--save-plan", "own.json")
    assert (code, errors) == (0, "")
    counts = json.loads(output)["counts"]
    assert sum(count for group, count in counts.items() if group.partition("/")[2].startswith("for/")) > 10
    cases = [case for case in Plan.from_text((tmp_path / "own.json").read_text()).cases if case.made_for]
    assert {name for case in cases for name, _ in case.made_for} == {"squeezenet1_1", "shufflenet_v2_x0_5"}
    assert sum(case.expected_s for case in cases) <= 4
    assert json.loads(run(*words, "--out", "d.sqlite", "--json")[1])["failed"] == 0
    with Dataset.open(tmp_path / "d.sqlite") as dataset:
        runs = list(dataset.runs())
    assert {name for name, _ in made_for(runs)} == {"squeezenet1_1", "shufflenet_v2_x0_5"}
    assert {run.case for run in runs if MADE_FOR in run.details} == {case.id for case in cases}
    assert json.loads(run(*FOR[:3], "--device", "stone", "--out", "d.sqlite", "--resume", "--json")[1])["measured"] == 0


def test_networks_are_swept_over_the_batches_asked_for(run, tmp_path):
    assert run(*FOR, "--for", "squeezenet1_1", "--batch", "1,4", "--dry-run", "--save-plan", "own.json")[0] == 0
    cases = [case for case in Plan.from_text((tmp_path / "own.json").read_text()).cases if case.made_for]
    assert {case.network.batch for case in cases} == {1, 4}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*FOR, "--for", "no-such-network", "--out", "d"), "no-such-network"),
        ((*FOR, "--for", "alexnet", "--for-share", "2", "--out", "d"), "not a share such as 2%"),
        ((*FOR, "--for", "alexnet", "--for-share", "half", "--out", "d"), "not a share such as 2%"),
        ((*BENCH, "--for", "alexnet"), "take one of the two"),
        (("bench", "--backend", "scripted", "--preset", "totals", "--for", "alexnet", "--out", "d"), "totals only"),
        (("bench", "--backend", "scriptet", "--out", "d"), "no backend 'scriptet'; did you mean 'scripted'?"),
        ((*BENCH, "--devize", "x"), "no option 'devize'; did you mean 'device'?"),
        ((*BENCH, "--pause-s", "long"), "'long', not of type float"),
        ((*BENCH, "--option", "device"), "not NAME=VALUE"),
        ((*BENCH, "--budget", "soon"), "not a duration"),
        ((*BENCH, "--budget", "0s"), "not a duration"),
        ((*BENCH, "--timeout", "never"), "not a duration"),
        ((*BENCH, "--batch", "0"), "batch sizes"),
        ((*BENCH, "--cpus", "a"), "not a list of processors"),
        ((*BENCH, "--cpus", "4096"), "processor 4096"),
        ((*BENCH, "stray"), "unexpected argument 'stray'"),
        ((*BENCH[:-2],), "--out DATASET is missing"),
        ((*BENCH[:-1], "no/folder/d.sqlite"), "does not exist"),
        ((*BENCH[:-1], "plan.json"), "exists already"),
        ((*BENCH[:-1], "plan.json", "--resume"), "not a database"),
        (("bench", "--backend", "scripted", "--plan", "none.json", "--out", "d"), "cannot read"),
        (("measure", "--backend", "scripted"), "Missing argument"),
        (("measure", "no-such-network", "--backend", "scripted"), "no-such-network"),
        (("measure", "lenet", "lenet", "--backend", "scripted"), "twice"),
        (("measure", "lenet", "--backend", "scripted", "--precision", "200%"), "not a share such as 2%"),
        (("bench", "--backend", "scripted", "--check"), "nothing to check"),
        (("bench", "--check", "--scheduler", "tcp://x"), "run it where the boards hang"),
        ((*BENCH, "--board", "a"), "whose address (--scheduler) is missing"),
        ((*BENCH, "--tls-key", "k.pem"), "whose address (--scheduler) is missing"),
        ((*BENCH, "--scheduler", "tcp://x", "--cpus", "0"), "processors are chosen where a board hangs"),
        ((*BENCH, "--scheduler", "tcp://x", "--board", "a", "--board", "a"), "board 'a' is named twice"),
        (("measure", "alexnet", "--backend", "scripted", "--board", "a"), "whose address (--scheduler) is missing"),
        (
            ("measure", "alexnet", "--backend", "scripted", "--scheduler", "tcp://x", "--cpus", "0"),
            "processors are chosen where a board hangs",
        ),
        (
            ("estimate", "lenet", "--platform", "ncs2-openvino", "--tls-cert", "c"),
            "whose address (--scheduler) is missing",
        ),
        (("evaluate", "--platform", "ncs2-openvino", "--suite", "classic", "--precision", "2%"), "goes with --measure"),
    ],
)
def test_what_the_user_can_mend_is_one_line(run, words, message):
    code, output, errors = run(*words)
    assert code == 2
    assert not output
    assert errors.startswith("annette: ")
    assert message in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize("words", [BENCH, ("estimate", "lenet", "--platform", "ncs2-openvino")])
def test_a_cluster_needs_its_extra(run, words, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    code, output, errors = run(*words, "--scheduler", "tcp://127.0.0.1:1")
    assert (code, output) == (2, "")
    assert errors.endswith("is not installed: pip install 'annette[cluster]'\n")


def test_measure_reports_rounds_and_kernels(run):
    code, output, _ = run("measure", "squeezenet1_1", "--backend", "scripted", "--json", "--out", "d.sqlite")
    document = json.loads(output)
    assert code == 0
    assert document["schema"] == "annette/measurement/1"
    assert len(document["rounds_s"]) == 3
    assert document["remeasurement_spread"] == 0
    assert (document["standard_error"], document["precision"]) == (0.005, None)
    assert sum(kernel["latency_s"] for kernel in document["kernels"]) == pytest.approx(document["latency_s"])


@pytest.mark.parametrize(("precision", "said"), [("0.1%", True), ("1%", False)])
def test_measure_says_what_the_machine_does_not_allow(run, precision, said):
    code, output, _ = run("measure", "squeezenet1_1", "--backend", "scripted", "--precision", precision)
    assert code == 0
    assert f"{12 if said else 3} rounds" in output
    assert ("does not allow more" in output) is said


def test_measure_goes_on_after_a_network_that_fails(run):
    words = ("measure", "squeezenet1_1", "none.onnx", "alexnet", "--backend", "scripted", "--rounds", "1")
    code, output, errors = run(*words, "--json")
    documents = json.loads(output)
    assert code == 2
    assert [document["schema"] for document in documents] == [
        "annette/measurement/1",
        "annette/error/1",
        "annette/measurement/1",
    ]
    assert documents[1]["network"] == "none.onnx"
    assert documents[1]["error"] in errors
    code, output, errors = run(*words)
    assert code == 2
    assert "squeezenet1_1 on scripted: " in output
    assert "alexnet on scripted: " in output
    assert errors.count("annette: ") == 1
    assert run("measure", "none.onnx", "less.onnx", "--backend", "scripted")[0] == 2


def test_measure_takes_inputs_and_invalid_files(run, tmp_path):
    proto = model("g (float[N, L] x) => (float[N, L] y) { y = Relu(x) }")
    path = save(tmp_path, proto)
    code, output, _ = run("measure", str(path), "--backend", "scripted", "--json", "--input", "L=7", "--batch", "3")
    assert (code, json.loads(output)["batch"], json.loads(output)["network"]) == (0, 3, f"{path} L=7")
    proto.graph.node[0].attribute.append(helper.make_attribute("strange", 1))
    path = save(tmp_path, proto)
    words = ("measure", str(path), "--backend", "scripted", "--input", "L=7")
    assert "strange" in run(*words)[2]
    assert run(*words, "--lenient")[0] == 0


def test_measure_in_words(run):
    code, output, _ = run("measure", "squeezenet1_1", "alexnet", "--backend", "scripted", "--rounds", "1")
    assert code == 0
    assert "squeezenet1_1 on scripted: " in output
    assert "alexnet on scripted: " in output
    assert "lighter kernels" in output


def test_a_dataset_is_shown_with_its_networks(run, tmp_path):
    for out in ("one.sqlite", "two.sqlite"):
        assert (
            run("measure", "squeezenet1_1", "alexnet", "--backend", "scripted", "--rounds", "2", "--out", out)[0] == 0
        )
    code, output, _ = run("dataset", "one.sqlite", "--json", "--html", "one.html")
    document = json.loads(output)
    assert code == 0
    assert document["schema"] == "annette/dataset-content/1"
    assert (document["rows"], document["purposes"]) == (4, {"network": 4})
    assert {entry["network"]: len(entry["rounds_s"]) for entry in document["networks"]} == {
        "alexnet": 2,
        "squeezenet1_1": 2,
    }
    assert {entry["matched_share"] for entry in document["networks"]} == {1.0}
    assert "alexnet" in (tmp_path / "one.html").read_text()
    assert "alexnet" in run("dataset", "one.sqlite")[1]
    rows = list(csv.DictReader(run("dataset", "one.sqlite", "--csv", "-")[1].splitlines()))
    assert [(row["case"], row["round"]) for row in rows] == [
        (name, number) for name in ("alexnet", "squeezenet1_1") for number in ("0", "1")
    ]
    assert all(float(row["latency_s"]) > 0 and row["status"] == "ok" for row in rows)
    difference = json.loads(run("dataset", "one.sqlite", "two.sqlite", "--json")[1])
    assert difference["mean_difference"] == 0
    assert [entry["network"] for entry in difference["networks"]] == ["alexnet", "squeezenet1_1"]
    assert "2 networks differ by 0.0 % on average" in run("dataset", "one.sqlite", "two.sqlite")[1]


def test_datasets_that_cannot_be_shown_or_compared(run, tmp_path):
    assert run(*BENCH)[0] == 0
    assert (
        run("measure", "squeezenet1_1", "--backend", "scripted", "--device", "stone", "--out", "stone.sqlite")[0] == 0
    )
    assert run("measure", "squeezenet1_1", "--backend", "scripted", "--out", "other.sqlite")[0] == 0
    assert "device is 'stone' in the first and 'paper'" in run("dataset", "stone.sqlite", "other.sqlite")[1]
    for words, message in (
        (("dataset", "none.sqlite"), "there is no dataset"),
        (("dataset", "plan.json"), "not a database"),
        (("dataset", "d.sqlite", "stone.sqlite"), "no network in common"),
        (("dataset", "d.sqlite", "stone.sqlite", "--html", "x.html"), "--html shows one dataset"),
        (("dataset", "d.sqlite", "--html", str(tmp_path)), "cannot be written"),
    ):
        code, output, errors = run(*words)
        assert (code, output) == (2, "")
        assert message in errors
        assert errors.count("\n") == 1


def test_backends_lists_what_is_usable(run):
    code, output, _ = run("backends", "--json")
    found = {entry["name"]: entry for entry in json.loads(output)["backends"]}
    assert code == 0
    assert {"onnxruntime", "replay", "command", "scripted"} <= found.keys()
    assert found["scripted"]["usable"]
    assert "onnxruntime" in run("backends")[1]
