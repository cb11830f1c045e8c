"""Typed reading of platform files."""

import pytest

from annette.errors import PlatformFormatError
from annette.models.fields import Fields


@pytest.mark.parametrize(
    ("read", "value", "complaint"),
    [
        (lambda fields: fields.number("x"), "1", r"\$\.a\.x must be a number, not '1'"),
        (lambda fields: fields.number("x"), True, "must be a number, not True"),
        (lambda fields: fields.number("x"), None, "not null"),
        (lambda fields: fields.number("x"), float("inf"), "must be finite"),
        (lambda fields: fields.number("x"), 10**400, "must be finite"),
        (lambda fields: fields.number("x", least=0), -1, "at least 0"),
        (lambda fields: fields.number("x", above=0), 0, "greater than 0"),
        (lambda fields: fields.number("x", least=0, most=1), 2, "at least 0 and at most 1"),
        (lambda fields: fields.integer("x", least=1), 1.5, "whole number"),
        (lambda fields: fields.integer("x", least=1), 0, "at least 1"),
        (lambda fields: fields.text("x"), 3, "must be text"),
        (lambda fields: fields.text("x", choices=("a", "b")), "c", "one of a, b"),
        (lambda fields: fields.object("x"), [], "must be an object, not a list"),
        (lambda fields: fields.list("x"), {}, "must be a list"),
        (lambda fields: fields.numbers("x"), [1, "2"], r"\$\.a\.x\[1\] must be a number"),
        (lambda fields: fields.texts("x"), ["a", 2], r"\$\.a\.x\[1\] must be text"),
        (lambda fields: fields.objects("x"), [{}, 2], r"\$\.a\.x\[1\] must be an object"),
    ],
)
def test_a_complaint_names_place_and_value(read, value, complaint):
    with pytest.raises(PlatformFormatError, match=complaint):
        read(Fields({"x": value}, "$.a"))


def test_a_missing_member_is_named():
    with pytest.raises(PlatformFormatError, match=r"\$\.x is missing"):
        Fields({}).number("x")


def test_unknown_members_are_refused():
    with pytest.raises(PlatformFormatError, match=r"\$\.bandwith is not known here; known: bandwidth"):
        Fields({"bandwith": 1}).only("bandwidth")


def test_wrapping_keeps_the_path():
    fields = Fields({"x": 1}, "$.a")
    assert Fields.of(fields) is fields
    assert Fields.of({"x": 1}).path == "$"


def test_optional_members_may_be_missing_or_null():
    fields = Fields({"x": None, "y": "text", "z": {}})
    assert fields.optional_text("x") is None
    assert fields.optional_text("missing") is None
    assert fields.optional_text("y") == "text"
    assert fields.optional_object("x") is None
    assert fields.optional_object("z") is not None
