import pytest

from annette.errors import NetworkShapeError
from annette.network.kinds import output_shapes
from annette.network.kinds.shapes import broadcast_shapes, normalize_axis

IMAGE = (2, 16, 13, 9)


@pytest.mark.parametrize(
    ("kind", "inputs", "attributes", "expected"),
    [
        ("conv", [IMAGE, (8, 16, 3, 3)], {"kernel_shape": (3, 3)}, (2, 8, 11, 7)),
        (
            "conv",
            [IMAGE, (8, 16, 3, 5), (8,)],
            {"kernel_shape": (3, 5), "strides": (3, 2), "pads": (1, 2, 0, 2)},
            (2, 8, 4, 5),
        ),
        ("conv", [IMAGE, (8, 16, 3, 3)], {"kernel_shape": (3, 3), "dilations": (4, 2)}, (2, 8, 5, 5)),
        ("grouped_conv", [IMAGE, (8, 4, 1, 1)], {"kernel_shape": (1, 1), "groups": 4}, (2, 8, 13, 9)),
        ("depthwise_conv", [IMAGE, (32, 1, 1, 1)], {"kernel_shape": (1, 1), "groups": 16}, (2, 32, 13, 9)),
        ("conv", [(2, 16, 50), (8, 16, 5)], {"kernel_shape": (5,), "strides": (2,)}, (2, 8, 23)),
        ("conv", [(1, 4, 8, 8, 8), (6, 4, 3, 3, 3)], {"kernel_shape": (3, 3, 3)}, (1, 6, 6, 6, 6)),
        (
            "conv_transpose",
            [IMAGE, (16, 4, 3, 3)],
            {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (1, 1, 1, 1), "output_padding": (1, 1), "groups": 2},
            (2, 8, 26, 18),
        ),
        ("max_pool", [IMAGE], {"kernel_shape": (2, 2), "strides": (2, 2)}, (2, 16, 6, 4)),
        ("max_pool", [IMAGE], {"kernel_shape": (2, 2), "strides": (2, 2), "ceil_mode": 1}, (2, 16, 7, 5)),
        ("average_pool", [IMAGE], {"kernel_shape": (3, 3), "strides": (1, 1), "pads": (1, 1, 1, 1)}, IMAGE),
        ("global_average_pool", [IMAGE], {}, (2, 16, 1, 1)),
        ("relu", [IMAGE], {}, IMAGE),
        ("erf", [(3,)], {}, (3,)),
        ("add", [IMAGE, (16, 1, 1)], {}, IMAGE),
        ("where", [(5, 1), (4,), ()], {}, (5, 4)),
        ("fully_connected", [(2, 7, 16), (16, 5)], {}, (2, 7, 5)),
        ("fully_connected", [(2, 16), (5, 16), (5,)], {"transposed_weights": 1}, (2, 5)),
        ("matmul", [(4, 1, 7, 16), (3, 16, 5)], {}, (4, 3, 7, 5)),
        ("matmul", [(7, 16), (16,)], {}, (7,)),
        ("matmul", [(16,), (3, 16, 5)], {}, (3, 5)),
        ("softmax", [IMAGE], {"axis": 1}, IMAGE),
        ("reduce_mean", [IMAGE], {"axes": (2, 3), "keepdims": 0}, (2, 16)),
        ("reduce_sum", [IMAGE], {"axes": (-1,)}, (2, 16, 13, 1)),
        ("reduce_max", [IMAGE], {}, (1, 1, 1, 1)),
        ("arg_max", [IMAGE], {"axis": 1, "keepdims": 0}, (2, 13, 9)),
        ("concat", [IMAGE, (2, 3, 13, 9)], {"axis": 1}, (2, 19, 13, 9)),
        ("slice", [IMAGE], {"starts": (-3, 0), "ends": (99, 9), "axes": (2, 3), "steps": (1, 4)}, (2, 16, 3, 3)),
        ("slice", [IMAGE], {"starts": (-1,), "ends": (-99,), "axes": (1,), "steps": (-1,)}, IMAGE),
        ("pad", [(3, 4)], {"pads": (1, 0, 2, -1)}, (6, 3)),
        ("transpose", [IMAGE], {"perm": (0, 2, 3, 1)}, (2, 13, 9, 16)),
        ("reshape", [IMAGE], {"shape": (2, -1)}, (2, 1872)),
        ("expand", [(1, 3)], {"shape": (5, 1, 1)}, (5, 1, 3)),
        ("tile", [(2, 3)], {"repeats": (1, 4)}, (2, 12)),
        ("gather", [(10, 4), (2, 7)], {"axis": 0}, (2, 7, 4)),
        ("gather", [(2, 7, 4), ()], {"axis": 1}, (2, 4)),
        ("gather", [(2, 7, 4)], {"axis": 1, "index": 3}, (2, 4)),
        ("resize_linear", [IMAGE], {"sizes": (26, 27)}, (2, 16, 26, 27)),
        ("depth_to_space", [IMAGE], {"block_size": 2}, (2, 4, 26, 18)),
        ("space_to_depth", [(1, 3, 4, 6)], {"block_size": 2}, (1, 12, 2, 3)),
    ],
)
def test_one_output(kind, inputs, attributes, expected):
    assert output_shapes(kind, inputs, attributes) == [expected]


