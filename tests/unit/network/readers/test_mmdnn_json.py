"""MMdnn's JSON form, and telling it from the original ANNETTE's."""

import pytest

from annette.errors import NetworkFormatError, NetworkShapeError, NetworkStructureError
from annette.network.readers.json import read_json
from tests.unit.network.readers.descriptions import node, small, small_mmdnn, write


def changed(name, **attributes):
    document = small_mmdnn()
    found = next(values for values in document["node"] if values["name"] == name)
    found["attr"].update(attributes)
    return document


def test_reads_the_same_network_as_the_originals_description(tmp_path):
    network = read_json(write(tmp_path, small_mmdnn(), "a.json"))
    other = read_json(write(tmp_path, small(), "b.json"))
    assert (network.source_format, other.source_format) == ("mmdnn-json", "annette-json")
    assert network.ops == other.ops
    assert {layer.name: layer.kind for layer in network.layers} == {layer.name: layer.kind for layer in other.layers}
    assert network.parameters == other.parameters + 16 + 10, "only MMdnn's form knows of biases"


def test_groups_and_batch(tmp_path):
    document = {
        "node": [
            node("data", "DataInput", [], (-1, 8, 8, 32)),
            node("wide", "Conv", ["data"], (-1, 8, 8, 32), kernel_shape=(1, 1, 32, 32), group=1),
            node(
                "depth", "Conv", ["wide"], (-1, 8, 8, 32), kernel_shape=(3, 3, 32, 32), pads=(0, 1, 1, 0) * 2, group=32
            ),
            node(
                "group", "Conv", ["depth"], (-1, 8, 8, 32), kernel_shape=(3, 3, 4, 32), pads=(0, 1, 1, 0) * 2, group=8
            ),
        ]
    }
    network = read_json(write(tmp_path, document), batch=2)
    assert [layer.kind for layer in network.layers] == ["conv", "depthwise_conv", "grouped_conv"]
    assert [layer.workload.macs for layer in network.layers] == [2 * 64 * 1024, 2 * 64 * 9 * 32, 2 * 64 * 9 * 4 * 32]


@pytest.mark.parametrize(
    ("document", "error", "complaint"),
    [
        ({"node": {}}, NetworkFormatError, "no list 'node'"),
        ({"node": []}, NetworkStructureError, "no layers"),
        ({"node": [3]}, NetworkFormatError, "node 0"),
        ({"node": [{"name": "a", "op": "Relu"}]}, NetworkFormatError, "has no 'attr'"),
        ({"node": [{"name": "a", "op": "Relu", "attr": {}}]}, NetworkShapeError, "which shape it writes"),
        (changed("conv", kernel_shape={"list": {"i": ["a"]}}), NetworkFormatError, "not a whole number"),
        (changed("conv", kernel_shape={"i": "3"}), NetworkFormatError, "type 'list'"),
        (changed("conv", group={"i": "5"}), NetworkShapeError, "does not fit 3 input channels"),
        (changed("conv", use_bias={"b": "yes"}), NetworkFormatError, "true or false"),
        (changed("pool", pooling_type={"s": "%%%"}), NetworkFormatError, "base 64"),
        (changed("pool", pooling_type={"s": 3}), NetworkFormatError, "base 64"),
        (
            changed("conv", _output_shapes={"list": {"shape": [{"dim": [{"size": "9" * 30}]}]}}),
            NetworkFormatError,
            "whole",
        ),
        ({"node": [*small_mmdnn()["node"], small_mmdnn()["node"][0]]}, NetworkStructureError, "two layers named"),
    ],
)
def test_what_is_wrong_is_refused_in_one_line(tmp_path, document, error, complaint):
    with pytest.raises(error, match=complaint) as caught:
        read_json(write(tmp_path, document))
    assert "\n" not in str(caught.value)


def test_input_shapes_must_be_those_described(tmp_path):
    file = write(tmp_path, small_mmdnn())
    assert read_json(file, input_shapes={"data": (3, 8, 8, 3)}).batch == 3
    with pytest.raises(NetworkShapeError, match="described for shape"):
        read_json(file, input_shapes={"data": (1, 9, 8, 3)})
    with pytest.raises(NetworkShapeError, match="no input 'image'"):
        read_json(file, input_shapes={"image": (1, 8, 8, 3)})


def test_json_of_neither_form_is_refused(tmp_path):
    with pytest.raises(NetworkFormatError, match="neither 'layers'"):
        read_json(write(tmp_path, {"model": 1}))
