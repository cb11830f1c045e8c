"""From a vendor's spreadsheet to a platform, and from measured networks to a calibrated one, by commands alone."""

import json
import math

import jsonschema
import pytest
from click.testing import CliRunner

from annette.bench.dataset import Dataset
from annette.bench.records import Purpose, Run, Status
from annette.cli.main import cli
from annette.errors import DatasetError, FitError, OptionError
from annette.network.zoo import build
from annette.platforms import load_platform
from annette.report.schema import schema
from tests.published import DATA

LAYERS = "Op,in_channels,in_height,in_width,out_channels,kernel_height,Time,Notes\n" + "".join(
    f"conv,{channels},14,14,{channels},3,{channels * channels / 50 + 8},x\n" for channels in range(8, 88, 4)
)
NETWORKS = "network,latency_ms\nresnet50,14\nsqueezenet1_1,3\nmobilenet_v1,3.5\nvgg16,55\ninception_v3,19\n"


def run(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)


def test_a_spreadsheet_becomes_a_dataset(tmp_path):
    table, out = tmp_path / "layers.csv", tmp_path / "board.dataset"
    table.write_text(LAYERS)
    result = run(
        "import", table, "--out", out, "--device", "board", "--runtime", "v1", "--precision", "int8", "--json",
        "--column", "kind=Op", "--column", "latency_us=Time", "--ignore", "Notes",
    )  # fmt: skip
    assert json.loads(result.output) == {
        "schema": "annette/import/1", "dataset": str(out), "runs": 20, "kernels": 20,
    }  # fmt: skip
    jsonschema.validate(json.loads(result.output), schema("import"))
    with Dataset.open(out) as dataset:
        assert dataset.environments() == [{"device": "board", "runtime": "v1", "precision": "int8"}]


def test_a_column_that_is_not_known_stops_the_import_and_leaves_nothing(tmp_path):
    table, out = tmp_path / "layers.csv", tmp_path / "board.dataset"
    table.write_text(LAYERS)
    with pytest.raises(DatasetError, match="'Op' that is not known"):
        run("import", table, "--out", out, "--device", "b", "--runtime", "v", "--precision", "int8")
    assert not out.exists()


def test_measured_networks_calibrate_a_platform(tmp_path):
    table, out = tmp_path / "networks.csv", tmp_path / "mine.json"
    table.write_text(NETWORKS)
    document = json.loads(run("calibrate", table, "--platform", "zcu102-dnndk", "--out", out, "--json").output)
    jsonschema.validate(document, schema("calibration"))
    assert document["errors"]["fitted"] < document["errors"]["before"]
    platform = load_platform(str(out))
    assert (platform.name, platform.latency_is) == ("mine", "end_to_end")
    assert platform.provenance.sources[-1].title == "latency of 5 networks"
    text = run("calibrate", table, "--platform", "zcu102-dnndk", "--out", out).output
    assert "on networks left out" in text


def test_four_networks_are_refused(tmp_path):
    table = tmp_path / "networks.csv"
    table.write_text("\n".join(NETWORKS.splitlines()[:5]))
    with pytest.raises(FitError, match="needs 5 networks or more, and there are 4"):
        run("calibrate", table, "--platform", "zcu102-dnndk", "--out", tmp_path / "mine.json")
    assert not (tmp_path / "mine.json").exists()


def test_published_parameters_become_a_platform_and_take_no_other_options(tmp_path):
    parameters, out = DATA / "reference" / "models", tmp_path / "p.json"
    document = json.loads(run("import", parameters, "--layout", "original-ncs2", "--out", out, "--json").output)
    assert document == {"schema": "annette/conversion/1", "platform": str(out), "kinds": 35}
    with pytest.raises(OptionError, match="--out only"):
        run("import", parameters, "--layout", "original-ncs2", "--out", out, "--device", "x")
    with pytest.raises(OptionError, match=r"must end in \.json"):
        run("import", parameters, "--layout", "original-ncs2", "--out", tmp_path / "p.dataset")


def test_a_dataset_of_totals_calibrates_the_platform_of_another_device(tmp_path):
    """What a program measured was measured elsewhere, whatever runtime the platform names."""
    names = ("squeezenet1_1", "mobilenet_v1", "mnasnet0_5", "shufflenet_v2_x0_5", "mobilenet_v2")
    environment = {"runtime": "command", "device": "board", "model_format": "onnx"}
    with Dataset.create(tmp_path / "measured.sqlite") as dataset:
        for number, name in enumerate(names, start=1):
            dataset.add(
                Run(
                    case=name, round=0, purpose=Purpose.NETWORK, network=build(name), environment=environment,
                    details={}, status=Status.OK, reason="", started_unix_s=0.0, duration_s=1.0,
                    latency_s=number * 1e-2, samples_s=(number * 1e-2,), reference_s=(), kernels=(),
                    matched_share=math.nan,
                )
            )  # fmt: skip
    out = tmp_path / "mine.json"
    result = run(
        "calibrate", tmp_path / "measured.sqlite", "--platform", "epyc-onnxruntime-fp32", "--out", out, "--json"
    )
    measured = {row["network"]: row["measured_s"] for row in json.loads(result.output)["networks"]}
    assert measured == {name: pytest.approx(number * 1e-2) for number, name in enumerate(names, start=1)}
    assert load_platform(out).name == "mine"
