"""Results that live as long as what they were computed from."""

import gc
import weakref

import pytest

from annette.kept import Recent, kept


class Thing:
    """Compared by identity; can be referred to weakly."""


def test_the_same_objects_are_computed_once_and_others_anew():
    calls = []

    @kept
    def pair(first, second):
        calls.append((first, second))
        return len(calls)

    a, b = Thing(), Thing()
    assert [pair(a, b), pair(a, b), pair(b, a), pair(a, a), pair(a, b)] == [1, 1, 2, 3, 1]


def test_none_is_kept_like_any_result():
    calls = []
    nothing = kept(calls.append)
    thing = Thing()
    assert nothing(thing) is None
    assert nothing(thing) is None
    assert len(calls) == 1


@pytest.mark.parametrize("dropped", [0, 1])
def test_what_was_kept_goes_with_either_argument(dropped):
    results = []

    @kept
    def made(_first, _second):
        result = Thing()
        results.append(weakref.ref(result))
        return result

    things = [Thing(), Thing()]
    made(*things)
    gc.collect()
    assert results[0]() is not None
    del things[dropped]
    gc.collect()
    assert results[0]() is None


def test_a_bounded_number_of_results_is_kept():
    recent = Recent(3)
    for number in range(10):
        recent.put(number, str(number))
        assert recent.get(number) == str(number)
        assert len(recent) <= 3
    assert recent.get("never put") is None
