"""Memory layouts: who runs blocked, where copies stand, what a file may say."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annette.errors import MappingError
from annette.mapping.condition_fields import layout_condition
from annette.mapping.layout import Layout, LayoutModel, LayoutRule
from annette.mapping.model import MappingModel
from annette.mapping.rule import Action, Rule
from annette.mapping.rules import layout, layouts, preset
from annette.network.builder import NetworkBuilder
from annette.testing.networks import networks

BLOCKS = layout("nchw16c")


def kernels_of(net, *outputs):
    network = net.build(*outputs)
    return network, MappingModel("plain", layout=BLOCKS).apply(network)


def convolutions(channels=(32, 32)):
    net = NetworkBuilder("test", source_format="test")
    x = net.input("x", (1, 16, 8, 8))
    for index, count in enumerate(channels):
        x = net.conv(x, count, 3, padding=1, name=f"conv{index}")
    return net, x


def gated(*, equal):
    """Two projections of 32 channels and their product, projected back."""
    net = NetworkBuilder("test", source_format="test")
    x = net.input("x", (1, 16, 8, 8))
    left = net.conv(x, 32, 1, name="left")
    right = net.conv(x if equal else net.global_average_pool(x), 32, 1, name="right")
    return net, net.conv(net.mul(left, right), 16, 1)


@pytest.mark.parametrize("equal", [True, False])
def test_products_of_equal_shapes_stay_blocked(equal):
    net, x = gated(equal=equal)
    _, kernels = kernels_of(net, x)
    product = next(kernel for kernel in kernels if kernel.kind == "mul")
    assert product.blocked is equal


def test_products_with_a_number_are_plain():
    net, x = convolutions()
    _, kernels = kernels_of(net, net.conv(net.mul(x, 0.5), 16, 1))
    assert not next(kernel for kernel in kernels if kernel.kind == "mul").blocked


@pytest.mark.parametrize(
    ("mode", "sizes", "coordinates", "blocked"),
    [
        ("nearest", (16, 16), "asymmetric", True),
        ("nearest", (32, 8), "asymmetric", True),
        ("nearest", (16, 16), "half_pixel", False),
        ("nearest", (12, 16), "asymmetric", False),
        ("linear", (16, 16), "half_pixel", True),
        ("linear", (12, 12), "half_pixel", False),
    ],
)
def test_maps_grow_in_blocks_by_whole_factors_and_by_repetition_only(mode, sizes, coordinates, blocked):
    net, x = convolutions((32,))
    given = {"mode": mode, "sizes": sizes, "coordinates": coordinates}
    _, kernels = kernels_of(net, net.conv(net.apply(f"resize_{mode}", x, attributes=given), 16, 1))
    assert next(kernel for kernel in kernels if kernel.kind.startswith("resize")).blocked is blocked


def test_copies_stand_at_the_borders_of_a_blocked_part_only():
    net, x = convolutions()
    _, kernels = kernels_of(net, x)
    assert [kernel.kind for kernel in kernels] == ["reorder_input", "conv", "conv", "reorder_output"]
    assert [kernel.blocked for kernel in kernels] == [False, True, True, False]


@pytest.mark.parametrize(("multiplier", "blocked"), [(1, True), (2, False)])
def test_depthwise_convolutions_of_several_filters_a_channel_stay_plain(multiplier, blocked):
    net, x = convolutions((32,))
    _, kernels = kernels_of(net, net.depthwise_conv(x, 3, multiplier=multiplier))
    assert next(kernel for kernel in kernels if kernel.kind == "depthwise_conv").blocked is blocked


def convolved_by_computed_weights(net, x, side):
    """The kernels of 16 filters over a map, whose weights are an input."""
    weights = net.input("weights", (16, 32, side, side))
    attributes = {
        "kernel_shape": (side, side), "strides": (1, 1), "dilations": (1, 1), "pads": (side // 2,) * 4, "groups": 1,
    }  # fmt: skip
    (y,) = net.layer("conv", (x, weights), attributes=attributes)
    return kernels_of(net, y)[1]


def test_convolutions_by_computed_weights_stay_plain():
    net = NetworkBuilder("test", source_format="test")
    kernels = convolved_by_computed_weights(net, net.input("x", (1, 32, 8, 8)), 1)
    assert [(kernel.kind, kernel.blocked) for kernel in kernels] == [("conv", False)]


def test_computed_weights_slide_over_a_constant_map_in_the_plain_layout():
    net = NetworkBuilder("test", source_format="test")
    kernels = convolved_by_computed_weights(net, net.weight("learned", (1, 32, 8, 8)), 3)
    assert [(kernel.kind, kernel.blocked) for kernel in kernels] == [("conv", False)]
    assert kernels[0].anchor.workload.macs == 8 * 8 * 16 * 32 * 9


def test_a_tensor_is_copied_once_however_many_read_it():
    net, x = convolutions((32,))
    ends = [net.softmax(x, axis=1, name=f"softmax{index}") for index in range(3)]
    _, kernels = kernels_of(net, *ends)
    assert [kernel.kind for kernel in kernels].count("reorder_output") == 1


def test_element_wise_kernels_run_as_their_input_comes():
    net, x = convolutions((32,))
    plain = net.relu(net.input("y", (1, 32, 8, 8)), name="plain")
    blocked = net.relu(x, name="blocked")
    _, kernels = kernels_of(net, plain, blocked)
    assert {kernel.name: kernel.blocked for kernel in kernels if kernel.kind == "relu"} == {
        "plain": False,
        "blocked": True,
    }


@pytest.mark.parametrize("tokens", [False, True])
def test_the_copy_to_blocks_does_the_transposition_before_it(tokens):
    net = NetworkBuilder("test", source_format="test")
    if tokens:
        x = net.reshape(net.transpose(net.input("x", (1, 64, 16)), (0, 2, 1), name="moved"), (1, 16, 8, 8), name="map")
    else:
        x = net.transpose(net.input("x", (1, 8, 8, 16)), (0, 3, 1, 2), name="moved")
    network = net.build(net.conv(x, 32, 3, padding=1, name="conv"))
    kernels = preset("onnxruntime-cpu").apply(network)
    assert [k.kind for k in kernels if not k.free] == ["reorder_input", "conv", "reorder_output"]
    (moved,) = (kernel for kernel in kernels if kernel.name == "moved")
    assert moved.free
    assert moved.rules == ("layout",)


def test_a_transposition_that_others_read_too_stays():
    net = NetworkBuilder("test", source_format="test")
    x = net.transpose(net.input("x", (1, 8, 8, 16)), (0, 3, 1, 2), name="moved")
    _, kernels = kernels_of(net, net.conv(x, 32, 3, padding=1, name="conv"), net.softmax(x, axis=1))
    assert not any(kernel.free for kernel in kernels)
    assert [kernel.kind for kernel in kernels].count("transpose") == 1


def test_a_copy_for_another_reader_does_not_decide():
    """A pooling of a plain input stays plain, whether a convolution that reads the same comes before it or after it."""
    for pool_first in (False, True):
        net = NetworkBuilder("test", source_format="test")
        x = net.input("x", (1, 16, 8, 8))
        parts = [lambda x=x, net=net: net.activation(x, "relu"), lambda x=x, net=net: net.conv(x, 16, 1)]
        made = [part() for part in (parts if pool_first else parts[::-1])]
        _, kernels = kernels_of(net, *made)
        assert not next(kernel for kernel in kernels if kernel.kind == "relu").blocked


@pytest.mark.parametrize(("plain", "follows_most", "blocked"), [(1, False, False), (1, True, True), (2, True, False)])
def test_what_reads_several_maps_may_follow_most_of_them(plain, follows_most, blocked):
    """Half is enough, as in OpenVINO's runtime graphs; the others are copied."""
    net = NetworkBuilder("test", source_format="test")
    x = net.input("x", (1, 16, 8, 8))
    pools = [net.max_pool(x, 3, stride=1, padding=1) for _ in range(plain)]
    network = net.build(net.conv(net.concat([net.conv(x, 16, 1), *pools]), 16, 1))
    rules = (
        LayoutRule(("conv",), Layout.BLOCKED, Layout.BLOCKED),
        LayoutRule(("max_pool", "concat"), Layout.SAME, Layout.SAME),
    )
    kernels = LayoutModel(rules, follows_most=follows_most).apply(MappingModel("plain").apply(network), network)
    assert next(kernel for kernel in kernels if kernel.kind == "concat").blocked is blocked
    copied = [kernel.inputs[0] for kernel in kernels if not kernel.layers]
    assert ("max_pool" in copied) is blocked


