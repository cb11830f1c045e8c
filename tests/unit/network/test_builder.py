import pytest

from annette.errors import NetworkShapeError, NetworkStructureError, OptionError
from annette.network import Network
from annette.network.builder import NetworkBuilder
from annette.network.tensor import DType


@pytest.fixture
def net():
    return NetworkBuilder("test")


def layer_of(network, name):
    return next(layer for layer in network.layers if layer.name == name)


def test_a_small_classifier(net):
    x = net.input("image", (2, 3, 32, 32))
    x = net.relu(net.conv(x, 16, 3, stride=2, padding=1, name="stem"))
    x = net.fully_connected(net.flatten(net.global_average_pool(x)), 10)
    network = net.build(x)
    assert [layer.kind for layer in network.layers] == [
        "conv",
        "relu",
        "global_average_pool",
        "reshape",
        "fully_connected",
    ]
    assert network.macs == 2 * (16 * 16 * 16 * 27 + 160)
    assert network.parameters == 16 * 27 + 16 + 160 + 10
    assert network.inputs == ("image",)
    assert network.tensors[network.outputs[0]].shape == (2, 10)


def test_names_are_scoped_and_numbered(net):
    x = net.input("x", (1, 4))
    with net.scope("a"), net.scope("b"):
        x = net.relu(net.relu(x))
    x = net.relu(x, name="last")
    assert [layer.name for layer in net.build(x).layers] == ["a/b/relu", "a/b/relu_2", "last"]


def test_a_given_name_that_is_taken_gets_a_number(net):
    x = net.input("x", (1, 4))
    y = net.relu(net.relu(net.relu(x, name="relu_2")), name="relu")
    names = [layer.name for layer in net.build(y).layers]
    assert names[0] == "relu_2"
    assert len(set(names)) == 3


def test_a_layer_may_not_shadow_an_input(net):
    x = net.input("relu", (1, 4))
    assert net.relu(x).name != "relu"
    with pytest.raises(NetworkStructureError, match="'relu'"):
        net.input("relu", (1, 4))


@pytest.mark.parametrize(
    ("filters", "groups", "kind"),
    [(8, 1, "conv"), (8, 4, "depthwise_conv"), (8, 2, "grouped_conv")],
)
def test_groups_decide_the_kind_of_a_convolution(net, filters, groups, kind):
    x = net.input("x", (1, 4, 8, 8))
    network = net.build(net.conv(x, filters, 3, groups=groups, bias=False))
    assert network.layers[0].kind == kind
    assert network.macs == 36 * 9 * filters * 4 // groups


@pytest.mark.parametrize(
    ("padding", "pads"),
    [
        (1, (1, 1, 1, 1)),
        ((0, 2), (0, 2, 0, 2)),
        ((1, 2, 3, 4), (1, 2, 3, 4)),
        ("half", (1, 2, 1, 2)),
        ("same", (0, 1, 1, 2)),
    ],
)
def test_padding_can_be_given_in_every_usual_way(net, padding, pads):
    x = net.input("x", (1, 4, 8, 8))
    network = net.build(net.conv(x, 4, (3, 5), stride=2, padding=padding))
    assert network.layers[0].attributes["pads"] == pads


def test_wrong_padding_and_groups_are_refused(net):
    x = net.input("x", (1, 4, 8, 8))
    with pytest.raises(NetworkShapeError, match="padding"):
        net.conv(x, 4, 3, padding=(1, 2, 3))
    with pytest.raises(NetworkShapeError, match="3 groups"):
        net.conv(x, 6, 3, groups=3)
    with pytest.raises(NetworkShapeError, match="0 groups"):
        net.conv_transpose(x, 6, 3, groups=0)
    with pytest.raises(NetworkStructureError, match="pair"):
        net.conv(x, 6, (3, 3, 3))


def test_one_dimensional_convolution(net):
    x = net.input("x", (1, 4, 100))
    y = net.conv1d(x, 6, 5, stride=2, padding="half", dilation=2)
    assert y.shape == (1, 6, 50)
    assert net.build(y).macs == 50 * 5 * 4 * 6


