"""Archives of strangers: what is read of them, and what is refused before it costs anything."""

import json
import zipfile

import pytest

from annette.errors import NetworkFormatError
from annette.network.readers.frameworks.archive import opened_archive, stored_json


def read(path, member="config.json", most_bytes=1 << 20, most_values=10):
    with opened_archive(path, "model") as archive:
        return stored_json(archive, member, path, most_bytes=most_bytes, most_values=most_values)


def saved(path, text, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as written:
        written.writestr("../../escaped", "nothing is unpacked")
        written.writestr("config.json", text)
    return path


def test_a_small_document_is_read_and_names_are_no_paths(tmp_path):
    assert read(saved(tmp_path / "a.zip", '{"a": [1, 2]}')) == {"a": [1, 2]}
    assert [each.name for each in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" " * (2 << 20), "config.json is over 1 MiB"),
        ("[" * 7 + "1,1,1,1,1" + "]" * 7, "config.json has over 10 values"),
        ("{", "config.json is no JSON"),
        (b"\xff\xfe", "config.json is no JSON"),
    ],
)
def test_what_is_no_description_of_a_network_is_refused(tmp_path, text, message):
    with pytest.raises(NetworkFormatError, match=message):
        read(saved(tmp_path / "a.zip", text))


def test_nesting_is_bounded(tmp_path):
    with pytest.raises(NetworkFormatError, match="nested too deep"):
        read(saved(tmp_path / "a.zip", "[" * 200_000), most_values=10**6)


def test_a_bomb_is_refused_by_what_the_archive_says_of_it(tmp_path):
    path = saved(tmp_path / "a.zip", b" " * (100 << 20))
    assert path.stat().st_size < 200_000
    with pytest.raises(NetworkFormatError, match="is over 1 MiB"):
        read(path)


def test_a_member_that_says_to_be_larger_than_the_archive_is_refused(tmp_path):
    """Reading what is stored plainly would reserve as much."""
    path = saved(tmp_path / "a.zip", "{}", zipfile.ZIP_STORED)
    content = path.read_bytes()
    entry = content.rindex(b"PK\1\2")
    path.write_bytes(content[: entry + 20] + b"\xfe\xff\xff\xff" + content[entry + 24 :])
    with pytest.raises(NetworkFormatError, match="larger than the archive"):
        read(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_reserve_memory_before_they_give_a_byte_are_refused(tmp_path, method):
    with pytest.raises(NetworkFormatError, match="in a way that no framework does"):
        read(saved(tmp_path / "a.zip", "{}", method))


def test_every_byte_may_be_wrong(tmp_path):
    """Each byte of an archive once with all bits turned, and each of its beginnings."""
    document = {"class_name": "Sequential", "name": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
    sound = saved(tmp_path / "a.zip", json.dumps(document)).read_bytes()
    damaged = tmp_path / "b.zip"
    accepted, messages = 0, []
    for at in range(len(sound)):
        for changed in (sound[:at] + bytes([sound[at] ^ 0xFF]) + sound[at + 1 :], sound[:at]):
            damaged.write_bytes(changed)
            try:
                accepted += read(damaged) == document
            except NetworkFormatError as error:
                messages.append(str(error))
    assert all(map(str.isprintable, messages))
    assert 0 < accepted < len(sound), "bytes that nobody looks at: dates, attributes, names of other members"
