"""OpenVINO's runtime graphs: what its nodes ran where the compiler has dropped or invented names."""

from annette.devices.openvino_cpu.runtime_graph import RuntimeNode, profile_entries
from annette.network.builder import NetworkBuilder


def node(name, layer_type, *originals, reads=()):
    return RuntimeNode(name, layer_type, "jit", originals or (name,), inputs=tuple(reads))


def layers_of(nodes, network, *, unseen=()):
    times_s = {entry.name: 1e-5 for entry in nodes if entry.name not in unseen}
    return {entry.name: entry for entry in profile_entries(nodes, times_s, network)}


def tokens(activation="gelu"):
    net = NetworkBuilder("tokens", source_format="test")
    x = net.fully_connected(net.input("x", (1, 8, 16)), 16, name="first")
    x = net.activation(x, activation, name="act")
    x = net.layer_norm(x, name="norm")
    return net.build(net.fully_connected(x, 16, name="second"))


def test_a_product_has_run_what_lies_between_the_layers_that_it_names_and_the_product_before_them():
    nodes = [
        node("bias", "FullyConnected", "first/bias", "act/mul_2", reads=["x"]),
        node("Mean_1", "Reduce", reads=["bias"]),
        node("Minus_2", "Subgraph", reads=["bias", "Mean_1"]),
        node("Minus_2_abcd_Times_3", "Reorder", reads=["Minus_2"]),
        node("Times_3", "RMS", reads=["Minus_2_abcd_Times_3"]),
        node("norm", "Subgraph", reads=["Times_3"]),
        node("second/bias", "FullyConnected", reads=["norm"]),
    ]
    found = layers_of(nodes, tokens())
    assert sorted(entry.layers for entry in found.values()) == [
        ("first", "first/bias", "act/div", "act/erf", "act/add", "act/mul", "act/mul_2"),
        ("norm",),
        ("second", "second/bias"),
    ]
    norm = next(entry for entry in found.values() if entry.layers == ("norm",))
    assert norm.info["parts"] == "5"
    assert "added" not in norm.info


def test_a_sum_with_a_constant_behind_a_product_ran_in_it_and_not_in_the_next_sum():
    net = NetworkBuilder("residual", source_format="test")
    x = net.input("x", (1, 8, 16))
    network = net.build(net.add(net.fully_connected(x, 16, name="product"), x, name="sum"))
    found = layers_of(
        [node("product", "FullyConnected", reads=["x"]), node("sum", "Subgraph", reads=["product", "x"])], network
    )
    assert found["product"].layers == ("product", "product/bias")
    assert found["sum"].layers == ("sum",)


def test_a_recurrent_node_ran_the_layer_whose_states_others_hand_out():
    net = NetworkBuilder("sequence", source_format="test")
    steps = net.lstm(net.input("x", (12, 1, 8)), 16, name="lstm")
    network = net.build(net.softmax(net.reshape(steps, (12, 16)), axis=-1, name="scores"))
    nodes = [
        node("LSTMSequence_7", "RNNSeq", reads=["x"]),
        node("lstm:1", "Transpose", "lstm", reads=["LSTMSequence_7"]),
        node("scores", "Softmax", reads=["LSTMSequence_7"]),
    ]
    found = layers_of(nodes, network)
    assert {entry.layers for entry in found.values()} == {("lstm",), ("reshape", "scores")}
    assert sum(entry.latency_s[0] for entry in found.values() if "lstm" in entry.layers) == 2e-5


def test_a_kernel_below_the_resolution_of_the_counters_has_run():
    nodes = [
        node("first/bias", "FullyConnected", reads=["x"]),
        node("act", "Eltwise", reads=["first/bias"]),
        node("norm", "MVN", reads=["act"]),
        node("second/bias", "FullyConnected", reads=["norm"]),
    ]
    found = layers_of(nodes, tokens("relu"), unseen=("act",))
    assert found["act"].layers == ("act",)
    assert found["act"].latency_s == (0.0,)


def test_a_copy_is_known_by_the_tensor_that_it_copies():
    net = NetworkBuilder("maps", source_format="test")
    network = net.build(net.conv(net.input("x", (1, 8, 8, 8)), 8, 3, padding=1, name="conv"))
    nodes = [
        node("x_abcd_acdb_conv", "Reorder", reads=["x"]),
        node("conv/WithoutBiases", "Convolution", "conv/WithoutBiases", "conv", reads=["x_abcd_acdb_conv"]),
        node("conv_acdb_abcd_sink", "Reorder", reads=["conv/WithoutBiases"]),
    ]
    found = layers_of(nodes, network)
    assert found["x_abcd_acdb_conv"].info["tensor"] == "x"
    assert found["conv_acdb_abcd_sink"].info["tensor"] == "conv"
    assert found["conv/WithoutBiases"].layers == ("conv",)
