import pytest

import annette
from annette.estimation.batches import single_sample
from annette.network import zoo
from annette.network.builder import NetworkBuilder


@pytest.mark.parametrize("name", ["mobilenet_v2", "googlenet", "shufflenet_v2_x1_0", "swin_t", "gpt2"])
def test_one_sample_of_a_batch_is_the_network_of_one_sample(name):
    one, of_four = zoo.build(name), single_sample(zoo.build(name, batch=4))
    assert of_four is not None
    assert of_four.batch == 1
    assert of_four.ops == one.ops
    for ours in of_four.layers:
        theirs = one.layers_by_name[ours.name]
        assert [of_four.tensors[n].elements for n in ours.outputs] == [one.tensors[n].elements for n in theirs.outputs]
        for count in ("ops", "macs", "input_elements", "weight_elements", "output_elements", "input_bytes"):
            assert getattr(ours.workload, count) == getattr(theirs.workload, count), (ours.name, count)
        if theirs.workload.macs:
            assert ours.workload.dimensions == theirs.workload.dimensions


def test_what_does_not_divide_among_samples_is_left_together():
    net = NetworkBuilder("odd", batch=2)
    net.relu(net.input("x", (3, 5)))
    assert single_sample(net.build()) is None


def test_samples_one_by_one_are_said_to_be():
    estimate = annette.estimate("resnet18", "zcu102-dnndk", batch=3)
    one = annette.estimate("resnet18", "zcu102-dnndk")
    assert estimate.latency_s == pytest.approx(3 * one.latency_s)
    assert estimate.interval_s is None or estimate.interval_s[0] == pytest.approx(3 * one.interval_s[0])
    assert any("3 samples" in note for note in estimate.notes)
    assert estimate.kernels[0].bytes == pytest.approx(3 * one.kernels[0].bytes, rel=0.2)
