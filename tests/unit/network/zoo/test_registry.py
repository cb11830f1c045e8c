import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from annette.errors import NetworkShapeError, OptionError
from annette.network import zoo
from annette.network.zoo.catalog import CATALOG


def test_names_are_sorted_and_described():
    assert list(zoo.names()) == sorted(CATALOG)
    assert all(zoo.describe(name).description for name in zoo.names())
    assert len(zoo.names()) >= 24


def test_an_entry_that_is_inexact_or_deviates_says_why():
    for entry in CATALOG.values():
        assert entry.source
        assert bool(entry.note) == bool(entry.extra_parameters or entry.extra_gmacs), entry.name


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("resnet50", True),
        ("resnet5", False),
        ("nasbench101:seed1", True),
        ("nasbench201:|x|", True),
        ("nasbench101", False),
        ("resnet50:x", False),
    ],
)
def test_is_name(name, known):
    assert zoo.is_name(name) is known


def test_an_unknown_network_is_refused_with_the_nearest():
    with pytest.raises(OptionError, match="'resnet18'"):
        zoo.build("resnet_18")
    with pytest.raises(OptionError, match="no network 'nothing'"):
        zoo.describe("nothing")


@pytest.mark.parametrize("batch", [0, -1])
def test_a_batch_that_is_not_positive_is_refused(batch):
    with pytest.raises(OptionError, match=f"batch {batch}"):
        zoo.build("resnet18", batch=batch)


def test_an_unknown_option_is_refused_with_the_nearest():
    with pytest.raises(OptionError, match="did you mean 'batch_norm'"):
        zoo.build("resnet18", batchnorm=True)
    with pytest.raises(OptionError, match="no option 'batch_norm'"):
        zoo.build("vgg16", batch_norm=True)
    with pytest.raises(OptionError, match="no option 'depth'"):
        zoo.build("nasbench101:seed1", depth=3)


def test_a_resolution_that_vanishes_is_refused():
    with pytest.raises(NetworkShapeError):
        zoo.build("yolov2", resolution=16)


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("resnet18", "resolution", 96),
        ("resnet18", "classes", 7),
        ("mobilenet_v2", "width", 0.35),
        ("densenet121", "growth", 16),
        ("vit_b_16", "layers", 2),
        ("openpose_lightweight", "refinements", 3),
    ],
)
def test_options_change_the_network(name, option, value):
    assert zoo.build(name, **{option: value}).parameters > 0
    changed, default = zoo.build(name, **{option: value}), zoo.build(name)
    assert (changed.macs, changed.parameters) != (default.macs, default.parameters)


def test_families_load_one_by_one_and_without_onnx():
    code = (
        "import sys; from annette.network import zoo; zoo.names(); "
        "families = lambda: {m for m in sys.modules if m.startswith('annette.network.zoo.')}; "
        "before = families(); zoo.build('alexnet'); "
        "print(sorted(before), sorted(families() - before), 'onnx' in sys.modules, 'numpy' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.startswith(
        "['annette.network.zoo.catalog', 'annette.network.zoo.sizes'] "
        "['annette.network.zoo.classic', 'annette.network.zoo.folding'] False"
    )


def test_the_page_shows_the_table_that_the_catalogue_makes():
    folder = Path(__file__).parents[4]
    if not (folder / "docs" / "zoo.md").exists():
        pytest.skip("only the checkout has the documentation")
    tool = runpy.run_path(str(folder / "tools" / "zoo_table.py"))
    page = (folder / "docs" / "zoo.md").read_text(encoding="utf-8")
    assert tool["BEGIN"] + tool["table"]() + tool["END"] in page, "run: python tools/zoo_table.py"
