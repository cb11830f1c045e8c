"""Estimates as tables."""

import csv
import importlib
import json
import sys
from dataclasses import asdict

import pytest

from annette.errors import OptionError
from annette.estimation import estimate_network, frame
from annette.estimation.frame import COLUMNS, columns_of, data_frame, kernel_rows, write_table
from annette.report.estimates import estimate_document
from tests.unit.samples import platform, small_network, with_intervals


def rows(estimate):
    return kernel_rows(estimate.network, estimate.platform, map(asdict, estimate.kernels))


@pytest.fixture(scope="module")
def columns():
    return columns_of(rows(estimate_network(small_network(), with_intervals())))


def test_there_is_a_row_for_each_kernel_of_each_estimate():
    estimates = [estimate_network(small_network(), target) for target in (platform(), with_intervals())]
    columns = columns_of(row for estimate in estimates for row in rows(estimate))
    assert tuple(columns) == COLUMNS
    assert columns["kernel"] == [kernel.name for estimate in estimates for kernel in estimate.kernels]
    assert columns["latency_s"] == [kernel.latency_s for estimate in estimates for kernel in estimate.kernels]
    assert sum(columns["share"]) == pytest.approx(2)


def test_kernels_say_which_module_of_the_network_they_are_in():
    kernels = estimate_document(estimate_network(small_network(), platform()))["kernels"]
    inside = [{**kernel, "module": ["encoder", "layers.0"]} for kernel in kernels[:1]]
    assert columns_of(kernel_rows("n", "p", inside))["module"] == ["encoder.layers.0"]
    assert set(columns_of(kernel_rows("n", "p", kernels))["module"]) == {""}


def test_ends_of_intervals_are_those_of_the_kernels():
    estimate = estimate_network(small_network(), with_intervals())
    columns = columns_of(rows(estimate))
    ends = list(zip(columns["lower_s"], columns["upper_s"], strict=True))
    assert ends == [kernel.interval_s or (None, None) for kernel in estimate.kernels]
    assert any(lower_s is not None for lower_s, _ in ends)


def test_comma_separated_values_hold_what_the_columns_hold(columns, tmp_path):
    write_table(tmp_path / "kernels.csv", columns)
    with (tmp_path / "kernels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["kernel"] for row in rows] == columns["kernel"]
    assert [float(row["latency_s"]) for row in rows] == columns["latency_s"]
    assert rows[0]["layers"].split(";") == columns["layers"][0]


def test_a_name_never_becomes_a_formula(tmp_path):
    columns = {name: ["=HYPERLINK(1)" if name == "kernel" else 1.0] for name in COLUMNS}
    write_table(tmp_path / "kernels.csv", columns)
    assert "'=HYPERLINK(1)" in (tmp_path / "kernels.csv").read_text()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_data_frame_holds_the_columns(columns, library):
    pytest.importorskip(library, reason=f"{library} is not installed")
    made = data_frame(columns, library)
    assert list(made.columns) == list(COLUMNS)
    assert len(made) == len(columns["kernel"])


def test_parquet_is_read_back(columns, tmp_path):
    polars = pytest.importorskip("polars", reason="polars is not installed")
    write_table(tmp_path / "kernels.parquet", columns)
    assert polars.read_parquet(tmp_path / "kernels.parquet")["kernel"].to_list() == columns["kernel"]


@pytest.mark.parametrize("ending", ["kernels.xlsx", "kernels"])
def test_another_ending_is_refused_with_those_that_are_known(columns, tmp_path, ending):
    with pytest.raises(OptionError, match=r"\.csv or \.parquet"):
        write_table(tmp_path / ending, columns)


def test_without_a_library_the_error_says_what_to_install(columns, monkeypatch):
    monkeypatch.setattr(frame, "find_spec", lambda _: None)
    with pytest.raises(OptionError, match="pip install"):
        data_frame(columns)


def test_an_unknown_library_is_refused(columns):
    with pytest.raises(OptionError, match="pandas, polars"):
        data_frame(columns, "numpy")


def test_importing_the_module_imports_no_library():
    before = {"pandas", "polars", "pyarrow"} & sys.modules.keys()
    importlib.reload(frame)
    assert {"pandas", "polars", "pyarrow"} & sys.modules.keys() == before


def test_an_estimate_becomes_a_data_frame():
    polars = pytest.importorskip("polars", reason="polars is not installed")
    estimate = estimate_network(small_network(), with_intervals())
    made = estimate.to_frame("polars")
    assert isinstance(made, polars.DataFrame)
    assert made["latency_s"].to_list() == [kernel.latency_s for kernel in estimate.kernels]


def test_documents_give_the_same_rows():
    estimate = estimate_network(small_network(), with_intervals())
    document = json.loads(json.dumps(estimate_document(estimate)))
    assert columns_of(kernel_rows(document["network"], document["platform"], document["kernels"])) == columns_of(
        rows(estimate)
    )
