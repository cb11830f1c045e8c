"""The original ANNETTE's network descriptions: sound ones, mended ones, refused ones."""

import json

import pytest

from annette.errors import NetworkFormatError, NetworkShapeError, NetworkStructureError
from annette.network.readers.json import read_json
from tests.unit.network.readers.descriptions import conv, layer, linked, small, write


def read(folder, document, **options):
    return read_json(write(folder, document), **options)


def changed(name, **values):
    document = small()
    document["layers"][name].update(values)
    return document


def test_a_sound_description_is_read_without_notes(tmp_path):
    network = read(tmp_path, small())
    assert [found.kind for found in network.layers] == [
        "conv",
        "batch_norm",
        "relu",
        "max_pool",
        "reshape",
        "fully_connected",
        "softmax",
    ]
    assert (network.inputs, network.outputs, network.notes) == (("data",), ("prob",), ())
    assert network.channels_last
    assert network.source_format == "annette-json"
    assert network.macs == 8 * 8 * 16 * 27 + 256 * 10
    assert network.parameters == 16 * 27 + 2 * 16 + 2560
    dimensions = network.producers["conv"].workload.dimensions
    assert (dimensions.in_channels, dimensions.out_channels, dimensions.out_height, dimensions.kernel_width) == (
        3,
        16,
        8,
        3,
    )


def test_the_batch_size_multiplies_operations(tmp_path):
    network = read(tmp_path, small(), batch=4)
    assert network.batch == 4
    assert network.macs == 4 * read(tmp_path, small()).macs
    assert network.tensors["data"].shape == (4, 8, 8, 3)


def test_groups_follow_from_a_kernel_with_fewer_channels(tmp_path):
    document = linked(
        {
            "data": layer("DataInput", [], [-1, 8, 8, 16]),
            "grouped": conv("data", [-1, 8, 8, 16], (3, 3, 4, 32), [-1, 8, 8, 32], pads=1),
            "depthwise": conv("grouped", [-1, 8, 8, 32], (3, 3, 1, 32), [-1, 8, 8, 32], pads=1),
            "listed": {
                **conv("depthwise", [-1, 8, 8, 32], (3, 3, 32, 1), [-1, 8, 8, 32], pads=1),
                "type": "DepthwiseConv",
            },
        }
    )
    network = read(tmp_path, document)
    assert [found.kind for found in network.layers] == ["grouped_conv", "depthwise_conv", "depthwise_conv"]
    assert [found.attributes["groups"] for found in network.layers] == [4, 32, 32]
    assert network.layers[0].workload.macs == 64 * 9 * 4 * 32
    assert network.layers[1].workload.macs == network.layers[2].workload.macs == 64 * 9 * 32


def test_lost_pads_are_recomputed_from_the_output_size(tmp_path):
    network = read(tmp_path, changed("conv", pads=[0] * 8))
    assert network.producers["conv"].attributes["pads"] == (1, 1, 1, 1)
    assert any("pads of 1 layer" in note and "'conv'" in note for note in network.notes)


@pytest.mark.parametrize("shape", [[-1, 30, 8, 16], [-1, 4, 8, 16]])
def test_a_size_that_no_pads_give_is_refused(tmp_path, shape):
    with pytest.raises(NetworkShapeError, match=r"'conv' .* whatever its pads"):
        read(tmp_path, changed("conv", output_shape=shape))


def test_pools_may_round_up(tmp_path):
    document = changed("pool", output_shape=[-1, 4, 4, 16], kernel_shape=[1, 3, 3, 1])
    assert read(tmp_path, document).notes == ()


def test_missing_children_are_recomputed(tmp_path):
    document = small()
    for values in document["layers"].values():
        values["children"] = []
    network = read(tmp_path, document)
    assert len(network.layers) == 7
    assert any("children of 7 layers" in note for note in network.notes)