def test_the_model_without_rules_changes_nothing():
    net, x = convolutions()
    network = net.build(x)
    kernels = MappingModel("plain").apply(network)
    assert LayoutModel().apply(kernels, network) == kernels


@given(networks(), st.sampled_from(layouts()))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_layers_are_kept_and_copies_come_before_their_readers(network, name):
    plain = replace(preset("onnxruntime-cpu"), layout=None).apply(network)
    kernels = layout(name).apply(plain, network)
    assert [layer.name for kernel in kernels for layer in kernel.layers] == [
        layer.name for kernel in plain for layer in kernel.layers
    ]
    assert sum(kernel.ops for kernel in kernels) == network.ops
    written = set(network.inputs)
    for kernel in kernels:
        assert set(kernel.inputs) <= written
        written |= set(kernel.outputs)
    copies = [kernel for kernel in kernels if not kernel.layers]
    assert all(kernel.inputs == kernel.outputs and kernel.rules == ("layout",) for kernel in copies)
    assert len({kernel.name for kernel in copies}) == len(copies), "a tensor was copied twice the same way"


@pytest.mark.parametrize("name", layouts())
def test_layouts_survive_the_way_through_json(name):
    model = layout(name)
    assert LayoutModel.from_json(model.to_json()) == model


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("kernel.in_channels == 16", True),
        ("kernel.in_channels % 16 == 0", True),
        ("kernel.in_channels % 32 == 0", False),
        ("kernel.in_channels < 16", False),
        ("kernel.in_channels != kernel.out_channels", True),
        ("kernel.in_channels % 5 < kernel.out_channels", True),
        ("kernel.out_channels in [8, 32]", True),
        ("kernel.kernel_width in [1, kernel.kernel_height]", True),
        ("kernel.kernel_width not in [1, 3]", False),
        ("kernel.out_channels_per_group >= 33", False),
        ("kernel.input_alignment == 16", True),
        ("kernel.equal_shapes == 1", True),
    ],
)
def test_conditions(line, expected):
    net, x = convolutions((32,))
    network = net.build(x)
    (kernel,) = MappingModel("plain").apply(network)
    assert LayoutRule((), Layout.PLAIN, Layout.PLAIN, (layout_condition(line),)).holds(kernel, network) is expected


