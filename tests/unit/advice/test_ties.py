"""Which sizes change together."""

from annette.advice.ties import tie_sizes
from annette.network.builder import NetworkBuilder
from tests.unit.advice import samples


def together(ties, *axes):
    return len({ties.group(axis) for axis in axes}) == 1


def test_operands_of_a_sum_and_their_weights_are_tied():
    ties = tie_sizes(samples.residual())
    assert together(ties, ("stem", 1), ("project", 1), ("total", 1), ("stem.weight", 0), ("project.weight", 0))
    assert together(ties, ("stem", 1), ("expand.weight", 1), ("classifier.weight", 1))
    assert not together(ties, ("stem", 1), ("expand", 1))
    assert together(ties, ("expand", 1), ("depthwise", 1), ("depthwise.weight", 0), ("project.weight", 1))


def test_what_is_fed_in_and_handed_out_is_fixed_and_so_are_positions():
    network = samples.residual()
    ties = tie_sizes(network)
    assert "'image'" in ties.fixed(("image", 1))
    assert "'classifier'" in ties.fixed(("classifier.weight", 0))
    assert ties.fixed(("stem", 2)) is not None
    assert ties.fixed(("stem", 1)) is None


def test_a_concatenation_is_a_sum_unless_all_grows_throughout():
    network = samples.inception()
    ties = tie_sizes(network)
    (joined,) = ties.joined
    assert not together(ties, *joined.parts)
    whole = tie_sizes(network, throughout=True)
    assert whole.joined == []
    assert together(whole, joined.whole, *joined.parts)


def test_halves_and_shuffled_channels_stay_in_proportion():
    network = samples.shuffled()
    split = next(layer for layer in network.layers if layer.kind == "split")
    ties = tie_sizes(network, throughout=True)
    assert together(ties, ("stem", 1), *((name, 1) for name in split.outputs), ("right", 1), ("last.weight", 1))
    assert ties.fixed(("stem", 1)) is None


def test_what_no_rule_explains_is_fixed_with_its_name():
    net = NetworkBuilder("odd")
    x = net.conv(net.input("x", (1, 3, 8, 8)), 8, 1, name="before")
    y = net.layer("cumulative_sum", [x], attributes={"axis": 1}, name="odd")[0]
    ties = tie_sizes(net.build(net.conv(y, 4, 1)))
    assert ties.fixed(("before", 1)) == "layer 'odd' (cumulative_sum)"
