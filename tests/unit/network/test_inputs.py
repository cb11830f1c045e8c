"""What stands behind ``--input NAME=``."""

import pytest

from annette.errors import OptionError
from annette.network.inputs import MOST_NUMBERS, InputValue, given_text, name_with_inputs, parse_given


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("1x3x224x224", (1, 3, 224, 224)),
        ("128", (128,)),
        ("0", (0,)),
        ("[16000]", InputValue((16000,))),
        ("[1, 2]", InputValue((1, 2))),
        ("1,2", InputValue((1, 2))),
        ("true", InputValue((True,))),
        ("[False]", InputValue((False,))),
        ("-1", InputValue((-1,))),
        ("0.5", InputValue((0.5,))),
    ],
)
def test_shapes_and_values_are_told_by_their_form(text, given):
    assert parse_given(text) == given
    assert parse_given(given_text(given)) == given


@pytest.mark.parametrize("text", ["", "x", "1x", "1xa", "[]", "[", "1,,2", "9" * 400, "1x" + "9" * 30, "1," * 200_000])
def test_what_is_neither_is_refused(text):
    with pytest.raises(OptionError):
        parse_given(text)


def test_a_value_of_many_numbers_is_parsed_and_measured_later():
    assert len(parse_given(",".join(["1"] * MOST_NUMBERS)).numbers) == MOST_NUMBERS


def test_a_network_is_called_by_its_inputs():
    assert name_with_inputs("a.onnx", {}) == "a.onnx"
    assert name_with_inputs("a.onnx", {"x": (1, 2), "r": InputValue((3,))}) == "a.onnx r=[3] x=1x2"
