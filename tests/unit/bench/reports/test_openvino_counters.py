"""Counters of OpenVINO as files and as printed, sound and damaged."""

from __future__ import annotations

import pytest

from annette.bench.match import match
from annette.bench.reports.entries import to_entries
from annette.bench.reports.openvino_counters import parse_openvino_counters
from annette.errors import BackendRunError
from annette.testing.backends import example_network

TABLE = """layerName;execStatus;layerType;execType;realTime (ms);cpuTime (ms);
image;NOT_RUN;Parameter;unknown_FP32;0.000;0.000;
image_abcd_acdb_stem;EXECUTED;Reorder;reorder_FP32;0.020;0.020;
stem/WithoutBiases;EXECUTED;Convolution;jit_avx512_FP32;0.363;0.363;
relu;OPTIMIZED_OUT;Relu;undef;0.000;0.000;
conv1;EXECUTED;Convolution;jit_avx512_1x1_FP32;0.217;0.217;
Total;;;;0.600;0.600;
"""
PRINTED = """[ INFO ] Performance counts for 0-th infer request:
stem                          EXECUTED       layerType: Convolution        realTime: 1234       cpu: 1234   execType: MyriadXHwOp
conv1@compact-conv            EXECUTED       layerType: <Extra>            realTime: 66         cpu: 66     execType: copy
relu                          OPTIMIZED_OUT  layerType: ReLU               realTime: 0          cpu: 0      execType: Undefined
conv1                         EXECUTED       layerType: Convolution        realTime: 700        cpu: 700    execType: MyriadXHwOp
Total time: 2000     microseconds
"""  # noqa: E501 - as the tool prints it


def test_reads_the_table_of_benchmark_app():
    kernels = parse_openvino_counters(TABLE)
    assert [(kernel.name, kernel.operator) for kernel in kernels] == [
        ("image_abcd_acdb_stem", "Reorder"),
        ("stem/WithoutBiases", "Convolution"),
        ("conv1", "Convolution"),
    ]
    assert kernels[1].latency_s == pytest.approx(363e-6)
    assert kernels[2].execution == "jit_avx512_1x1_FP32"


def test_reads_microseconds_of_older_releases():
    text = TABLE.replace("(ms)", "(us)").replace("0.", "")
    assert parse_openvino_counters(text)[1].latency_s == pytest.approx(363e-6)


def test_reads_what_is_printed():
    kernels = parse_openvino_counters(PRINTED)
    assert [kernel.name for kernel in kernels] == ["stem", "conv1@compact-conv", "conv1"]
    assert sum(kernel.latency_s for kernel in kernels) == pytest.approx(2000e-6)
    assert kernels[0].execution == "MyriadXHwOp"


def test_kernels_find_their_layers_and_copies_are_added():
    network = example_network()
    found = match(network, to_entries(parse_openvino_counters(TABLE), network))
    assert [kernel.layers for kernel in found.kernels] == [(), ("stem",), ("conv1",)]
    assert [kernel.added for kernel in found.kernels] == [True, False, False]
    assert found.matched_share == 1


@pytest.mark.parametrize("column", ["execStatus", "layerType", "execType", "realTime (ms)"])
def test_a_renamed_column_is_named(column):
    with pytest.raises(BackendRunError, match="has no column") as caught:
        parse_openvino_counters(TABLE.replace(column, "renamed"))
    assert column in str(caught.value)


def test_every_truncation_of_the_table_is_an_error():
    for length in range(len(TABLE) - len("0.600;\n") - 3):
        with pytest.raises(BackendRunError):
            parse_openvino_counters(TABLE[:length])


def test_every_lost_line_of_what_is_printed_is_an_error():
    lines = PRINTED.splitlines()
    for index in (1, 2, 4, 5):
        with pytest.raises(BackendRunError):
            parse_openvino_counters("\n".join(lines[:index] + lines[index + 1 :]))


@pytest.mark.parametrize("text", ["", "hello", "[ INFO ] Throughput: 3 FPS", "a;b;c\n1;2;3"])
def test_other_texts_are_told_apart(text):
    with pytest.raises(BackendRunError, match="no report"):
        parse_openvino_counters(text)


@pytest.mark.parametrize("value", ["-1.0", "nan", "fast", "inf"])
def test_a_time_that_is_none_is_an_error(value):
    with pytest.raises(BackendRunError, match="realTime is"):
        parse_openvino_counters(TABLE.replace("0.363;0.363", f"{value};0.363"))


def test_renamed_fields_of_what_is_printed_are_an_error():
    with pytest.raises(BackendRunError, match="other fields"):
        parse_openvino_counters(PRINTED.replace("realTime:", "wallTime:"))
