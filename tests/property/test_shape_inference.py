"""Shape rules against brute force and numpy."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from annette.errors import NetworkShapeError
from annette.network.kinds import output_shapes
from annette.network.kinds.shapes import broadcast_shapes, window_count

shapes = st.lists(st.integers(1, 5), min_size=0, max_size=5).map(tuple)


@given(
    size=st.integers(1, 40),
    kernel=st.integers(1, 7),
    stride=st.integers(1, 6),
    dilation=st.integers(1, 4),
    before=st.integers(0, 4),
    after=st.integers(0, 4),
)
def test_windows_are_those_that_fit(size, kernel, stride, dilation, before, after):
    extent = (kernel - 1) * dilation + 1
    starts = [s for s in range(0, size + before + after, stride) if s + extent <= size + before + after]
    assume(starts)
    assert window_count(size, kernel, stride, dilation, before, after, ceil=False) == len(starts)


@given(
    size=st.integers(1, 40),
    kernel=st.integers(1, 7),
    stride=st.integers(1, 6),
    before=st.integers(0, 4),
    after=st.integers(0, 4),
)
def test_rounding_up_adds_at_most_one_window_that_starts_on_data(size, kernel, stride, before, after):
    assume(kernel <= size + before + after)
    assume(max(before, after) < kernel)
    down = window_count(size, kernel, stride, 1, before, after, ceil=False)
    up = window_count(size, kernel, stride, 1, before, after, ceil=True)
    assert up - down in (0, 1)
    assert up == down or (up - 1) * stride < size + before
    if up == down:
        covered = (down - 1) * stride + kernel
        assert covered >= size + before + after or down * stride >= size + before


@given(st.lists(shapes, min_size=1, max_size=4))
def test_broadcasting_is_numpys(several):
    try:
        expected = np.broadcast_shapes(*several)
    except ValueError:
        expected = None
    try:
        result = broadcast_shapes(*several)
    except NetworkShapeError:
        result = None
    assert result == expected


@given(left=shapes, right=shapes)
def test_matrix_products_are_numpys(left, right):
    assume(left and right)
    try:
        expected = np.matmul(np.zeros(left), np.zeros(right)).shape
    except ValueError:
        expected = None
    try:
        (result,) = output_shapes("matmul", [left, right], {})
    except NetworkShapeError:
        result = None
    assert result == expected


@given(shape=shapes, data=st.data())
def test_slices_are_numpys(shape, data):
    assume(shape)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    start, end = (data.draw(st.integers(-8, 8)) for _ in range(2))
    step = data.draw(st.sampled_from([-2, -1, 1, 2, 3]))
    index = [slice(None)] * len(shape)
    index[axis] = slice(start, end, step)
    expected = np.zeros(shape)[tuple(index)].shape
    attributes = {"starts": (start,), "ends": (end,), "axes": (axis,), "steps": (step,)}
    if 0 in expected:
        try:
            output_shapes("slice", [shape], attributes)
        except NetworkShapeError:
            return
        raise AssertionError("an empty slice was accepted")
    assert output_shapes("slice", [shape], attributes) == [expected]


@given(shape=shapes, data=st.data())
def test_transposes_and_reductions_are_numpys(shape, data):
    assume(shape)
    perm = tuple(data.draw(st.permutations(range(len(shape)))))
    assert output_shapes("transpose", [shape], {"perm": perm}) == [np.zeros(shape).transpose(perm).shape]
    axes = tuple(data.draw(st.sets(st.integers(0, len(shape) - 1), min_size=1)))
    keep = data.draw(st.booleans())
    expected = np.zeros(shape).sum(axis=axes, keepdims=keep).shape
    assert output_shapes("reduce_sum", [shape], {"axes": axes, "keepdims": int(keep)}) == [expected]


@given(shape=shapes, data=st.data())
def test_reshaping_keeps_the_elements(shape, data):
    (flat,) = output_shapes("reshape", [shape], {"shape": (-1,)})
    assert flat == (int(np.prod(shape)),)
    target = tuple(data.draw(st.permutations(shape))) if shape else (1,)
    assert output_shapes("reshape", [flat], {"shape": target}) == [target]
