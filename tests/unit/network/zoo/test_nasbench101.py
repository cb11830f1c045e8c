import pytest

from annette.errors import OptionError
from annette.network import zoo
from annette.network.zoo.nasbench101 import MAX_EDGES, MAX_VERTICES, Cell, nasbench101, parse_cell, random_cell

CONV1X1, CONV3X3, MAXPOOL = "conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3"
INCEPTION = Cell(
    (
        (0, 1, 1, 1, 0, 1, 0),
        (0, 0, 0, 0, 0, 0, 1),
        (0, 0, 0, 0, 0, 0, 1),
        (0, 0, 0, 0, 1, 0, 0),
        (0, 0, 0, 0, 0, 0, 1),
        (0, 0, 0, 0, 0, 0, 1),
        (0, 0, 0, 0, 0, 0, 0),
    ),
    (CONV1X1, CONV3X3, CONV3X3, CONV3X3, MAXPOOL),
)
"""The Inception-like cell of the benchmark's example."""


def test_the_examples_cell_has_the_parameters_the_benchmark_reports():
    assert nasbench101(INCEPTION, batch_norm=True).parameters == 2_694_282


def test_a_chain_of_one_convolution_counts_by_hand():
    """Projection and 3x3 convolution at 128, 256 and 512 channels, three cells each, batch normalization with each."""
    expected = 3 * 128 * 9 + 2 * 128 + 512 * 10 + 10
    inputs = 128
    for outputs in (128, 256, 512):
        for _ in range(3):
            expected += inputs * outputs + 9 * outputs**2 + 4 * outputs
            inputs = outputs
    assert nasbench101("010.001.000:conv3x3", batch_norm=True).parameters == expected


def test_an_input_that_goes_straight_to_the_output_is_projected_and_added():
    network = nasbench101("011.001.000:maxpool3x3", cells=1, stacks=1)
    assert [layer.kind for layer in network.layers if "cell0" in layer.name] == [
        "conv", "relu", "max_pool", "conv", "relu", "add",
    ]  # fmt: skip
    assert nasbench101("01.00:", cells=1, stacks=1).macs == 32 * 32 * (27 * 128 + 128 * 128) + 1280


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (INCEPTION, [128, 64, 64, 64, 64, 64, 256]),
        # Three ways to the output share 256 channels as 86, 85, 85; the vertex before takes the widest reader's.
        (parse_cell("010000.001110.000001.000001.000001.000000:conv1x1,conv1x1,conv1x1,conv1x1"),
         [128, 86, 86, 85, 85, 256]),
        (Cell(((0, 1), (0, 0)), ()), [128, 256]),
    ],
)  # fmt: skip
def test_vertex_channels_follow_the_benchmarks_rule(cell, expected):
    assert cell.vertex_channels(128, 256) == expected


def test_channels_that_a_reader_has_fewer_of_are_cut():
    network = nasbench101("010000.001110.000001.000001.000001.000000:conv1x1,conv1x1,conv1x1,conv1x1")
    assert {layer.workload.dimensions.in_channels - layer.workload.dimensions.out_channels
            for layer in network.layers if layer.kind == "slice"} == {1}  # fmt: skip


def test_vertices_on_no_way_are_pruned():
    cell = Cell(((0, 1, 0, 0), (0, 0, 0, 1), (0, 0, 0, 1), (0, 0, 0, 0)), (CONV3X3, MAXPOOL))
    assert cell.matrix == ((0, 1, 0), (0, 0, 1), (0, 0, 0))
    assert cell.operations == (CONV3X3,)
    assert str(cell) == "010.001.000:conv3x3"


@pytest.mark.parametrize("seed", range(40))
def test_random_cells_are_valid_and_repeatable(seed):
    cell = random_cell(seed)
    assert cell == random_cell(seed)
    assert parse_cell(str(cell)) == cell
    assert 2 <= len(cell.matrix) <= MAX_VERTICES
    assert sum(map(sum, cell.matrix)) <= MAX_EDGES
    channels = cell.vertex_channels(128, 256)
    assert sum(c for c, row in zip(channels[1:-1], cell.matrix[1:-1], strict=True) if row[-1]) in (0, 256)


def test_random_cells_differ():
    assert len({random_cell(seed) for seed in range(40)}) > 30


def test_networks_by_name():
    by_seed = zoo.build("nasbench101:seed7", batch=2)
    by_cell = zoo.build(f"nasbench101:{random_cell(7)}", batch=2)
    assert by_seed.macs == by_cell.macs
    assert by_seed.name == by_cell.name == f"nasbench101:{random_cell(7)}"
    assert by_seed.tensors["image"].shape == (2, 3, 32, 32)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a NAS-Bench-101 cell"),
        ("seed", "not a NAS-Bench-101 cell"),
        ("seed-1", "not a NAS-Bench-101 cell"),
        ("01.0:", "square matrix"),
        ("010.001.000:", "square matrix"),
        ("010.001.100:conv3x3", "upper-triangular"),
        ("010.001.000:conv7x7", "'conv7x7-bn-relu' is not"),
        ("010.000.000:conv3x3", "no way leads"),
        ("01111.00111.00011.00001.00000:conv1x1,conv1x1,conv1x1", "10 edges"),
    ],
)
def test_what_is_no_cell_is_refused(text, message):
    with pytest.raises(OptionError, match=message):
        zoo.build(f"nasbench101:{text}")
