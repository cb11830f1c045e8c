"""From kinds, tensors and attributes to operations, bytes and named dimensions."""

from __future__ import annotations

import pytest

from annette.errors import NetworkShapeError
from annette.network import KINDS, Category, Dimensions, DType, Tensor, describe_layer, kinds_in
from annette.network.kinds.dimensions import feature_map
from annette.network.tensor import MAX_ELEMENTS


def _x(*shape: int, name: str = "x", dtype: DType = DType.FLOAT32) -> Tensor:
    return Tensor(name, shape, dtype)


def _w(*shape: int, name: str = "w", dtype: DType = DType.FLOAT32) -> Tensor:
    return Tensor(name, shape, dtype, constant=True)


def _conv(kind: str, inputs: list[Tensor], output: Tensor, **attributes):
    return describe_layer(kind, "c", inputs=inputs, outputs=[output], attributes=attributes)


def test_convolution():
    layer = _conv(
        "conv",
        [_x(2, 3, 8, 10), _w(16, 3, 3, 5), _w(16, name="b")],
        _x(2, 16, 4, 5, name="y"),
        kernel_shape=(3, 5),
        strides=(2, 2),
        dilations=(1, 2),
        groups=1,
    )
    work, sizes = layer.workload, layer.workload.dimensions
    assert work.macs == 2 * 16 * 4 * 5 * 3 * 3 * 5
    assert work.ops == 2 * work.macs
    assert (work.input_bytes, work.output_bytes) == (2 * 3 * 8 * 10 * 4, 2 * 16 * 4 * 5 * 4)
    assert work.weight_elements == 16 * 3 * 3 * 5 + 16
    assert work.bytes == work.input_bytes + work.weight_bytes + work.output_bytes
    assert (sizes.batch, sizes.in_channels, sizes.in_height, sizes.in_width) == (2, 3, 8, 10)
    assert (sizes.kernel_height, sizes.kernel_width, sizes.stride_height, sizes.dilation_width) == (3, 5, 2, 2)


@pytest.mark.parametrize(
    ("kind", "weights", "out_channels", "groups", "macs"),
    [
        ("grouped_conv", (8, 2, 3, 3), 8, 2, 8 * 16 * 2 * 9),
        ("depthwise_conv", (8, 1, 3, 3), 8, 4, 8 * 16 * 9),
        ("conv_transpose", (4, 3, 2, 2), 6, 2, 16 * 4 * 3 * 4),
    ],
)
def test_grouped_and_transposed_convolutions(kind, weights, out_channels, groups, macs):
    side = 8 if kind == "conv_transpose" else 4
    output = _x(1, out_channels, side, side, name="y")
    layer = _conv(kind, [_x(1, 4, 4, 4), _w(*weights)], output, kernel_shape=weights[2:], groups=groups)
    assert layer.workload.macs == macs


@pytest.mark.parametrize("kind", ["conv", "conv_transpose"])
def test_a_constant_map_is_what_a_convolution_by_computed_weights_reads(kind):
    """As of generators of images, whose first map is learned and whose weights follow from a style."""
    weights = _x(8, 4, 3, 3, name="w") if kind == "conv" else _x(4, 8, 3, 3, name="w")
    layer = _conv(
        kind, [_w(1, 4, 6, 6, name="x"), weights], _x(1, 8, 6, 6, name="y"), kernel_shape=(3, 3), pads=(1,) * 4
    )
    sizes = layer.workload.dimensions
    assert (sizes.batch, sizes.in_channels, sizes.in_height, sizes.out_channels) == (1, 4, 6, 8)
    assert layer.workload.macs == 36 * 8 * 4 * 9


def test_one_and_three_spatial_dimensions():
    line = _conv("conv", [_x(1, 3, 20), _w(4, 3, 5)], _x(1, 4, 16, name="y"), kernel_shape=(5,))
    assert line.workload.macs == 4 * 16 * 3 * 5
    assert line.workload.dimensions.in_width == 20
    box = _conv("conv", [_x(1, 3, 4, 5, 6), _w(2, 3, 2, 2, 2)], _x(1, 2, 3, 4, 5, name="y"), kernel_shape=(2, 2, 2))
    assert box.workload.macs == 2 * 60 * 3 * 8
    assert box.workload.dimensions.in_depth == 4


