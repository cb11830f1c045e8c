"""Finding platforms: by path, in the user's folders, in the catalogue."""

import pytest

from annette.errors import PlatformFormatError, PlatformNotFoundError
from annette.platforms import dump_platform, list_platforms, load_platform
from annette.platforms.store import PATH_VARIABLE, user_folders
from tests.unit.platforms.examples import example

SHIPPED = {"ncs2-openvino", "ncs2-openvino-original", "zcu102-dnndk", "zcu102-dnndk-original"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(PATH_VARIABLE, str(tmp_path))
    return tmp_path


def test_the_catalogue_is_listed_and_every_entry_loads():
    entries = list_platforms()
    assert [entry.name for entry in entries] == sorted(entry.name for entry in entries)
    assert {entry.name for entry in entries} >= SHIPPED
    for entry in entries:
        platform = load_platform(entry.name)
        assert platform.name == entry.name
        assert entry.origin == "catalogue"
        assert platform.provenance.sources


def test_a_users_platform_is_found_by_name_and_hides_a_shipped_one(folder):
    dump_platform(example(), folder / "bench-board.json")
    dump_platform(example(name="zcu102-dnndk"), folder / "zcu102-dnndk.json")
    assert load_platform("bench-board").device == "Board 1"
    assert load_platform("zcu102-dnndk").device == "Board 1"
    origins = {entry.name: entry.origin for entry in list_platforms()}
    assert origins["zcu102-dnndk"] == str(folder)
    assert origins["ncs2-openvino"] == "catalogue"


def test_the_first_folder_wins(tmp_path, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        dump_platform(example(device=name), tmp_path / name / "bench-board.json")
    monkeypatch.setenv(PATH_VARIABLE, f"{tmp_path / 'a'}:{tmp_path / 'b'}")
    assert load_platform("bench-board").device == "a"


def test_the_users_data_folder_is_the_default(tmp_path, monkeypatch):
    monkeypatch.delenv(PATH_VARIABLE)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert user_folders() == (tmp_path / "annette" / "platforms",)
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_folders() == (tmp_path / ".local" / "share" / "annette" / "platforms",)


def test_a_path_needs_no_name(folder):
    file = folder / "elsewhere.json"
    dump_platform(example(), file)
    assert load_platform(file).name == "bench-board"
    assert load_platform(str(file)).name == "bench-board"
    with pytest.raises(PlatformFormatError, match=r"name the file bench-board\.json"):
        load_platform("elsewhere")


def test_a_file_that_cannot_be_a_platform_says_why(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "board.txt").write_text("{}")
    with pytest.raises(PlatformNotFoundError, match=r"no platform 'board\.txt', and a platform file ends in \.json"):
        load_platform("board.txt")


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(PlatformNotFoundError, match="did you mean 'zcu102-dnndk'"):
        load_platform("zcu102-dnkd")
    with pytest.raises(PlatformNotFoundError, match="did you mean 'ncs2-openvino' or 'ncs2-openvino-original'"):
        load_platform("ncs2")
    with pytest.raises(PlatformNotFoundError, match="no platform 'q'; known: "):
        load_platform("q")
    with pytest.raises(PlatformNotFoundError, match="no platform file"):
        load_platform("missing.json")
    with pytest.raises(PlatformNotFoundError, match="no platform file"):
        load_platform("./missing")


def test_a_broken_file_is_named(folder):
    (folder / "broken.json").write_text("{}")
    with pytest.raises(PlatformFormatError, match=r"broken\.json.*not a platform file"):
        load_platform("broken")
    with pytest.raises(PlatformFormatError, match="not a platform file"):
        load_platform(folder / "broken.json")


@pytest.mark.parametrize("name", ["ncs2-openvino-original", "zcu102-dnndk-original"])
def test_the_originals_parameters_price_nothing_at_zero_silently(name):
    """Rates and bandwidths are those of real devices; what the original did not price is left out."""
    platform = load_platform(name)
    for families in platform.models.values():
        assert {"roofline", "original-roofline", "original-refined-roofline"} <= families.keys()
        for model in families.values():
            assert 1e8 < model.bytes_per_s < 1e12
            assert 1e8 < model.ops_per_s < 1e13
    assert ("depthwise_conv" in platform.models) == name.startswith("ncs2")
    assert not platform.models.keys() & {"matmul", "attention", "layer_norm", "unsupported", "reshape"}
