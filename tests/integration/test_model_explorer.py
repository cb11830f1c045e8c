"""Node data in Model Explorer itself: its own classes take it, and all of it is at nodes of the graph that it shows."""

import json
import math

import pytest

from annette import estimate
from annette.network import zoo
from annette.network.writers.tflite import write_tflite
from annette.report.overlay import node_data_documents

builder = pytest.importorskip(
    "model_explorer.node_data_builder", reason="ai-edge-model-explorer is not installed (hundreds of megabytes)"
)
dacite = pytest.importorskip("dacite", reason="dacite, which Model Explorer brings, is not installed")
adapters = pytest.importorskip("model_explorer.builtin_tflite_flatbuffer_adapter")


@pytest.fixture(scope="module")
def estimated(tmp_path_factory):
    """An estimate of a TFLite file, and names under which Model Explorer looks for the data of each of its nodes."""
    path = tmp_path_factory.mktemp("model") / "squeezenet.tflite"
    write_tflite(zoo.build("squeezenet1_1"), path)
    shown = adapters.BuiltinTfliteFlatbufferAdapter().convert(str(path), {})
    (graph,) = (graph for collection in shown["graphCollections"] for graph in collection.graphs)
    names = [{node["id"], *_tensors(node)} for node in graph["nodes"]]
    return estimate(path, "ethos-u55-128"), names


def _tensors(node):
    """Names of the tensors that a node writes, as its metadata have them."""
    pairs = (pair for output in node.get("outputsMetadata") or () for pair in output["attrs"])
    return [pair["value"] for pair in pairs if pair["key"] == "tensor_name"]


@pytest.mark.parametrize("quantity", ["latency_ms", "share", "bound"])
def test_its_own_class_takes_the_document_whole(estimated, quantity):
    document = node_data_documents(estimated[0])[quantity]
    strict = dacite.Config(strict=True, check_types=quantity != "bound")  # Texts are values, too, its comments say.
    taken = dacite.from_dict(builder.GraphNodeData, document, strict)
    assert json.loads(taken.to_json_string())["results"] == document["results"]


def test_the_nodes_that_it_shows_have_the_time_of_all_kernels(estimated):
    result, names = estimated
    values = {key: entry["value"] for key, entry in node_data_documents(result)["latency_ms"]["results"].items()}
    found = [{values[name] for name in node if name in values} for node in names]
    assert all(len(each) <= 1 for each in found)  # A node is not told two times.
    shown_s = math.fsum(value for each in found for value in each) / 1e3
    assert shown_s == pytest.approx(sum(kernel.latency_s for kernel in result.kernels), rel=0.01)
