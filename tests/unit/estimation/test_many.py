"""Many networks in one stream: as one by one, in order, each error in its place."""

import itertools

import pytest

import annette
from annette.errors import NetworkError, OptionError, PlatformError
from annette.network import zoo

NAMES = ["resnet18", "squeezenet1_1", "resnet18@160"]


def test_the_same_as_one_by_one():
    platform = annette.load_platform("zcu102-dnndk")
    found = list(annette.estimate_many(NAMES, platform))
    for each, name in zip(found, NAMES, strict=True):
        alone = annette.estimate(name, platform)
        assert each.get().latency_s == pytest.approx(alone.latency_s, rel=1e-9)
        assert each.get().interval_s == pytest.approx(alone.interval_s, rel=1e-9)


def test_numbers_and_names_follow_what_was_given(tmp_path):
    given = ["resnet18", tmp_path / "missing.onnx", zoo.build("squeezenet1_1")]
    found = list(annette.estimate_many(given, "zcu102-dnndk"))
    assert [each.number for each in found] == [0, 1, 2]
    assert [each.network for each in found] == ["resnet18", str(tmp_path / "missing.onnx"), "squeezenet1_1"]


def test_an_error_costs_no_other_network():
    found = list(annette.estimate_many(["resnet81", "resnet18"], "zcu102-dnndk"))
    assert found[0].value is None
    assert "resnet81" in str(found[0].error)
    with pytest.raises(NetworkError):
        found[0].get()
    assert found[1].error is None
    assert found[1].get().latency_s > 0


def test_networks_are_taken_as_they_are_needed():
    endless = itertools.cycle(NAMES)
    found = annette.estimate_many(endless, "zcu102-dnndk", keep=lambda estimate: estimate.latency_s)
    assert len([each.get() for each in itertools.islice(found, 7)]) == 7


@pytest.mark.parametrize(
    "how",
    [{"fallback": "guess"}, {"confidence": 1.0}, {"model": "oracle"}, {"jobs": 0}],
    ids=lambda how: next(iter(how)),
)
def test_what_suits_no_network_is_refused_at_once(how):
    with pytest.raises(OptionError):
        annette.estimate_many([], "zcu102-dnndk", **how)


def test_an_unknown_platform_is_refused_at_once():
    with pytest.raises(PlatformError):
        annette.estimate_many([], "no-such-platform")