@pytest.mark.parametrize(
    ("function", "kinds"),
    [
        ("relu6", ["clip"]),
        ("hard_swish", ["hard_swish"]),
        ("silu", ["sigmoid", "mul"]),
        ("mish", ["softplus", "tanh", "mul"]),
        ("gelu", ["div", "erf", "add", "mul", "mul"]),
        ("gelu_tanh", ["pow", "mul", "add", "mul", "tanh", "mul", "add", "mul"]),
    ],
)
def test_activations_are_the_operators_of_deployed_files(net, function, kinds):
    x = net.input("x", (1, 4))
    assert [layer.kind for layer in net.build(net.activation(x, function)).layers] == kinds


def test_unknown_activation_is_refused_with_suggestions(net):
    with pytest.raises(OptionError, match="did you mean 'hard_swish'"):
        net.activation(net.input("x", (1, 4)), "hardswish")


@pytest.mark.parametrize("first", [True, False])
def test_numbers_are_attributes_as_the_readers_have_them(net, first):
    x = net.input("x", (1, 4))
    network = net.build(net.sub(0.5, x) if first else net.sub(x, 0.5))
    (layer,) = network.layers
    assert layer.attributes == {"scalar": 0.5, "scalar_first": first}
    assert layer.inputs == ("x",)
    assert layer.workload.ops == 4


def test_arithmetic_needs_a_tensor(net):
    with pytest.raises(OptionError, match="mul of the numbers"):
        net.mul(1.0, 2.0)


def test_a_bias_of_a_higher_rank_is_a_layer_of_its_own(net):
    x = net.input("x", (2, 7, 16))
    network = net.build(net.fully_connected(x, 4, name="project"))
    assert [(layer.name, layer.kind) for layer in network.layers] == [
        ("project", "fully_connected"),
        ("project/bias", "add"),
    ]
    assert network.macs == 2 * 7 * 16 * 4
    assert network.parameters == 16 * 4 + 4


def test_attention_counts_both_products(net):
    x = net.input("x", (2, 10, 64))
    network = net.build(net.attention(x, x, x, 4))
    assert network.macs == 2 * (2 * 10 * 10 * 64)
    scores = layer_of(network, "scores").workload.dimensions
    assert (scores.batch, scores.out_width, scores.in_channels, scores.out_channels) == (8, 10, 16, 10)
    with pytest.raises(NetworkShapeError, match="5 heads"):
        net.attention(x, x, x, 5)


def test_embeddings_read_only_what_they_write(net):
    ids = net.input("ids", (1, 7), DType.INT64)
    network = net.build(net.embedding(ids, 1000, 16))
    (layer,) = network.layers
    assert network.tensors[network.outputs[0]].dtype is DType.FLOAT32
    assert layer.workload.weight_elements == 7 * 16
    assert network.parameters == 16000


@pytest.mark.parametrize(("kind", "gates"), [("lstm", 4), ("gru", 3), ("rnn", 1)])
def test_recurrent_layers(net, kind, gates):
    x = net.input("x", (5, 2, 8))
    y = getattr(net, kind)(x, 6, bidirectional=True)
    network = net.build(y)
    assert y.shape == (5, 2, 2, 6)
    assert network.macs == 2 * 5 * 2 * gates * 6 * (8 + 6)
    assert network.parameters == 2 * gates * 6 * (8 + 6 + 2)
    with pytest.raises(NetworkShapeError, match="steps, batch, features"):
        net.lstm(y, 6)


def test_roll_is_two_slices_and_a_concat(net):
    x = net.input("x", (1, 8, 4))
    assert net.roll(x, 0, 1) is x
    network = net.build(net.roll(x, -3, 1))
    assert [layer.kind for layer in network.layers] == ["slice", "slice", "concat"]
    assert network.tensors[network.outputs[0]].shape == x.shape


