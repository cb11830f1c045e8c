"""Networks of the zoo at other sizes."""

import pytest

from annette.errors import NetworkShapeError, OptionError
from annette.network import zoo
from annette.network.zoo.sizes import split_size


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("resnet50@320", {"image": (1, 3, 320, 320)}),
        ("yolov3@320x608", {"image": (1, 3, 320, 608)}),
        ("openpose_lightweight@128x256", {"image": (1, 3, 128, 256)}),
        ("bert_base@384", dict.fromkeys(("input_ids", "token_type_ids", "attention_mask"), (1, 384))),
        ("gpt2@16", {"input_ids": (1, 16)}),
    ],
)
def test_a_size_behind_the_name_is_that_of_the_input(name, inputs):
    network = zoo.build(name)
    assert zoo.is_name(name)
    assert network.name == name
    assert {each: network.tensors[each].shape for each in network.inputs} == inputs
    again = zoo.build_for_inputs(split_size(name)[0], inputs)
    assert again.macs == network.macs


FIXED = {"alexnet", "swin_t", "vgg16", "vgg19"}
"""Networks with weights or windows for every position."""


@pytest.mark.parametrize("name", sorted(set(zoo.names()) - FIXED))
def test_every_network_whose_architecture_allows_it_takes_a_larger_input(name):
    own = zoo.build(name)
    shape = own.tensors[own.inputs[0]].shape
    size = 2 * shape[1] if len(shape) == 2 else f"{shape[2] + 64}x{shape[3] + 32}"
    larger = zoo.build(f"{name}@{size}")
    assert larger.macs > own.macs
    assert {layer.name: layer.kind for layer in larger.layers} == {layer.name: layer.kind for layer in own.layers}


@pytest.mark.parametrize("name", sorted(FIXED))
def test_networks_of_one_size_say_so(name):
    with pytest.raises(OptionError, match=f"{name} takes no size but its own"):
        zoo.build(f"{name}@448")
    with pytest.raises(OptionError, match="takes no size but its own"):
        zoo.build_for_inputs(name, {"image": (1, 3, 448, 448)})
    assert zoo.build_for_inputs(name, {"image": (2, 3, 224, 224)}).batch == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("yolov3@300", "yolov3@300 cannot be built: .* cannot be joined"),
        ("vit_b_16@230", "multiples of 16, not 230"),
        ("yolov2@16", "yolov2@16 cannot be built"),
        ("inception_v3@8", "inception_v3@8 cannot be built"),
        ("semantic_fpn_resnet18@500", "do not broadcast"),
    ],
)
def test_a_size_that_the_architecture_cannot_take_is_refused(name, message):
    with pytest.raises(NetworkShapeError, match=message):
        zoo.build(name)


@pytest.mark.parametrize(
    ("inputs", "batch", "error", "message"),
    [
        ({"data": (1, 3, 64, 64)}, None, OptionError, "no such input; it has 'image'"),
        ({"image": (1, 4, 64, 64)}, None, NetworkShapeError, "reads 1x3x224x224, or another size"),
        ({"image": (3, 64, 64)}, None, NetworkShapeError, "reads 1x3x224x224"),
        ({"image": (2, 3, 64, 64)}, 3, NetworkShapeError, "--batch 3 and shapes of 2 samples"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(inputs, batch, error, message):
    with pytest.raises(error, match=message):
        zoo.build_for_inputs("resnet18", inputs, batch=batch)


def test_sizes_are_stated_once_and_agree():
    with pytest.raises(OptionError, match="states its size already"):
        zoo.build_for_inputs("resnet18@64", {"image": (1, 3, 64, 64)})
    with pytest.raises(OptionError, match="its size is one number"):
        zoo.build("bert_base@64x64")
    with pytest.raises(NetworkShapeError, match="different batches or sizes"):
        zoo.build_for_inputs("bert_base", {"input_ids": (1, 8), "attention_mask": (1, 9)})


@pytest.mark.parametrize("name", ["resnet50@", "resnet50@0", "resnet50@a", "resnet50@1x2x3", "@64", "resnet5@64"])
def test_what_is_no_size_is_no_name(name):
    assert not zoo.is_name(name)


def test_one_number_is_a_square():
    assert zoo.build("resnet18@96").macs == zoo.build("resnet18@96x96").macs
    assert zoo.build("resnet18@96").macs == zoo.build("resnet18", resolution=96).macs