@pytest.mark.parametrize("groups", [3, 0, -1])
def test_groups_that_do_not_divide_the_channels_are_refused(groups):
    x, w, y = _x(1, 4, 4, 4), _w(4, 1, 1, 1), _x(1, 4, 4, 4, name="y")
    with pytest.raises(NetworkShapeError, match=f"{groups} groups do not divide"):
        _conv("grouped_conv", [x, w], y, kernel_shape=(1, 1), groups=groups)


def test_channels_last_feature_maps():
    layer = describe_layer(
        "conv",
        "c",
        inputs=[_x(1, 8, 10, 3), _w(16, 3, 1, 1)],
        outputs=[_x(1, 8, 10, 16, name="y")],
        attributes={"kernel_shape": (1, 1)},
        channels_last=True,
    )
    assert layer.workload.macs == 80 * 3 * 16


@pytest.mark.parametrize(
    ("shape", "options", "expected"),
    [
        ((), {}, (1, 1, 1, 1, 1)),
        ((5,), {}, (1, 5, 1, 1, 1)),
        ((2, 5), {}, (2, 5, 1, 1, 1)),
        ((2, 7, 5), {}, (2, 5, 1, 1, 7)),
        ((2, 7, 5), {"channels_first_rank_3": True}, (2, 7, 1, 1, 5)),
        ((2, 3, 4, 5), {}, (2, 3, 1, 4, 5)),
        ((2, 3, 4, 5), {"channels_last": True}, (2, 5, 1, 3, 4)),
        ((2, 3, 4, 5, 6), {}, (2, 3, 4, 5, 6)),
        ((2, 3, 4, 5, 6, 7), {}, (2, 7, 1, 1, 360)),
    ],
)
def test_feature_map(shape, options, expected):
    assert feature_map(shape, **options) == expected


def test_fully_connected_over_tokens():
    layer = describe_layer("fully_connected", "f", inputs=[_x(2, 10, 8), _w(8, 5)], outputs=[_x(2, 10, 5, name="y")])
    sizes = layer.workload.dimensions
    assert layer.workload.macs == 2 * 10 * 8 * 5
    assert (sizes.batch, sizes.out_width, sizes.in_channels, sizes.out_channels) == (2, 10, 8, 5)


def test_matmul_of_activations():
    layer = describe_layer(
        "matmul", "m", inputs=[_x(2, 3, 4, 5), _x(2, 3, 5, 6, name="z")], outputs=[_x(2, 3, 4, 6, name="y")]
    )
    assert layer.workload.macs == 2 * 3 * 4 * 5 * 6
    assert layer.workload.dimensions.batch == 6
    assert layer.workload.weight_bytes == 0


@pytest.mark.parametrize(("kind", "gates"), [("lstm", 4), ("gru", 3), ("rnn", 1)])
def test_recurrent(kind, gates):
    layer = describe_layer(
        kind,
        "r",
        inputs=[_x(7, 2, 3), _w(2, gates * 5, 3), _w(2, gates * 5, 5, name="u")],
        outputs=[_x(7, 2, 2, 5, name="y")],
        attributes={"hidden_size": 5, "directions": 2},
    )
    assert layer.workload.macs == 7 * 2 * 2 * gates * 5 * (3 + 5)
    assert layer.workload.ops > 2 * layer.workload.macs


def test_attention_counts_its_softmax_besides_the_products_its_reader_states():
    sizes = Dimensions(batch=2, groups=4, in_channels=8, in_width=10, out_channels=8, out_width=5)
    layer = describe_layer(
        "attention", "a", inputs=[_x(2, 5, 32)], outputs=[_x(2, 5, 32, name="y")], dimensions=sizes, macs=6400
    )
    assert layer.workload.ops == 2 * 6400 + 7 * 2 * 4 * 5 * 10
    with pytest.raises(NetworkShapeError, match="state the multiply-accumulates"):
        describe_layer("attention", "a", inputs=[_x(2, 5, 32)], outputs=[_x(2, 5, 32, name="y")])


def test_pooling_counts_its_window():
    layer = _conv("max_pool", [_x(1, 4, 8, 8)], _x(1, 4, 4, 4, name="y"), kernel_shape=(3, 3), strides=(2, 2))
    assert layer.workload.ops == 64 * 9
    assert layer.workload.macs == 0


def test_binary_broadcast_counts_the_result():
    layer = describe_layer(
        "mul", "m", inputs=[_x(1, 8, 1, 1, name="s"), _x(1, 8, 4, 4)], outputs=[_x(1, 8, 4, 4, name="y")]
    )
    assert layer.workload.ops == 128
    assert layer.workload.input_elements == 136
    assert layer.workload.dimensions.in_height == 4


