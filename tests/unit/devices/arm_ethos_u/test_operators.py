"""Which operators of a TFLite file stay on the host, as Vela's report of supported operators says."""

import numpy as np
import pytest

from annette.devices.arm_ethos_u.scheduler.block_config import OpShape, choose_block_config
from annette.devices.arm_ethos_u.scheduler.elementwise_block import elementwise_block
from annette.devices.arm_ethos_u.scheduler.feature_maps import reinterpreted
from annette.devices.arm_ethos_u.scheduler.operations import encoded_weight_bytes
from annette.estimation import estimate_network
from annette.mapping.kernel import LEFT_TO_HOST
from annette.mapping.rules import preset
from annette.network.load import load_network
from annette.platforms import load_platform
from tests.unit.network.readers.tflite.build import FLOAT32, INT8, INT32, File

PLATFORMS = ("ethos-u55-128", "ethos-u65-512", "ethos-u65-512-sram", "ethos-u85-512")
MAP = (1, 8, 8, 16)
INT16, UINT8 = 7, 3


def convolved(file: File, source: int, name: str, weights=None, shape=MAP) -> int:
    """A 1x1 convolution of 16 channels."""
    values = np.ones((16, 1, 1, shape[-1])) if weights is None else weights
    kernel = file.tensor(f"{name}/weights", values.shape, INT8, values)
    result = file.tensor(name, (*shape[:-1], 16))
    file.operator("CONV_2D", [source, kernel], [result], "Conv2D", padding=0, stride_h=1, stride_w=1)
    return result


def bordered(tmp_path, behind):
    """A network of one convolution with a quantize in front and what ``behind`` adds."""
    file = File()
    image = file.input("image", MAP, UINT8)
    quantised = file.tensor("quantised", MAP)
    file.operator("QUANTIZE", [image], [quantised])
    file.outputs = [behind(file, convolved(file, quantised, "conv"))]
    return load_network(file.write(tmp_path / "net.tflite"))


def dequantised(file, source):
    result = file.tensor("floats", MAP, FLOAT32)
    file.operator("DEQUANTIZE", [source], [result])
    return result


def custom(file, source):
    result = file.tensor("boxes", (1, 10, 4))
    file.operator("CUSTOM", [source], [result], custom="TFLite_Detection_PostProcess")
    return result


def host_of(network, name="ethos-u55-128"):
    return {kernel.name for kernel in preset(name).apply(network) if LEFT_TO_HOST in kernel.rules}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_border_is_priced_and_what_stays_on_the_host_is_named(platform, tmp_path):
    network = bordered(tmp_path, dequantised)
    estimate = estimate_network(network, load_platform(platform))
    times = {kernel.name: kernel.latency_s for kernel in estimate.kernels}
    assert times["quantised"] > 0
    assert times["floats"] == 0
    assert any(note.startswith("dequantize left to the host") for note in estimate.notes)


def test_a_custom_operator_is_the_hosts_and_known_by_its_name(tmp_path):
    estimate = estimate_network(bordered(tmp_path, custom), load_platform("ethos-u85-512"))
    assert any("TFLite_Detection_PostProcess" in note and "left to the host" in note for note in estimate.notes)


def test_what_the_host_reads_is_stored_as_nhwc(tmp_path):
    def on(file, source):
        return convolved(file, custom_map(file, source), "after")

    def custom_map(file, source):
        result = file.tensor("middle", MAP)
        file.operator("CUSTOM", [source], [result], custom="Own")
        return result

    kernels = {kernel.name: kernel for kernel in preset("ethos-u55-128").apply(bordered(tmp_path, on))}
    assert kernels["conv"].context["output_rows"] == 1
    assert kernels["after"].context["input_rows"] == 1


