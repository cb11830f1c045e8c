"""Sums of works, counted by hand."""

import numpy as np
import pytest

from annette.errors import PlatformFormatError
from annette.mapping.kernel import COLUMNS, KernelTable
from annette.models.base import build_model
from annette.models.work_sum import WorkSum, works_of


def _row(**values):
    table = np.ones((1, len(COLUMNS)))
    for name, value in values.items():
        table[0, COLUMNS.index(name)] = value
    return KernelTable(np.array(["conv"]), table)


def test_works_take_their_time_in_turn():
    table = _row(macs=1600, out_channels=24, output_bytes=100, blocked=0, batch=2, groups=3)
    model = WorkSum({"kernels": 5.0, "macs/fill:out_channels:16": 0.1, "output_bytes": 0.2, "products": 1.0})
    assert model.predict_s(table) == pytest.approx([5.0 + 160 / 0.75 + 20.0 + 6.0])
    compute_s, memory_s = model.terms(table)
    assert compute_s == pytest.approx([160 / 0.75])
    assert memory_s == pytest.approx([26.0])


def test_scaled_takes_as_many_times_as_long():
    table = _row(macs=1600)
    model = WorkSum({"kernels": 5.0, "macs": 0.1})
    assert model.scaled(1.5).predict_s(table) == pytest.approx(1.5 * model.predict_s(table))


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        ({}, "no work"),
        ({"macs": 0.0}, "no work"),
        ({"macs": -1.0}, "seconds"),
        ({"macs/batch": 1.0}, "divided"),
        ({"nothing": 1.0}, "nothing"),
    ],
)
def test_refuses_what_is_no_work(seconds, message):
    with pytest.raises(PlatformFormatError, match=message):
        build_model("work-sum", {"seconds": seconds})


@pytest.mark.parametrize("size", ["batch", "out_channels", "in_height", "kernel_width"])
@pytest.mark.parametrize("blocked", [0, 1])
def test_more_is_never_less(size, blocked):
    """Every work of a convolution grows with its sizes, whatever they are."""
    random = np.random.default_rng(0)
    works = (
        "products", "unblocked_macs/fill:product_columns:16", "unblocked_windows", "blocked_macs/fill:out_channels:16",
        "blocked_edge_macs/fill:out_channels:16", "batched_weight_bytes", "unfolded_elements", "packed_elements",
        "padded_macs/fill:out_channels:16", "accumulated_bytes", "refetched_weight_bytes", "restreamed_weight_bytes",
    )  # fmt: skip
    for _ in range(100):
        sizes = {name: int(random.integers(1, 60)) for name in ("batch", "in_channels", "out_channels", "in_height")}
        sizes |= {
            "in_width": int(random.integers(40, 90)),
            "kernel_height": 3,
            "kernel_width": int(random.integers(1, 9)),
        }
        more = sizes | {size: sizes[size] + 1 + (size == "kernel_width")}
        less, larger = (works_of(works, _row(**_convolution(each), blocked=blocked)) for each in (sizes, more))
        assert all((larger[name] >= less[name] * (1 - 1e-6)).all() for name in works), (sizes, size)


def _convolution(sizes):
    """Columns of a convolution that keeps the size of its map."""
    positions = sizes["in_height"] * sizes["in_width"]
    weights = sizes["kernel_height"] * sizes["kernel_width"] * sizes["in_channels"] * sizes["out_channels"]
    derived = {
        "out_height": sizes["in_height"],
        "out_width": sizes["in_width"],
        "macs": sizes["batch"] * positions * weights,
        "weight_bytes": 4 * weights,
    }
    return sizes | derived


def test_no_names_are_no_works():
    assert works_of((), _row()) == {}
