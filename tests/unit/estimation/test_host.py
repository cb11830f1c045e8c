"""Kernels that run on the host, kinds priced by assumption, and what is carried between host and device."""

from dataclasses import replace

import pytest

from annette.errors import PlatformFormatError
from annette.estimation import estimate_network
from annette.mapping.kernel import Precision
from annette.mapping.model import MappingModel
from annette.mapping.rule import Rule
from annette.models.roofline import Roofline
from annette.network.builder import NetworkBuilder
from annette.network.tensor import DType
from annette.platforms import Overhead, dumps_platform, loads_platform
from annette.platforms.overhead import host_traffic
from tests.unit.platforms.examples import example

MODELS = {
    "conv": {"roofline": Roofline(1e12, 1e10, 1e-6)},
    "softmax": {"roofline": Roofline(1e9, 1e9, 1e-5)},
}
PLATFORM = example(
    models=MODELS,
    preferred_family="roofline",
    preferred_by_kind={},
    ranges={},
    intervals=None,
    overhead=Overhead(1e-7, 1e-3, 1e-9, 2e-9),
    host_kinds=frozenset({"softmax"}),
)


def network():
    net = NetworkBuilder("n")
    return net.build(net.softmax(net.conv(net.input("image", (1, 3, 8, 8)), 4, 1)))


def test_what_runs_on_the_host_counts_end_to_end_only():
    estimate = estimate_network(network(), PLATFORM)
    conv, softmax = estimate.kernels
    assert estimate.device_latency_s == pytest.approx(conv.latency_s + 1e-7)
    carried = 3 * 64 * 1e-9 + 4 * 64 * 2e-9
    assert estimate.end_to_end_latency_s == pytest.approx(
        estimate.device_latency_s + softmax.latency_s + 1e-3 + carried
    )
    assert estimate.latency_s == estimate.end_to_end_latency_s
    assert any("softmax run on the host" in note for note in estimate.notes)


def test_assumed_kinds_are_priced_but_neither_fitted_nor_in_range():
    estimate = estimate_network(network(), replace(PLATFORM, assumed={"softmax": "a guess"}))
    conv, softmax = estimate.kernels
    assert softmax.latency_s > 0
    assert (conv.in_range, softmax.in_range) == (True, False)
    assert estimate.coverage.kernels == 0.5
    assert any("softmax: priced by assumption" in note for note in estimate.notes)


def test_a_kind_told_apart_since_costs_what_it_was_part_of_and_is_marked():
    def picked(*, apart):
        net = NetworkBuilder("n")
        x, positions = net.input("x", (1, 8)), net.input("positions", (1, 8), DType.INT64)
        return net.build(net.apply("gather_elements" if apart else "gather", x, positions, attributes={"axis": 1}))

    models = {"gather": {"roofline": Roofline(1e9, 1e9, 1e-5)}}
    platform = replace(PLATFORM, models=models, host_kinds=frozenset())
    (kernel,) = estimate_network(picked(apart=True), platform).kernels
    assert kernel.latency_s == pytest.approx(1e-5, rel=0.1)
    assert not kernel.in_range
    assert estimate_network(picked(apart=False), platform).kernels[0].in_range
    assert any("priced by assumption" in note for note in estimate_network(picked(apart=True), platform).notes)
    own = replace(platform, models={**models, "gather_elements": {"roofline": Roofline(1e9, 1e9, 2e-5)}})
    (kernel,) = estimate_network(picked(apart=True), own).kernels
    assert (kernel.in_range, kernel.latency_s) == (True, pytest.approx(2e-5, rel=0.1))


def test_the_kind_of_a_rule_costs_what_its_layer_would_where_it_was_not_measured():
    rule = {
        "name": "apart",
        "description": "One row.",
        "pattern": "row = softmax",
        "action": "fuse",
        "kind": "row_by_row",
    }
    mapping = MappingModel("apart", (Rule.from_json(rule),))
    platform = replace(PLATFORM, mapping=mapping, host_kinds=frozenset())
    _, told_apart = estimate_network(network(), platform).kernels
    _, plain = estimate_network(network(), replace(PLATFORM, host_kinds=frozenset())).kernels
    assert told_apart.latency_s == plain.latency_s
    assert (told_apart.kind, told_apart.in_range, plain.in_range) == ("row_by_row", False, True)


def test_a_family_that_a_kind_lacks_gives_way_to_what_the_platform_prefers():
    models = {
        **MODELS,
        "softmax": {"original-roofline": Roofline(1e9, 1e9)},
        "tanh": {"mixed": Roofline(1e9, 1e9)},
    }
    platform = replace(PLATFORM, models=models, preferred_by_kind={"softmax": "original-roofline"})
    methods = [kernel.method for kernel in estimate_network(network(), platform, model="mixed").kernels]
    assert methods == ["roofline", "original-roofline"]


def test_files_keep_both():
    platform = replace(PLATFORM, assumed={"softmax": "a guess"})
    again = loads_platform(dumps_platform(platform).encode(), source="x")
    assert (again.host_kinds, dict(again.assumed)) == (platform.host_kinds, {"softmax": "a guess"})
    assert "host_kinds" not in dumps_platform(replace(PLATFORM, host_kinds=frozenset()))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"host_kinds": frozenset({"relu"})}, "'relu'"),
        ({"assumed": {"relu": "a guess"}}, "'relu'"),
        ({"overhead": Overhead(), "latency_is": "device"}, "no overhead per run"),
    ],
)
def test_contradictions_are_refused(changes, complaint):
    with pytest.raises(PlatformFormatError, match=complaint):
        replace(PLATFORM, **changes)


def test_outputs_that_follow_from_shapes_alone_are_not_carried():
    net = NetworkBuilder("n")
    image = net.input("image", (1, 3, 8, 8))
    result = net.conv(image, 4, 1)
    boxes = net.layer("generate", [], shapes=[(1, 100)], dtype=DType.FLOAT32)[0]
    traffic = host_traffic(net.build(result, boxes), Precision(8, 8))
    assert traffic == (3 * 64, 4 * 64, 1, 1)