def test_a_view_whose_shape_is_computed_is_a_copy(tmp_path):
    def reshaped(file, source):
        shape, axis = file.tensor("shape", (4,), INT32), file.tensor("flat", (1, 1024))
        file.operator("SHAPE", [source], [shape])
        file.operator("RESHAPE", [source, shape], [axis])
        return axis

    estimate = estimate_network(bordered(tmp_path, reshaped), load_platform("ethos-u55-128"))
    copy = next(kernel for kernel in estimate.kernels if kernel.name == "flat")
    assert copy.kind == "copy"
    assert copy.latency_s > 0


@pytest.mark.parametrize(
    ("operator", "shapes", "kind", "stays"),
    [
        ("ADD", [(), (), ()], INT8, True),  # Tensors without a shape.
        ("ADD", [MAP, MAP, MAP], INT16, False),
        ("ADD", [MAP, MAP, MAP], INT32, False),
        ("MAXIMUM", [MAP, MAP, MAP], INT32, True),
        ("SQUARE", [MAP, MAP], INT8, True),
        ("ADD", [(1, 2, 4, 4, 8)] * 3, INT8, False),
        ("DIV", [MAP, MAP, MAP], INT8, True),
    ],
)
def test_types_and_ranks_decide_on_an_ethos_u55(operator, shapes, kind, stays, tmp_path):
    def added(file, source):
        operands = [file.tensor(f"x{index}", shape, kind) for index, shape in enumerate(shapes[:-1])]
        file.inputs += operands
        result = file.tensor("result", shapes[-1], kind)
        file.operator(operator, operands, [result])
        file.outputs = [source]
        return result

    assert ("result" in host_of(bordered(tmp_path, added))) == stays


def test_a_division_runs_on_an_ethos_u85(tmp_path):
    def divided(file, source):
        result = file.tensor("result", MAP)
        file.operator("DIV", [source, source], [result])
        return result

    network = bordered(tmp_path, divided)
    assert host_of(network, "ethos-u55-128") == {"result"}
    assert not host_of(network, "ethos-u85-512")


def test_a_network_of_floats_is_taken_as_if_quantised(tmp_path):
    file = File()
    image = file.input("image", MAP, FLOAT32)
    weights = file.tensor("weights", (16, 1, 1, 16), FLOAT32, np.ones((16, 1, 1, 16)))
    result = file.tensor("result", MAP, FLOAT32)
    file.operator("CONV_2D", [image, weights], [result], "Conv2D", padding=0, stride_h=1, stride_w=1)
    file.outputs = [result]
    estimate = estimate_network(load_network(file.write(tmp_path / "net.tflite")), load_platform("ethos-u55-128"))
    assert estimate.latency_s > 0
    assert any("as if quantised" in note for note in estimate.notes)


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ((224, 224, 3), (168, 56, 16)),
        ((33, 35, 3), (11, 7, 45)),
        ((30, 30, 5), (25, 5, 36)),
        ((7, 7, 3), (7, 1, 21)),
        ((28, 28, 1), (7, 7, 16)),
        ((16, 16, 20), (16, 16, 20)),
        ((1, 1, 3), (1, 1, 3)),
    ],
)
def test_thin_feature_maps_are_seen_as_vela_reports(given, seen):
    assert reinterpreted(given) == seen


@pytest.mark.parametrize(
    ("name", "size", "block"),
    [
        ("ethos-u55-128", (16, 13, 64), (16, 8, 32)),
        ("ethos-u55-128", (8, 7, 64), (8, 8, 64)),
        ("ethos-u55-128", (28, 28, 128), (16, 16, 16)),
        ("ethos-u55-128", (64, 1, 64), (32, 2, 64)),
        ("ethos-u65-512", (12, 12, 64), (10, 12, 64)),
        ("ethos-u65-512", (20, 20, 24), (18, 18, 24)),
        ("ethos-u65-512", (56, 56, 64), (16, 32, 16)),
    ],
)
def test_element_wise_blocks_are_those_that_vela_reports(name, size, block):
    height, width, depth = size
    shape = OpShape("elementwise", *size, depth, height, width, 1, 1, 1, 1, 1)
    assert elementwise_block(preset(name).context.accelerator.config, shape)[:3] == block