def test_padding_by_nothing_is_a_view_and_its_missing_shape_is_its_operands(tmp_path):
    document = small()
    document["layers"]["pad"] = layer("Pad", ["relu"], [0], input_shape=[-1, 8, 8, 16], pads=[0] * 8)
    document["layers"]["pool"].update(parents=["pad"], input_shape=[0])
    network = read(tmp_path, linked(document["layers"]))
    assert network.producers["pad"].kind == "identity"
    assert network.tensors["pad"].shape == (1, 8, 8, 16)
    assert any("pad by nothing" in note for note in network.notes)


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ([-1, 8, 8, 16], "clip"),
        ([-1, 16, 16, 16], "resize_nearest"),
        ([-1, 4, 4, 64], "space_to_depth"),
        ([-1, 16, 8, 8], "transpose"),
    ],
)
def test_layers_stored_as_inputs_become_what_their_shapes_prove(tmp_path, shape, kind):
    document = linked(
        {**{key: small()["layers"][key] for key in ("data", "conv")}, "lost": layer("DataInput", ["conv"], shape)}
    )
    network = read(tmp_path, document)
    assert network.producers["lost"].kind == kind
    assert network.inputs == ("data",)
    assert any("stored as DataInput" in note for note in network.notes)


def test_prior_boxes_depend_on_shapes_alone(tmp_path):
    layers = {key: small()["layers"][key] for key in ("data", "conv")}
    network = read(tmp_path, linked({**layers, "prior": layer("DataInput", ["conv", "data"], [-1, 256, 1, 2])}))
    assert network.producers["prior"].kind == "generate"
    assert network.producers["prior"].inputs == ()


def test_a_lost_type_that_nothing_proves_is_refused(tmp_path):
    layers = {key: small()["layers"][key] for key in ("data", "conv")}
    with pytest.raises(NetworkStructureError, match="its type was lost"):
        read(tmp_path, linked({**layers, "lost": layer("DataInput", ["conv"], [-1, 5, 7, 3])}))


def test_a_missing_operand_is_a_constant(tmp_path):
    layers = {key: small()["layers"][key] for key in ("data", "conv")}
    layers["scale"] = layer("Mul", ["conv"], [-1, 8, 8, 16], input_shape=[-1, 8, 8, 16])
    network = read(tmp_path, linked(layers))
    assert network.producers["scale"].inputs == ("conv", "scale/constant")
    assert network.producers["scale"].workload.ops == 8 * 8 * 16
    assert any("constant operand of 1 layer" in note for note in network.notes)


def test_shape_arithmetic_is_left_out(tmp_path):
    document = small()
    document["layers"]["shape"] = layer("Shape", ["pool"], [4], input_shape=[-1, 4, 4, 16])
    document["layers"]["rows"] = layer("Gather", ["shape"], [1], input_shape=[4])
    document["layers"]["flat"]["parents"] = ["pool", "rows"]
    network = read(tmp_path, linked(document["layers"]))
    assert "shape" not in network.producers
    assert network.producers["flat"].inputs == ("pool",)
    assert any("2 layers of shape arithmetic" in note for note in network.notes)


def test_concat_takes_the_shapes_of_all_parents(tmp_path):
    layers = {key: small()["layers"][key] for key in ("data", "conv")}
    layers["other"] = conv("data", [-1, 8, 8, 3], (1, 1, 3, 4), [-1, 8, 8, 4])
    layers["join"] = layer("Concat", ["conv", "other"], [-1, 8, 8, 20], input_shape=[-1, 8, 8, 16])
    network = read(tmp_path, linked(layers))
    assert network.producers["join"].attributes == {"axis": 3}
    assert network.producers["join"].workload.input_elements == 64 * 20
    layers["join"]["output_shape"] = [-1, 8, 8, 16]
    with pytest.raises(NetworkShapeError, match="cannot be joined"):
        read(tmp_path, linked(layers))


