"""Which family is chosen, and what its held-out predictions have seen."""

from dataclasses import replace

import numpy as np
import pytest

from annette.errors import FitError
from annette.fitting import families
from annette.fitting.families import FAMILY_ORDER, feature_names, fit_kind
from annette.models.roofline import RefinedRoofline, Unroll
from tests.unit.fitting.synthetic import convolutions, samples

DEVICE = RefinedRoofline(1e12, 8e9, 1e-5, {"out_channels": Unroll(16, 1.0)})


def errors(fit):
    return {family: float(np.abs(fit.residuals(family)).mean()) for family in FAMILY_ORDER}


STEPS = {
    "kernels of 3 with many inputs": lambda t: np.where((t["kernel_height"] == 3) & (t["in_channels"] > 20), 1.8, 1.0),
    "many outputs": lambda t: np.where(t["out_channels"] > 40, 0.6, 1.0),
    "wide maps and large kernels": lambda t: np.where((t["out_width"] > 12) | (t["kernel_height"] == 5), 1.5, 1.0),
    "more weights than a cache": lambda t: np.where(t["weight_bytes"] > 8192, 2.0, 1.0),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_step_that_no_formula_has_is_fitted_best_by_mixed(step):
    table = convolutions(300)
    noise = np.exp(np.random.default_rng(0).normal(0, 0.02, 300))
    fit = fit_kind("conv", samples(table, DEVICE.predict_s(table) * step(table) * noise))
    found = errors(fit)
    assert min(found, key=found.get) == fit.best == "mixed"
    assert found["mixed"] < 0.8 * min(error for family, error in found.items() if family != "mixed")


@pytest.mark.parametrize("spread", [0.0, 0.02])
def test_a_formula_that_fits_is_not_traded_for_a_forest(spread):
    table = convolutions(200)
    noise = np.exp(np.random.default_rng(0).normal(0, spread, 200))
    assert fit_kind("conv", samples(table, DEVICE.predict_s(table) * noise)).best == "refined-roofline"


def test_held_out_predictions_never_saw_their_group(monkeypatch):
    table = convolutions(60)
    groups = np.array([f"group{row % 12}" for row in range(60)])
    data = samples(table, DEVICE.predict_s(table), groups)
    trained = []
    whole = families.fit_all

    def spy(part, *arguments, **options):
        trained.append(set(part.groups.tolist()))
        return whole(part, *arguments, **options)

    monkeypatch.setattr(families, "fit_all", spy)
    fit_kind("conv", data)
    assert trained[0] == set(groups.tolist())
    held_out = [set(groups.tolist()) - part for part in trained[1:]]
    assert set.union(*held_out) == set(groups.tolist())
    assert sum(len(part) for part in held_out) == 12


def recipes(count, names):
    return np.array([f"micro-kernel/{names[row % len(names)]}/{row:03}" for row in range(count)])


def test_a_correction_that_holds_for_no_other_recipe_is_not_believed():
    """Each recipe is off by a factor that nothing of its kernels tells."""
    table = convolutions(240)
    names = [f"recipe{number}" for number in range(8)]
    groups = recipes(240, names)
    factors = dict(zip(names, np.exp(np.random.default_rng(1).normal(0, 0.5, 8)), strict=True))
    off = np.array([factors[group.split("/")[1]] for group in groups])
    assert families._share_carried(samples(table, DEVICE.predict_s(table) * off, groups), seed=0) < 0.5


def test_a_correction_that_holds_everywhere_counts_in_full():
    table = convolutions(600)
    step = STEPS["wide maps and large kernels"](table)
    groups = recipes(600, [f"recipe{number}" for number in range(8)])
    assert families._share_carried(samples(table, DEVICE.predict_s(table) * step, groups), seed=0) == 1.0


def test_a_statistical_model_that_knows_its_own_recipes_only_is_not_taken():
    """Each recipe draws kernels of other sizes, for which trees have no formula."""
    table = convolutions(240)
    order = np.argsort(np.argsort(DEVICE.predict_s(table)))
    groups = np.array([f"micro-kernel/recipe{rank // 30}/{rank:03}" for rank in order])
    data = samples(table, DEVICE.predict_s(table), groups)
    assert not families._carries(data, seed=0, share=1.0)
    assert families._carries(samples(table, data.latency_s, recipes(240, ["one", "two"])), seed=0, share=1.0)


@pytest.mark.parametrize(("carries", "best"), [(True, "statistical"), (False, "mixed")])
def test_a_statistical_model_that_does_not_carry_makes_room_for_the_next_best(monkeypatch, carries, best):
    found = {"roofline": 0.5, "refined-roofline": 0.4, "mixed": 0.2, "statistical": 0.1}
    table = convolutions(60)
    errors = iter(found.values())
    monkeypatch.setattr(families, "log_error", lambda *_: next(errors))
    monkeypatch.setattr(families, "_share_carried", lambda *_, **__: 1.0)
    monkeypatch.setattr(families, "_carries", lambda *_, **__: carries)
    monkeypatch.setattr(families, "fit_all", lambda *_, **__: dict.fromkeys(found, DEVICE))
    assert fit_kind("conv", samples(table, DEVICE.predict_s(table))).best == best


def test_one_recipe_tells_nothing_about_others():
    table = convolutions(60)
    groups = recipes(60, ["one", "two"])
    assert families._share_carried(samples(table, DEVICE.predict_s(table), groups), seed=0) == 1.0


def test_too_few_rows_are_an_error():
    with pytest.raises(FitError, match="2"):
        fit_kind("conv", samples(convolutions(2), np.ones(2)))


def test_kernels_without_weights_see_how_long_their_network_runs():
    table = convolutions(40)
    columns = {name: table[name] for name in ("weight_bytes", "network_busy_ops", "network_weight_bytes")}
    columns["weight_bytes"][:] = 0.0
    columns["network_busy_ops"][:] = np.geomspace(2e6, 2e9, 40)
    columns["network_weight_bytes"][:] = np.geomspace(2e6, 2e8, 40)
    seen = feature_names(samples(table, np.ones(40)))
    assert {"log2:held_busy_ops", "log2:held_bytes"} <= set(seen)


def test_rows_of_large_kinds_count_by_how_little_they_vary():
    table = convolutions(1200)
    time_s = DEVICE.predict_s(table)
    noise = np.random.default_rng(0).normal(0, 1, 1200) * np.where(time_s < np.median(time_s), 0.3, 0.03)
    weights = families._weights(samples(table, time_s * np.exp(noise)), DEVICE)
    short, long = (np.median(weights[rows]) for rows in (time_s < 2e-5, time_s > np.quantile(time_s, 0.9)))
    assert long > 20 * short
    errors = np.where(np.arange(1200) % 2, 0.5, 0.0)
    told = replace(samples(table, time_s * np.exp(noise)), errors=errors)
    ratio = weights / families._weights(told, DEVICE)
    assert (ratio[errors == 0] == 1).all()
    assert np.allclose(ratio[errors > 0], 1 + 0.25 * weights[errors > 0])
    few = table.select(np.arange(999))
    assert families._weights(samples(few, DEVICE.predict_s(few)), DEVICE) is None
