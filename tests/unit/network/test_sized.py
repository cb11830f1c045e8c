"""Networks that are opened once and read at many sizes."""

import pytest

from annette.errors import NetworkError
from annette.network.inputs import DeclaredInput
from annette.network.load import load_network
from annette.network.sized import SizedNetwork
from tests.unit.network.readers.onnx.build import model, save

GRAPH = "g (float[batch, 3, width] x, int64[1] rate) => (float[batch, 3, width] y) { y = Relu (x) }"


def test_a_file_is_read_as_if_alone(tmp_path):
    path = save(tmp_path, model(GRAPH))
    opened = SizedNetwork(path)
    path.unlink()
    assert [opened.at(batch=2, inputs={"width": (size,)}).ops for size in (8, 16)] == [2 * 3 * 8, 2 * 3 * 16]


def test_a_file_says_what_it_is_fed_with(tmp_path):
    opened = SizedNetwork(save(tmp_path, model(GRAPH)))
    assert opened.declared == {
        "x": DeclaredInput(("batch", 3, "width"), real=True),
        "rate": DeclaredInput((1,), real=False),
    }


def test_networks_of_the_zoo_are_built():
    opened = SizedNetwork("resnet18")
    assert opened.declared is None
    assert opened.at(batch=2).macs == load_network("resnet18", batch=2).macs


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(NetworkError, match="does not exist"):
        SizedNetwork(tmp_path / "none.onnx").at()