def test_an_unknown_operator_stays_and_is_named(tmp_path):
    network = read(tmp_path, changed("relu", type="Frobnicate"))
    assert network.producers["relu"].kind == "unsupported"
    assert network.producers["relu"].attributes == {"operator": "Frobnicate"}


def inverted(groups_lost):
    layers = {"data": layer("DataInput", [], [-1, 8, 8, 16])}
    previous = "data"
    for block in range(3):
        wide = f"{block}/wide"
        layers[wide] = conv(previous, [-1, 8, 8, 16], (1, 1, 16, 96), [-1, 8, 8, 96])
        layers[f"{wide}/act"] = layer("Relu6", [wide], [-1, 8, 8, 96], input_shape=[-1, 8, 8, 96])
        spatial = (3, 3, 96, 96) if groups_lost else (3, 3, 1, 96)
        layers[f"{block}/spatial"] = conv(f"{wide}/act", [-1, 8, 8, 96], spatial, [-1, 8, 8, 96], pads=1)
        previous = f"{block}/narrow"
        layers[previous] = conv(f"{block}/spatial", [-1, 8, 8, 96], (1, 1, 96, 16), [-1, 8, 8, 16])
    return linked(layers)


def test_lost_groups_are_refused(tmp_path):
    assert [found.kind for found in read(tmp_path, inverted(groups_lost=False)).layers].count("depthwise_conv") == 3
    with pytest.raises(NetworkShapeError, match="lost its groups: convolution '0/spatial' and 2 more"):
        read(tmp_path, inverted(groups_lost=True))


def test_a_child_that_does_not_know_its_parent_dangles(tmp_path):
    document = changed("conv", parents=[])
    with pytest.raises(NetworkStructureError, match=r"'conv' .*dangles"):
        read(tmp_path, document)
    with pytest.raises(NetworkStructureError, match=r"'conv' \(Conv\) .*reads nothing"):
        read(tmp_path, linked(document["layers"]))


@pytest.mark.parametrize(
    ("name", "values", "complaint"),
    [
        ("relu", {"parents": ["nowhere"]}, "reads 'nowhere', which is not a layer"),
        ("relu", {"children": ["nowhere"]}, "has a child 'nowhere'"),
    ],
)
def test_edges_that_lead_nowhere_are_refused(tmp_path, name, values, complaint):
    with pytest.raises(NetworkStructureError, match=complaint):
        read(tmp_path, changed(name, **values))


def test_a_cycle_is_refused(tmp_path):
    document = changed("bn", parents=["relu"])
    document["layers"]["conv"]["children"] = []
    with pytest.raises(NetworkStructureError, match="cycle"):
        read(tmp_path, linked(document["layers"]))


@pytest.mark.parametrize(
    ("name", "values", "complaint"),
    [
        ("relu", {"input_shape": [-1, 9, 8, 16]}, "claims to read"),
        ("relu", {"output_shape": [-1, 9, 8, 16]}, "as many elements"),
        ("fc", {"input_shape": [-1, 9216]}, "claims to read"),
        ("conv", {"output_shape": [-1, 8, 8, 17]}, "does not write 17 channels"),
        ("conv", {"kernel_shape": [3, 3, 2, 16]}, "does not fit 3 input channels"),
        ("conv", {"kernel_shape": [0, 3, 3, 16]}, "do not fit its shape"),
        ("conv", {"strides": [1, 0, 1, 1]}, "do not fit its shape"),
        ("conv", {"strides": [1, 1]}, None),
        ("conv", {"pads": [-1] * 8}, "negative pads"),
        ("pool", {"pooling_type": "MEDIAN"}, "neither MAX nor AVG"),
        ("pool", {"output_shape": [-1, 4, 4, 8]}, "rank and channels"),
        ("data", {"output_shape": [-1, 8, 8, 0]}, "at least 1"),
        ("data", {"output_shape": [-1, -1, 8, 3]}, "not known"),
        ("conv", {"output_shape": ["batch", "height", 8, 16]}, "symbolic size 'batch', 'height'"),
        ("conv", {"kernel_shape": ["k_size", 3, 3, 16]}, "template"),
        ("data", {"output_shape": [-1, "height", "width", 3]}, "--input"),
        ("data", {"output_shape": [-1, 2**40, 8, 3]}, "below 2"),
        ("data", {"output_shape": [2**30, 2**30, 2**30, 3]}, "overflow"),
    ],
)
def test_shapes_that_cannot_be_are_refused(tmp_path, name, values, complaint):
    document = changed(name, **values)
    if complaint is None:
        assert read(tmp_path, document).producers["conv"].attributes["strides"] == (1, 1)
        return
    with pytest.raises(NetworkShapeError, match=complaint) as caught:
        read(tmp_path, document)
    assert "\n" not in str(caught.value)


