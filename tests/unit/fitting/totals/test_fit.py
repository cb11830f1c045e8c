"""Totals of a device that is known exactly: what is found of its kernels, its mapping and its errors."""

import numpy as np
import pytest

from annette.bench.dataset import Dataset
from annette.bench.generate.totals import generate_totals_plan
from annette.bench.records import KernelRecord, Purpose, Run, Status
from annette.errors import FitError
from annette.estimation import estimate_network
from annette.fitting.platform import fit_platform
from annette.fitting.request import FitRequest
from annette.fitting.totals import mapping_choice
from annette.fitting.totals.attribution import Prior, attribute
from annette.fitting.totals.fit import LEAST_TOTALS, tells_totals_only
from annette.fitting.totals.mapping_choice import choose_by_totals
from annette.fitting.totals.observations import Observations, Total, totals_of
from annette.fitting.totals.rooflines import fit_rooflines
from annette.mapping.kernel import KernelTable, Precision
from annette.mapping.model import MappingModel
from annette.mapping.rules import preset
from annette.models.roofline import Roofline
from annette.network.builder import NetworkBuilder
from annette.network.load import load_network
from annette.platforms import dump_platform, load_platform

ENVIRONMENT = {"runtime": "command", "device": "known", "model_format": "onnx"}
RUN_S = 1e-4
RATES = {"conv": (5e10, 8e9, 8e-6), "depthwise_conv": (8e9, 6e9, 5e-6), "fully_connected": (2e10, 9e9, 3e-6)}
OTHERS = (4e9, 3e9, 6e-6)
PRECISION = Precision()


def exact_s(network, mapping="generic"):
    model = preset(mapping) if isinstance(mapping, str) else mapping
    kernels = [kernel for kernel in model.apply(network) if not kernel.free]
    table = KernelTable.from_kernels(kernels, network, PRECISION)
    rows = zip(table.kinds.tolist(), table["ops"], table.bytes, strict=True)
    rates = [(RATES.get(kind, OTHERS), ops, size) for kind, ops, size in rows]
    return RUN_S + sum(max(ops / p, size / b) + t for (p, b, t), ops, size in rates)


@pytest.fixture(scope="module")
def totals():
    """The light networks of a plan, as the device takes them, with noise of 1 %."""
    noise = np.random.default_rng(0)
    cases = [case for case in generate_totals_plan("npu").cases if len(case.network.layers) < 40][:240]
    return [
        Total(case.id, case.network, exact_s(case.network) * np.exp(noise.normal(0, 0.01)))
        for case in sorted(cases, key=lambda case: case.id)
    ]


def run_of(case, network, latency_s, purpose=Purpose.CHAIN, kernels=(), **changes):
    values = {"round": 0, "environment": ENVIRONMENT, "details": {}, "status": Status.OK, "reason": ""} | changes
    return Run(
        case=case, purpose=purpose, network=network, started_unix_s=0.0, duration_s=1.0, latency_s=latency_s,
        samples_s=(latency_s,), reference_s=(), kernels=kernels, matched_share=float("nan"), **values,
    )  # fmt: skip


def dataset_of(path, totals, **changes):
    dataset = Dataset.create(path)
    for total in totals:
        dataset.add(run_of(*total, **changes))
    return dataset


def test_rooflines_of_all_kinds_are_found_at_once(totals):
    seen = Observations.of(totals, preset("generic"), PRECISION)
    found = fit_rooflines(seen)
    assert found.per_run_s == pytest.approx(RUN_S, rel=0.1)
    assert found.models["conv"].ops_per_s == pytest.approx(5e10, rel=0.1)
    assert found.models["depthwise_conv"].ops_per_s == pytest.approx(8e9, rel=0.2)


def test_a_total_divides_by_what_others_tell_of_its_kernels():
    """A kernel that was measured alone is known; what is left of the sum is the other's."""
    wide, narrow = (NetworkBuilder(name) for name in ("pair", "alone"))
    x = wide.input("x", (1, 16, 32, 32))
    pair = wide.build(wide.max_pool(wide.conv(x, 16, 3, padding=1), 3, stride=1, padding=1))
    alone = narrow.build(narrow.conv(narrow.input("x", (1, 16, 32, 32)), 16, 3, padding=1))
    totals = [Total("alone", alone, 3e-3), Total("pair", pair, 4e-3)]
    seen = Observations.of(totals, preset("none"), PRECISION)
    base = {"conv": Roofline(1e10, 1e9, 1e-3), "max_pool": Roofline(1e10, 1e9, 1e-3)}
    base_s = np.array([base[kind].offset_s for kind in seen.table.kinds.tolist()])
    found = attribute(seen, base_s, 0.0, Prior(spread=2.0, noise=0.001))
    times = dict(zip(seen.table.kinds.tolist(), found.latency_s.tolist(), strict=True))
    assert times["max_pool"] == pytest.approx(1e-3, rel=0.3)
    assert found.latency_s @ seen.counts.toarray()[1] == pytest.approx(4e-3, rel=0.01)


