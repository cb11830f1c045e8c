"""Parts that make up a tensor are cut by one kernel; all others are cut one by one."""

import pytest

from annette.mapping.model import MappingModel
from annette.network.builder import NetworkBuilder

ONCE = MappingModel("test", cuts_at_once=True)


def cut(bounds, *, steps=1, rows=0, extra=False, size=8):
    """Kinds of the kernels for slices (start, size) along an axis, and single rows."""
    net = NetworkBuilder("test")
    x = net.relu(net.input("x", (2, size, 6)))
    for start, length in bounds:
        net.relu(net.slice(x, [start], [start + length], [1], steps=[steps]))
    for _ in range(rows):
        net.relu(net.layer("gather", [x], attributes={"axis": 1}, shapes=[(2, 6)])[0])
    if extra:
        net.unary("abs", x)
    return [kernel.kind for kernel in ONCE.apply(net.build())]


@pytest.mark.parametrize(
    ("bounds", "rows", "cuts"),
    [
        ([(0, 4), (4, 4)], 0, 1),
        ([(0, 3), (3, 5)], 0, 1),
        ([(0, 3), (4, 4)], 0, 2),
        ([(0, 5), (3, 5)], 0, 2),
        ([(0, 6)], 2, 1),
        ([], 8, 1),
        ([], 7, 7),
    ],
)
def test_parts_without_gap_or_overlap_are_one_split(bounds, rows, cuts):
    kinds = cut(bounds, rows=rows)
    assert kinds.count("split") == (cuts == 1)
    assert sum(kind in ("split", "slice", "gather") for kind in kinds) == cuts


def test_other_readers_do_not_matter_and_steps_do():
    assert cut([(0, 4), (4, 4)], extra=True).count("split") == 1
    assert cut([(0, 8), (1, 7)], steps=2).count("split") == 0


def test_a_split_has_all_parts_and_their_sizes():
    net = NetworkBuilder("test")
    x = net.input("x", (2, 8, 6))
    parts = [net.slice(x, [0], [3], [1], name="a"), net.slice(x, [3], [8], [1], name="b")]
    network = net.build(*(net.relu(part) for part in parts))
    first = ONCE.apply(network)[0]
    assert ([layer.name for layer in first.layers], first.outputs) == (["a", "b"], tuple(part.name for part in parts))
    assert first.anchor.workload.output_elements == 2 * 8 * 6
    assert first.rules == ("parts-cut-at-once",)
    assert MappingModel.from_json(ONCE.to_json()) == ONCE


def test_what_has_other_results_is_not_cut_at_once():
    net = NetworkBuilder("test")
    half = net.split(net.input("x", (2, 8, 6)), 2, axis=1)[0]
    network = net.build(*(net.relu(net.slice(half, [start], [start + 2], [1])) for start in (0, 2)))
    assert [kernel.kind for kernel in ONCE.apply(network)].count("slice") == 2


def test_slices_that_drop_the_last_axis_stay_slices():
    net = NetworkBuilder("test")
    x = net.relu(net.input("x", (2, 6, 3)))
    for start in range(3):
        attributes = {"axes": (2,), "starts": (start,), "ends": (start + 1,), "steps": (1,)}
        net.relu(net.layer("slice", [x], attributes=attributes, shapes=[(2, 6)])[0])
    assert [kernel.kind for kernel in ONCE.apply(net.build())].count("slice") == 3
