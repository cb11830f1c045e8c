"""Sizes that take several values."""

import pytest

from annette.errors import OptionError
from annette.network.inputs import InputValue
from annette.network.swept_sizes import MOST_POINTS, is_swept, parse_numbers_swept, swept_sizes


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("32..512", (32, 64, 128, 256, 512)),
        ("32..500", (32, 64, 128, 256, 500)),
        ("3..3", (3,)),
        ("32..128:32", (32, 64, 96, 128)),
        ("32..100:32", (32, 64, 96)),
        ("0..2:1", (0, 1, 2)),
        ("64,128,64", (64, 128)),
        ("7", (7,)),
    ],
)
def test_values_between_braces(text, values):
    assert parse_numbers_swept(text) == values


@pytest.mark.parametrize("text", ["", "a", "4..2", "0..8", "1..4:0", "1,,2", "1..", "1...4", f"0..{MOST_POINTS}:1"])
def test_what_has_no_values_is_refused(text):
    with pytest.raises(OptionError):
        parse_numbers_swept(text)


def shapes(name, batch=None, **inputs):
    return [point.inputs[name] for point in swept_sizes(batch, inputs).points]


def test_a_range_takes_the_place_of_one_size():
    assert shapes("ids", ids="1x{32..128}") == [(1, 32), (1, 64), (1, 128)]
    assert shapes("seq", seq="{4,2}") == [(4,), (2,)]
    assert shapes("ids", ids=(1, 8), rate=InputValue((3,))) == [(1, 8)]


def test_tied_sizes_go_together_and_others_are_combined():
    tied = [(1, 3, 64, 64), (1, 3, 128, 128)]
    assert shapes("x", x="1x3x{s=64,128}x{s}") == tied
    assert shapes("x", x="1x3x{64,128}x{..}") == tied
    assert shapes("x", x="1x3x{s=64,128}x{s=64,128}") == tied
    assert shapes("x", x="{1,2}x{3,4}") == [(1, 3), (1, 4), (2, 3), (2, 4)]
    points = swept_sizes(None, {"a": "1x{n=2,4}", "b": "1x{n}x8"}).points
    assert [point.inputs for point in points] == [{"a": (1, n), "b": (1, n, 8)} for n in (2, 4)]


def test_a_batch_is_a_variable_that_shapes_may_use():
    swept = swept_sizes((1, 4), {"ids": "{batch}x{32,64}"})
    assert swept.variables == {"batch": (1, 4), "ids[1]": (32, 64)}
    assert [(point.batch, point.inputs["ids"]) for point in swept.points] == [
        (1, (1, 32)), (1, (1, 64)), (4, (4, 32)), (4, (4, 64)),
    ]  # fmt: skip
    assert [point.batch for point in swept_sizes(3, {"ids": "{2,4}x8"}).points] == [3, 3]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"x": "1x{n}"}, "has no values"),
        ({"x": "1x{..}"}, "there are none"),
        ({"x": "1x{32"}, "braces do not match"),
        ({"x": "1x32}"}, "braces do not match"),
        ({"x": "1x{{32}}"}, "braces do not match"),
        ({"x": "1x{}"}, "is no range"),
        ({"x": "[{1,2}]"}, "only shapes and sizes"),
        ({"x": "{n=1,2}", "y": "{n=1,3}"}, "tied to"),
        ({"x": "{0..499:1}x{1,2}"}, "combinations"),
        ({"x": "{1,2}y"}, "neither a shape"),
    ],
)
def test_senseless_texts_are_refused(inputs, message):
    with pytest.raises(OptionError, match=message):
        swept_sizes(None, inputs)


def test_batches_are_at_least_one():
    with pytest.raises(OptionError, match="at least 1"):
        swept_sizes((1, 0), {})


def test_braces_tell_several_sizes():
    assert is_swept("1x{2,4}")
    assert is_swept("2}")
    assert not is_swept("1x2")
