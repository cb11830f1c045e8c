"""Which family is chosen, and what its held-out predictions have seen."""

import numpy as np
import pytest

from annette.errors import FitError
from annette.fit import families
from annette.fit.families import FAMILY_ORDER, fit_kind
from annette.models.refined_roofline import RefinedRoofline, Unroll
from tests.unit.fit.synthetic import convolutions, samples

DEVICE = RefinedRoofline(1e12, 8e9, 1e-5, {"out_channels": Unroll(16, 1.0)})


def errors(fit):
    return {family: float(np.abs(fit.residuals(family)).mean()) for family in FAMILY_ORDER}


def test_a_step_that_no_formula_has_is_fitted_best_by_mixed():
    table = convolutions(300)
    step = np.where((table["kernel_height"] == 3) & (table["in_channels"] > 20), 1.8, 1.0)
    found = errors(fit_kind("conv", samples(table, DEVICE.predict_s(table) * step)))
    assert min(found, key=found.get) == "mixed"
    assert found["mixed"] < 0.8 * min(error for family, error in found.items() if family != "mixed")


def test_a_formula_that_fits_is_not_traded_for_a_forest():
    table = convolutions(200)
    noise = np.exp(np.random.default_rng(0).normal(0, 0.02, 200))
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


def test_too_few_rows_are_an_error():
    with pytest.raises(FitError, match="2"):
        fit_kind("conv", samples(convolutions(2), np.ones(2)))
