"""TFLite files whose numbers promise more than their bytes hold."""

import pytest

from annette.errors import NetworkFormatError, NetworkShapeError
from annette.network.readers.tflite.reader import read_tflite
from tests.unit.network.readers.tflite.build import INT8, INT32, File, conv_file


def test_values_that_a_thousand_tensors_share_draw_on_the_files_budget(tmp_path):
    file = conv_file()
    first = file.tensor("values", (1000,), data=[1] * 1000)
    for number in range(1000):
        file.tensors.append(
            {"name": f"t{number}", "shape": (1000,), "type": INT8, "buffer": file.tensors[first]["buffer"]}
        )
    with pytest.raises(NetworkFormatError, match="over and over"):
        read_tflite(file.write(tmp_path / "shared.tflite"))


@pytest.mark.parametrize(("kernel", "stride"), [((0, 3), 1), ((3, -2), 1), ((3, 3), -1)])
def test_a_transposed_convolution_counts_sizes_below_1_as_1_and_refuses_strides(kernel, stride, tmp_path):
    file = File()
    shape = file.integers("shape", [1, 8, 8, 2])
    weights = file.tensor("weights", (2, *kernel, 4), data=[1])
    image, result = file.input("image", (1, 4, 4, 4)), file.tensor("result", (1, 8, 8, 2))
    file.operator("TRANSPOSE_CONV", [shape, weights, image], [result], "TransposeConv", stride_h=stride, stride_w=2)
    file.outputs = [result]
    path = file.write(tmp_path / "transposed.tflite")
    if stride < 1:
        with pytest.raises(NetworkShapeError, match="each must be at least 1"):
            read_tflite(path)
    else:
        assert read_tflite(path).layers[0].workload.macs > 0


@pytest.mark.parametrize(("name", "shapes"), [("RESHAPE", [(7,)]), ("RESHAPE", [(6,), (5,)]), ("TRANSPOSE", [(2, 2)])])
def test_views_that_write_other_elements_are_refused(name, shapes, tmp_path):
    file = File()
    image = file.input("image", (2, 3))
    results = [file.tensor(f"result{number}", shape) for number, shape in enumerate(shapes)]
    file.operator(name, [image, file.integers("perm", [1, 0])], results)
    file.outputs = results[:1]
    with pytest.raises(NetworkShapeError, match="cannot make shape"):
        read_tflite(file.write(tmp_path / "view.tflite"))


def test_sizes_near_the_limit_of_a_file_overflow_nothing(tmp_path):
    file = File()
    most = 2**31 - 1
    image, result = file.input("image", (most, most, 1, 1), INT32), file.tensor("result", (most, most, 1, 1), INT32)
    file.operator("RELU", [image], [result])
    file.outputs = [result]
    assert read_tflite(file.write(tmp_path / "large.tflite")).ops == most**2


def test_a_convolution_of_unknown_channels_is_counted_as_of_one(tmp_path):
    file = conv_file()
    file.tensors[0]["shape"] = (1, 8, 8, -4)
    with pytest.raises(NetworkShapeError, match="cannot read operands of shapes"):
        read_tflite(file.write(tmp_path / "unknown.tflite"))
