from __future__ import annotations

import os
from pathlib import Path

import pytest

from annette.errors import NetworkFormatError
from annette.files import exists, open_regular


def test_a_regular_file_is_opened(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"abc")
    with open_regular(path, error=NetworkFormatError) as file:
        assert file.read() == b"abc"


def test_a_link_to_a_regular_file_is_opened(tmp_path):
    (tmp_path / "real").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("real")
    with open_regular(tmp_path / "link", error=NetworkFormatError) as file:
        assert file.read() == b"abc"


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path):
    path = tmp_path / "net.onnx"
    os.mkfifo(path)
    with pytest.raises(NetworkFormatError, match="it is a pipe, not a file"):
        open_regular(path, error=NetworkFormatError)


def test_folders_and_devices_are_refused(tmp_path):
    with pytest.raises(NetworkFormatError, match="it is a folder"):
        open_regular(tmp_path, error=NetworkFormatError)
    with pytest.raises(NetworkFormatError, match="it is a device"):
        open_regular(Path("/dev/zero"), error=NetworkFormatError)


@pytest.mark.parametrize("name", ["missing", "n" * 5000, "a\0b", "a\ud800b"])
def test_what_cannot_be_opened_is_an_error(tmp_path, name):
    with pytest.raises(NetworkFormatError, match="cannot read"):
        open_regular(tmp_path / name, error=NetworkFormatError)


@pytest.mark.parametrize("name", ["missing", "n" * 5000, "a\0b", "a\ud800b"])
def test_what_no_file_is_called_does_not_exist(tmp_path, name):
    assert exists(tmp_path)
    assert not exists(tmp_path / name)
