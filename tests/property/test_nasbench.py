"""Cells of the NAS benchmarks: whatever is drawn builds, and the rules hold."""

from hypothesis import given, settings
from hypothesis import strategies as st

from annette.errors import OptionError
from annette.network.zoo.nasbench101 import MAX_EDGES, MAX_VERTICES, OPERATIONS, Cell, nasbench101, parse_cell
from annette.network.zoo.nasbench201 import OPERATIONS as EDGES
from annette.network.zoo.nasbench201 import nasbench201


@st.composite
def cells(draw):
    size = draw(st.integers(2, MAX_VERTICES))
    bits = [tuple(draw(st.integers(0, 1)) if j > i else 0 for j in range(size)) for i in range(size)]
    return tuple(bits), tuple(draw(st.sampled_from(OPERATIONS)) for _ in range(size - 2))


@settings(max_examples=60, deadline=None)
@given(cells(), st.integers(1, 3))
def test_a_cell_is_valid_or_refused_and_a_valid_one_builds(drawn, batch):
    try:
        cell = Cell(*drawn)
    except OptionError:
        return
    assert len(cell.matrix) <= MAX_VERTICES
    assert sum(map(sum, cell.matrix)) <= MAX_EDGES
    size = len(cell.matrix)
    for vertex in range(1, size - 1):
        assert any(cell.matrix[i][vertex] for i in range(vertex))
        assert any(cell.matrix[vertex])
    channels = cell.vertex_channels(100, 101)
    for i in range(1, size - 1):
        assert all(channels[i] >= channels[j] for j in range(i + 1, size - 1) if cell.matrix[i][j])
    network = nasbench101(cell, batch, channels=16, cells=1)
    assert network.tensors[network.outputs[0]].shape == (batch, 10)
    assert network.macs == batch * nasbench101(str(cell), channels=16, cells=1).macs
    assert parse_cell(str(cell)) == cell


@settings(max_examples=60, deadline=None)
@given(st.tuples(*(st.sampled_from(EDGES) for _ in range(6))))
def test_every_cell_of_201_builds_and_more_convolutions_take_more_work(edges):
    def text(operations):
        a, b, c, d, e, f = operations
        return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"

    network = nasbench201(text(edges), cells=1)
    heavier = nasbench201(text(["nor_conv_3x3" if op.startswith("nor_conv") else op for op in edges]), cells=1)
    assert heavier.macs >= network.macs
    assert nasbench201(text(["nor_conv_3x3"] * 6), cells=1).macs >= heavier.macs
    assert network.tensors[network.outputs[0]].shape == (1, 10)
