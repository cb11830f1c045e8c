"""Models asked together; that each says what it says alone is in the contract of layer models and in tests/property."""

import numpy as np
import pytest

from annette.models.features import FeatureSet
from annette.models.forest import Forest
from annette.models.reach import Reach
from annette.models.roofline import RefinedRoofline, Roofline, Unroll
from annette.models.stack import ModelStack
from annette.models.statistical import Mixed, Statistical
from annette.models.work_sum import WorkSum
from annette.testing.layer_models import example_table

PLAIN = Roofline(ops_per_s=1e11, bytes_per_s=1e10, offset_s=1e-6)
REFINED = RefinedRoofline(ops_per_s=2e11, bytes_per_s=1e10, offset_s=0.0, unroll={"out_channels": Unroll(16, 0.7)})
WORKS = WorkSum({"macs": 1e-11, "bytes": 1e-10, "kernels": 1e-6})


def forest(rng, *, trees, columns):
    """Trees of two comparisons."""
    first = 5 * np.arange(trees)[:, None]
    return Forest(
        roots=first.ravel().astype(np.int32),
        feature=np.stack([[rng.integers(columns), rng.integers(columns), -1, -1, -1] for _ in range(trees)])
        .astype(np.int16)
        .ravel(),
        threshold=rng.uniform(0, 9, 5 * trees).astype(np.float32),
        left=(first + np.array([1, 3, 0, 0, 0])).astype(np.int32).ravel(),
        value=rng.uniform(-0.1, 0.1, 5 * trees).astype(np.float32),
        base=0.2,
    )


def models():
    """One of each sort, forests of different sizes looking at different features among them."""
    rng = np.random.default_rng(0)
    narrow, wide = FeatureSet(("log2:ops", "log2:bytes")), FeatureSet(("log2:out_width", "fill:out_channels:16", "ops"))
    reach = Reach(FeatureSet(("log2:out_width", "log2:groups")), np.array([[3.0, 0.0], [5.0, 0.0]]), 0.5, 1.5, -0.1)
    return [
        PLAIN,
        Mixed(REFINED, narrow, forest(rng, trees=7, columns=2)),
        Mixed(WORKS, wide, forest(rng, trees=30, columns=3), reach),
        Statistical("ops", wide, forest(rng, trees=4, columns=3), REFINED),
        Statistical("bytes", narrow, forest(rng, trees=9, columns=2), PLAIN),
        WORKS,
        REFINED,
    ]


def test_each_row_is_priced_by_its_own_model():
    each, table = models(), example_table(140)
    of = np.random.default_rng(1).integers(0, len(each), len(table))
    predicted = ModelStack(each).predict(table, of)
    for number, model in enumerate(each):
        rows = np.flatnonzero(of == number)
        assert len(rows)
        part = table.select(rows)
        alone = model.predict_s(part), *model.terms(part), model.efficiency(part)
        for together, expected in zip(predicted, alone, strict=True):
            np.testing.assert_allclose(together[rows], expected, rtol=1e-12)


def test_models_that_no_row_asks_for_change_nothing():
    each, table = models(), example_table(20)
    few, all_of_one = ModelStack(each[1:2]), np.full(len(table), 1)
    np.testing.assert_array_equal(
        ModelStack(each).predict(table, all_of_one).latency_s, few.predict(table, np.zeros(20, dtype=np.intp)).latency_s
    )


class Doubled(Roofline):
    """A roofline of somebody else, who may predict anything."""

    def predict_s(self, table):
        return 2.0 * super().predict_s(table)


def test_a_subclass_of_a_roofline_is_asked_itself():
    table = example_table(10)
    predicted = ModelStack([Doubled(1e11, 1e10)]).predict(table, np.zeros(10, dtype=np.intp))
    assert predicted.latency_s == pytest.approx(2.0 * Roofline(1e11, 1e10).predict_s(table))


def test_sums_of_works_do_not_see_the_works_of_others():
    """A share of one model may be no number for the rows of another."""
    table = example_table(40)
    table["groups"][:20] = 1.0
    others = WorkSum({"macs/fill:out_channels:16": 2e-12, "kernels": 1e-6}), WorkSum({"output_bytes": 1e-9})
    of = np.arange(40) % 2
    predicted = ModelStack(others).predict(table, of)
    for number, model in enumerate(others):
        rows = np.flatnonzero(of == number)
        part = table.select(rows)
        assert predicted.latency_s[rows] == pytest.approx(model.predict_s(part), rel=1e-12)
        assert predicted.compute_s[rows] == pytest.approx(model.terms(part).compute_s, rel=1e-12)
        assert predicted.memory_s[rows] == pytest.approx(model.terms(part).memory_s, rel=1e-12)
