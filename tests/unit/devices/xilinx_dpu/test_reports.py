"""Tables of DPU profilers, sound and damaged."""

from __future__ import annotations

import pytest

from annette.bench.profile_matching import to_entries
from annette.devices.xilinx_dpu.reports import parse_dpu_profile
from annette.errors import BackendRunError
from annette.testing.backends import example_network

DNNDK = """[DNNDK] Performance profile - DPU Kernel "net" DPU Task "net-0"
=====================================================================================================
  ID                       NodeName Workload(MOP) Mem(MB) RunTime(ms) Perf(GOPS) Utilization    MB/S
   1                      net_conv1        236.03    0.35        0.63      374.7       45.7%   555.6
   2               net_res2a_branch1        102.76    1.02        0.22      467.1       57.0%  4636.4
   3                        net_pool          0.00    0.30        0.15        0.0        0.0%  2000.0

                Total Nodes In Avg:
                             All        338.79    1.67        1.00      338.8       41.4%  1670.0
=====================================================================================================
"""
VITIS = """DPU Summary:
=============+=====+====================+======+=======+=======+=======
DPU Id       | Bat | DPU SubGraph       | WL   | SW_RT | HW_RT | Effic
-------------+-----+--------------------+------+-------+-------+-------
DPUCZDX8G_1  | 1   | subgraph_conv1     | 7.73 | 12.50 | 12.10 | 52.0
DPUCZDX8G_1  | 1   | subgraph_fc        | 0.01 | 0.40  | 0.32  | 2.5
=============+=====+====================+======+=======+=======+=======
"""


def test_reads_nodes_and_times():
    kernels = parse_dpu_profile(DNNDK)
    assert [kernel.name for kernel in kernels] == ["net_conv1", "net_res2a_branch1", "net_pool"]
    assert [kernel.latency_s for kernel in kernels] == pytest.approx([0.63e-3, 0.22e-3, 0.15e-3])


def test_reads_subgraphs_of_vitis():
    kernels = parse_dpu_profile(VITIS)
    assert [(kernel.name, kernel.latency_s) for kernel in kernels] == [
        ("subgraph_conv1", pytest.approx(12.10e-3)),
        ("subgraph_fc", pytest.approx(0.32e-3)),
    ]


def test_the_last_of_several_tables_counts():
    assert parse_dpu_profile(DNNDK.replace("0.63", "0.64") + DNNDK)[0].latency_s == pytest.approx(0.63e-3)


def test_every_lost_line_is_an_error():
    lines = DNNDK.splitlines()
    for index in (2, 3, 4, 5, 8):
        with pytest.raises(BackendRunError):
            parse_dpu_profile("\n".join(lines[:index] + lines[index + 1 :]))


def test_every_truncation_is_an_error():
    end = DNNDK.index("All ") + 40
    for length in range(end):
        with pytest.raises(BackendRunError):
            parse_dpu_profile(DNNDK[:length])


@pytest.mark.parametrize(("column", "message"), [("RunTime(ms)", "no column 'RunTime"), ("NodeName", "no line names")])
def test_a_renamed_column_is_an_error(column, message):
    with pytest.raises(BackendRunError, match=message):
        parse_dpu_profile(DNNDK.replace(column, "Renamed"))


@pytest.mark.parametrize("value", ["-0.63", "nan", "n/a"])
def test_a_time_that_is_none_is_an_error(value):
    with pytest.raises(BackendRunError, match=r"RunTime\(ms\) is"):
        parse_dpu_profile(DNNDK.replace(" 0.63 ", f" {value} "))


THREE_DIGITS = """=====================================================================================================
  ID                       NodeName Workload(MOP) Mem(MB) RunTime(ms) Perf(GOPS) Utilization    MB/S
   1                          conv1       210.830    0.26       1.059      199.1        16.2%   244.2
   2                            fc8         0.016    0.01       0.000        inf         inf%     inf

                Total Nodes In Avg:
                                All:      210.846   0.27       1.059      199.1        16.2%   255.0
=====================================================================================================
=====================================================================================================
  ID                       NodeName  HP0_R  HP0_W  HP1_R  HP1_W
   1                          conv1      1      2      3      4
   2                            fc8      1      2      3      4

                Total Nodes In Avg:
                               All:      1      2      3      4
"""
VAITRACE_2 = """DPU Summary:
===============================================================================
DPU Id          | Bat | SubGraph       | WL    | RT     | Perf    | LdWB | LdFM
----------------+-----+----------------+-------+--------+---------+------+-----
DPUCZDX8G_1     | 1   | subgraph_conv1 | 7.730 | 12.100 | 638.843 | 24.0 | 5.00
DPUCZDX8G_1     | 1   | subgraph_fc    | ~0    | ~0     | 0.0     | 0.0  | 0.00
===============================================================================

Notes:
"~0": Value is close to 0, Within range of (0, 0.001)

CPU Functions(Not in Graph, e.g.: pre/post-processing, vai-runtime):
=====================================
Function | Device | Runs | AverageRunTime(ms)
xir::XrtCu::run | CPU | 100 | 12.3
"""


def test_a_table_of_memory_ports_behind_it_does_not_count():
    kernels = parse_dpu_profile(THREE_DIGITS)
    assert [(kernel.name, kernel.latency_s) for kernel in kernels] == [
        ("conv1", pytest.approx(1.059e-3)),
        ("fc8", 0.0),
    ]


@pytest.mark.parametrize("time", ["RT", "Run Time(ms)", "RunTime (ms)", "HW_RT"])
@pytest.mark.parametrize("name", ["SubGraph", "DPU SubGraph", "Subgraph"])
def test_columns_of_vaitrace_are_found_in_every_spelling(name, time):
    text = VAITRACE_2.replace("| SubGraph ", f"| {name} ").replace("| RT ", f"| {time} ")
    kernels = parse_dpu_profile(text)
    assert [(kernel.name, kernel.latency_s) for kernel in kernels] == [
        ("subgraph_conv1", pytest.approx(12.1e-3)),
        ("subgraph_fc", 0.0),
    ]
    assert to_entries(kernels, example_network())[0].layers == ("conv1",)


def test_a_torn_row_of_vaitrace_is_an_error():
    row = "DPUCZDX8G_1     | 1   | subgraph_fc    | ~0 "
    with pytest.raises(BackendRunError, match="torn or truncated"):
        parse_dpu_profile(VAITRACE_2[: VAITRACE_2.index(row) + len(row)])
    with pytest.raises(BackendRunError, match="no rows"):
        parse_dpu_profile(VAITRACE_2[: VAITRACE_2.index("DPUCZDX8G_1 ")])