def test_split_and_recurrent_layers_write_several():
    assert output_shapes("split", [(4, 9)], {"axis": 1, "split": (2, 3, 4)}) == [(4, 2), (4, 3), (4, 4)]
    weights = [(5, 2, 8), (1, 16, 8), (1, 16, 4)]
    assert output_shapes("lstm", weights, {"hidden_size": 4}) == [(5, 1, 2, 4), (1, 2, 4), (1, 2, 4)]
    assert output_shapes("gru", weights, {"hidden_size": 4, "directions": 2}) == [(5, 2, 2, 4), (2, 2, 4)]


@pytest.mark.parametrize(
    ("kind", "inputs", "attributes", "message"),
    [
        ("conv", [IMAGE, (8, 3, 3, 3)], {"kernel_shape": (3, 3)}, "do not fit input"),
        ("conv", [IMAGE, (8, 16, 5, 5)], {"kernel_shape": (3, 3)}, "do not fit input"),
        ("conv", [IMAGE, (8, 16, 10, 10)], {"kernel_shape": (10, 10)}, "does not fit in 9 elements"),
        ("conv", [IMAGE, (8, 16, 3, 3)], {"kernel_shape": (3, 3), "strides": (0, 1)}, "makes no sense"),
        ("conv", [IMAGE, (8, 16, 3, 3)], {"kernel_shape": (3, 3), "pads": (1, 1)}, "window attributes"),
        ("conv", [IMAGE, (8, 16, 3, 3)], {}, "no attribute 'kernel_shape'"),
        ("conv", [IMAGE], {"kernel_shape": (3, 3)}, "cannot read operands"),
        ("conv_transpose", [IMAGE, (8, 4, 3, 3)], {"kernel_shape": (3, 3)}, "do not fit input"),
        ("add", [(2, 3), (2, 4)], {}, "do not broadcast"),
        ("matmul", [(2, 3), (4, 5)], {}, "inner dimension"),
        ("fully_connected", [(2, 3), (4, 5)], {}, "has 3 features"),
        ("concat", [(2, 3), (3, 3)], {"axis": 1}, "cannot be joined"),
        ("split", [(2, 3)], {"axis": 1, "split": (1, 1)}, "do not add up"),
        ("slice", [(2, 3)], {"starts": (3,), "ends": (3,), "axes": (1,)}, "nothing is left"),
        ("pad", [(2, 3)], {"pads": (1, 1)}, "two numbers per dimension"),
        ("transpose", [(2, 3)], {"perm": (0, 0)}, "not a permutation"),
        ("reshape", [(2, 3)], {"shape": (4, -1)}, "cannot be reshaped"),
        ("reshape", [(2, 3)], {"shape": (5,)}, "cannot be reshaped"),
        ("tile", [(2, 3)], {"repeats": (2,)}, "do not fit"),
        ("softmax", [], {}, "cannot read operands"),
        ("reduce_mean", [(2, 3)], {"axes": (2,)}, "outside a tensor of rank 2"),
        ("resize_nearest", [IMAGE], {"sizes": (0, 4)}, "do not fit"),
        ("depth_to_space", [IMAGE], {"block_size": 3}, "do not divide"),
        ("space_to_depth", [IMAGE], {"block_size": 2}, "do not divide"),
        ("global_max_pool", [(2, 3)], {}, "no spatial dimensions"),
        ("top_k", [(2, 3)], {}, "must be stated"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_layer_named(kind, inputs, attributes, message):
    with pytest.raises(NetworkShapeError, match=message) as caught:
        output_shapes(kind, inputs, attributes, name="layer7")
    assert "'layer7'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_kind_is_a_key_error():
    with pytest.raises(KeyError):
        output_shapes("warp", [(1,)], {})


def test_axes_count_from_either_end():
    assert [normalize_axis(axis, 3) for axis in (0, 2, -1, -3)] == [0, 2, 2, 0]
    with pytest.raises(NetworkShapeError):
        normalize_axis(3, 3)


def test_no_shapes_broadcast_to_a_scalar():
    assert broadcast_shapes() == ()
