"""Kernels that are alike, found once a table."""

import numpy as np
import pytest

from annette.mapping.kernel import KernelTable
from annette.platforms.kernel_similarity import equal_rows, likeness_of, similarity, similarity_coordinates
from annette.testing.layer_models import example_table


def test_the_weighted_sum_is_that_over_all_pairs_of_one_kind():
    rows = example_table(30, seed=3)
    kinds = np.array(["conv", "add", "conv", "gemm"] * 8)[:30]
    kinds[29] = "softmax"
    repeated = np.concatenate([np.arange(30), [0, 2, 2, 5]])
    table = KernelTable(kinds[repeated], rows.values[repeated])
    weights = np.random.default_rng(0).random(len(table))
    likeness = likeness_of(table)
    by_kind, parts = likeness.sums(weights)
    places, kind = similarity_coordinates(table), table.kinds
    pairs = similarity(places[:, None], places[None]) * (kind[:, None] == kind[None])
    assert likeness.weighted(parts) == pytest.approx(weights @ pairs @ weights, rel=1e-12)
    assert len(parts) == len(set(equal_rows(table).tolist())) == 30
    assert by_kind.tolist() == pytest.approx([weights[kind == each].sum() for each in table.rows_by_kind])
