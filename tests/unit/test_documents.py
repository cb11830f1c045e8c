"""JSON from strangers: parsing, and conversion to what is defined."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from msgspec import UNSET, Meta, UnsetType

from annette.documents import (
    OPTIONAL,
    Count,
    Document,
    Finite,
    NonNegative,
    Positive,
    Share,
    check_fields,
    convert,
    located,
    parse_json,
    plain,
    read_json,
)
from annette.errors import MappingError, NetworkFormatError, PlatformFormatError


def parse(data):
    return parse_json(data, source="'x.json'", error=NetworkFormatError)


def test_reads_plain_json_with_and_without_a_byte_order_mark():
    assert parse(b'{"a": [1, 2.5, null, true, "\xc3\xa4"]}') == {"a": [1, 2.5, None, True, "ä"]}
    assert parse(b"\xef\xbb\xbf{}") == {}


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "not valid JSON"),
        (b'{"a": 1', "line 1, column"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON number"),
        (b'{"a": 1, "b": 2, "a": 3}', "'a' occurs twice"),
        (b"[" * 200_000 + b"]" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b"1" * 100_000, "thousands of digits"),
    ],
    ids=["empty", "truncated", "binary", "nan", "infinity", "repeated", "deep-list", "deep-object", "digits"],
)
def test_refuses_in_one_line(data, complaint):
    with pytest.raises(NetworkFormatError, match=complaint) as caught:
        parse(data)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_refuses_what_is_too_large_or_not_there(tmp_path):
    file = tmp_path / "large.json"
    file.write_bytes(b" " * 101)
    with pytest.raises(NetworkFormatError, match="larger than 100 bytes"):
        read_json(file, error=NetworkFormatError, max_bytes=100)
    with pytest.raises(NetworkFormatError, match="No such file"):
        read_json(tmp_path / "missing.json", error=NetworkFormatError)
    with pytest.raises(NetworkFormatError, match="cannot read"):
        read_json(tmp_path, error=NetworkFormatError)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Wheel(Document, frozen=True):
    size: Count
    spokes: Annotated[int, Meta(ge=8, le=64)]


@dataclass(frozen=True)
class Engine:
    power: Positive
    shares: tuple[Share, ...] = ()

    def __post_init__(self):
        check_fields(self, error=PlatformFormatError)
        if sum(self.shares) > 1:
            raise PlatformFormatError("$.shares add up to more than 1")


@dataclass(frozen=True)
class Car:
    name: str
    engines: Mapping[str, Engine]
    colour: Colour
    fuel: Literal["petrol", "diesel"]
    weight: NonNegative | None
    place: tuple[Finite, Finite]
    wheels: list[Wheel] = field(default_factory=list, metadata=OPTIONAL)
    more: dict[str, Any] | UnsetType = field(default=UNSET, metadata=OPTIONAL)


CAR = {
    "name": "a",
    "engines": {"front left": {"power": 1, "shares": [0.5]}},
    "colour": "red",
    "fuel": "petrol",
    "weight": None,
    "place": [1, 2.5],
}


def read(**change):
    return convert(CAR | change, Car, error=PlatformFormatError, path="$.cars[3]")


def test_what_is_defined_is_built():
    car = read(wheels=[{"size": 1, "spokes": 8}])
    assert car.engines == {"front left": Engine(1.0, (0.5,))}
    assert (car.colour, car.place, car.wheels, car.more) == (Colour.RED, (1.0, 2.5), [Wheel(1, 8)], UNSET)
    assert isinstance(car.engines["front left"].power, float)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"name": 3}, ".name is 3: it must be text"),
        ({"name": None}, ".name is null: it must be text"),
        ({"nam": 3}, ".nam is not known here; did you mean 'name'?; known: name, engines"),
        ({"\ud800": 3}, "['\\ud800'] is not known here"),
        ({"fuel": "\ud800"}, ".fuel is '\\ud800': it must be one of petrol, diesel"),
        ({"engines": []}, ".engines is a list: it must be an object"),
        ({"engines": {"a": {"power": 0}}}, ".a.power is 0: it must be a number greater than 0 and at most 1e+100"),
        ({"engines": {"a b": {"power": 1, "shares": 1}}}, ".engines['a b'].shares is 1: it must be a list"),
        ({"engines": {"a": {"power": 1, "shares": [1, True]}}}, ".shares[1] is True: it must be a number of"),
        ({"engines": {"a": {"power": 1, "shares": [1, 0.5]}}}, ".engines.a.shares add up to more than 1"),
        ({"engines": {"a": {"shares": []}}}, ".engines.a.power is missing"),
        ({"engines": {"a": {"power": math.nan, "shares": []}}}, ".power is nan: it must be a number greater than 0"),
        ({"engines": {"a": {"power": math.inf, "shares": []}}}, ".power is inf: it must be a number"),
        ({"engines": {"a": {"power": 10**400, "shares": []}}}, ".power is a whole number of 1329 bits: it must be"),
        ({"colour": "rd"}, ".colour is 'rd': it must be one of red, blue"),
        ({"fuel": "desel"}, ".fuel is 'desel': it must be one of petrol, diesel; did you mean 'diesel'"),
        ({"weight": -1}, ".weight is -1: it must be a number of at least 0 and at most 1e+100 or null"),
        ({"place": [1]}, ".place is a list of 1: it must be a list of 2"),
        ({"place": [1, "2"]}, ".place[1] is '2': it must be a number"),
        ({"wheels": [{"size": 1, "spokes": 8}, {"size": 1.5, "spokes": 8}]}, ".wheels[1].size is 1.5: it must be"),
        ({"wheels": [{"size": 1, "spokes": 65}]}, ".spokes is 65: it must be a whole number of at least 8"),
        ({"wheels": [{"size": 1}]}, ".wheels[0].spokes is missing"),
    ],
)  # fmt: skip
def test_a_complaint_names_place_value_and_what_it_must_be(change, complaint):
    with pytest.raises(PlatformFormatError) as caught:
        read(**change)
    message = str(caught.value)
    assert message.startswith("$.cars[3]")
    assert complaint in message
    assert "\n" not in message


def test_a_part_that_reads_itself_is_put_in_its_place():
    for inner, outer in (("$.x is missing", "$.a.x is missing"), ("no x", "$.a: no x")):
        with pytest.raises(MappingError) as caught, located("$.a", error=MappingError):
            raise MappingError(inner)
        assert str(caught.value) == outer


def test_fields_are_checked_where_they_are_given_by_hand():
    assert Engine(np.float64(2)).power == 2
    with pytest.raises(PlatformFormatError, match=r"\$\.power is -1: it must be a number greater than 0"):
        Engine(-1)
    with pytest.raises(PlatformFormatError, match=r"\$\.shares\[1\] is 2: it must be"):
        Engine(1, (0, 2))


def test_what_was_built_is_written_as_plain_values():
    car = read()
    assert plain(car.engines) == {"front left": {"power": 1.0, "shares": (0.5,)}}
