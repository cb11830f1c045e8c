"""The road by commands, from published tables to a platform file, is the road by functions."""

import json

from click.testing import CliRunner

from annette.cli.main import cli
from annette.devices.tvm_arm.fit import NOTES, PHONES, fit_phone
from annette.devices.tvm_arm.importer import import_tophub
from annette.fitting.formula_fit import Published
from annette.platforms import dumps_platform
from tests.published import DATA


def run(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)


def test_import_and_fit_give_the_bytes_that_the_tables_themselves_give(tmp_path):
    """A dataset loses nothing: neither order nor digits nor provenance; the road adds one note."""
    dataset, file = tmp_path / "d.dataset", tmp_path / "kirin970-tvm.json"
    run("import", DATA / "tophub", "--layout", "tophub", "--device", "kirin970", "--out", dataset)
    document = json.loads(run("fit", dataset, "--out", file, "--json").output)
    assert document["device_family"] == "tvm_arm"
    assert document["kinds"][0]["best"] == "saturating-rate"
    direct, _ = fit_phone(PHONES["kirin970"], Published.of(import_tophub(DATA / "tophub", "kirin970"), NOTES))
    fitted, expected = json.loads(file.read_text()), json.loads(dumps_platform(direct))
    assert fitted["provenance"]["notes"].pop() == document["road"]
    assert list(fitted.items()) == list(expected.items())
