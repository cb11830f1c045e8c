"""Two networks on one platform, kernel by kernel."""

import pytest

from annette.estimation.difference import compare_networks
from annette.network.builder import NetworkBuilder
from tests.unit.samples import platform, with_intervals


def stack(*filters, name="stack", size=16):
    net = NetworkBuilder(name)
    x = net.input("x", (1, 16, size, size))
    for number, count in enumerate(filters):
        x = net.conv(x, count, 3, name=f"conv{number}")
    return net.build()


def changes(difference):
    return [change.what for change in difference.kernels]


def test_a_network_does_not_differ_from_itself():
    difference = compare_networks(stack(32, 48), stack(32, 48), with_intervals())
    assert changes(difference) == ["same", "same"]
    assert difference.change_s == 0
    assert difference.interval_s == (0, 0)
    assert not difference.certain


def test_what_came_and_what_went_is_told_apart():
    longer = compare_networks(stack(32, 32), stack(32, 32, 32), platform())
    shorter = compare_networks(stack(32, 32, 32), stack(32, 32), platform())
    assert sorted(changes(longer)) == ["new", "same", "same"]
    assert sorted(changes(shorter)) == ["gone", "same", "same"]
    assert longer.change_s == pytest.approx(-shorter.change_s)


def test_kernels_of_one_name_are_paired_where_their_sizes_differ():
    difference = compare_networks(stack(32, 48), stack(32, 64), platform())
    assert changes(difference) == ["same", "changed"]
    assert difference.kernels[1].before.name == difference.kernels[1].after.name == "conv1"


def test_changes_add_up_to_the_difference_of_the_networks():
    difference = compare_networks(stack(32, 48), stack(32, 64, 64), platform(overhead=type(platform().overhead)()))
    assert sum(change.change_s for change in difference.kernels) == pytest.approx(difference.change_s)


def test_errors_of_equal_kernels_cancel():
    target = with_intervals()
    difference = compare_networks(stack(64, 64, 64, 32), stack(64, 64, 64, 48), target)
    lower_s, upper_s = difference.interval_s
    assert lower_s < difference.change_s < upper_s
    after_s = difference.after.interval_s
    assert upper_s - lower_s < (after_s[1] - after_s[0]) / 2


def test_the_sign_is_certain_where_much_is_saved_and_not_where_little_is():
    target = with_intervals()
    assert compare_networks(stack(64, 64), stack(16, 16), target).certain
    swapped = compare_networks(stack(60, 64), stack(64, 60, name="swapped"), target)
    assert not swapped.certain
