import pytest

from annette.errors import OptionError
from annette.network import zoo
from annette.network.zoo.nasbench201 import parse_cell

ALL_3X3 = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
ALL_NONE = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
MIXED = "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|avg_pool_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"


@pytest.mark.parametrize(
    ("cell", "macs", "parameters"),
    [
        # Largest and smallest of the benchmark, CIFAR-10: 220.11969 and 7.78305 M, 1.531546 and 0.073306 M.
        (ALL_3X3, 220.11969e6, 1_531_546),
        (ALL_NONE, 7.78305e6, 73_306),
        # github.com/D-X-Y/NATS-Bench, issue 36, hp=12.
        (MIXED, None, 802_426),
    ],
)
def test_published_counts(cell, macs, parameters):
    network = zoo.build(f"nasbench201:{cell}", batch_norm=True)
    assert network.parameters == parameters
    if macs:
        assert network.macs == pytest.approx(macs, rel=1e-5)


def test_edges_that_do_nothing_and_nodes_nobody_reads_are_left_out():
    cell = "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|none~1|none~2|"
    kinds = [layer.kind for layer in zoo.build(f"nasbench201:{cell}").layers if "/cell" in layer.name]
    assert kinds == []


def test_a_node_without_inputs_is_zero():
    kinds = [layer.kind for layer in zoo.build(f"nasbench201:{ALL_NONE}", cells=1).layers if "/cell" in layer.name]
    assert kinds == ["mul"] * 3


def test_parsed_nodes():
    assert parse_cell(MIXED) == [
        ["skip_connect"],
        ["none", "nor_conv_3x3"],
        ["avg_pool_3x3", "nor_conv_3x3", "nor_conv_3x3"],
    ]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("", "node 1 must be like"),
        ("|none~0|", "it has 1 nodes"),
        ("|none~0|+|none~0|none~1|+|none~0|none~2|none~1|", "node 3 must be like"),
        ("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|+|none~0|none~1|none~2|none~3|", "it has 4 nodes"),
        ("|nor_conv_7x7~0|+|none~0|none~1|+|none~0|none~1|none~2|", "did you mean"),
    ],
)
def test_what_is_no_cell_is_refused(cell, message):
    with pytest.raises(OptionError, match=message):
        zoo.build(f"nasbench201:{cell}")