def test_the_first_rule_whose_conditions_hold_counts():
    net, x = convolutions((32,))
    network = net.build(x)
    (kernel,) = MappingModel("plain").apply(network)
    never = LayoutRule(("conv",), Layout.PLAIN, Layout.PLAIN, (layout_condition("kernel.groups == 2"),))
    first = LayoutRule(("relu", "conv"), Layout.BLOCKED, Layout.PLAIN)
    later = LayoutRule(("conv",), Layout.BLOCKED, Layout.BLOCKED)
    assert LayoutModel((never, first, later)).rule(kernel, network) is first
    assert LayoutModel((never,)).rule(kernel, network) is None


RULE = {"kinds": ["conv"], "reads": "blocked", "writes": "same", "when": []}
MODEL = {"rules": [RULE], "to_blocked": "a", "to_plain": "b", "transposes": True}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rules": None}, r"\$\.rules is null: it must be a list"),
        ({"rules": [{**RULE, "reads": "upside-down"}]}, "upside-down': it must be one of plain, blocked, same"),
        ({"rules": [{**RULE, "kinds": "conv"}]}, r"\$\.rules\[0\]\.kinds is 'conv': it must be a list"),
        ({"rules": [{**RULE, "when": [1]}]}, r"\$\.rules\[0\]\.when\[0\] is 1: it must be text"),
        ({"rules": [{**RULE, "when": ["conv.groups == 1"]}]}, "conv.groups is not one of"),
        ({"rules": [{**RULE, "when": ["kernel.colour == 1"]}]}, "kernel.colour is not one of"),
        ({"rules": [{**RULE, "more": 1}]}, r"\$\.rules\[0\]\.more is not known here; known: kinds, reads"),
        ({"rules": ["conv"]}, r"\$\.rules\[0\] is 'conv': it must be an object"),
        ({"to_blocked": 1}, r"\$\.to_blocked is 1: it must be text"),
        ({"transposes": 1}, "must be true or false"),
        ({"more": 1}, r"\$\.more is not known here; known: rules, to_blocked"),
    ],
)
def test_what_a_file_may_not_say(change, message):
    with pytest.raises(MappingError, match=message):
        LayoutModel.from_json({**MODEL, **change})


