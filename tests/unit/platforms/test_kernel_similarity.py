"""Kernels that are alike, found once a table."""

import numpy as np
import pytest

from annette.mapping.kernel import KernelTable
from annette.platforms import kernel_similarity
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


def test_of_very_many_kernels_the_sum_is_estimated_and_cost_grows_with_their_number(monkeypatch):
    table = example_table(3000, seed=1)
    table = KernelTable(np.array(["conv"] * len(table)), table.values)
    weights = np.random.default_rng(0).random(len(table))
    _, parts = likeness_of(table).sums(weights)
    estimated = likeness_of(table).weighted(parts)
    compared = []
    real = kernel_similarity.similarity
    monkeypatch.setattr(
        kernel_similarity, "similarity", lambda a, b: compared.append(len(a) * b.shape[1]) or real(a, b)
    )
    likeness_of(table).weighted(parts)
    assert sum(compared) <= 256 * len(parts)
    monkeypatch.setattr(kernel_similarity, "_MOST_COMPARED", 10_000)
    assert estimated == pytest.approx(likeness_of(table).weighted(parts), rel=0.1)