@pytest.mark.parametrize(
    ("name", "size", "block"),
    [
        ("ethos-u55-128", (168, 56, 16), (1, 46, 16)),
        ("ethos-u55-128", (144, 48, 16), (29, 2, 16)),
        ("ethos-u55-128", (100, 80, 16), (3, 4, 16)),
        ("ethos-u65-512", (168, 56, 16), (2, 46, 16)),
        ("ethos-u65-512", (144, 48, 16), (4, 4, 16)),
        ("ethos-u65-512", (28, 28, 16), (18, 6, 16)),
    ],
)
def test_rounding_decides_between_blocks_as_in_velas_reports(name, size, block):
    height, width, depth = size
    shape = OpShape("pool", *size, depth, height, width, 1, 1, 1, 1, 1)
    assert choose_block_config(preset(name).context.accelerator.config, shape)[:3] == block


def test_weights_that_compress_well_take_less(tmp_path):
    def seconds(values):
        def behind(file, source):
            return convolved(file, source, "large", values)

        network = bordered(tmp_path, behind)
        return estimate_network(network, load_platform("ethos-u65-512-sram")).latency_s

    random = np.random.default_rng(0).integers(-127, 128, (16, 1, 1, 16))
    assert seconds(random * (np.arange(16) < 2)) < seconds(random)


def test_the_padding_of_thin_weights_is_encoded_in_runs():
    config = preset("ethos-u65-512").context.accelerator.config
    shape = OpShape("conv", 34, 27, 64, 1, 64, 50, 7, 7, 2, 2, 1)
    assert encoded_weight_bytes(shape, config, share=1.0) == pytest.approx(4736, rel=0.1)  # Vela's.


def test_positions_of_all_samples_are_one_product(tmp_path):
    def seconds(samples):
        file = File()
        source = file.input("x", (samples, 8, 8, 16))
        file.outputs = [convolved(file, source, "conv", shape=(samples, 8, 8, 16))]
        network = load_network(file.write(tmp_path / "net.tflite"))
        return estimate_network(network, load_platform("ethos-u55-128")).latency_s

    assert 3 * seconds(1) < seconds(4) < 4 * seconds(1)  # One product over all positions.


@pytest.mark.parametrize(
    ("factor", "half_pixel", "hosted"), [(2, True, False), (4, True, True), (4, False, False), (16, False, True)]
)
def test_resizes_by_other_factors_stay_on_the_host_of_an_ethos_u55(factor, half_pixel, hosted, tmp_path):
    def resized(file, source):
        sizes = file.tensor("sizes", (2,), INT32, np.array([8 * factor, 8 * factor]))
        result = file.tensor("resized", (1, 8 * factor, 8 * factor, 16))
        file.operator("RESIZE_BILINEAR", [source, sizes], [result], "ResizeBilinear", half_pixel_centers=half_pixel)
        return result

    network = bordered(tmp_path, resized)
    assert (network.layers[-1].name in host_of(network)) is hosted
    assert network.layers[-1].name not in host_of(network, "ethos-u85-512")


def test_two_cores_encode_weights_for_whole_pairs_of_eight_channels():
    u55, u65 = (preset(name).context.accelerator.config for name in ("ethos-u55-128", "ethos-u65-512"))
    few, many = (OpShape("conv", 8, 8, depth, 512, 8, 8, 1, 1, 1, 1, 1) for depth in (5, 512))
    assert encoded_weight_bytes(few, u65, share=0.9) > 1.1 * encoded_weight_bytes(few, u55, share=0.9)
    assert encoded_weight_bytes(many, u65, share=0.9) == pytest.approx(
        encoded_weight_bytes(many, u55, share=0.9), rel=1e-3
    )