def test_a_shared_weight_counts_once(net):
    x = net.input("x", (1, 4))
    shared = net.weight("shared", (4,))
    network = net.build(net.mul(net.add(x, shared), shared))
    assert network.parameters == 4
    with pytest.raises(NetworkStructureError, match="'shared'"):
        net.weight("shared", (4,))


def test_without_named_outputs_everything_unread_is_handed_out(net):
    x = net.input("x", (1, 4))
    left, right = net.relu(x), net.split(x, 2)
    assert net.build().outputs == (left.name, right[0].name, right[1].name)


def test_an_empty_network_is_refused(net):
    net.input("x", (1, 4))
    with pytest.raises(NetworkStructureError, match="no layers"):
        net.build()


def test_unknown_kind_is_a_key_error(net):
    with pytest.raises(KeyError):
        net.layer("warp", [net.input("x", (1, 4))])


def test_resize_by_scale_and_by_size(net):
    x = net.input("x", (1, 4, 5, 6))
    assert net.resize(x).shape == (1, 4, 10, 12)
    assert net.resize(x, scale=(1, 3), mode="linear").shape == (1, 4, 5, 18)
    assert net.resize(x, (7, 8), mode="cubic").shape == (1, 4, 7, 8)


def test_casts_change_the_element_type(net):
    y = net.cast(net.input("x", (1, 4), DType.INT64), DType.FLOAT32)
    assert net.relu(y).dtype is DType.FLOAT32
    assert net.build().layers[0].workload.input_bytes == 32


def test_a_transpose_that_moves_nothing_is_a_reshape(net):
    x = net.input("x", (1, 8, 1, 5))
    kinds = [net.transpose(x, perm).name for perm in ((0, 2, 1, 3), (2, 1, 0, 3), (0, 3, 2, 1))]
    assert [layer.kind for layer in net.build().layers] == ["reshape", "reshape", "transpose"]
    assert len(set(kinds)) == 3
    with pytest.raises(NetworkShapeError, match="permutation"):
        net.transpose(x, (0, 1, 2))


def test_fixed_numbers_masks_indices_and_statistics_are_no_parameters(net):
    x = net.input("x", (1, 4, 4))
    y = net.mul(net.where_mask(x, (4, 4), pattern="causal", value=0.0), 2.0)
    y = net.add_constant(y, (4, 4), pattern="causal")
    assert net.build(net.gather(y, 0, axis=1)).parameters == 0
    z = net.batch_norm(net.reshape(x, (1, 4, 2, 2)))
    assert net.build(z).parameters == 8


def test_a_kind_without_a_method_of_its_own_is_built_with_its_weights():
    net = NetworkBuilder("generic")
    x = net.input("x", (2, 8, 6, 6))
    x = net.apply("group_norm", x, attributes={"num_groups": 4})
    x = net.apply("deformable_conv", x, attributes={"kernel_shape": (3, 3), "groups": 2}, features=4, bias=False)
    x = net.apply("rms_norm", x, attributes={"axes": (2, 3)}, name="last")
    network = net.build(x)
    assert [layer.inputs for layer in network.layers] == [
        ("x", "group_norm.scale", "group_norm.bias"),
        ("group_norm", "deformable_conv.weight"),
        ("deformable_conv", "last.scale"),
    ]
    assert network.tensors["deformable_conv.weight"].shape == (4, 4, 3, 3)
    assert network.tensors["last"].shape == (2, 4, 4, 4)
    assert network.parameters == 8 + 8 + 4 * 4 * 9 + 16


