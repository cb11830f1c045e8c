"""The contract of layer models as a test suite.

An author of a layer model subclasses `LayerModelContract`, overrides the fixture ``model``, and runs pytest::

    class TestMyModel(LayerModelContract):
        @pytest.fixture
        def model(self):
            return MyModel(ops_per_s=1e12, bytes_per_s=1e10)
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annette.errors import PlatformFormatError
from annette.mapping.kernel import COLUMNS, KernelTable
from annette.models.roofline import Roofline
from annette.models.stack import ModelStack
from annette.testing import ParametersContract

if TYPE_CHECKING:
    from annette.models.base import LayerModel

__all__ = ["LayerModelContract", "example_table"]

_ROWS = 200


def example_table(rows: int = _ROWS, *, seed: int = 0) -> KernelTable:
    """A table of plausible convolution kernels, some of which compute nothing.

    Args:
        rows: Number of kernels.
        seed: Equal seeds give equal tables.
    """
    random = np.random.default_rng(seed)
    values = np.ones((rows, len(COLUMNS)))
    column = {name: values[:, index] for index, name in enumerate(COLUMNS)}
    for name, largest in (("in_channels", 9), ("out_channels", 9), ("out_height", 7), ("out_width", 7)):
        column[name][:] = np.floor(2.0 ** random.uniform(0, largest, rows))
    column["groups"][:] = np.where(random.random(rows) < 0.2, column["in_channels"], 1)
    positions = column["out_height"] * column["out_width"]
    column["macs"][:] = np.where(
        random.random(rows) < 0.9, positions * column["out_channels"] * column["in_channels"] / column["groups"], 0
    )
    column["ops"][:] = 2 * column["macs"]
    column["input_bytes"][:] = 4 * positions * column["in_channels"]
    column["weight_bytes"][:] = 4 * column["out_channels"] * column["in_channels"] / column["groups"]
    column["output_bytes"][:] = 4 * positions * column["out_channels"]
    column["residual"][:] = column["activation"][:] = 0
    return KernelTable(np.full(rows, "conv"), values)


class LayerModelContract(ParametersContract):
    """What every layer model must satisfy; override ``model``, and ``table`` where the model wants other kernels."""

    refusal = PlatformFormatError

    @pytest.fixture
    def model(self) -> LayerModel:
        """The model under test."""
        raise NotImplementedError("override the fixture 'model' with the layer model to test")

    @pytest.fixture
    def described(self, model: LayerModel) -> LayerModel:
        """The model, whose parameters are tested."""
        return model

    @pytest.fixture
    def table(self) -> KernelTable:
        """Kernels that the model can price."""
        return example_table()

    def test_predicts_one_finite_latency_that_is_not_negative_for_each_row(
        self, model: LayerModel, table: KernelTable
    ) -> None:
        """Seconds, float64, shape ``(rows,)``."""
        predicted = model.predict_s(table)
        assert predicted.shape == (len(table),)
        assert predicted.dtype == np.float64
        assert np.isfinite(predicted).all()
        assert (predicted >= 0).all()
        assert predicted.max() > 0

    def test_terms_are_finite_and_not_negative(self, model: LayerModel, table: KernelTable) -> None:
        """Both sides of the roofline, shape ``(rows,)``; without operations nothing is bound by computing."""
        terms = model.terms(table)
        for term in (terms.compute_s, terms.memory_s):
            assert term.shape == (len(table),)
            assert np.isfinite(term).all()
            assert (term >= 0).all()
        idle = table["ops"] == 0
        assert (terms.compute_s[idle] <= terms.memory_s[idle]).all()

    def test_efficiency_is_a_share_of_the_peak(self, model: LayerModel, table: KernelTable) -> None:
        """In (0, 1], shape ``(rows,)``."""
        efficiency = model.efficiency(table)
        assert efficiency.shape == (len(table),)
        assert (efficiency > 0).all()
        assert (efficiency <= 1).all()

    def test_a_row_does_not_depend_on_its_neighbours(self, model: LayerModel, table: KernelTable) -> None:
        """Whole table, reversed table and single rows give the same."""
        rows = np.arange(len(table))
        predicted = model.predict_s(table)
        np.testing.assert_array_equal(model.predict_s(table.select(rows[::-1])), predicted[::-1])
        for row in (0, len(table) // 2, len(table) - 1):
            np.testing.assert_allclose(model.predict_s(table.select(rows[row : row + 1])), predicted[row], rtol=1e-12)

    def test_says_the_same_beside_other_models(self, model: LayerModel, table: KernelTable) -> None:
        """Estimates ask all models of a network at once (`annette.models.stack`): each says what it says alone."""
        other = Roofline(ops_per_s=1e12, bytes_per_s=1e10, offset_s=1e-6)
        of = np.arange(len(table)) % 3
        with np.errstate(all="ignore"):
            predicted = ModelStack([other, model, other.scaled(2.0)]).predict(table, of)
        rows = np.flatnonzero(of == 1)
        part = table.select(rows)
        alone = model.predict_s(part), *model.terms(part), model.efficiency(part)
        for together, expected in zip(predicted, alone, strict=True):
            np.testing.assert_allclose(together[rows], expected, rtol=1e-12)
        np.testing.assert_allclose(
            predicted.latency_s[of == 2], 2.0 * other.predict_s(table.select(np.flatnonzero(of == 2))), rtol=1e-12
        )

    def test_an_empty_table_gives_an_empty_answer(self, model: LayerModel, table: KernelTable) -> None:
        """No rows, no error."""
        empty = table.select(np.arange(0))
        assert model.predict_s(empty).shape == (0,)
        terms = model.terms(empty)
        assert terms.compute_s.shape == terms.memory_s.shape == (0,)

    def test_leaves_the_table_alone(self, model: LayerModel, table: KernelTable) -> None:
        """Tables are shared between models and threads."""
        before = table.values.copy()
        model.predict_s(table)
        model.terms(table)
        np.testing.assert_array_equal(table.values, before)

    def test_survives_a_round_trip_through_json(self, model: LayerModel, table: KernelTable) -> None:
        """Parameters are plain, finite JSON values and give a model with equal parameters and predictions."""
        text = json.dumps(model.to_json(), allow_nan=False)
        again = type(model).from_json(json.loads(text))
        np.testing.assert_array_equal(again.predict_s(table), model.predict_s(table))
        assert json.dumps(again.to_json(), allow_nan=False) == text

    def test_has_a_family_name(self, model: LayerModel) -> None:
        """Lower-case words joined by hyphens, the key in platform files."""
        assert model.family
        assert all(part.isalnum() and part == part.lower() for part in model.family.split("-"))