def test_symbolic_inputs_are_bound_by_shapes(tmp_path):
    document = changed("data", output_shape=[-1, "height", "width", 3])
    network = read(tmp_path, document, input_shapes={"data": (1, 8, 8, 3)})
    assert network.tensors["data"].shape == (1, 8, 8, 3)
    assert read(tmp_path, document, input_shapes={"data": (2, 8, 8, 3)}).batch == 2
    with pytest.raises(NetworkShapeError):
        read(tmp_path, document, input_shapes={"data": (1, 9, 9, 3)})
    with pytest.raises(NetworkShapeError, match="was described for shape"):
        read(tmp_path, small(), input_shapes={"data": (1, 16, 16, 3)})
    with pytest.raises(NetworkShapeError, match="no input 'image'"):
        read(tmp_path, small(), input_shapes={"image": (1, 8, 8, 3)})
    with pytest.raises(NetworkShapeError, match="do not agree"):
        read(tmp_path, small(), batch=2, input_shapes={"data": (1, 8, 8, 3)})


def test_a_fixed_batch_cannot_be_changed(tmp_path):
    text = json.dumps(small()).replace("-1", "1")
    assert read(tmp_path, text).batch == 1
    with pytest.raises(NetworkShapeError, match="fixed to batch 1"):
        read(tmp_path, text, batch=2)


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ([], "neither 'layers'"),
        ({"layers": []}, "no object 'layers'"),
        ({"layers": {"a": 3}}, "not a JSON object"),
        ({"layers": {"a": {}}}, "has no 'type'"),
        ({"layers": {"a": {"type": 3}}}, "not a text"),
        ({"layers": {"a": {"type": "Conv\nAdd"}}}, "cannot be printed"),
        ({"layers": {"a" * 1001: {"type": "Conv"}}}, "too long"),
        ({"layers": {"": {"type": "Conv"}}}, "is empty"),
        ({"name": 7, "layers": {"a": {}}}, "is not text"),
        (changed("relu", parents="conv"), "not a list"),
        (changed("relu", parents=[3]), "not a name"),
        (changed("relu", output_shape=[1.5, 8]), "not a whole number"),
        (changed("relu", output_shape=[True, 8]), "not a whole number"),
        (changed("relu", input_shape={}), "not a list of whole numbers"),
        (changed("conv", strides=3), "not a list of whole numbers"),
        (changed("pool", pooling_type=3), "is not text"),
    ],
)
def test_what_is_no_description_is_refused(tmp_path, document, complaint):
    with pytest.raises(NetworkFormatError, match=complaint) as caught:
        read(tmp_path, document)
    assert "\n" not in str(caught.value)


def test_no_layers_is_refused(tmp_path):
    with pytest.raises(NetworkStructureError, match="no layers"):
        read(tmp_path, {"layers": {}})


@pytest.mark.parametrize("operator", ["ArgMax", "ReduceMean"])
def test_a_reduction_that_changes_no_size_names_no_axis(tmp_path, operator):
    layer = next(x for x in read(tmp_path, changed("relu", type=operator)).layers if x.name == "relu")
    assert layer.attributes == {}
    assert layer.workload.ops == 8 * 8 * 16