@pytest.mark.parametrize(
    ("kind", "attributes", "error", "message"),
    [
        ("softmax", {"axes_": (1,)}, OptionError, "has no attribute 'axes_'; did you mean"),
        ("softmax", {"axis": "last"}, OptionError, "attribute 'axis' of layer 'softmax'"),
        ("conv", {}, NetworkShapeError, "'conv'.*cannot have weights: 'kernel_shape'"),
        ("conv", {"kernel_shape": (1, 1), "groups": 3}, NetworkShapeError, "3 groups do not divide 8 input"),
    ],
)
def test_what_a_kind_does_not_define_is_refused(kind, attributes, error, message):
    net = NetworkBuilder("wrong")
    with pytest.raises(error, match=message):
        net.apply(kind, net.input("x", (2, 8, 6, 6)), attributes=attributes, features=4)


@pytest.mark.parametrize(
    "build",
    [
        lambda net, x: net.resize(x),
        lambda net, x: net.conv(x, 4, 1),
        lambda net, x: net.depthwise_conv(x, 1),
        lambda net, x: net.split_heads(x, 2),
        lambda net, x: net.attention(x, x, x, 2),
        lambda net, x: net.concat([x][1:]),
    ],
)
def test_operands_of_other_ranks_are_refused(net, build):
    with pytest.raises(NetworkShapeError, match=r"must have [345 to]+ dimensions here|of no tensors"):
        build(net, net.fully_connected(net.input("x", (1, 512)), 1000))


def test_a_scalar_is_flattened_to_a_row(net):
    assert net.flatten(net.input("x", ())).shape == (1, 1)


def test_repeated_layers_are_described_like_the_first_and_others_anew():
    net = NetworkBuilder("repeated")
    x, y = net.input("x", (1, 8, 6, 6)), net.input("y", (1, 8, 6, 6))
    pairs = [net.add(*read) for read in ((x, y), (y, x), (x, x), (y, y))]
    net.conv(x, 8, 3, padding=1), net.conv(y, 8, 3, padding=1), net.conv(x, 8, 3), net.conv(x, 8, 3, bias=False)
    network = net.build(*pairs)
    read = [layer.workload.input_elements for layer in network.layers if layer.kind == "add"]
    assert read == [576, 576, 288, 288], "the same tensor twice is read once"
    first, second, smaller, plain = (layer for layer in network.layers if layer.kind == "conv")
    assert first.workload == second.workload
    assert second.inputs == ("y", "conv_2.weight", "conv_2.bias")
    assert network.tensors["conv_2"].shape == (1, 8, 6, 6)
    assert smaller.workload.macs < first.workload.macs
    assert plain.workload.weight_elements == smaller.workload.weight_elements - 8


def test_what_was_built_before_does_not_let_a_wrong_type_pass(net):
    """1, 1.0 and true are equal in Python; a layer with the first was described before."""
    x = net.input("x", (1, 8, 4, 4))
    net.apply("softmax", x, attributes={"axis": 1})
    with pytest.raises(OptionError, match="axis"):
        net.apply("softmax", x, attributes={"axis": 1.0})


def test_a_layer_described_before_has_the_names_of_its_own_network():
    first, second = (NetworkBuilder(name) for name in "ab")
    networks = []
    for net, prefix in ((first, "one"), (second, "two")):
        x = net.conv(net.input(f"{prefix}_in", (1, 8, 16, 16)), 8, 3, padding=1, name=prefix)
        networks.append(net.build(x))
    layers = [network.layers[0] for network in networks]
    assert layers[0].workload is layers[1].workload
    assert layers[1].inputs == ("two_in", "two.weight", "two.bias")
    assert all(networks[1].tensors[name].name == name for name in (*layers[1].inputs, *layers[1].outputs))
    assert networks[0].tensors["one.weight"].shape == networks[1].tensors["two.weight"].shape
    assert networks[1].parameters == 8 * 8 * 9 + 8


def test_layers_in_another_order_are_put_in_order(net):
    x = net.relu(net.conv(net.input("x", (1, 8, 4, 4)), 8, 1))
    network = net.build(x)
    shuffled = Network(
        name="shuffled",
        layers=network.layers[::-1],
        tensors=network.tensors,
        inputs=network.inputs,
        outputs=network.outputs,
    )
    assert shuffled.layers == network.layers
    assert shuffled.producers == network.producers
