"""Collections: what a table says of itself stays with its numbers, through the dataset into the platform."""

import sqlite3
from contextlib import closing

import pytest

from annette.bench.dataset import Dataset
from annette.bench.importing.collection import digest_of, origin_of, read_collection
from annette.errors import DatasetError, FitError, OptionError
from annette.fitting.platform import fit_platform
from annette.fitting.request import FitRequest
from annette.fitting.training_data import benchmark_sources

STATED = {"device": "board", "runtime": "v1", "precision": "int8"}
TABLE = "kind,in_channels,in_height,in_width,latency_us\n" + "".join(
    f"relu,{channels},14,14,{channels}\n" for channels in range(8, 88, 4)
)


@pytest.fixture
def table(tmp_path):
    file = tmp_path / "layers.csv"
    file.write_text(TABLE, encoding="utf-8")
    return file


def saved(table, path, **stated):
    read_collection(table, "layers", {**STATED, **stated}).save(path)
    return Dataset.open(path)


def test_a_dataset_names_its_table(table, tmp_path):
    with saved(table, tmp_path / "d") as dataset:
        (source,) = origin_of(dataset).sources
        assert (source.title, source.sha256) == ("measured layers of layers.csv", digest_of(table))
        assert benchmark_sources([dataset]) == (source,)
        assert fit_platform([dataset], FitRequest(name="p")).platform.provenance.sources == (source,)


def test_a_dataset_without_an_origin_was_measured(tmp_path):
    with Dataset.create(tmp_path / "d") as dataset:
        assert origin_of(dataset) is None
        assert benchmark_sources([dataset])[0].location == "measured with annette bench"


def test_a_damaged_origin_is_named_with_its_place(table, tmp_path):
    saved(table, tmp_path / "d").close()
    with closing(sqlite3.connect(tmp_path / "d")) as connection, connection:
        connection.execute("UPDATE meta SET value = '{\"sources\": [1]}' WHERE key = 'origin'")
    with Dataset.open(tmp_path / "d") as dataset, pytest.raises(DatasetError, match=r"sources\[0\]"):
        origin_of(dataset)


def test_a_table_of_ours_needs_to_be_told_what_was_measured(table):
    with pytest.raises(OptionError, match="state --runtime, --precision"):
        read_collection(table, "layers", {"device": "board"})


def test_measurements_of_a_device_family_are_not_fitted_with_others(table, tmp_path):
    with (
        saved(table, tmp_path / "a", runtime="openvino-myriad") as stick,
        saved(table, tmp_path / "b") as board,
        pytest.raises(FitError, match=r"Myriad X .* others are not: fit them apart"),
    ):
        fit_platform([stick, board], FitRequest(name="p"))


def test_what_is_measured_on_a_stick_kernel_by_kernel_goes_the_generic_road(table, tmp_path):
    with saved(table, tmp_path / "a", runtime="openvino-myriad", precision="fp16") as stick:
        report = fit_platform([stick], FitRequest(name="p"))
    assert report.device == "intel_myriad"
    assert report.platform.provenance.notes[-1] == report.road
    assert "generic road" in report.road
