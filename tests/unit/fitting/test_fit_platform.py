"""From a dataset to a platform file, and the command that does it."""

import json
import sys
from dataclasses import replace

import jsonschema
import numpy as np
import pytest

from annette.bench.dataset import Dataset
from annette.bench.records import Purpose, made_for
from annette.cli.main import main
from annette.errors import DatasetError, FitError
from annette.estimation import estimate_network
from annette.fitting.platform import fit_platform, shared_rooflines
from annette.fitting.request import FitRequest
from annette.mapping.kernel import COLUMNS, KernelTable
from annette.platforms import dumps_platform, loads_platform
from annette.report.schema import schema
from tests.unit.fitting.synthetic import ENVIRONMENT, chain, convolutions, dataset, run, samples


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "d.sqlite"
    dataset(path, 32).close()
    return path


@pytest.fixture(scope="module")
def report(measured):
    with Dataset.open(measured) as opened:
        return fit_platform([opened], FitRequest(name="synthetic"))


def test_a_known_device_is_learned_well_enough_to_price_new_networks(report):
    random = np.random.default_rng(77)
    off, inside = [], []
    for index in range(20):
        network = chain(f"new{index}", random, length=8)
        truth_s = run(network, random, shared=0.0).latency_s
        estimate = estimate_network(network, report.platform)
        off.append(abs(estimate.latency_s / truth_s - 1))
        inside.append(estimate.interval_s[0] <= truth_s <= estimate.interval_s[1])
    assert np.mean(off) < 0.08
    assert np.mean(inside) > 0.7


def visited(path, disturbance):
    """A campaign of three visits, six of ten of which other programs make longer, each kernel by itself."""
    random = np.random.default_rng(5)
    with Dataset.create(path) as opened:
        for index in range(40):
            base = run(chain(f"case{index}", random), random, noise=0.03, shared=0.0)
            for round_ in range(3):
                longer = np.exp(random.exponential(disturbance, 9) * (random.random(9) < 0.6))
                kernels = tuple(
                    replace(kernel, latency_s=kernel.latency_s * by, samples_s=(kernel.latency_s * by,))
                    for kernel, by in zip(base.kernels, longer.tolist(), strict=False)
                )
                opened.add(replace(base, round=round_, kernels=kernels))
    return path


def test_a_campaign_that_was_not_calm_has_wider_intervals_that_hold(tmp_path):
    widths, inside = [], []
    for disturbance in (0.0, 0.3):
        with Dataset.open(visited(tmp_path / f"{disturbance}.sqlite", disturbance)) as opened:
            found = fit_platform([opened], FitRequest(name="synthetic")).platform
        random = np.random.default_rng(7)
        networks = [chain(f"new{index}", random, length=8) for index in range(20)]
        truths_s = [run(network, random, noise=0.0, shared=0.0).latency_s for network in networks]
        ends = [estimate_network(network, found).interval_s for network in networks]
        inside.append(np.mean([low <= truth_s <= high for truth_s, (low, high) in zip(truths_s, ends, strict=True)]))
        widths.append(np.mean([np.log(high / low) for low, high in ends]))
        facts = found.provenance.measurement
        assert facts["calm_index"] == 1 if not disturbance else facts["calm_index"] < 0.7
        assert found.intervals.composed["preferred"].run >= facts["level_error"] > 0
    assert widths[1] > 1.5 * widths[0]
    assert min(inside) >= 0.85


def test_the_same_dataset_and_seed_give_the_same_bytes(measured, report):
    with Dataset.open(measured) as opened:
        again = fit_platform([opened], FitRequest(name="synthetic"))
    text = dumps_platform(report.platform)
    assert dumps_platform(again.platform) == text
    assert dumps_platform(loads_platform(text.encode(), source="test")) == text


def test_provenance_says_what_was_measured_and_how(measured, report):
    provenance = report.platform.provenance
    with Dataset.open(measured) as opened:
        assert provenance.sources[0].sha256 == opened.digest()
    assert dict(provenance.versions) == ENVIRONMENT
    assert provenance.measurement["calibration_s"] == 1e-3


def test_provenance_says_for_which_networks_a_part_was_made(tmp_path):
    random = np.random.default_rng(1)
    with dataset(tmp_path / "d.sqlite", 24) as opened:
        opened.close()
    with Dataset.open(tmp_path / "d.sqlite", write=True) as opened:
        for name, stated in (("one", '[["mine", "d1"]]'), ("two", '[["mine", "d1"], ["other", "d2"]]')):
            part = run(chain(f"for/{name}", random), random)
            opened.add(replace(part, details={**part.details, "made_for": stated}))
        found = fit_platform([opened], FitRequest(name="synthetic")).platform
    assert found.provenance.made_for == (("mine", "d1"), ("other", "d2"))
    again = loads_platform(dumps_platform(found).encode(), source="test")
    assert again.provenance == found.provenance


