"""JSON from strangers."""

import pytest

from annette.documents import parse_json, read_json
from annette.errors import NetworkFormatError


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
