"""Suites with published latencies: what is in them, whom they may be compared with, the paper's figures beside ours."""

import json

import pytest
from click.testing import CliRunner

from annette.api import evaluate
from annette.cli.main import cli
from annette.devices.xilinx_dpu.importer import zcu102_networks
from annette.documents import convert
from annette.errors import OptionError, PluginError
from annette.estimation import estimate_network
from annette.evaluation.published import PublishedSuite, comparable_s, published_suites
from annette.evaluation.suites import listed_networks
from annette.network.graph_json import graph_digest
from annette.network.load import load_network
from annette.network.zoo.described import described_names
from annette.platforms import load_platform
from annette.report.evaluation import evaluation_document, print_evaluation
from tests.published import DATA
from tests.unit.samples import platform

SUITES = {"paper-zcu102": 15, "paper-ncs2": 4, "paper-nasbench": 34}


def test_the_suites_hold_what_was_published():
    assert {name: len(suite.networks) for name, suite in published_suites().items()} == SUITES
    used = {one.network for suite in published_suites().values() for one in suite.networks}
    assert {f"published:{name}" for name in described_names()} == {name for name in used if name[:5] == "publi"}


def test_networks_and_latencies_are_those_of_the_tables():
    ours = {truth.name: truth for truth in listed_networks("paper-zcu102")}
    table = zcu102_networks(DATA / "zcu102" / "networks.csv", DATA / "graphs" / "mmdnn")
    assert len(table) >= 10
    for row in table:
        truth = ours[f"published:{row.name}"]
        assert truth.latency_s == pytest.approx(row.latency_s, rel=1e-4)
        assert graph_digest(truth.network) == graph_digest(row.network)
    counted = load_network(DATA / "graphs" / "annette" / "tf_resnet50.json")
    assert graph_digest(load_network("published:tf_resnet50")) == graph_digest(counted)
    (row,) = (one for one in published_suites()["paper-ncs2"].networks if one.network == "published:tf_resnet50")
    assert row.latency_ms == pytest.approx(45.5, abs=0.001)  # The report's own total.


def test_a_published_network_has_one_sample_and_a_known_name():
    with pytest.raises(OptionError, match="one sample, not for 2"):
        load_network("published:tf_resnet50", batch=2)
    with pytest.raises(OptionError, match="did you mean 'tf_resnet50'"):
        load_network("published:tf_resnet5")


@pytest.mark.parametrize(
    ("suite", "name", "mape", "rho"),
    [("paper-zcu102", "zcu102-dnndk", 0.06, 0.98), ("paper-ncs2", "ncs2-openvino", 0.04, 0.99)],
)
def test_all_families_and_the_papers_figures_stand_side_by_side(suite, name, mape, rho, capsys):
    found = evaluation_document(evaluate(name, suite))
    models = {entry["model"]: entry for entry in found["models"]}
    assert {"preferred", "mixed", "statistical", "refined-roofline", "roofline"} <= set(models)
    assert models["preferred"]["mape"] < mape
    assert models["preferred"]["spearman"] > rho
    off_s = [abs(entry["estimated_s"] - entry["measured_s"]) for entry in found["networks"]]
    assert models["preferred"]["mae_s"] == pytest.approx(sum(off_s) / len(off_s))
    (figure,) = found["paper"]
    assert figure["here"] == models["mixed"]["mape"]
    assert figure["evaluated"] == models["preferred"]["mape"]
    assert figure["networks"] == SUITES[suite]
    assert "left the network in question out" in " ".join(found["notes"])
    print_evaluation(found, brief=True)
    assert f"{100 * figure['paper']:.2f} %" in capsys.readouterr().out


def test_end_to_end_latencies_are_compared_with_estimates_of_them():
    found = evaluation_document(evaluate("ncs2-openvino", "paper-nasbench"))
    first = found["networks"][0]
    estimate = estimate_network(load_network(first["network"]), load_platform("ncs2-openvino"))
    assert estimate.latency_is == "device"
    assert first["estimated_s"] == estimate.end_to_end_latency_s > estimate.latency_s
    assert first["interval_s"][0] < first["estimated_s"] < first["interval_s"][1]
    assert comparable_s(estimate, "device") == comparable_s(estimate, None) == estimate.device_latency_s
    assert [(one["figure"], one["paper"]) for one in found["paper"]] == [("spearman", 0.988)]


def test_what_cannot_be_told_is_refused():
    estimate = estimate_network(load_network("squeezenet1_1"), load_platform("zcu102-dnndk"))
    assert comparable_s(estimate, "device") == estimate.device_latency_s < estimate.latency_s
    with pytest.raises(OptionError, match="they do not compare"):
        evaluate(platform(), "paper-zcu102")
    with pytest.raises(PluginError, match="title"):
        convert({"networks": []}, PublishedSuite, error=PluginError)


def test_the_command_prints_it():
    found = CliRunner().invoke(cli, ["evaluate", "--platform", "ncs2-openvino", "--suite", "paper-ncs2", "--json"])
    assert json.loads(found.output)["paper"][0]["paper"] == 0.0744
    refused = CliRunner().invoke(cli, ["evaluate", "--platform", "zcu102-dnndk", "--suite", "paper-ncs2"])
    assert isinstance(refused.exception, OptionError)
