"""What is laid over the graph of a file: every node is found, and sums are the network's."""

import pytest

from annette import estimate
from annette.estimation import estimate_network
from annette.network.writers.tflite import write_tflite
from annette.report.overlay import node_data_documents, node_facts
from tests.unit.samples import small_network, with_intervals


@pytest.fixture(scope="module")
def estimated():
    return estimate_network(small_network(), with_intervals())


def test_times_by_node_sum_to_those_of_the_kernels(estimated):
    results = node_data_documents(estimated)["latency_ms"]["results"]
    by_node = [results[layer.name]["value"] for kernel in estimated.mapped for layer in kernel.layers]
    assert sum(by_node) == pytest.approx(1e3 * sum(kernel.latency_s for kernel in estimated.kernels))


def test_shares_by_tensor_sum_to_one(estimated):
    results = node_data_documents(estimated)["share"]["results"]
    outputs = [layer.outputs[0] for kernel in estimated.mapped for layer in kernel.layers]
    assert sum(results[output]["value"] for output in outputs) == pytest.approx(1)


def test_every_layer_of_a_kernel_has_its_bound(estimated):
    results = node_data_documents(estimated)["bound"]["results"]
    for kernel, mapped in zip(estimated.kernels, estimated.mapped, strict=True):
        assert {results[layer.name]["value"] for layer in mapped.layers} <= {kernel.bound}


def test_layers_of_one_kernel_are_told_the_same(estimated):
    facts = node_facts(estimated)
    kernel, mapped = next(
        (kernel, mapped)
        for kernel, mapped in zip(estimated.kernels, estimated.mapped, strict=True)
        if len(mapped.layers) > 1
    )
    told = [facts[layer.outputs[0]] for layer in mapped.layers]
    assert told[0] == told[-1]
    assert float(told[0]["annette.kernel_latency_s"]) == pytest.approx(kernel.latency_s, rel=1e-5)
    assert told[0]["annette.kernel"] == kernel.name


def test_an_operator_with_its_activation_has_the_time_of_both(tmp_path):
    write_tflite(small_network(), tmp_path / "small.tflite")
    found = estimate(tmp_path / "small.tflite", "ethos-u55-128")
    results = node_data_documents(found)["latency_ms"]["results"]
    in_the_file = {output for mapped in found.mapped for layer in mapped.layers for output in layer.outputs}
    shown_ms = sum(results[tensor]["value"] for tensor in in_the_file if not tensor.endswith(":linear"))
    assert any(tensor.endswith(":linear") for tensor in in_the_file)
    assert shown_ms == pytest.approx(1e3 * sum(kernel.latency_s for kernel in found.kernels))
