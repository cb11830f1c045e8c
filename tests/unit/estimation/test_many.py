"""Many networks in one stream: as one by one, in order, each error in its place."""

import itertools
import re
import weakref

import pytest

import annette
from annette.errors import NetworkError, OptionError, PlatformError
from annette.models.stack import ModelStack
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


@pytest.mark.parametrize("name", ["epyc-onnxruntime", "ncs2-openvino", "ethos-u85-512"])
def test_priced_together_is_priced_alone(name):
    """More networks than are priced together, of several sets of kinds, some equal, one that cannot be priced."""
    platform = annette.load_platform(name)
    networks = [zoo.build(f"nasbench201:seed{seed % 9}") for seed in range(19)] + [zoo.build("shufflenet_v2_x1_0")]
    for each, network in zip(annette.estimate_many(networks, platform), networks, strict=True):
        if each.error is not None:
            with pytest.raises(type(each.error), match=re.escape(str(each.error))):
                annette.estimate(network, platform)
            continue
        alone, found = annette.estimate(network, platform), each.get()
        assert found.latency_s == pytest.approx(alone.latency_s, rel=1e-9)
        assert found.interval_s == pytest.approx(alone.interval_s, rel=1e-9)
        assert found.notes == alone.notes
        assert found.prices.methods == alone.prices.methods
        for got, wanted in zip(found.kernels, alone.kernels, strict=True):
            assert got.latency_s == pytest.approx(wanted.latency_s, rel=1e-9)
            assert got.interval_s == (wanted.interval_s and pytest.approx(wanted.interval_s, rel=1e-9))


def test_equal_kernels_are_priced_once(monkeypatch):
    rows = []
    predict = ModelStack.predict
    monkeypatch.setattr(ModelStack, "predict", lambda self, table, of: rows.append(len(of)) or predict(self, table, of))
    list(annette.estimate_many([zoo.build("resnet18")] * 8, "zcu102-dnndk"))
    (alone,) = rows[:1]
    list(annette.estimate_many([zoo.build("resnet18") for _ in range(8)], "zcu102-dnndk"))
    assert rows == [alone, alone]


def test_memory_does_not_grow_with_their_number():
    """Of many networks only those that are priced together exist at a time."""
    alive = weakref.WeakSet()
    most = 0

    def drawn():
        for seed in range(80):
            network = zoo.build(f"nasbench201:seed{seed % 5}")
            alive.add(network)
            yield network

    for each in annette.estimate_many(drawn(), "zcu102-dnndk", keep=lambda estimate: estimate.latency_s):
        most = max(most, len(alive))
        assert each.get() > 0
    assert most <= 16 + 2
