"""Operators of ``ai.onnx.ml``: trees and support vectors by their attributes, and what stands around them."""

import pytest
from onnx import TensorProto, ValueInfoProto, helper

from annette.errors import NetworkShapeError
from annette.network import DType
from annette.network.readers.onnx import read_onnx
from tests.unit.network.readers.onnx.build import kinds, only, save

# One tree: a decision whose left child is a leaf, and whose right child decides between two leaves.
NODES = {
    "nodes_treeids": [0] * 5,
    "nodes_nodeids": [0, 1, 2, 3, 4],
    "nodes_featureids": [1, 0, 2, 0, 0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"],
    "nodes_values": [0.5, 0.0, 1.5, 0.0, 0.0],
    "nodes_truenodeids": [1, 0, 3, 0, 0],
    "nodes_falsenodeids": [2, 0, 4, 0, 0],
}
TREE = NODES | {
    "target_treeids": [0] * 3,
    "target_nodeids": [1, 3, 4],
    "target_ids": [0] * 3,
    "target_weights": [1.0, 2.0, 3.0],
    "n_targets": 1,
}


def read(folder, operator, *, shape=(7, 3), outputs=("y",), constants=(), **attributes):
    node = helper.make_node(operator, ["x", *(c.name for c in constants)], outputs, domain="ai.onnx.ml", **attributes)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [ValueInfoProto(name=name) for name in outputs],
        list(constants),
    )
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return read_onnx(save(folder, helper.make_model(graph, opset_imports=sets, ir_version=8)))


def test_a_tree_counts_the_mean_way_to_its_leaves(tmp_path):
    network = read(tmp_path, "TreeEnsembleRegressor", **TREE)
    layer = only(network, "tree_ensemble")
    assert network.tensors["y"].shape == (7, 1)
    # Leaves lie 1, 2 and 2 decisions deep: 5/3 on average, rounded to 2; two operations each, and the leaf's value.
    assert layer.attributes == {"trees": 1, "nodes": 5, "depth": 2, "targets": 1}
    assert layer.workload.ops == 7 * (2 * 2 + 1)
    assert layer.workload.weight_elements == network.parameters == 5 * 4
    d = layer.workload.dimensions
    assert (d.batch, d.in_channels, d.in_width, d.axis_size, d.inner_size) == (7, 3, 1, 5, 2)


def test_a_classifier_gives_labels_and_scores(tmp_path):
    classes = NODES | {"class_treeids": [0], "class_nodeids": [1], "class_ids": [0], "class_weights": [1.0]}
    network = read(
        tmp_path, "TreeEnsembleClassifier", outputs=("label", "scores"), classlabels_strings=["a", "b", "c"], **classes
    )
    assert network.tensors["label"].shape == (7,)
    assert network.tensors["label"].dtype is DType.STRING
    assert network.tensors["scores"].shape == (7, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nodes_truenodeids": [9, 0, 3, 0, 0]}, "no node"),
        ({"nodes_truenodeids": [2, 0, 3, 0, 0]}, "no trees"),
        ({"nodes_truenodeids": [0, 0, 3, 0, 0]}, "no trees"),
        ({"nodes_nodeids": [0, 1, 2, 3]}, "5 nodes by 4"),
        ({"nodes_falsenodeids": [2]}, "children"),
    ],
    ids=["missing", "shared", "circle", "numbers", "children"],
)
def test_what_is_no_tree_is_refused(tmp_path, change, message):
    with pytest.raises(NetworkShapeError, match=message):
        read(tmp_path, "TreeEnsembleRegressor", **(TREE | change))


MACHINE = {
    "kernel_params": [0.1, 0.0, 3.0], "n_supports": 4, "rho": [0.0], "support_vectors": [0.0] * 12,
    "coefficients": [1.0] * 4,
}  # fmt: skip


def test_support_vectors_are_products_with_all_of_them(tmp_path):
    network = read(tmp_path, "SVMRegressor", kernel_type="POLY", **MACHINE)
    layer = only(network, "support_vectors")
    assert layer.workload.macs == 7 * 4 * (3 + 1)
    assert layer.workload.ops == 2 * layer.workload.macs + 4 * 7 * 4
    assert network.tensors["y"].shape == (7, 1)
    assert network.parameters == 12 + 4


def test_distances_from_support_vectors_are_no_products(tmp_path):
    layer = only(read(tmp_path, "SVMRegressor", kernel_type="RBF", **MACHINE), "rbf_support_vectors")
    assert layer.workload.macs == 7 * 4
    assert layer.workload.ops == 2 * 7 * 4 + 7 * 4 * (3 * 3 + 4)


def test_a_linear_machine_is_a_product(tmp_path):
    network = read(
        tmp_path, "LinearClassifier", outputs=("label", "scores"), coefficients=[0.1] * 6, intercepts=[0.0, 0.0],
        classlabels_ints=[0, 1],
    )  # fmt: skip
    layer = only(network, "fully_connected")
    assert layer.workload.macs == 7 * 3 * 2
    assert network.tensors["scores"].shape == (7, 2)
    assert network.tensors["label"].dtype is DType.INT64
    assert (
        only(read(tmp_path, "LinearRegressor", coefficients=[0.1] * 3, targets=1), "fully_connected").workload.macs
        == 21
    )


def test_preparation_moves_and_scales(tmp_path):
    scaled = read(tmp_path, "Scaler", offset=[0.0] * 3, scale=[1.0] * 3)
    assert only(scaled, "mul").workload.ops == 2 * 21
    assert kinds(read(tmp_path, "Normalizer", norm="L2")) == ["lp_norm"]
    assert read(tmp_path, "OneHotEncoder", cats_int64s=[1, 2, 3, 4]).tensors["y"].shape == (7, 3, 4)
    assert read(tmp_path, "LabelEncoder", keys_floats=[0.0], values_int64s=[1]).tensors["y"].dtype is DType.INT64
    assert kinds(read(tmp_path, "Binarizer", threshold=0.5)) == ["compare"]
    assert kinds(read(tmp_path, "Imputer", imputed_value_floats=[0.0])) == ["where"]


def test_columns_are_gathered(tmp_path):
    columns = helper.make_tensor("columns", TensorProto.INT64, [2], [0, 2])
    network = read(tmp_path, "ArrayFeatureExtractor", constants=[columns])
    assert network.tensors["y"].shape == (7, 2)
    assert kinds(network) == ["gather"]


def test_a_list_of_dictionaries_is_a_copy(tmp_path):
    network = read(tmp_path, "ZipMap", classlabels_int64s=[0, 1, 2])
    assert kinds(network) == ["copy"]
    assert network.tensors[network.outputs[0]].shape == (7, 3)
