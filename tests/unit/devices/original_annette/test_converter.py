"""Converting the original's published parameters: what is refused. What comes out is compared in ``tests/golden``."""

import shutil

import pytest

from annette.devices.original_annette.converter import convert_dnndk
from annette.errors import DatasetError
from tests.published import DATA


@pytest.fixture
def parameters(tmp_path):
    for name in ("layer-dnndk-roofline.json", "layer-dnndk-ref_roofline.json", "mapping-dnndk.json"):
        shutil.copyfile(DATA / "reference" / "models" / name, tmp_path / name)
    return tmp_path


def test_the_parameters_become_a_platform(parameters):
    platform = convert_dnndk(parameters)
    assert platform.name == "zcu102-dnndk-original"
    assert len(platform.provenance.sources) == 3


def test_a_missing_file_is_named(parameters):
    (parameters / "mapping-dnndk.json").unlink()
    with pytest.raises(DatasetError, match=r"cannot read '.*mapping-dnndk\.json'"):
        convert_dnndk(parameters)


def test_what_is_no_object_is_refused(parameters):
    (parameters / "mapping-dnndk.json").write_text("[]")
    with pytest.raises(DatasetError, match="no JSON object"):
        convert_dnndk(parameters)


def test_another_width_of_numbers_is_refused(parameters):
    file = parameters / "layer-dnndk-ref_roofline.json"
    file.write_text(file.read_text().replace('"bit_act": 8', '"bit_act": 16'))
    with pytest.raises(DatasetError, match="are not 8 throughout"):
        convert_dnndk(parameters)
