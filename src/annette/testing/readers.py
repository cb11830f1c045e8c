"""The contract of network readers as a test suite.

An author of a reader subclasses `ReaderContract`, overrides the fixtures ``reader``, ``file`` and ``unknown``, and runs
pytest::

    class TestMyReader(ReaderContract):
        @pytest.fixture
        def reader(self):
            return read_my_format

        @pytest.fixture
        def file(self, tmp_path):
            return write_my_format(example_network(), tmp_path / "example.mine")
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest

from annette.errors import AnnetteError, NetworkError
from annette.network.builder import NetworkBuilder
from annette.network.graph_json import graph_to_json
from annette.network.kinds import KINDS, UNSUPPORTED

if TYPE_CHECKING:
    from pathlib import Path

    from annette.network.load import Reader
    from annette.network.network import Network

__all__ = ["ReaderContract", "example_network"]

_DAMAGED_FILES: Final = 80
_OTHER_BATCH: Final = 3


def example_network() -> Network:
    """A small classifier of images: convolution, batch normalization, ReLU, pool, fully connected layer, softmax."""
    net = NetworkBuilder("example")
    x = net.input("data", (1, 3, 8, 8))
    x = net.relu(net.batch_norm(net.conv(x, 16, 3, padding=1)))
    x = net.flatten(net.max_pool(x, 2, stride=2))
    return net.build(net.softmax(net.fully_connected(x, 10)))


def _computing(network: Network) -> Counter[tuple[str, int]]:
    """Kind and multiply-accumulates of each layer that has some."""
    return Counter((layer.kind, layer.workload.macs) for layer in network.layers if layer.workload.macs)


class ReaderContract:
    """What every reader must satisfy; ``network`` may be overridden where a format cannot hold the example."""

    @pytest.fixture
    def reader(self) -> Reader:
        """The reader under test."""
        raise NotImplementedError("override the fixture 'reader' with the function to test")

    @pytest.fixture
    def file(self) -> Path:
        """A file of the format that holds ``network``."""
        raise NotImplementedError("override the fixture 'file' with the path of a file that holds the network")

    @pytest.fixture
    def unknown(self) -> tuple[Path, str]:
        """A file with an operator that nobody knows, and the operator's name."""
        raise NotImplementedError("override the fixture 'unknown' with the path of a file and an operator's name")

    @pytest.fixture
    def network(self) -> Network:
        """The network in the file, as the builder makes it."""
        return example_network()

    def test_counts_the_same_as_the_builder(self, reader: Reader, file: Path, network: Network) -> None:
        """Convolutions and matrix products count the same whatever file they came from."""
        read = reader(file)
        assert read.macs == network.macs
        assert _computing(read) == _computing(network)
        assert read.batch == network.batch
        assert sorted(read.tensors[name].elements for name in read.inputs) == sorted(
            network.tensors[name].elements for name in network.inputs
        )
        assert sorted(read.tensors[name].elements for name in read.outputs) == sorted(
            network.tensors[name].elements for name in network.outputs
        )

    def test_says_where_it_came_from(self, reader: Reader, file: Path) -> None:
        """The network is named, its format too, and notes are sentences of one line."""
        read = reader(file)
        assert read.name
        assert read.source_format
        assert all(note and "\n" not in note for note in read.notes)

    def test_attributes_are_those_that_the_kinds_define(self, reader: Reader, file: Path) -> None:
        """No private names, no other types; axes count from the front."""
        for layer in reader(file).layers:
            known = KINDS[layer.kind].attributes
            assert layer.attributes.keys() <= known.keys(), layer.name
            assert all(known[key].accepts(value) for key, value in layer.attributes.items()), layer.name
            axes = layer.attributes.get("axes", layer.attributes.get("axis", 0))
            assert all(int(axis) >= 0 for axis in (axes if isinstance(axes, tuple) else (axes,))), layer.name

    def test_reading_again_gives_the_same(self, reader: Reader, file: Path) -> None:
        """Nothing is kept between two files, and the file stays as it is."""
        before = file.read_bytes()
        assert graph_to_json(reader(file)) == graph_to_json(reader(file))
        assert file.read_bytes() == before

    def test_the_shapes_that_it_found_can_be_given(self, reader: Reader, file: Path) -> None:
        """Batch and input shapes of a network may be asked for by name."""
        read = reader(file)
        shapes = {name: read.tensors[name].shape for name in read.inputs}
        again = reader(file, batch=read.batch, input_shapes=shapes)
        assert graph_to_json(again) == graph_to_json(read)

    def test_another_batch_scales_the_work_or_is_refused(self, reader: Reader, file: Path) -> None:
        """Never a network that claims a batch size and counts another one."""
        read = reader(file)
        try:
            larger = reader(file, batch=_OTHER_BATCH * read.batch)
        except NetworkError as error:
            assert "batch" in str(error)  # noqa: PT017 - refusing is one of two right answers
            return
        assert larger.batch == _OTHER_BATCH * read.batch
        assert larger.macs == _OTHER_BATCH * read.macs
        assert all(larger.tensors[name].shape[0] == larger.batch for name in larger.inputs)

    def test_an_input_that_is_not_there_is_refused(self, reader: Reader, file: Path) -> None:
        """By one line that names it."""
        with pytest.raises(AnnetteError, match="no_such_input"):
            reader(file, input_shapes={"no_such_input": (1, 2)})

    def test_an_unknown_operator_is_named(self, reader: Reader, unknown: tuple[Path, str]) -> None:
        """In a layer of kind ``unsupported``, or in an error; it is never left out."""
        path, operator = unknown
        try:
            read = reader(path)
        except NetworkError as error:
            assert operator in str(error)  # noqa: PT017 - refusing is one of two right answers
            return
        named = [str(layer.attributes["operator"]) for layer in read.layers if layer.kind == UNSUPPORTED]
        assert any(operator in name for name in named)

    @pytest.mark.parametrize("seed", range(_DAMAGED_FILES))
    def test_a_damaged_file_gives_a_network_or_one_line(self, reader: Reader, file: Path, seed: int) -> None:
        """Files are untrusted: whatever their bytes are, nothing but a `NetworkError` comes out."""
        content, chance = bytearray(file.read_bytes()), np.random.default_rng(seed)
        if seed % 4 == 0:
            content = content[: chance.integers(len(content))]
        for _ in range(chance.integers(1, 7) if content else 0):
            content[chance.integers(len(content))] = int(chance.choice([0, 1, 127, 255, int(chance.integers(256))]))
        damaged = file.with_name(f"damaged{file.suffix}")
        damaged.write_bytes(content)
        message = ""
        try:
            read = reader(damaged)
        except NetworkError as error:
            message = str(error)
        else:
            assert read.ops >= 0
            assert all(size >= 1 for tensor in read.tensors.values() for size in tensor.shape)
        assert "\n" not in message
