"""A device family of a third party does everything that built-in ones do, through its entry point alone."""

import json
import shlex
import subprocess
import sys

import pytest

from annette.bench.plan import Case, Plan
from annette.bench.records import Purpose
from annette.network.builder import NetworkBuilder
from tests.extensions.installing import HERE, annette, install

pytest.importorskip("lightgbm", reason="lightgbm, which fitting needs, is not installed")

FAMILY = {"annette.devices": {"toy_npu": "toy_npu:DEVICE"}}
UNSEEN = ("resnet18", "mobilenet_v2", "alexnet")
TOY = ("--backend", "toy")


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return tmp_path_factory.mktemp("toy-npu")


@pytest.fixture(scope="module")
def run(here):
    env = install(here / "site", "toy-npu", FAMILY)
    return lambda *arguments: annette(*arguments, env=env, cwd=here)


@pytest.fixture(scope="module")
def fitted(run):
    """The report of a fit on a small benchmark; the platform is ``toy.json``."""
    run("bench", *TOY, "--budget", "20s", "--out", "toy.sqlite")
    return json.loads(run("fit", "toy.sqlite", "--out", "toy.json", "--json"))


def test_the_device_is_not_part_of_annette(here):
    done = subprocess.run(
        [sys.executable, "-m", "annette", "bench", *TOY, "--dry-run"],
        check=False,
        capture_output=True,
        text=True,
        cwd=here,
    )
    assert done.returncode == 2
    assert "no backend 'toy'" in done.stderr


def test_the_backend_is_listed_with_its_options(run):
    backends = {entry["name"]: entry for entry in json.loads(run("backends", "--json"))["backends"]}
    assert backends["toy"]["usable"]
    assert backends["toy"]["options"][0]["name"] == "runtime"


def test_it_satisfies_the_shipped_contracts(tmp_path):
    env = install(tmp_path, "toy-npu", FAMILY)
    suite = ["-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / "toy_npu" / "contracts.py")]
    done = subprocess.run([sys.executable, *suite], check=False, capture_output=True, text=True, env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


def test_the_fit_is_the_familys_own(fitted):
    assert "recognised as Toy NPU (a device for tests): fitted by its own way of fitting" in fitted["road"]
    assert fitted["device_family"] == "toy_npu"
    assert fitted["mapping"] == "toy-npu"
    assert fitted["paired_share"] == pytest.approx(1.0)


def test_the_platform_file_holds_rules_stage_formula_and_family(here, fitted):
    assert fitted
    platform = json.loads((here / "toy.json").read_text())
    assert "toy-activation-into-array" in [rule["name"] for rule in platform["mapping"]["rules"]]
    assert platform["mapping"]["context"] == {"name": "toy-placement", "parameters": {"buffer_kib": 128}}
    conv = platform["models"]["conv"]["tiled-roofline"]
    assert conv["formula"] == "toy-array"
    assert conv["constants"] == pytest.approx({"clock_mhz": 650, "bus_gb_per_s": 6.4, "start_us": 2}, rel=0.01)
    assert platform["models"]["dma"]["toy-stream"]["bytes_per_s"] == pytest.approx(1.2e9, rel=0.01)


def test_platforms_show_says_how_it_came_about(run, fitted):
    assert fitted
    shown = run("platforms", "show", "./toy.json")
    assert "toy-stream" in shown
    assert "recognised as Toy NPU" in shown


def test_inspect_shows_fusion_and_copies(run, fitted):
    assert fitted
    kernels = json.loads(run("inspect", "resnet18", "--platform", "./toy.json", "--json"))["kernels"]
    assert kernels[0]["kind"] == "dma"
    assert kernels[0]["layers"] == []
    assert any(kernel["rules"] == ["toy-activation-into-array"] for kernel in kernels)


@pytest.mark.parametrize("network", UNSEEN)
def test_estimates_agree_with_the_backend_on_networks_that_the_fit_did_not_see(run, fitted, network):
    assert fitted
    estimated = json.loads(run("estimate", network, "--platform", "./toy.json", "--json"))
    measured = json.loads(run("measure", network, *TOY, "--json"))
    assert estimated["latency_s"] == pytest.approx(measured["latency_s"], rel=0.01)
    assert {"tiled-roofline", "toy-stream"} <= {kernel["method"] for kernel in estimated["kernels"]}


def test_evaluate_measures_with_the_platforms_own_backend(here, run, fitted):
    assert fitted
    (here / "suite.csv").write_text("network\n" + "\n".join(UNSEEN) + "\n")
    document = json.loads(run("evaluate", "--platform", "./toy.json", "--suite", "suite.csv", "--measure", "--json"))
    assert document["models"][0]["mape"] < 0.01
    assert len(document["networks"]) == len(UNSEEN)


def test_the_vendors_sheet_is_imported_and_recognised(here, run):
    rows = [f"net,conv{n},{16 * n},{32 * n},{8 + n},3,{10 * n + 5}" for n in range(1, 25)]
    (here / "sheet.csv").write_text("network,layer,ci,co,size,kernel,us\n" + "\n".join(rows) + "\n")
    named = ("--device", "toy-npu-16", "--runtime", "toy", "--precision", "int8")
    told = json.loads(run("import", "sheet.csv", "--layout", "toy-sheet", *named, "--out", "sheet.sqlite", "--json"))
    assert told["runs"] == len(rows)
    report = json.loads(run("fit", "sheet.sqlite", "--out", "sheet.json", "--json"))
    assert "recognised as Toy NPU" in report["road"]
    assert report["mapping"] == "toy-npu"


def test_the_vendors_trace_is_read_from_a_program(run):
    trace = "booting\n[npu] conv conv took 12.5 us\n[npu] relu relu took 2.5 us\n"
    program = shlex.join([sys.executable, "-c", f"print({trace!r})", "{model}"])
    options = ("--option", f"command={program}", "--option", "report=toy-trace")
    document = json.loads(run("measure", "resnet18", "--backend", "command", *options, "--json"))
    assert document["latency_s"] == pytest.approx(15e-6)


def test_a_device_that_nobody_knows_takes_the_generic_road(here, run):
    cases = tuple(_convolution(number) for number in range(12))
    (here / "plan.json").write_text(Plan("convolutions", cases).to_text())
    run("bench", *TOY, "--option", "runtime=mystery", "--plan", "plan.json", "--out", "mystery.sqlite")
    report = json.loads(run("fit", "mystery.sqlite", "--out", "mystery.json", "--json"))
    said = "no device family knows measurements of runtime 'mystery', device 'toy-npu-16': fitted by the generic road"
    assert report["road"] == said
    assert report["device_family"] is None
    assert said in run("platforms", "show", "./mystery.json")


def _convolution(number):
    net = NetworkBuilder(f"conv{number}")
    x = net.input("x", (1, 8 * (number + 1), 16, 16))
    return Case(net.name, Purpose.MICRO_KERNEL, "conv", net.build(net.conv(x, 32, 3, padding=1)), 0.1)
