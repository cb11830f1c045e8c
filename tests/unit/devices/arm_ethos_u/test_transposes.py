"""Transposes step by step, as the compiler's reports show them."""

import itertools

import numpy as np
import pytest

from annette.devices.arm_ethos_u.scheduler.transposes import merged_axes, transpose_steps


def test_the_steps_that_interleave_the_results_of_a_depthwise_convolution():
    steps = [(step.ifm, step.ofm) for step in transpose_steps((8, 80, 80, 3), (1, 2, 3, 0))]
    assert steps == [
        ((8, 80, 240), (80, 8, 240)),
        ((80, 8, 240), (8, 80, 240)),
        ((640, 80, 3), (640, 3, 80)),
        ((8, 240, 80), (80, 240, 8)),
        ((6400, 3, 8), (6400, 8, 3)),
        ((80, 80, 24), (80, 80, 24)),
        ((6400, 8, 3), (6400, 3, 8)),
    ]


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 4, 5), (2, 3, 2, 5, 3)])
def test_all_steps_together_transpose(shape):
    data = np.arange(np.prod(shape))
    for perm in itertools.permutations(range(len(shape))):
        moved = data
        for step in transpose_steps(shape, perm):
            axes = [0, 1, 2]
            axes[step.first], axes[step.second] = axes[step.second], axes[step.first]
            moved = moved.reshape(step.ifm).transpose(axes)
        assert np.array_equal(moved.ravel(), data.reshape(shape).transpose(perm).ravel())


def test_dimensions_that_stay_together_are_one():
    assert merged_axes((1, 14, 14, 2, 48), (0, 1, 2, 4, 3)) == ([196, 2, 48], [0, 2, 1])


def test_what_moves_nothing_takes_no_step():
    assert transpose_steps((4, 5, 6), (0, 1, 2)) == []


def test_only_steps_that_move_lines_are_slow():
    assert [step.half_speed for step in transpose_steps((196, 2, 48), (0, 2, 1))] == [False]
    assert [step.half_speed for step in transpose_steps((7, 9, 16), (1, 0, 2))] == [True]
