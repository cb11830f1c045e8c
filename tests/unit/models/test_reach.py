import numpy as np
import pytest

from annette.errors import PlatformFormatError
from annette.mapping.kernel import COLUMNS, KernelTable
from annette.models.base import build_model
from annette.models.features import FeatureSet
from annette.models.forest import Forest
from annette.models.reach import SIZES, Reach
from annette.models.roofline import RefinedRoofline
from annette.models.statistical import Mixed

FEATURES = FeatureSet(("log2:in_channels_per_group", "log2:out_positions"))
REACH = Reach(FEATURES, np.array([[4.0, 6.0], [6.0, 10.0]]), full=1.0, fading=2.0, usual=0.5)


def _table(*channels_and_widths):
    values = np.ones((len(channels_and_widths), len(COLUMNS)))
    for row, (channels, width) in enumerate(channels_and_widths):
        values[row, COLUMNS.index("in_channels")] = channels
        values[row, COLUMNS.index("out_width")] = width
        values[row, COLUMNS.index("ops")] = 1e6
    return KernelTable(np.array(["conv"] * len(values)), values)


def test_distance_is_counted_in_octaves_from_the_nearest_point():
    distance = REACH.distance(_table((16, 64), (32, 64), (16, 128), (64, 1024), (128, 8192)))
    assert distance == pytest.approx([0.0, 1.0, 1.0, 0.0, np.hypot(1, 3)], abs=1e-5)


def test_a_correction_counts_in_full_nearby_and_fades_towards_what_is_usual():
    near, edge, far, farther = REACH.faded(np.full(4, 2.0), _table((16, 64), (32, 64), (1024, 1024), (1e9, 1e9)))
    assert near == edge == pytest.approx(2.0)
    assert 0.5 < farther < far < 2.0
    assert farther == pytest.approx(0.5, abs=1e-3)
    assert far == pytest.approx(0.5 + 1.5 * np.exp(-(4.0 - 1.0) / 2.0))


def test_is_read_as_it_was_written():
    again = Reach.from_json(REACH.to_json())
    assert again.to_json() == REACH.to_json()
    assert (again.points == REACH.points).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": "%%"}, "points"),
        ({"count": 3}, "points"),
        ({"count": 0}, "count"),
        ({"fading": 0.0}, "fading"),
        ({"features": ["log2:nothing", "log2:ops"]}, "nothing"),
        ({"full": -1.0}, "full"),
        ({"more": 1}, "more"),
    ],
)
def test_refuses_what_does_not_fit(change, message):
    with pytest.raises(PlatformFormatError, match=message):
        Reach.from_json({**REACH.to_json(), **change})


def test_many_rows_are_taken_in_parts():
    many = _table(*[(2.0 ** (row % 12), 64) for row in range(3000)])
    assert REACH.distance(many) == pytest.approx(np.tile(REACH.distance(many)[:12], 250))


def test_a_mixed_model_with_a_reach_says_what_is_usual_far_away():
    base = RefinedRoofline(1e9, 1e9)
    forest = _forest(2.0)
    everywhere, reaching = Mixed(base, FEATURES, forest), Mixed(base, FEATURES, forest, REACH)
    table = _table((16, 64), (1e9, 1e9))
    assert everywhere.predict_s(table)[0] == reaching.predict_s(table)[0]
    assert reaching.predict_s(table)[1] == pytest.approx(base.predict_s(table)[1] * np.exp(0.5), rel=1e-3)
    assert "reach" not in everywhere.to_json()
    again = build_model("mixed", reaching.to_json())
    assert (again.predict_s(table) == reaching.predict_s(table)).all()


def test_a_share_of_a_correction_keeps_what_is_usual():
    base = RefinedRoofline(1e9, 1e9)
    table = _table((16, 64))
    reaching = Mixed(base, FEATURES, _forest(2.0), REACH)
    off = [np.log(reaching.shrunk(share).predict_s(table) / base.predict_s(table))[0] for share in (0.0, 0.25, 1.0)]
    assert off == pytest.approx([0.5, 0.5 + 0.25 * 1.5, 2.0], rel=1e-6)
    alone = Mixed(base, FEATURES, _forest(2.0))
    assert alone.shrunk(0.0).predict_s(table) == pytest.approx(base.predict_s(table))


def _forest(value):
    return Forest(np.array([0]), np.array([-1]), np.array([0.0]), np.array([0]), np.array([value]))


def test_sizes_can_be_seen_in_a_table():
    assert FeatureSet(SIZES).matrix(_table((16, 64))).shape == (1, len(SIZES))
