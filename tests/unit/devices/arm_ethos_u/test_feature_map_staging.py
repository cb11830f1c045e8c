"""Which feature maps stay on chip, worked by hand."""

import pytest

from annette.devices.arm_ethos_u.scheduler.feature_map_staging import LiveRange, choose_staged


def life(name, start, end, size, accesses=1.0):
    return LiveRange((name,), start, end, size, accesses)


def names(kept):
    return sorted(name for each in kept for name in each.names)


def test_all_stay_where_all_fit():
    lives = [life("a", 0, 3, 60), life("b", 2, 5, 40)]
    assert names(choose_staged(lives, [0] * 6, 100)) == ["a", "b"]


def test_what_never_fits_goes():
    lives = [life("a", 0, 1, 120), life("b", 0, 1, 40)]
    assert names(choose_staged(lives, [0] * 2, 100)) == ["b"]


def test_weights_take_their_part():
    assert names(choose_staged([life("a", 0, 3, 60)], [0, 0, 50, 0], 100)) == []


@pytest.mark.parametrize(("first", "second", "kept"), [(5.0, 4.0, "a"), (4.0, 5.0, "b")])
def test_of_rivals_the_one_that_is_accessed_most_stays(first, second, kept):
    lives = [life("a", 0, 3, 60, first), life("b", 2, 5, 60, second)]
    assert names(choose_staged(lives, [0] * 6, 100)) == [kept]


def test_two_small_ones_can_beat_a_large_one():
    lives = [life("large", 0, 3, 90, 5.0), life("a", 0, 3, 50, 3.0), life("b", 0, 3, 50, 3.0)]
    assert names(choose_staged(lives, [0] * 4, 100)) == ["a", "b"]


def test_what_lives_at_other_times_does_not_compete():
    lives = [life("a", 0, 1, 90), life("b", 2, 3, 90)]
    assert names(choose_staged(lives, [0] * 4, 100)) == ["a", "b"]


def test_many_rivals_are_settled_soon_and_never_overfull():
    lives = [life(str(n), n % 7, n % 7 + 6, 20 + n % 5, 1.0 + n % 3) for n in range(60)]
    kept = choose_staged(lives, [0] * 14, 100)
    assert kept
    for time in range(14):
        assert sum(each.size_bytes for each in kept if each.start <= time <= each.end) <= 100
