"""Formulas of the roofline families, on kernels small enough to count by hand."""

import numpy as np
import pytest

from annette.devices.original_annette.models import OriginalRefinedRoofline, OriginalRoofline
from annette.errors import PlatformFormatError
from annette.mapping.kernel import COLUMNS, KernelTable
from annette.models.base import build_model, families, family_class
from annette.models.roofline import RefinedRoofline, Roofline, Unroll


def table(**columns):
    rows = max((len(values) for values in columns.values()), default=1)
    values = np.ones((rows, len(COLUMNS)))
    for name in ("ops", "macs", "input_bytes", "weight_bytes", "output_bytes"):
        values[:, COLUMNS.index(name)] = 0
    for name, column in columns.items():
        values[:, COLUMNS.index(name)] = column
    return KernelTable(np.full(rows, "conv"), values)


def test_roofline_takes_the_longer_side_and_adds_the_offset():
    kernels = table(ops=[1000, 10, 0], input_bytes=[10, 100, 50], output_bytes=[10, 100, 50])
    model = Roofline(ops_per_s=100, bytes_per_s=10, offset_s=0.5)
    np.testing.assert_allclose(model.predict_s(kernels), [10.5, 20.5, 10.5])
    compute_s, memory_s = model.terms(kernels)[:2]
    np.testing.assert_allclose(compute_s, [10, 0.1, 0])
    np.testing.assert_allclose(memory_s, [2, 20, 10])


def test_refined_roofline_loses_work_at_the_edges():
    kernels = table(ops=[1600, 1600], out_channels=[16, 17], input_bytes=[1, 1])
    model = RefinedRoofline(100, 1, unroll={"out_channels": Unroll(16, 1.0)})
    np.testing.assert_allclose(model.predict_s(kernels), [16, 16 * 32 / 17])
    half = RefinedRoofline(100, 1, unroll={"out_channels": Unroll(16, 0.5)})
    np.testing.assert_allclose(half.efficiency(kernels), [1, 1 / (0.5 + 0.5 * 32 / 17)])


def test_refined_roofline_unrolls_the_channels_of_one_group():
    kernels = table(ops=[100.0], in_channels=[64], groups=[8])
    model = RefinedRoofline(100, 1, unroll={"in_channels": Unroll(16, 1.0)})
    np.testing.assert_allclose(model.efficiency(kernels), [8 / 16])


def test_refined_roofline_refines_before_the_maximum():
    """Memory takes 10 s, computing 8 s at the peak but 16 s at half efficiency."""
    kernels = table(ops=[800], input_bytes=[10], out_channels=[8], macs=[400])
    unroll = {"out_channels": Unroll(16, 1.0)}
    assert RefinedRoofline(100, 1, unroll=unroll).predict_s(kernels)[0] == pytest.approx(16)
    assert OriginalRefinedRoofline(100, 1, unroll=unroll).predict_s(kernels)[0] == pytest.approx(10)


def test_without_unrolled_dimensions_the_refined_roofline_is_the_roofline():
    kernels = table(ops=[800, 5], input_bytes=[10, 900])
    np.testing.assert_array_equal(RefinedRoofline(7, 3, 1).predict_s(kernels), Roofline(7, 3, 1).predict_s(kernels))


def test_the_originals_refinement_jumps_at_the_ridge():
    unroll = {"out_channels": Unroll(16, 1.0)}
    kernels = table(ops=[1000, 1000], macs=[500, 500], input_bytes=[9.99, 10.01], out_channels=[24, 24])
    below, above = OriginalRefinedRoofline(100, 1, unroll=unroll).predict_s(kernels)
    assert below == pytest.approx(10 * 32 / 24)
    assert above == pytest.approx(10.01)


def test_the_original_takes_a_dimension_below_its_unroll_size_for_perfectly_used():
    kernels = table(ops=[800], macs=[400], out_channels=[8])
    unroll = {"out_channels": Unroll(16, 1.0)}
    assert OriginalRefinedRoofline(100, 1, unroll=unroll).predict_s(kernels)[0] == pytest.approx(8)


def test_the_original_counts_only_multiply_accumulates_and_their_weights():
    kernels = table(ops=[250, 30], macs=[100, 0], weight_bytes=[50, 50], input_bytes=[1, 1])
    compute_s, memory_s = OriginalRoofline(100, 1).terms(kernels)[:2]
    np.testing.assert_allclose(compute_s, [2, 0.3])
    np.testing.assert_allclose(memory_s, [51, 1])


@pytest.mark.parametrize(("size", "alpha"), [(0, 0.5), (-1, 0.5), (2.5, 0.5), (8, 1.1), (8, -0.1), (True, 0.5)])
def test_unroll_refuses_what_makes_no_sense(size, alpha):
    with pytest.raises(PlatformFormatError):
        Unroll(size, alpha)


@pytest.mark.parametrize(
    "rates", [(0, 1, 0), (1, 0, 0), (-1, 1, 0), (1, 1, -1), (float("nan"), 1, 0), (1, float("inf"), 0)]
)
def test_roofline_refuses_rates_that_make_no_sense(rates):
    with pytest.raises(PlatformFormatError):
        Roofline(*rates)


def test_an_unknown_unrolled_dimension_is_refused_with_the_known_ones():
    with pytest.raises(PlatformFormatError, match="out_channels"):
        RefinedRoofline(1, 1, unroll={"out_chanels": Unroll(8, 1.0)})


def test_errors_in_parameters_name_their_place():
    with pytest.raises(PlatformFormatError, match=r"\$\.models\.conv\.roofline\.bytes_per_s is -5"):
        build_model("roofline", {"ops_per_s": 1, "bytes_per_s": -5, "offset_s": 0}, "$.models.conv.roofline")


def test_an_unknown_family_is_refused_with_the_nearest():
    with pytest.raises(PlatformFormatError, match="did you mean 'roofline'"):
        build_model("rooflin", {}, "$.models.conv.rooflin")


def test_families_are_registered_under_their_own_names():
    assert all(family_class(name).family == name for name in families())
    assert {"roofline", "refined-roofline"} <= set(families())
