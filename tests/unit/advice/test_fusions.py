"""Activations, normalizations and transpositions that a platform runs by themselves."""

from annette.advice.activations import activation_changes, activations_of
from annette.advice.norms import NormBehind, ReadNormalized, norm_changes
from annette.advice.reasons import why_apart
from annette.advice.transposes import DropTransposes, transpose_changes
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder
from tests.unit.advice import samples


def kinds(network):
    return [layer.kind for layer in network.layers]


def told(network, mapping="onnxruntime-cpu"):
    model = preset(mapping)
    return why_apart(network, model.apply(network), model)


def test_a_function_times_its_operand_is_one_activation():
    network = samples.gated()
    assert [(place.kind, len(place.layers)) for place in activations_of(network, ())] == [
        ("silu", 2), ("silu", 2), ("relu", 1)
    ]  # fmt: skip


def test_an_activation_is_replaced_everywhere_or_at_one_place():
    network = samples.gated()
    found = activation_changes(network, (), {"mul": "why"})
    assert [(each.before, each.after) for each in found][:1] == [("silu", "relu")]
    everywhere = found[0].apply(network)
    assert kinds(everywhere) == ["conv", "relu", "conv", "relu", "conv", "relu", "global_average_pool"]
    first, second = found[0].singly()
    assert kinds(first.apply(network)).count("sigmoid") == 1
    assert kinds(second.apply(first.apply(network))) == kinds(everywhere)
    assert first.singly() == []


def test_gates_keep_their_function():
    net = NetworkBuilder("excited")
    x = net.conv(net.input("x", (1, 3, 8, 8)), 8, 1, name="stem")
    gate = net.unary("sigmoid", net.conv(net.global_average_pool(x), 8, 1))
    network = net.build(net.mul(x, gate))
    assert activation_changes(network, (), {"sigmoid": "why"}) == []


def test_a_normalization_moves_behind_the_convolution_that_reads_it():
    network = samples.normalized(shared=False)
    (change,) = norm_changes(network, network.layers, told(network))
    assert isinstance(change, NormBehind)
    moved = change.apply(network)
    assert kinds(moved) == ["conv", "max_pool", "relu", "conv", "batch_norm", "global_average_pool"]
    assert "takes up nothing" in change.reason


def test_a_normalization_of_what_others_read_says_so_and_is_read_instead():
    network = samples.normalized(shared=True)
    found = norm_changes(network, network.layers, told(network))
    assert [type(each) for each in found] == [ReadNormalized, NormBehind]
    assert found[0].reason == "batch_norm runs as a kernel of its own: others read what 'stem' writes, too"
    changed = found[0].apply(network)
    assert [layer.kind for layer in changed.consumers["stem"]] == ["batch_norm"]
    assert "norm" not in told(changed)


def test_activations_that_no_rule_takes_are_told_with_those_that_one_does():
    net = NetworkBuilder("bent")
    x = net.conv(net.input("x", (1, 3, 8, 8)), 8, 1, name="stem")
    network = net.build(net.conv(net.unary("elu", x, name="bend"), 4, 1))
    reason = told(network)["bend"]
    assert reason.startswith(
        "elu runs as a kernel of its own: the platform computes no elu on the way out of conv, only "
    )
    assert "relu" in reason


def test_transpositions_around_a_product_go_and_it_becomes_a_convolution():
    network = samples.turned()
    assert transpose_changes(network, network.layers) == [DropTransposes("there", 2)]
    changed = DropTransposes("there", 2).apply(network)
    assert kinds(changed) == ["conv", "conv", "div", "erf", "add", "mul", "mul", "conv"]
    assert changed.tensors["product"].shape == (1, 32, 14, 14)
    assert changed.tensors["last"].shape == network.tensors["last"].shape


def test_transpositions_that_something_else_reads_stay():
    net = NetworkBuilder("read")
    x = net.transpose(net.input("x", (1, 8, 4, 4)), (0, 2, 3, 1), name="there")
    y = net.transpose(net.relu(x), (0, 3, 1, 2), name="back")
    network = net.build(net.relu(y), net.softmax(x))
    assert transpose_changes(network, network.layers) == []