def test_one_operand_listed_twice_is_read_once():
    x = _x(4, 4)
    layer = describe_layer("add", "a", inputs=[x, x], outputs=[_x(4, 4, name="y")])
    assert layer.workload.input_elements == 16
    assert layer.workload.ops == 16


def test_an_embedding_reads_no_more_than_it_writes():
    layer = describe_layer(
        "gather", "g", inputs=[_w(50_000, 64), _x(1, 10, dtype=DType.INT64)], outputs=[_x(1, 10, 64, name="y")]
    )
    assert layer.workload.weight_elements == 640
    assert layer.workload.input_bytes == 80


def test_axis_and_inner_size():
    layer = describe_layer(
        "softmax", "s", inputs=[_x(2, 3, 4, 5)], outputs=[_x(2, 3, 4, 5, name="y")], attributes={"axis": 1}
    )
    assert (layer.workload.dimensions.axis_size, layer.workload.dimensions.inner_size) == (3, 20)


def test_bytes_follow_the_element_type():
    layer = describe_layer(
        "relu", "r", inputs=[_x(3, dtype=DType.INT4)], outputs=[_x(3, name="y", dtype=DType.FLOAT16)]
    )
    assert (layer.workload.input_bytes, layer.workload.output_bytes) == (2, 6)


def test_counts_that_overflow_are_refused():
    size = MAX_ELEMENTS // 4
    with pytest.raises(NetworkShapeError, match="overflows 64-bit"):
        describe_layer("gelu", "g", inputs=[_x(size)], outputs=[_x(size, name="y")])


def test_unknown_kinds_are_refused():
    with pytest.raises(KeyError):
        describe_layer("convolve", "c", inputs=[_x(1)], outputs=[_x(1, name="y")])


@pytest.mark.parametrize("kind", sorted(kinds_in(Category.ACTIVATION, Category.UNARY, Category.NORMALIZATION)))
def test_element_wise_kinds_count_their_operations(kind):
    layer = describe_layer(kind, "e", inputs=[_x(2, 3)], outputs=[_x(2, 3, name="y")])
    assert layer.workload.ops == 6 * KINDS[kind].ops_per_element


@pytest.mark.parametrize("kind", sorted(kinds_in(Category.VIEW)))
def test_views_compute_nothing(kind):
    assert describe_layer(kind, "v", inputs=[_x(2, 3)], outputs=[_x(6, name="y")]).workload.ops == 0


@pytest.mark.parametrize(
    ("kind", "source", "result", "attributes", "why"),
    [
        ("reshape", (2, 3), (7,), {}, "cannot make shape .7,. of .2, 3.: the numbers of elements differ"),
        ("identity", (2, 3), (3,), {}, "the numbers of elements differ"),
        ("transpose", (2, 3), (2, 3), {"perm": (1, 0)}, r"permutation \(1, 0\) makes another"),
        ("transpose", (2, 3), (3, 2), {"perm": (1, 1)}, r"permutation \(1, 1\) makes another"),
        ("transpose", (2, 3), (3, 2), {"perm": (1, 0.5)}, "attribute 'perm' is .* not of its type"),
        ("concat", (2, 3), (2, 3), {"axis": "first"}, "attribute 'axis' is 'first', not of its type"),
        ("max_pool", (1, 2, 3, 3, 3, 3), (1, 2, 3, 3, 3, 3), {"kernel_shape": (1, 1, 1, 1)}, "three are the most"),
        (
            "max_pool",
            (1, 2, 3, 3),
            (1, 2, 3, 3),
            {"kernel_shape": (2**63, 1)},
            "its kernel_height is 9223372036854775808",
        ),
        ("max_pool", (1, 2, 3, 3), (1, 2, 3, 3), {"strides": (-1, 1)}, "its stride_height is -1, not between"),
    ],
)
def test_what_no_layer_of_a_kind_can_do_is_refused(kind, source, result, attributes, why):
    with pytest.raises(NetworkShapeError, match=why):
        describe_layer(kind, "l", inputs=[_x(*source)], outputs=[_x(*result, name="y")], attributes=attributes)


def test_a_layer_has_a_result_and_a_view_an_operand():
    with pytest.raises(NetworkShapeError, match=r"layer 'l' .relu. writes nothing"):
        describe_layer("relu", "l", inputs=[_x(2)], outputs=[])
    with pytest.raises(NetworkShapeError, match=r"layer 'l' .reshape. reads nothing"):
        describe_layer("reshape", "l", inputs=[], outputs=[_x(2)])
