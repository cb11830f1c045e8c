"""Vela's summary and debug database, recorded from a small network on an Ethos-U85."""

from __future__ import annotations

from pathlib import Path

import pytest

from annette.devices.arm_ethos_u.vela_report import parse_vela_report
from annette.errors import BackendRunError

DATA = Path(__file__).parent / "data"
SUMMARY = (DATA / "vela_summary.csv").read_text(encoding="utf-8")
DATABASE = (DATA / "vela_debug.xml").read_text(encoding="utf-8")


def test_reads_cycles_and_clock():
    report = parse_vela_report(SUMMARY, DATABASE)
    assert report.cycles == 28564
    assert report.clock_hz == 1e9
    assert report.latency_s == pytest.approx(28564e-9)
    assert report.host_operators == ()


def test_operations_that_run_as_one_are_one_kernel():
    kernels = parse_vela_report(SUMMARY, DATABASE).kernels
    assert sum(kernel.cycles for kernel in kernels) == 28564
    assert [kernel.operations for kernel in kernels] == [
        ("Conv2D", "Relu"),
        ("Conv2D", "Relu"),
        ("Conv2D", "Add", "Relu"),
        ("MaxPool",),
        ("DepthwiseConv2D", "Mul"),
        ("FullyConnected",),
    ]
    assert [kernel.operators for kernel in kernels] == [(1,), (2,), (3, 4), (5,), (6,), (8,)]


def test_keeps_shapes_memory_and_blocks():
    kernel = parse_vela_report(SUMMARY, DATABASE).kernels[2]
    assert kernel.input_shape == (1, 16, 16, 32)
    assert kernel.output_shape == (1, 16, 16, 32)
    assert kernel.info["ifm_memory"] == "Sram"
    assert kernel.info["npu_cycles"] == "8026"
    assert kernel.info["mac_count"] == "2359296"
    assert "x" in kernel.info["ofm_block"]


def test_a_summary_alone_gives_the_total():
    report = parse_vela_report(SUMMARY, "")
    assert report.cycles == 28564
    assert report.kernels == ()


def test_operators_on_the_host_are_named_and_are_no_kernels():
    database = DATABASE.replace('51,3,27,"Conv2D","relu_2"', '51,3,27,"Passthrough","relu_2"').replace("55,51\n", "")
    report = parse_vela_report(SUMMARY, database)
    assert report.host_operators == ((2, "relu_2"),)
    assert all(kernel.operations != ("Passthrough",) for kernel in report.kernels)


def test_operators_of_other_graphs_are_told_apart():
    database = DATABASE.replace('9,"FullyConnected",1,1,1,1,10,8', '9,"FullyConnected",1,1,1,1,10,0')
    kernels = parse_vela_report(SUMMARY, database).kernels
    assert [kernel.operators for kernel in kernels] == [(1,), (2,), (3, 4), (5,), (6,), (-1,)]


@pytest.mark.parametrize("column", ["op_cycles", "source_id", "npu_cycles"])
def test_a_renamed_column_is_an_error_that_names_it(column):
    with pytest.raises(BackendRunError, match=f"performance table has no column '{column}'"):
        parse_vela_report(SUMMARY, DATABASE.replace(column, "new_name"))


def test_a_truncated_database_is_an_error():
    with pytest.raises(BackendRunError, match="truncated"):
        parse_vela_report(SUMMARY, DATABASE[: len(DATABASE) // 2])


@pytest.mark.parametrize("summary", ["", "cycles_total,core_clock\n", SUMMARY.replace("core_clock", "clock")])
def test_a_summary_without_its_columns_is_an_error(summary):
    with pytest.raises(BackendRunError, match="summary has no column"):
        parse_vela_report(summary, DATABASE)


@pytest.mark.parametrize("row", ["10,0", "10,nan", "-1,1e9", "many,1e9", "inf,1e9"])
def test_a_summary_that_makes_no_sense_is_an_error(row):
    with pytest.raises(BackendRunError):
        parse_vela_report(f"cycles_total,core_clock\n{row}\n", "")


def test_a_cell_that_is_no_number_is_an_error():
    with pytest.raises(BackendRunError, match="cannot be understood"):
        parse_vela_report(SUMMARY, DATABASE.replace(",9843,4375,", ",fast,4375,"))


def test_tensors_without_a_name_do_not_depend_on_what_was_compiled_before():
    """Vela numbers them through its process: the same network would have another digest after another one."""
    name = parse_vela_report(SUMMARY, DATABASE).kernels[0].name
    reports = [
        parse_vela_report(SUMMARY, DATABASE.replace(f",{name},", f",#{number},").replace(f'"{name}"', f'"#{number}"'))
        for number in (17, 1995)
    ]
    assert reports[0] == reports[1]
    assert reports[0].kernels[0].name == "#1"
