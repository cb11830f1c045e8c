"""What is laid over the graph of a file: every node is found, and sums are the network's."""

import pytest

from annette.estimation import estimate_network
from annette.report.overlay import node_data_documents, node_facts
from tests.unit.samples import small_network, with_intervals


@pytest.fixture(scope="module")
def estimate():
    return estimate_network(small_network(), with_intervals())


def test_times_by_node_sum_to_those_of_the_kernels(estimate):
    results = node_data_documents(estimate)["latency_ms"]["results"]
    by_node = [results[layer.name]["value"] for kernel in estimate.mapped for layer in kernel.layers]
    assert sum(by_node) == pytest.approx(1e3 * sum(kernel.latency_s for kernel in estimate.kernels))


def test_shares_by_tensor_sum_to_one(estimate):
    results = node_data_documents(estimate)["share"]["results"]
    outputs = [layer.outputs[0] for kernel in estimate.mapped for layer in kernel.layers]
    assert sum(results[output]["value"] for output in outputs) == pytest.approx(1)


def test_every_layer_of_a_kernel_has_its_bound(estimate):
    results = node_data_documents(estimate)["bound"]["results"]
    for kernel, mapped in zip(estimate.kernels, estimate.mapped, strict=True):
        assert {results[layer.name]["value"] for layer in mapped.layers} <= {kernel.bound}


def test_layers_of_one_kernel_are_told_the_same(estimate):
    facts = node_facts(estimate)
    kernel, mapped = next(
        (kernel, mapped)
        for kernel, mapped in zip(estimate.kernels, estimate.mapped, strict=True)
        if len(mapped.layers) > 1
    )
    told = [facts[layer.outputs[0]] for layer in mapped.layers]
    assert told[0] == told[-1]
    assert float(told[0]["annette.kernel_latency_s"]) == pytest.approx(kernel.latency_s, rel=1e-5)
    assert told[0]["annette.kernel"] == kernel.name
