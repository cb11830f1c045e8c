"""Shapes that the ONNX reader finds are those that onnx's own reference implementation computes."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from annette.network.readers.onnx import read_onnx

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
sizes = st.integers(1, 6)
FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NUMBERS = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}


def agrees(operator, activations, constants, *, outputs=1, opset=20, **attributes):
    """Reads a model of one operator, runs it, and compares the shapes of its results.

    Where data decide the sizes, those of the largest reading: everything is selected here.
    """
    feeds = {f"x{i}": array for i, array in enumerate(activations)}
    names = [*feeds, *(f"c{i}" if array is not None else "" for i, array in enumerate(constants))]
    held = [numpy_helper.from_array(array, f"c{i}") for i, array in enumerate(constants) if array is not None]
    written = [f"y{i}" for i in range(outputs)]
    graph = helper.make_graph(
        [helper.make_node(operator, names, written, **attributes)],
        "g",
        [helper.make_tensor_value_info(name, NUMBERS[array.dtype], array.shape) for name, array in feeds.items()],
        [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in written],
        held,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        path.write_bytes(model.SerializeToString())
        network = read_onnx(path)
    network = network.extremes[-1] if network.extremes else network
    results = ReferenceEvaluator(model).run(None, feeds)
    assert [network.tensors[name].shape for name in written] == [result.shape for result in results]
    return network


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@FEW
@given(
    batch=st.integers(1, 3), length=st.integers(2, 20), hop=st.integers(1, 9), more=st.integers(0, 30), data=st.data()
)
def test_frames(batch, length, hop, more, data):
    window = np.ones(length, np.float32) if data.draw(st.booleans()) else None
    onesided = data.draw(st.booleans())
    signal = normal(batch, length + more, 1)
    agrees("STFT", [signal], [np.array(hop), window, np.array(length)], opset=17, onesided=int(onesided))


@FEW
@given(shape=st.lists(sizes, min_size=2, max_size=4), parts=st.integers(1, 2), data=st.data())
def test_transforms_along_an_axis(shape, parts, data):
    axis = data.draw(st.integers(0, len(shape) - 1))
    length = data.draw(st.integers(1, 12))
    onesided = data.draw(st.booleans()) and parts == 1
    signal = normal(*shape, parts)
    network = agrees("DFT", [signal], [np.array(length), np.array(axis)], onesided=int(onesided))
    (layer,) = network.layers
    assert layer.workload.dimensions.batch * layer.workload.dimensions.out_width == signal.size // parts // shape[axis]


@FEW
@given(shape=st.lists(sizes, min_size=1, max_size=4), data=st.data())
def test_largest_elements(shape, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    count = data.draw(st.integers(1, shape[axis]))
    agrees("TopK", [normal(*shape)], [np.array([count])], outputs=2, axis=axis)


@FEW
@given(batch=sizes, channels=sizes, sides=st.lists(sizes, min_size=2, max_size=3), data=st.data())
def test_grids(batch, channels, sides, data):
    grid = [data.draw(sizes) for _ in sides]
    agrees("GridSample", [normal(batch, channels, *sides), normal(batch, *grid, len(sides))], [])


@FEW
@given(shape=st.lists(sizes, min_size=1, max_size=4), data=st.data())
def test_running_sums_and_positions(shape, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    agrees("CumSum", [normal(*shape)], [np.array(axis)])
    agrees("NonZero", [np.abs(normal(*shape)) + 1], [])


@FEW
@given(shape=st.lists(sizes, min_size=1, max_size=4), data=st.data())
def test_scattered_rows(shape, data):
    depth = data.draw(st.integers(1, len(shape)))
    rows = data.draw(sizes)
    agrees("ScatterND", [normal(*shape)], [np.zeros((rows, depth), np.int64), normal(rows, *shape[depth:])])


@FEW
@given(batch=sizes, channels=sizes, side=st.integers(4, 9), regions=sizes, pooled=st.integers(1, 4))
def test_regions(batch, channels, side, regions, pooled):
    corners = np.tile(np.array([0, 0, 3, 3], np.float32), (regions, 1))
    agrees(
        "RoiAlign", [normal(batch, channels, side, side)], [corners, np.zeros(regions, np.int64)],
        output_height=pooled, output_width=pooled + 1, sampling_ratio=2,
    )  # fmt: skip


@FEW
@given(shape=st.lists(sizes, min_size=1, max_size=3), depth=sizes, data=st.data())
def test_one_hot(shape, depth, data):
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    indices = np.zeros(shape, np.int64)
    agrees("OneHot", [indices], [np.array(depth), np.array([0, 1], np.float32)], axis=axis)


@pytest.mark.parametrize("operator", ["HannWindow", "HammingWindow", "BlackmanWindow"])
def test_windows_are_constants(operator):
    node = helper.make_node(operator, ["size"], ["w"])
    product = helper.make_node("Mul", ["x", "w"], ["y"])
    graph = helper.make_graph(
        [node, product],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.array(8), "size")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        path.write_bytes(model.SerializeToString())
        network = read_onnx(path)
    assert [layer.kind for layer in network.layers] == ["mul"]
    assert network.tensors["w"].constant
    assert network.tensors["w"].shape == (8,)
