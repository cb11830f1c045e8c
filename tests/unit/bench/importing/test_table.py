"""Layer tables and network tables: what is read, what is refused, and the way to a platform."""

import csv
import os

import numpy as np
import pytest

from annette.bench.dataset import Dataset
from annette.bench.importing.collection import kernel_runs, network_runs, read_collection
from annette.bench.importing.kernel import MeasuredKernel, Stage, kernel_network
from annette.bench.importing.table import NetworkLatency, TableOptions, read_layer_table, read_network_table
from annette.errors import DatasetError

HEADING = "network,kernel,kind,in_channels,in_height,in_width,out_channels,kernel_height,stride_height,latency_ms\n"


@pytest.fixture
def write(tmp_path):
    def write_table(text, name="layers.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write_table


def test_a_row_is_a_layer_with_its_time(write):
    (kernel,) = read_layer_table(write(HEADING + "net,c1,conv,16,28,28,32,3,2,0.5\n"))
    assert kernel == MeasuredKernel("net", "c1", (Stage("conv", 16, 28, 28, 32, (3, 3), (2, 2)),), 0.5e-3)
    (layer,) = kernel_network(kernel).layers
    assert layer.workload.dimensions.out_height == 14
    assert layer.workload.macs == 14 * 14 * 32 * 16 * 9


def test_rows_of_one_kernel_are_its_stages(write):
    (kernel,) = read_layer_table(write(HEADING + "n,c,conv,16,28,28,32,3,1,0.5\nn,c,max_pool,32,28,28,,2,2,\n"))
    assert [layer.kind for layer in kernel_network(kernel).layers] == ["conv", "max_pool"]


@pytest.mark.parametrize("unit", [("latency_s", 0.5), ("latency_ms", 500), ("latency_us", 5e5)])
def test_the_columns_name_is_the_unit(write, unit):
    (kernel,) = read_layer_table(write(f"kind,in_channels,{unit[0]}\nrelu,8,{unit[1]}\n"))
    assert kernel.latency_s == pytest.approx(0.5)


def test_spreadsheets_write_whole_numbers_with_a_point_and_a_byte_order_mark(write):
    (kernel,) = read_layer_table(write("\ufeffkind,in_channels,latency_ms\nrelu,8.0,1\n"))
    assert kernel.stages[0].in_channels == 8


def test_foreign_columns_are_renamed_or_passed_over(write):
    path = write("Op,in_channels,Time,Notes\nrelu,8,1,nice\n")
    options = TableOptions({"kind": "Op", "latency_us": "Time"}, frozenset({"Notes"}))
    (kernel,) = read_layer_table(path, options)
    assert kernel.latency_s == pytest.approx(1e-6)


def test_one_column_can_stand_for_both_sides_of_square_maps(write):
    path = write("kind,in_channels,Size,latency_ms\nrelu,8,28,1\n")
    (kernel,) = read_layer_table(path, TableOptions({"in_height": "Size", "in_width": "Size"}))
    assert (kernel.stages[0].in_height, kernel.stages[0].in_width) == (28, 28)
    with pytest.raises(DatasetError, match=r"has in_height and no in_width: .* --column in_width=Size"):
        read_layer_table(path, TableOptions({"in_height": "Size"}))


def test_a_table_separated_otherwise_is_told_so(write):
    with pytest.raises(DatasetError, match="separate its cells with commas"):
        read_layer_table(write("kind;in_channels;latency_ms\nrelu;8;1\n"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("kind,in_channels\nrelu,8\n", "no latency column"),
        ("kind,latency_ms\nrelu,8\n", "no column 'in_channels'"),
        ("kind,in_channel,latency_ms\nrelu,8,1\n", "'in_channel' that is not known.*in_channels"),
        ("kind,in_channels,latency_ms\nrelu,8,0\n", "row 2: latency_ms is '0'"),
        ("kind,in_channels,latency_ms\nrelu,8,-1\n", "row 2: latency_ms"),
        ("kind,in_channels,latency_ms\nrelu,8,nan\n", "row 2: latency_ms"),
        ("kind,in_channels,latency_ms\nrelu,2.5,1\n", "row 2: in_channels is '2.5'"),
        ("kind,in_channels,latency_ms,latency_us\nrelu,8,1,1\n", "2 latencies"),
        ("kind,in_channels,latency_ms\nrelu,8,\n", "row 2: has no latency"),
        ("kind,in_channels,padding,latency_ms\nconv,8,some,1\n", "padding is 'some'"),
        ("kind,in_channels,latency_ms\nrelu,8\n", "row 2: not as many cells"),
        ("kind,in_channels,latency_ms\n", "no rows"),
        ("kind,in_channels,latency_ms\nrelu,8,inf\n", "row 2: latency_ms is 'inf': it must be a number of 1e-09 to"),
        ("kind,in_channels,latency_s\nrelu,8,1e300\n", "row 2: latency_s is '1e300'"),
        ("kind,in_channels,latency_s\nrelu,8,1e-310\n", "row 2: latency_s is '1e-310'"),
        ("kind,in_channels,latency_s\nrelu,8,true\n", "row 2: latency_s is 'true'"),
        ("kind,in_channels,latency_ms\nconv,inf,1\n", "row 2: in_channels is 'inf', not a number"),
        ("kind,in_channels,latency_ms\nconv,2147483648,1\n", "row 2: in_channels is '2147483648', not a whole number"),
        (f"kind,in_channels,padding,latency_ms\nconv,8,{'9' * 5000},1\n", "padding is '99"),
        ("kind,in_channels,in_channels,latency_ms\nconv,8,9,1\n", "several columns called 'in_channels'"),
        ("kind,in_channels,latency_ms\n" + "x" * 200_000 + ",8,1\n", "not a CSV file in UTF-8: field larger"),
        ("kind,in_channels,latency_ms," + "x" * 200_000 + "\n", "not a CSV file in UTF-8: field larger"),
        ("kind,in_channels,latency_ms," + ",".join(map(str, range(10_000))) + "\n", "no rows"),
        ("kind,in_channels,latency_ms\n=cmd(),8,1\n", None),
        (
            "kind,in_channels,out_channels,activation,latency_ms\nfully_connected,512,1000,resize_nearest,1\n",
            "row 2: activation is 'resize_nearest'; known: ",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(write, text, complaint):
    csv.field_size_limit(2**17)  # one for the whole process, which the reports of Vela need larger
    if complaint is None:  # Words are only words.
        assert read_layer_table(write(text))[0].stages[0].kind == "=cmd()"
        return
    with pytest.raises(DatasetError, match=complaint):
        read_layer_table(write(text))


@pytest.mark.parametrize("content", [b"\xff\xfek\0i\0", b"kind,in_channels,latency_ms\nrel\xff,8,1\n"])
def test_other_encodings_are_refused(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DatasetError, match="not a CSV file in UTF-8"):
        read_layer_table(tmp_path / "t.csv")


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, complaint in (
        ("pipe", "a pipe, not a file"),
        ("x" * 300, "too long"),
        ("a\0b", "no file can have this name"),
        ("", "a folder"),
    ):
        with pytest.raises(DatasetError, match=complaint):
            read_layer_table(tmp_path / name)


@pytest.mark.parametrize(
    ("stages", "complaint"),
    [
        ([Stage("add", 64, 7, 7, operands=2147483648)], "2147483648 operands are not 1 to 4096"),
        (
            [Stage("fully_connected", 512, out_channels=1000), Stage("resize_nearest", 1000)],
            "resize_nearest reads an im",
        ),
        (
            [Stage("fully_connected", 512, out_channels=1000), Stage("conv", 1000, out_channels=8)],
            "conv reads an image",
        ),
        ([Stage("fully_connected", 512, out_channels=1000), Stage("global_max_pool", 1000)], "reads an image"),
        ([Stage("conv", 8, 8, 8, 8, stride=(0, 1))], r"stride of conv is \(0, 1\)"),
        ([Stage("conv", 2**31 - 1, 2**31 - 1, 2**31 - 1, 8)], "overflow 64-bit counts"),
        ([Stage("conv", 8, 8, 8, 8, padding=(-1, 0, 0, 0))], "padding"),
    ],
)
def test_kernels_that_cannot_be_are_refused(stages, complaint):
    with pytest.raises(DatasetError, match=complaint):
        kernel_network(MeasuredKernel("n", "k", tuple(stages), 1e-3))


def test_a_table_may_not_ask_for_more_than_its_size_warrants(write):
    rows = "add,8,4096,1\n" * 600
    with pytest.raises(DatasetError, match="more work"):
        read_collection(
            write(f"kind,in_channels,operands,latency_ms\n{rows}"),
            "layers",
            {"device": "d", "runtime": "r", "precision": "int8"},
        )


def test_a_kind_that_is_not_known_is_refused_with_the_nearest(write):
    (kernel,) = read_layer_table(write("kind,in_channels,latency_ms\nmaxpool,8,1\n"))
    with pytest.raises(DatasetError, match=r"'maxpool' cannot be imported.*max_pool"):
        kernel_network(kernel)


@pytest.mark.parametrize(
    "stage",
    [
        Stage("depthwise_conv", 16, 8, 8, kernel=(3, 3)),
        Stage("grouped_conv", 16, 8, 8, 16, kernel=(3, 3), groups=4),
        Stage("conv_transpose", 16, 8, 8, 8, kernel=(4, 4), stride=(2, 2)),
        Stage("fully_connected", 16, out_channels=8),
        Stage("add", 16, 8, 8),
        Stage("concat", 32, 8, 8),
        Stage("global_average_pool", 16, 8, 8),
        Stage("resize_nearest", 16, 8, 8, stride=(2, 2)),
        Stage("softmax", 16),
        Stage("clip", 16, 8, 8),
    ],
    ids=lambda stage: stage.kind,
)
def test_every_family_of_kinds_becomes_a_layer_of_that_kind(stage):
    (layer,) = kernel_network(MeasuredKernel("n", "k", (stage,), 1e-3)).layers
    assert layer.kind == stage.kind


def test_imported_layers_survive_in_a_dataset(tmp_path):
    kernels = [MeasuredKernel("n", "k", (Stage("conv", 8, 8, 8, filters),), 1e-3) for filters in (8, 16)]
    with Dataset.create(tmp_path / "d") as dataset:
        for run in kernel_runs(kernels, {"device": "board"}):
            dataset.add(run)
        found = list(dataset.runs())
    assert [run.case for run in found] == ["n/k", "n/k#2"]
    np.testing.assert_allclose([run.kernels[0].latency_s for run in found], 1e-3)


def test_networks_come_from_the_zoo_or_from_files_beside_the_table(write):
    (pair,) = read_network_table(write("network,latency_ms\nsqueezenet1_1,3\n", "networks.csv"))
    assert pair.latency_s == pytest.approx(3e-3)
    (run,) = network_runs([pair], {"device": "board"})
    assert (run.latency_s, run.kernels) == (pair.latency_s, ())


def test_a_network_that_cannot_be_loaded_is_named_with_its_row(write):
    with pytest.raises(DatasetError, match="row 2: network 'squeezenet_9'"):
        read_network_table(write("network,latency_ms\nsqueezenet_9,3\n"))


def test_times_of_networks_must_be_positive():
    with pytest.raises(DatasetError, match="it must be a number of"):
        NetworkLatency("n", None, 0.0)
