"""The file itself: its structure, its sizes, what happens when it cannot be written."""

import onnx
import onnx.numpy_helper
import onnx.shape_inference
import pytest

from annette.errors import NetworkError, OptionError, UnsupportedOperatorError
from annette.network import zoo
from annette.network.builder import NetworkBuilder
from annette.network.tensor import DType
from annette.network.writers import onnx as writer
from annette.network.writers.onnx import OPSETS, write_onnx


@pytest.fixture(scope="module")
def network():
    return zoo.build("squeezenet1_1")


@pytest.mark.parametrize("name", [*zoo.names(), "nasbench101:seed3", "nasbench101:seed11"])
def test_onnx_infers_the_shapes_that_the_network_states(tmp_path, name):
    network = zoo.build(name)
    write_onnx(network, tmp_path / "x.onnx", weights=False)
    model = onnx.load(tmp_path / "x.onnx", load_external_data=False)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    shapes = {
        value.name: tuple(size.dim_value for size in value.type.tensor_type.shape.dim)
        for value in (*inferred.value_info, *inferred.output)
    }
    written = [output for layer in network.layers for output in layer.outputs]
    assert {output: shapes[output] for output in written} == {o: network.tensors[o].shape for o in written}


@pytest.mark.parametrize("opset", OPSETS)
def test_every_version_passes_the_checker(tmp_path, opset):
    network = zoo.build("shufflenet_v2_x0_5")
    write_onnx(network, tmp_path / "x.onnx", opset=opset)
    model = onnx.load(tmp_path / "x.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version == opset
    assert len(model.graph.node) == len(network.layers)


def test_the_same_seed_writes_the_same_bytes(tmp_path, network):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        write_onnx(network, tmp_path / name, seed=seed)
    one, two, three = ((tmp_path / name).read_bytes() for name in "abc")
    assert one == two
    assert one != three
    assert len(one) == len(three)


def test_without_weights_the_file_is_small_and_keeps_small_constants(tmp_path, network):
    write_onnx(network, tmp_path / "x.onnx", weights=False)
    assert [path.name for path in tmp_path.iterdir()] == ["x.onnx"]
    assert (tmp_path / "x.onnx").stat().st_size < 50_000
    model = onnx.load(tmp_path / "x.onnx", load_external_data=False)
    assert {t.data_location for t in model.graph.initializer} == {onnx.TensorProto.EXTERNAL, onnx.TensorProto.DEFAULT}


def test_large_networks_put_their_weights_beside(tmp_path, network, monkeypatch):
    write_onnx(network, tmp_path / "whole.onnx")
    monkeypatch.setattr(writer, "_EXTERNAL_ABOVE_BYTES", 1_000_000)
    write_onnx(network, tmp_path / "split.onnx")
    assert (tmp_path / "split.onnx.data").stat().st_size > 4_000_000
    whole, split = (onnx.load(tmp_path / f"{name}.onnx") for name in ("whole", "split"))
    for one, two in zip(whole.graph.initializer, split.graph.initializer, strict=True):
        assert one.name == two.name
        assert (onnx.numpy_helper.to_array(one) == onnx.numpy_helper.to_array(two)).all()


def test_an_existing_file_is_replaced_and_nothing_is_left_behind(tmp_path, network):
    path = tmp_path / "x.onnx"
    path.write_text("old")
    write_onnx(network, str(path))
    assert path.stat().st_size > 4_000_000
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_file(tmp_path):
    net = NetworkBuilder("broken")
    x = net.add_constant(net.input("x", (1, 4)), (4,), pattern="nonsense")
    path = tmp_path / "x.onnx"
    path.write_text("old")
    with pytest.raises(OptionError, match="nonsense"):
        write_onnx(net.build(x), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_does_not_exist_is_one_clear_error(tmp_path, network):
    with pytest.raises(NetworkError, match=r"squeezenet1_1.*missing.*No such file"):
        write_onnx(network, tmp_path / "missing" / "x.onnx")


@pytest.mark.parametrize("opset", [16, 23])
def test_other_versions_are_refused(tmp_path, network, opset):
    with pytest.raises(OptionError, match=f"opset {opset}"):
        write_onnx(network, tmp_path / "x.onnx", opset=opset)


def test_a_kind_that_has_no_operator_is_refused_by_name(tmp_path):
    net = NetworkBuilder("t")
    x = net.layer("gelu", [net.input("x", (1, 4))], name="curve")[0]
    with pytest.raises(UnsupportedOperatorError, match=r"'curve' \(gelu\)"):
        write_onnx(net.build(x), tmp_path / "x.onnx")


def test_a_missing_attribute_is_refused_by_name(tmp_path):
    net = NetworkBuilder("t")
    x = net.layer("pad", [net.input("x", (1, 4))], name="border", shapes=[(1, 5)])[0]
    with pytest.raises(UnsupportedOperatorError, match=r"'border' \(pad\) has no attribute 'pads'"):
        write_onnx(net.build(x), tmp_path / "x.onnx")


def test_an_element_type_that_cannot_be_written_is_refused(tmp_path):
    net = NetworkBuilder("t")
    x = net.relu(net.input("x", (1, 4), DType.INT4))
    with pytest.raises(UnsupportedOperatorError, match="'x' is int4"):
        write_onnx(net.build(x), tmp_path / "x.onnx")


def test_transposed_weights_need_a_matrix(tmp_path):
    net = NetworkBuilder("t")
    x = net.layer(
        "fully_connected",
        [net.input("x", (1, 2, 4))],
        attributes={"transposed_weights": 1},
        weights={"weight": (8, 4)},
    )[0]
    with pytest.raises(UnsupportedOperatorError, match="rank 3"):
        write_onnx(net.build(x), tmp_path / "x.onnx")


def test_layer_normalization_of_other_than_the_last_axes_is_refused(tmp_path):
    net = NetworkBuilder("t")
    x = net.layer("layer_norm", [net.input("x", (1, 4, 5))], attributes={"axes": (1,)}, weights={"scale": (4, 1)})[0]
    with pytest.raises(UnsupportedOperatorError, match="not the last"):
        write_onnx(net.build(x), tmp_path / "x.onnx")
