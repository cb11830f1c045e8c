"""Cases of kernels that take less than a microsecond or a few."""

import pytest

from annette.bench.generate.recipe import CaseBuilder, Sampler
from annette.bench.generate.tiny_kernels import recipes
from annette.network.readers.onnx import read_onnx
from annette.network.writers.onnx import write_onnx

BY_GROUP = {recipe.group: recipe for recipe in recipes()}


def drawn(group, count, batch=1):
    for index in range(count):
        builder = CaseBuilder(f"case-{index}", batch)
        BY_GROUP[group].draw(Sampler(0, group, index), builder)
        yield builder.build()


@pytest.mark.parametrize("group", BY_GROUP)
def test_files_are_read_as_they_were_built(tmp_path, group):
    for network in drawn(group, 5):
        write_onnx(network, tmp_path / "case.onnx")
        read = read_onnx(tmp_path / "case.onnx")
        assert [layer.kind for layer in read.layers] == [layer.kind for layer in network.layers]
        assert [layer.workload for layer in read.layers] == [layer.workload for layer in network.layers]
        assert (len(read.inputs), len(read.outputs)) == (len(network.inputs), len(network.outputs))


def test_rows_have_1_to_64_kernels_behind_each_other():
    for group, layers in (("tiny-row/unary", 1), ("tiny-row/fully-connected", 1), ("tiny-row/cast", 2)):
        lengths = {len(network.layers) for network in drawn(group, 7)}
        assert min(lengths) <= 2
        assert max(lengths) == 64
        assert len(lengths) == 7 - (layers == 2)  # Of two layers each, the two shortest rows are one.
        assert all(len(network.outputs) == 1 for network in drawn(group, 7))
        # All of a row are one configuration, which their total tells.
        assert all(len({(x.kind, x.workload) for x in net.layers}) == layers for net in drawn(group, 7))


def test_inputs_and_outputs_are_many_while_kernels_are_few():
    assert len({len(network.inputs) for network in drawn("tiny/inputs", 12)}) > 4
    assert all(len(network.layers) == 1 for network in drawn("tiny/inputs", 12))
    assert len({len(network.outputs) for network in drawn("tiny/outputs", 12)}) > 4


def test_learners_give_numbers_or_labels_with_scores():
    for group in ("tiny/tree-ensemble", "tiny/support-vectors"):
        assert {len(network.outputs) for network in drawn(group, 12)} == {1, 2}


def test_what_has_one_row_is_of_few_operations():
    networks = [network for group in BY_GROUP for network in drawn(group, 6)]
    assert sorted(network.ops for network in networks)[len(networks) // 2] < 20_000
