"""Every published network description is sound, mended with a note, or refused, as `docs/original.md` says."""

import pytest

from annette.errors import NetworkShapeError, NetworkStructureError
from annette.network.readers.json import read_json
from tests.published import DATA, needs_full

GRAPHS = DATA / "graphs"

REFUSED = {
    "annette_bench0": (NetworkShapeError, "'batch_size', 'width', 'height', 'channels'"),
    "annette_bench1": (NetworkShapeError, "'batch_size', 'width', 'height', 'channels'"),
    "annette_bench2": (NetworkShapeError, "'batch_size', 'width', 'height', 'channels'"),
    "annette_bench3": (NetworkShapeError, "'batch_size', 'width', 'height', 'channels'"),
    "annette_bench5": (NetworkShapeError, "'batch_size', 'width', 'height', 'channels'"),
    "annette_bench_branched_test": (NetworkShapeError, "'batch_size', 'width', 'height', 'channels'"),
    "annette_bench_conv1d_test": (NetworkShapeError, "'batch_size', 'width', 'channels'"),
    "annette_bench_conv_padded": (NetworkShapeError, "'batch_size', 'width', 'height'"),
    "annette_bench_conv_padding": (NetworkShapeError, "'batch_size', 'width', 'height'"),
    "annette_bench_test": (NetworkShapeError, "'batch_size', 'width', 'height', 'channels'"),
    "bvlcalexnet-9": (NetworkShapeError, "'fc6_1'"),
    "cf_inceptionv1_mod": (NetworkShapeError, "'height', 'width'"),
    "cf_mobilenetv2": (NetworkShapeError, "lost its groups"),
    "mnasnet0_5": (NetworkStructureError, "'node315'"),
    "pt_mnasnet0_5": (NetworkStructureError, "'node315' .*dangles"),
    "squeezenet1.0-9": (NetworkShapeError, "'fire2/concat_1'"),
    "tc-resnet_block": (NetworkShapeError, "not known"),
    "yolov5simplified_old": (NetworkShapeError, "not known"),
}
MENDED = {
    "MobileNetV3": ("pads", "constant operand"),
    "cf_ssdmobilenetv2": ("stored as DataInput", "prior boxes", "another rank"),
    "cf_ssdtraffic": ("stored as DataInput", "prior boxes", "another rank"),
    "cf_yolov3": ("upsampling",),
    "densenet121": ("pad by nothing",),
    "dk_yolov2": ("reorganisation",),
    "dk_yolov3": ("upsampling",),
    "dk_yolov4": ("constant operand",),
    "dk_yolov4_tiny": ("constant operand",),
    "mobilenetv2-7": ("shape arithmetic", "pads"),
    "mobilenetv2-7-sim": ("pads",),
    "ofa_test": ("stored channels first",),
    "ofa_test0": ("stored channels first",),
    "ofa_test1": ("stored channels first",),
    "ofa_test2": ("stored channels first",),
    "pt_densenet121": ("pad by nothing",),
    "resnet18-v1-7": ("children of 69 layers", "pads"),
    "tf_inceptionv1": ("shape arithmetic",),
    "tf_resnet18": ("shape arithmetic",),
    "tf_resnet50": ("shape arithmetic",),
    "vgg16-7": ("pads",),
    "yolov5s": ("pads", "resample"),
    "yolov5simplified": ("pads", "resample", "constant operand"),
}
NAMED_OTHERWISE = {"cf_yolov3_bdd_288_512_53.7G": 60.57}
"""Descriptions whose operations are not those of their name: this one has a detection head more."""
TWINS = {
    "cf_fpn_cityscapes_256_512_8.9G": "cf_cityscapes",
    "cf_squeeze_imagenet_227_227_0.76G": "cf_squeezenet",
    "dk_yolov2_voc_448_448_34G": "dk_yolov2",
    "dk_yolov3_voc_416_416_65.42G": "dk_yolov3",
    "cf_yolov3_bdd_288_512_53.7G": "cf_yolov3",
}


def files(form):
    return sorted((GRAPHS / form).glob("*.json"), key=lambda file: file.name)


@pytest.mark.parametrize("file", files("annette"), ids=lambda file: file.stem)
def test_the_originals_descriptions(file):
    if file.stem in REFUSED:
        error, complaint = REFUSED[file.stem]
        with pytest.raises(error, match=complaint) as caught:
            read_json(file)
        assert "\n" not in str(caught.value)
        return
    notes = read_json(file).notes
    expected = MENDED.get(file.stem, ())
    assert all(any(part in note for note in notes) for part in expected), notes
    assert bool(notes) == bool(expected), notes


@pytest.mark.parametrize("file", files("mmdnn"), ids=lambda file: file.stem)
def test_operations_are_those_that_the_name_says(file):
    """The model zoo's names end in billions of operations, after the share left by pruning where there is one."""
    named = float(file.stem.rsplit("_", 1)[1].removesuffix("G"))
    computed = 2 * read_json(file).macs / 1e9
    assert computed == pytest.approx(NAMED_OTHERWISE.get(file.stem, named), rel=0.04)


@pytest.mark.parametrize("file", files("mmdnn"), ids=lambda file: file.stem)
def test_both_forms_of_a_network_agree(file):
    twin = GRAPHS / "annette" / f"{TWINS.get(file.stem, '_'.join(file.stem.split('_')[:2]))}.json"
    if not twin.is_file() or twin.stem in REFUSED or (twin.stem in TWINS.values() and file.stem not in TWINS):
        pytest.skip("there is no sound description of it in the original's form")
    network, other = read_json(file), read_json(twin)
    assert network.macs == other.macs
    assert kinds(network) == kinds(other)


def kinds(network):
    """Kinds of all layers that are not views; one form of a network may have a reshape more."""
    return sorted(layer.kind for layer in network.layers if layer.kind != "reshape")


@needs_full
def test_a_symbolic_description_is_read_with_its_input_bound():
    file = GRAPHS / "annette" / "cf_inceptionv1_mod.json"
    bound = read_json(file, input_shapes={"data": (1, 224, 224, 3)})
    assert bound.macs == read_json(GRAPHS / "annette" / "cf_inceptionv1.json").macs
