"""Saved models of TensorFlow: which operators are refused before TensorFlow loads them."""

import os

import pytest

from annette.errors import NetworkFormatError
from annette.network.readers.saved_model_operators import check_operators


def field(number, content):
    """A field of a message in protobuf's wire format."""
    size = bytearray()
    left = len(content)
    while left > 0x7F:
        size.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([number << 3 | 2]) + bytes([*size, left]) + content


def saved(folder, *operators, within=()):
    """A folder with a model of some operators, and of some in a function of its library."""
    nodes = b"".join(field(1, field(1, b"name") + field(2, operator)) for operator in operators)
    function = field(1, b"signature") + b"".join(field(3, field(2, operator)) for operator in within)
    graph = nodes + field(2, field(1, function))
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"\x08\x01" + field(2, field(1, b"") + field(2, graph)))
    return folder


def test_a_model_that_computes_is_accepted(tmp_path):
    check_operators(saved(tmp_path / "a", b"Placeholder", b"Conv2D", b"SaveV2", b"\xff", within=[b"MatMul"]))


@pytest.mark.parametrize("operator", [b"ReadFile", b"PyFunc", b"InitializeTableFromTextFileV2", b"CacheDatasetV2"])
def test_operators_that_reach_beyond_the_model_are_refused_wherever_they_are(tmp_path, operator):
    name = operator.decode()
    with pytest.raises(NetworkFormatError, match=rf"read or write files or run Python \({name}\)"):
        check_operators(saved(tmp_path / "a", b"Conv2D", operator))
    with pytest.raises(NetworkFormatError, match=name):
        check_operators(saved(tmp_path / "b", b"Conv2D", within=[operator]))


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(NetworkFormatError, match="has no operators"):
        check_operators(saved(tmp_path / "empty"))
    damaged = saved(tmp_path / "damaged", b"Conv2D")
    content = (damaged / "saved_model.pb").read_bytes()
    (damaged / "saved_model.pb").write_bytes(content[:-3])
    with pytest.raises(NetworkFormatError, match="does not parse"):
        check_operators(damaged)
    (damaged / "saved_model.pb").unlink()
    os.mkfifo(damaged / "saved_model.pb")
    with pytest.raises(NetworkFormatError, match="it is a pipe"):
        check_operators(damaged)
    (damaged / "saved_model.pb").unlink()
    with (damaged / "saved_model.pb").open("wb") as sparse:
        sparse.truncate(1 << 40)
    with pytest.raises(NetworkFormatError, match="over 2 GiB"):
        check_operators(damaged)
