"""A platform adapted to a similar device by a few kernels."""

import json
from dataclasses import replace

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

from annette.cli.main import cli
from annette.errors import FitError
from annette.estimation import estimate_network
from annette.fitting.shrinkage import rescaled, time_shares
from annette.fitting.transfer import transfer, transfer_platform
from annette.models.roofline import RefinedRoofline, Roofline, Unroll
from annette.platforms import (
    ComposedErrors,
    Intervals,
    LogResiduals,
    dumps_platform,
    loads_platform,
)
from annette.platforms.spread import Spread
from annette.report.schema import schema
from tests.unit.fitting import synthetic
from tests.unit.fitting.synthetic import (
    DEVICE,
    ENVIRONMENT,
    chain,
    convolutions,
    dataset,
    run,
    samples,
    starting_platform,
)

UNIT = LogResiduals((0.005, 0.05, 0.95, 0.995), (-3.0, -1.6, 1.6, 3.0))
SLOWER = {
    "conv": RefinedRoofline(0.5e11, 0.8e10, 8e-6, {"out_channels": Unroll(16, 1.0)}),
    "max_pool": Roofline(0.5e10, 4e9, 3e-6),
}


RESIDUALS = LogResiduals((0.005, 0.16, 0.84, 0.995), (-0.06, -0.02, 0.02, 0.06))
COMPOSED = ComposedErrors(dict.fromkeys(DEVICE, Spread.constant(0.03)), 0.3, 0.3, 0.1, 0.01, UNIT)


@pytest.fixture(scope="module")
def start():
    residuals = {kind: {model.family: RESIDUALS} for kind, model in DEVICE.items()}
    intervals = Intervals(residuals, composed={"preferred": COMPOSED})
    preferred = {"max_pool": "roofline"}
    return starting_platform(DEVICE, intervals, preferred="refined-roofline", preferred_by_kind=preferred)


def on_slower(path, monkeypatch, cases, seed=5, **options):
    monkeypatch.setattr(synthetic, "DEVICE", SLOWER)
    return dataset(path, cases, seed=seed, **options)


def error(platform, monkeypatch):
    monkeypatch.setattr(synthetic, "DEVICE", SLOWER)
    random = np.random.default_rng(99)
    off = []
    for index in range(15):
        network = chain(f"new{index}", random, length=8)
        truth_s = run(network, random, shared=0.0).latency_s
        off.append(abs(estimate_network(network, platform).latency_s / truth_s - 1))
    return float(np.mean(off))


@pytest.mark.parametrize("cases", [3, 8])
def test_few_kernels_bring_a_platform_to_another_speed(start, tmp_path, monkeypatch, cases):
    with on_slower(tmp_path / "d.sqlite", monkeypatch, cases) as opened:
        report = transfer_platform([opened], start, name="other")
    assert error(start, monkeypatch) > 0.35
    assert error(report.platform, monkeypatch) < 0.12
    assert report.error("left_out") < 0.4 * report.error("before")
    assert np.exp(report.differences.of("conv") + report.differences.sides[0]) == pytest.approx(2, rel=0.2)


def test_the_file_says_from_what_and_is_the_same_twice(start, tmp_path, monkeypatch):
    with on_slower(tmp_path / "d.sqlite", monkeypatch, 4) as opened:
        first, second = (transfer_platform([opened], start, name="other").platform for _ in range(2))
        digest = opened.digest()
    text = dumps_platform(first)
    assert dumps_platform(second) == text
    assert dumps_platform(loads_platform(text.encode(), source="test")) == text
    assert "from start" in first.provenance.created_by
    assert first.provenance.sources[-1].sha256 == digest
    assert any("adapted from start with 16 kernels" in note for note in first.provenance.notes)


def test_fewer_kernels_give_wider_intervals(start, tmp_path, monkeypatch):
    widths = []
    for cases in (3, 20):
        with on_slower(tmp_path / f"{cases}.sqlite", monkeypatch, cases) as opened:
            found = transfer_platform([opened], start, name="other").platform
        estimate = estimate_network(chain("net", np.random.default_rng(3), length=8), found)
        widths.append(np.log(estimate.interval_s[1] / estimate.interval_s[0]))
    assert widths[0] > 1.2 * widths[1]


def test_too_few_different_kernels_are_refused(start, tmp_path, monkeypatch):
    with (
        on_slower(tmp_path / "d.sqlite", monkeypatch, 1) as opened,
        pytest.raises(FitError, match=r"8 different.* are 4"),
    ):
        transfer_platform([opened], start, name="other")
    table = convolutions(20)
    table.values[:] = table.values[0]
    with pytest.raises(FitError, match="there are 1"):
        transfer(start, samples(table, np.ones(20)))


def test_another_precision_is_refused(start, tmp_path, monkeypatch):
    environment = {**ENVIRONMENT, "precision": "int8"}
    with (
        on_slower(tmp_path / "d.sqlite", monkeypatch, 4, environment=environment) as opened,
        pytest.raises(FitError, match="not the precision"),
    ):
        transfer_platform([opened], start, name="other")


def test_kinds_that_the_start_has_no_fitted_model_of_are_fitted_anew(start, tmp_path, monkeypatch):
    only = replace(
        start,
        models={**start.models, "max_pool": {"roofline": Roofline(1e12, 1e12, 1e-3)}},
        assumed={"max_pool": "a guess"},
    )
    with on_slower(tmp_path / "few.sqlite", monkeypatch, 4) as opened:
        few = transfer_platform([opened], only, name="other")
    assert "max_pool" in few.platform.assumed
    assert any("too few to fit one (max_pool)" in part.reason and len(part.sources) == 4 for part in few.dropped)
    with on_slower(tmp_path / "enough.sqlite", monkeypatch, 12) as opened:
        enough = transfer_platform([opened], only, name="other")
    found = enough.platform
    assert not found.assumed
    assert enough.new_kinds.keys() == {"max_pool"}
    assert enough.new_kinds["max_pool"].error(enough.new_kinds["max_pool"].best) < 0.15
    assert found.intervals.kernels["max_pool"].keys() >= {"roofline", "mixed"}
    assert any("max_pool (12 kernels" in note for note in found.provenance.notes)
    assert loads_platform(dumps_platform(found).encode(), source="test").ranges["max_pool"]


def test_the_command_says_how_each_kind_came_to_its_model(start, tmp_path, monkeypatch):
    on_slower(tmp_path / "d.sqlite", monkeypatch, 4).close()
    (tmp_path / "start.json").write_text(dumps_platform(start))
    command = ["fit", str(tmp_path / "d.sqlite"), "--from", str(tmp_path / "start.json"), "--out"]
    document = json.loads(CliRunner().invoke(cli, [*command, str(tmp_path / "a.json"), "--json"]).output)
    jsonschema.validate(document, schema("transfer"))
    assert [(kind["kind"], kind["way"]) for kind in document["kinds"]] == [("conv", "factors"), ("max_pool", "factors")]
    assert document["new_kinds"] == []
    table = CliRunner().invoke(cli, [*command, str(tmp_path / "b.json")]).output
    assert "left out" in table
    assert "refined-roofline" in table


def test_shares_say_what_changes_do():
    table = convolutions(50)
    for model in SLOWER.values():
        follows = time_shares(model, table)
        assert follows.sum(axis=1) == pytest.approx(np.ones(50))
        step = 1e-4
        for side, change in enumerate(np.eye(3) * step):
            slope = np.log(rescaled(model, 0.0, change.tolist()).predict_s(table) / model.predict_s(table)) / step
            assert slope == pytest.approx(follows[:, side], abs=2e-3)