def test_unknown_names_are_refused():
    with pytest.raises(MappingError, match="nchw16c"):
        layout("nchw16")


LAST = layout("openvino-channels-last")


def names_of(net, *outputs, rules=()):
    kernels = MappingModel("plain", (*rules, *preset("views").rules), layout=LAST).apply(net.build(*outputs))
    return {kernel.name for kernel in kernels if not kernel.free}, [k.kind for k in kernels if not k.layers]


def test_where_blocked_is_channels_last_a_transposition_between_tokens_and_a_map_moves_nothing():
    net = NetworkBuilder("test", source_format="test")
    tokens = net.layer_norm(net.input("x", (1, 64, 16)), name="norm")
    image = net.reshape(net.transpose(tokens, (0, 2, 1), name="to_map"), (1, 16, 8, 8), name="map")
    image = net.conv(image, 32, 3, padding=1, bias=False, name="conv")
    rows = net.reshape(image, (1, 32, 64), name="rows")
    ran, copies = names_of(net, net.layer_norm(net.transpose(rows, (0, 2, 1), name="to_tokens"), name="after"))
    assert ran == {"norm", "conv", "after"}
    assert not copies


def test_where_blocked_is_channels_last_a_map_made_of_it_is_read_without_a_copy():
    net = NetworkBuilder("test", source_format="test")
    x = net.conv(net.input("x", (1, 3, 8, 8)), 32, 3, padding=1, name="first")
    last = net.layer_norm(net.transpose(x, (0, 2, 3, 1), name="to_last"), name="norm")
    ran, copies = names_of(net, net.conv(net.transpose(last, (0, 3, 1, 2), name="to_first"), 16, 1, name="second"))
    assert "to_first" not in ran
    assert {"to_last", "norm"} <= ran
    assert copies == ["reorder", "reorder"], "the input and the output of the network"


def test_a_transposition_of_tokens_that_are_no_map_runs():
    net = NetworkBuilder("test", source_format="test")
    x = net.layer_norm(net.input("x", (1, 64, 16)))
    ran, _ = names_of(net, net.softmax(net.transpose(x, (0, 2, 1), name="turned"), axis=-1))
    assert "turned" in ran


@pytest.mark.parametrize("blocked", [True, False])
def test_parts_of_blocked_maps_do_not_lie_one_behind_another(blocked):
    free = Rule.parse("concat-free", ["node = concat"], description="It is done in place.", action=Action.FREE)
    net = NetworkBuilder("test", source_format="test")
    x = net.input("x", (1, 16, 8, 8))
    parts = [net.conv(x, 16, 1, name=f"conv{i}") if blocked else net.softmax(x, axis=-1) for i in range(2)]
    ran, copies = names_of(net, net.relu(net.concat(parts, name="joined"), name="after"), rules=(free,))
    assert ("joined" in ran) is blocked
    assert copies.count("reorder") == (2 if blocked else 0)