def test_pairs_that_take_less_than_their_sum_show_the_mapping(totals, monkeypatch):
    monkeypatch.setattr(mapping_choice, "presets", lambda: ("none", "views", "generic", "dnndk"))
    fused = choose_by_totals(totals[::2], PRECISION).mapping
    unfused = choose_by_totals(
        [t._replace(latency_s=exact_s(t.network, "views")) for t in totals[::2]], PRECISION
    ).mapping
    for total in totals[::16]:
        assert len(fused.apply(total.network)) == len(preset("generic").apply(total.network))
        assert len(unfused.apply(total.network)) == len(preset("views").apply(total.network))


def test_a_rule_that_pairs_speak_against_is_left_out(totals, monkeypatch):
    """A device that fuses all but sums into convolutions."""
    rules = tuple(rule for rule in preset("generic").rules if "residual-into" not in rule.name)
    known = MappingModel("known", rules)
    monkeypatch.setattr(mapping_choice, "presets", lambda: ("generic",))
    part = [total._replace(latency_s=exact_s(total.network, known)) for total in totals]
    choice = choose_by_totals(part, PRECISION)
    assert "residual-into-convolution" in choice.reason
    assert not any("residual-into" in rule.name for rule in choice.mapping.rules)
    assert any("activation-into-convolution" in rule.name for rule in choice.mapping.rules)


def test_a_platform_is_fitted_without_options(totals, tmp_path):
    with dataset_of(tmp_path / "d.sqlite", totals) as dataset:
        report = fit_platform([dataset], FitRequest(name="board", mapping=preset("generic")))
    assert "totals of 240 networks" in report.road
    platform = report.platform
    assert any("split conformal" in note for note in platform.provenance.notes)
    assert any("counted as fp32" in note for note in platform.provenance.notes)
    dump_platform(platform, tmp_path / "board.json")
    loaded = load_platform(tmp_path / "board.json")
    for name in ("mobilenet_v1", "resnet18", "squeezenet1_1"):
        network = load_network(name)
        estimate = estimate_network(network, loaded)
        assert estimate.latency_s == pytest.approx(exact_s(network), rel=0.12)
        low, high = estimate.interval_s
        assert low <= exact_s(network) <= high


def test_networks_around_kernels_count_only_where_totals_say_so(totals, tmp_path):
    """The known device has no caches; one whose kernels take longer in networks of more weights has."""

    def notes(factor_of, path):
        changed = [t._replace(latency_s=t.latency_s * factor_of(t.network)) for t in totals]
        with dataset_of(path, changed) as dataset:
            report = fit_platform([dataset], FitRequest(name="board", mapping=preset("generic")))
        return " ".join(report.platform.provenance.notes)

    def cold(network):
        return float(np.clip(sum(layer.workload.weight_bytes for layer in network.layers) / 2**18, 1.0, 64.0)) ** 0.5

    assert "networks of any size" in notes(lambda _: 1.0, tmp_path / "same.sqlite")
    assert "networks of any size" not in notes(cold, tmp_path / "cold.sqlite")


def test_kinds_that_totals_do_not_tell_apart_are_assumed(totals, tmp_path):
    with dataset_of(tmp_path / "d.sqlite", totals) as dataset:
        platform = fit_platform([dataset], FitRequest(name="board", mapping=preset("generic"))).platform
    untold = {kind for kind, reason in platform.assumed.items() if "not told apart" in reason}
    fitted = set(platform.models) - set(platform.assumed)
    assert "conv" in fitted
    assert untold
    assert not untold & fitted


def test_too_few_totals_say_what_to_measure(totals, tmp_path):
    few = dataset_of(tmp_path / "d.sqlite", totals[: LEAST_TOTALS - 1])
    with few, pytest.raises(FitError, match=r"--preset totals.*calibrate"):
        fit_platform([few], FitRequest(name="board"))


def test_rules_are_not_learned_from_totals(totals):
    with pytest.raises(FitError, match="learned from kernels"):
        choose_by_totals(totals, PRECISION, request="learned")


def test_only_benchmarks_without_kernels_take_this_road(totals):
    case, network, latency_s = totals[0]
    kernel = KernelRecord("k", "conv", (network.layers[0].name,), latency_s, (latency_s,))
    told, untold = run_of(case, network, latency_s, kernels=(kernel,)), run_of(case, network, latency_s)
    whole = run_of(case, network, latency_s, purpose=Purpose.NETWORK)
    assert tells_totals_only([untold])
    assert tells_totals_only([untold, whole])
    assert not tells_totals_only([told, untold])
    assert not tells_totals_only([whole])
    assert not tells_totals_only([])


def test_rounds_count_once_by_their_median(totals):
    case, network, _ = totals[0]
    runs = [run_of(case, network, time_s, round=n) for n, time_s in enumerate((1e-3, 9e-3, 2e-3))]
    failed = run_of("failed", network, float("nan"), status=Status.FAILED)
    assert [(total.case, total.latency_s) for total in totals_of([*runs, failed])] == [(case, 2e-3)]
