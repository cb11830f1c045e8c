"""Counters of OpenVINO as files and as printed, sound and damaged."""

from __future__ import annotations

import json

import pytest

from annette.bench.profile_matching import ReportedKernel, match_profile, to_entries
from annette.devices.openvino_cpu.reports import parse_openvino_counters
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
    found = match_profile(network, to_entries(parse_openvino_counters(TABLE), network))
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


AS_PYTHON_PRINTS = """[ INFO ] Performance counts for 0-th infer request
image                Status.NOT_RUN       layerType: Parameter            execType: unknown_FP32         realTime (ms): 0.000      cpuTime (ms): 0.000
stem                 Status.EXECUTED      layerType: Convolution          execType: brgconv_avx512_FP32  realTime (ms): 0.363      cpuTime (ms): 0.363
a_layer_with_a_l...  Status.EXECUTED      layerType: Convolution          execType: brgconv_avx512_FP32  realTime (ms): 0.217      cpuTime (ms): 0.217     proportion: 37.41%
Total time:     0.58 milliseconds
Total CPU time: 0.58 milliseconds

"""  # noqa: E501 - as the tool prints it
OF_A_DEVICE = """subgraph1: 1. input preprocessing (mean data/FPGA):EXECUTED       layerType: preprocessing      realTime: 129        cpu: 129            execType:
subgraph1: 3. FPGA execute time:EXECUTED       layerType:                    realTime: 3808       cpu: 0              execType:
subgraph2: out_prob:          NOT_RUN        layerType: Output             realTime: 0          cpu: 0              execType: unknown
subgraph2: stem               EXECUTED       layerType: SoftMax            realTime: 10         cpu: 10             execType: ref
Total time: 3947     microseconds
"""  # noqa: E501 - as the tool prints it
SORTED_BY_PYTHON = """layerName,execStatus,layerType,execType,realTime (ms),cpuTime (ms),"proportion (%)
"
stem,Status.EXECUTED,Convolution,jit_FP32,0.363,0.363,62.59%
conv1,Status.EXECUTED,Convolution,jit_FP32,0.217,0.217,37.41%

Total time: 0.58 milliseconds
Total CPU time: 0.58 milliseconds


"""
SORTED_BY_CPP = """layerName;execStatus;layerType;execType;realTime (ms);cpuTime (ms); %;
stem;EXECUTED;Convolution;jit_FP32;0.363000;0.363000;62.5862;
conv1;EXECUTED;Convolution;jit_FP32;0.217000;0.217000;37.4138;
Total;;;;0.58;0.58;100;

"""


def test_reads_what_the_python_tool_prints():
    kernels = parse_openvino_counters(AS_PYTHON_PRINTS)
    assert [(kernel.name, kernel.execution) for kernel in kernels] == [
        ("stem", "brgconv_avx512_FP32"),
        ("a_layer_with_a_l...", "brgconv_avx512_FP32"),
    ]
    assert [kernel.latency_s for kernel in kernels] == pytest.approx([363e-6, 217e-6])


@pytest.mark.parametrize("unit", ["0.58 milliseconds", "0.580 seconds", "580 microseconds", "0.00058 seconds"])
def test_totals_have_the_unit_of_their_release(unit):
    assert len(parse_openvino_counters(AS_PYTHON_PRINTS.replace("time:     0.58 milliseconds", f"time: {unit}"))) == 2


def test_reads_names_that_touch_their_status_and_types_that_are_empty():
    kernels = parse_openvino_counters(OF_A_DEVICE)
    assert [(kernel.name, kernel.operator, kernel.execution) for kernel in kernels] == [
        ("subgraph1: 1. input preprocessing (mean data/FPGA):", "preprocessing", ""),
        ("subgraph1: 3. FPGA execute time:", "", ""),
        ("subgraph2: stem", "SoftMax", "ref"),
    ]
    assert [kernel.latency_s for kernel in kernels] == pytest.approx([129e-6, 3808e-6, 10e-6])
    assert to_entries(kernels, example_network())[2].layers == ("stem",)


@pytest.mark.parametrize("text", [SORTED_BY_PYTHON, SORTED_BY_CPP], ids=["python", "c++"])
def test_reads_sorted_reports(text):
    assert [kernel.latency_s for kernel in parse_openvino_counters(text)] == pytest.approx([363e-6, 217e-6])
    with pytest.raises(BackendRunError, match="rows are missing"):
        parse_openvino_counters(text.replace("0.363", "0.263"))


@pytest.mark.parametrize("text", [TABLE, PRINTED, AS_PYTHON_PRINTS])
def test_requests_are_averaged(text):
    once = parse_openvino_counters(text)
    slower = text
    for ours, theirs in (
        ("0.363", "0.463"),
        ("0.600", "0.700"),
        ("0.58 m", "0.68 m"),
        (" 1234", " 1334"),
        ("2000", "2100"),
    ):
        slower = slower.replace(ours, theirs)
    twice = parse_openvino_counters(f"{text}\n{slower}")
    assert [kernel.name for kernel in twice] == [kernel.name for kernel in once]
    assert sum(k.latency_s for k in twice) == pytest.approx(sum(k.latency_s for k in once) + 50e-6)
    with pytest.raises(BackendRunError):
        parse_openvino_counters(f"{text}\n{slower[: len(slower) // 2]}")
    other = slower.replace("conv1", "other").replace("a_layer", "other")
    with pytest.raises(BackendRunError, match="different layers"):
        parse_openvino_counters(f"{text}\n{other}")


@pytest.mark.parametrize("strings", [True, False])
@pytest.mark.parametrize("detailed", [True, False])
def test_reads_json(strings, detailed):
    def time(value):
        return f"{value:.3f}" if strings else value

    layers = (("stem", "Status.EXECUTED", 0.363), ("relu", "NOT_RUN", 0.0), ("conv1", "EXECUTED", 0.217))
    nodes = [
        {
            "name": name,
            "node_type": "Convolution",
            "status": status,
            "real_time": time(ms),
            "cpu_time": time(ms),
            "exec_type": "jit_FP32",
        }
        for name, status, ms in layers
    ]
    part = {"nodes": nodes, "total_real_time": time(0.58), "total_cpu_time": time(0.58)}
    document = {"detailed_performance": [part, part]} if detailed else {"avg_performance": part}
    text = json.dumps({"report_type": "some", **document})
    kernels = parse_openvino_counters(text)
    assert [kernel.name for kernel in kernels] == ["stem", "conv1"]
    assert [kernel.latency_s for kernel in kernels] == pytest.approx([363e-6, 217e-6])
    for length in range(0, len(text) - 1, 7):
        with pytest.raises(BackendRunError):
            parse_openvino_counters(text[:length])
    for key in ("nodes", "status", "real_time", "total_real_time", "exec_type"):
        with pytest.raises(BackendRunError):
            parse_openvino_counters(text.replace(f'"{key}"', '"renamed"'))


def test_names_that_were_cut_are_led_back_where_only_one_layer_fits():
    network = example_network()
    names = [layer.name for layer in network.layers]
    kernels = [ReportedKernel(f"{name[:-1]}...", "", 1e-3) for name in names]
    for name, entry in zip(names, to_entries(kernels, network), strict=True):
        alike = [other for other in names if other.startswith(name[:-1])]
        assert entry.layers == ((name,) if len(alike) == 1 else ())
