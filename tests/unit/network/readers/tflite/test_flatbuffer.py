"""FlatBuffers: what is written reads back, and what is damaged is refused."""

from __future__ import annotations

import struct

import pytest

from annette.errors import NetworkFormatError
from annette.network.readers.tflite.flatbuffer import Flatbuffer
from annette.network.writers.flatbuffer import encode

SCHEMA = {
    "Root": (
        ("flag", "bool"),
        ("wide", "int64"),
        ("name", "string"),
        ("numbers", "[float32]"),
        ("items", "[Item]"),
        ("data", "[byte]"),
        ("builtin_options_type", "uint8"),
        ("builtin_options", "options"),
        ("single", "Item"),
    ),
    "Item": (("small", "int8"), ("values", "[int32]"), ("longs", "[int64]")),
}
VALUES = {
    "flag": True,
    "wide": -(2**40),
    "name": "größe",
    "numbers": (0.5, -2.0),
    "items": [{"small": -3, "values": (1, 2, 3)}, {}, {"longs": (2**50,)}],
    "data": b"payload",
    "builtin_options_type": 1,
    "builtin_options": ("Item", {"small": 5}),
}


def read(content):
    return Flatbuffer(content, SCHEMA).root("Root")


def test_reads_back_what_was_written():
    content = encode(VALUES, "Root", SCHEMA, b"TEST")
    file = Flatbuffer(content, SCHEMA)
    root = file.root("Root")
    assert content[4:8] == b"TEST"
    assert (root["flag"], root["wide"], root["name"], root["numbers"]) == (1, -(2**40), "größe", (0.5, -2.0))
    assert [item["small"] for item in root["items"]] == [-3, 0, 0]
    assert root["items"][0]["values"] == (1, 2, 3)
    assert root["items"][2]["longs"] == (2**50,)
    assert file.bytes_at(*root["data"]) == b"payload"
    assert file.options(root["builtin_options"], "Item")["small"] == 5
    assert root["single"] is None


def test_missing_fields_have_the_defaults_of_the_format():
    root = read(encode({}, "Root", SCHEMA, b"TEST"))
    assert root["flag"] == 0
    assert root["name"] == ""
    assert root["items"] == ()
    assert Flatbuffer(b"", SCHEMA).options((0, 0), "Item") == {"small": 0, "values": (), "longs": ()}


def test_data_is_aligned_for_use_where_it_lies():
    content = encode(VALUES, "Root", SCHEMA, b"TEST")
    start, _ = read(content)["data"]
    assert start % 16 == 0


def test_characters_that_no_line_can_show_are_replaced():
    assert read(encode({"name": "a\nb\x1b"}, "Root", SCHEMA, b"TEST"))["name"] == "a\ufffdb\ufffd"


@pytest.mark.parametrize("length", range(0, 200, 3))
def test_every_truncation_is_refused_or_harmless(length):
    content = encode(VALUES, "Root", SCHEMA, b"TEST")
    message = ""
    try:
        read(content[:length])
    except NetworkFormatError as error:
        message = str(error)
    assert "\n" not in message


def test_an_offset_that_leaves_the_file_is_refused():
    content = bytearray(encode(VALUES, "Root", SCHEMA, b"TEST"))
    struct.pack_into("<I", content, 0, len(content) - 2)
    with pytest.raises(NetworkFormatError, match="truncated or damaged"):
        read(content)


def test_a_vector_that_many_tables_share_is_refused_before_it_takes_long():
    count, width = 3000, 30_000
    content = bytearray(struct.pack("<IHHHHiII", 12, 6, 8, 4, 0, 8, 4, count))
    table = len(content) + 4 * count
    for index in range(count):
        content += struct.pack("<I", table - (24 + 4 * index))
    content += struct.pack("<iII", table - 4, 4, width) + bytes(4 * width)
    schema = {"Root": (("items", "[Item]"),), "Item": (("values", "[int32]"),)}
    with pytest.raises(NetworkFormatError, match="over and over"):
        Flatbuffer(content, schema).root("Root")