def test_what_a_run_says_it_was_made_for_is_checked():
    random = np.random.default_rng(1)
    part = run(chain("for", random), random)
    for stated in ("[", '["mine"]', '{"mine": 3}'):
        with pytest.raises(DatasetError, match="made_for in a run's details"):
            made_for([replace(part, details={"made_for": stated})])


def test_whole_networks_are_not_fitted_on(tmp_path, report):
    random = np.random.default_rng(1)
    with dataset(tmp_path / "d.sqlite", 32) as opened:
        opened.close()
    with Dataset.open(tmp_path / "d.sqlite", write=True) as opened:
        slow = run(chain("whole", random), random, purpose=Purpose.NETWORK)
        kernels = tuple(replace(kernel, latency_s=kernel.latency_s * 100) for kernel in slow.kernels)
        opened.add(replace(slow, kernels=kernels))
        found = fit_platform([opened], FitRequest(name="synthetic")).platform
    assert any("whole networks" in note for note in found.provenance.notes)
    models = {kind: {name: model.to_json() for name, model in entry.items()} for kind, entry in found.models.items()}
    expected = report.platform.models
    assert models == {
        kind: {name: model.to_json() for name, model in entry.items()} for kind, entry in expected.items()
    }


@pytest.mark.parametrize("key", ["precision", "threads", "cpu"])
def test_different_environments_are_refused_by_name(tmp_path, key):
    with (
        dataset(tmp_path / "a.sqlite", 1) as first,
        dataset(tmp_path / "b.sqlite", 1, environment={**ENVIRONMENT, key: "other"}) as second,
        pytest.raises(FitError, match=f"{key} is"),
    ):
        fit_platform([first, second], FitRequest(name="x"))


def test_too_few_rows_are_refused_with_their_kinds(tmp_path):
    with dataset(tmp_path / "d.sqlite", 2) as opened, pytest.raises(FitError, match=r"conv \(6\), max_pool \(2\)"):
        fit_platform([opened], FitRequest(name="x"))


def test_an_empty_dataset_is_refused(tmp_path):
    with Dataset.create(tmp_path / "d.sqlite") as opened, pytest.raises(FitError, match="empty"):
        fit_platform([opened], FitRequest(name="x"))


def command(capsys, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["annette", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    captured = capsys.readouterr()
    return stop.value.code, captured.out, captured.err


def test_the_command_writes_the_platform_and_says_what_it_did(capsys, monkeypatch, measured, tmp_path, report):
    out = tmp_path / "synthetic.json"
    code, text, progress = command(capsys, monkeypatch, "fit", measured, "--out", out, "--json")
    assert code == 0
    assert out.read_text(encoding="utf-8") == dumps_platform(report.platform)
    document = json.loads(text)
    jsonschema.validate(document, schema("fit"))
    assert [entry["kind"] for entry in document["kinds"]] == ["conv", "max_pool"]
    assert set(document["kinds"][0]["mape"]) == {"roofline", "refined-roofline", "statistical", "mixed"}
    assert "fitting conv" in progress


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.sqlite", "--out", "x.json"], "no dataset"),
        (["DATA", "--out", "x.txt"], ".json"),
        (["DATA", "--out", "nowhere/x.json"], "folder"),
        (["DATA"], "--out"),
        (["--out", "x.json"], "DATASET"),
    ],
)
def test_mistakes_get_one_line(capsys, monkeypatch, measured, arguments, message):
    words = [str(measured) if word == "DATA" else word for word in arguments]
    code, out, err = command(capsys, monkeypatch, "fit", *words)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_kinds_whose_relatives_do_no_operations_take_no_rate_of_operations_from_them():
    rows = 40
    table = convolutions(rows)
    values = {name: table[name].copy() for name in COLUMNS}
    moved = KernelTable(np.full(rows, "concat@int8"), np.stack([
        np.zeros(rows) if name in ("ops", "macs", "weight_bytes") else values[name] for name in COLUMNS], axis=1
    ))  # fmt: skip
    models, _ = shared_rooflines(samples(moved, 1e-6 + moved.bytes / 1e10), ["concat@int8"])
    roofline = models["resize_linear@int8"]["roofline"]
    assert roofline.ops_per_s == pytest.approx(roofline.bytes_per_s)
