"""The contract of readers of network formats as a test suite.

An author of a reader subclasses `ReaderContract`, overrides the fixtures ``read`` and ``file``, and runs pytest::

    class TestMyReader(ReaderContract):
        @pytest.fixture
        def read(self):
            return read_mine

        @pytest.fixture
        def file(self, tmp_path):
            return write_an_example(tmp_path / "example.mine")
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from annette.errors import NetworkError, OptionError
from annette.network import UNSUPPORTED, Network
from annette.network.graph_json import graph_to_json
from annette.network.load import load_network, readers

if TYPE_CHECKING:
    from pathlib import Path

    from annette.network.load import Reader

__all__ = ["ReaderContract"]

_CUTS = 40
_DAMAGES = 120
_LONGEST_MESSAGE = 2000


class ReaderContract:
    """What every reader must satisfy.

    Override ``read``, and ``file`` with a network of batch size 1 whose first input has at least one dimension beside
    the batch, and in which nothing is unsupported.
    """

    @pytest.fixture
    def read(self) -> Reader:
        """The reader under test."""
        raise NotImplementedError("override the fixture 'read' with the reader to test")

    @pytest.fixture
    def file(self) -> Path:
        """A sound file."""
        raise NotImplementedError("override the fixture 'file' with a file of the format")

    def test_is_found_by_its_suffix(self, read: Reader, file: Path) -> None:
        """Whoever names such a file gets what the reader gives."""
        assert file.suffix in readers()
        assert graph_to_json(load_network(file)) == graph_to_json(read(file))

    def test_gives_a_network(self, read: Reader, file: Path) -> None:
        """It says where it came from; every layer is of a kind that it knows, with at least one tensor written."""
        network = read(file)
        assert isinstance(network, Network)
        assert network.name
        assert network.source_format
        assert network.batch == 1
        assert network.inputs
        assert network.outputs
        assert UNSUPPORTED not in {layer.kind for layer in network.layers}
        assert all(layer.outputs for layer in network.layers)

    def test_reads_the_same_each_time(self, read: Reader, file: Path) -> None:
        """And leaves the file as it was."""
        before = file.read_bytes()
        assert graph_to_json(read(file)) == graph_to_json(read(file))
        assert file.read_bytes() == before

    def test_batch_is_part_of_every_count(self, read: Reader, file: Path) -> None:
        """Three samples are three times the work: of a file that fixes another batch size, it may be refused."""
        one = read(file)
        three, complaint = _read(read, file, batch=3)
        if three is None:
            assert "batch" in complaint
            return
        assert three.batch == 3
        assert three.ops == 3 * one.ops
        assert three.tensors[three.inputs[0]].shape[0] == 3 * one.tensors[one.inputs[0]].shape[0]
        assert three.parameters == one.parameters

    def test_shapes_of_inputs_that_are_not_there_are_refused(self, read: Reader, file: Path) -> None:
        """A misspelt name must not pass for an input that keeps its shape."""
        with pytest.raises((NetworkError, OptionError), match="no-such-input"):
            read(file, input_shapes={"no-such-input": (1, 3, 8, 8)})

    @pytest.mark.parametrize("content", [b"", b"\0" * 64, b"not a network\n", b"\xff\xfe\xfd" * 30], ids=repr)
    def test_what_is_no_network_is_refused(self, read: Reader, file: Path, content: bytes) -> None:
        """With one line."""
        file.write_bytes(content)
        with pytest.raises(NetworkError) as caught:
            read(file)
        assert "\n" not in str(caught.value)

    def test_truncated_files_end_in_an_error_or_a_network(self, read: Reader, file: Path) -> None:
        """Never in anything else: a file is other people's data."""
        content = file.read_bytes()
        for cut in range(_CUTS):
            file.write_bytes(content[: len(content) * cut // _CUTS])
            _read_or_refuse(read, file)

    def test_damaged_files_end_in_an_error_or_a_network(self, read: Reader, file: Path) -> None:
        """Bytes are changed at random places, always the same ones."""
        content = file.read_bytes()
        rng = random.Random(0)  # noqa: S311 - places to damage, nothing secret
        for _ in range(_DAMAGES):
            damaged = bytearray(content)
            for _ in range(rng.randint(1, 3)):
                damaged[rng.randrange(len(damaged))] = rng.choice((0, 1, 0x20, 0x2D, 0x30, 0x39, 0x7F, 0xFF))
            file.write_bytes(bytes(damaged))
            _read_or_refuse(read, file)


def _read(read: Reader, file: Path, batch: int | None = None) -> tuple[Network | None, str]:
    """The network, or why it was refused."""
    try:
        return read(file, batch=batch), ""
    except NetworkError as error:
        return None, str(error)


def _read_or_refuse(read: Reader, file: Path) -> None:
    network, complaint = _read(read, file)
    if network is None:
        assert complaint
        assert "\n" not in complaint
        assert len(complaint) < _LONGEST_MESSAGE
    else:
        assert network.ops >= 0
        assert all(size >= 1 for tensor in network.tensors.values() for size in tensor.shape)
