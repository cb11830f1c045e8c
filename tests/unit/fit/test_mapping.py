"""Learned mappings: a device with known rules, and what is learned from watching it."""

import math

import pytest

from annette.bench.records import KernelRecord, Purpose, Run, Status
from annette.errors import FitError
from annette.fit.mapping import learn_mapping
from annette.fit.mapping_quality import mapping_quality
from annette.mapping.model import MappingModel
from annette.mapping.rule import Rule
from annette.network.builder import NetworkBuilder

BASE = MappingModel("base")
DEVICE = MappingModel(
    "device",
    (
        Rule.parse("conv-relu", "anchor first = conv > second = relu", description="always"),
        Rule.parse(
            "conv-pool", "anchor first = conv > second = max_pool", "first.out_channels <= 48", description="small"
        ),
    ),
)


def watched(channels, side, follower, number):
    net = NetworkBuilder(f"n{number}", source_format="test")
    y = net.conv(net.input("x", (1, 8, side, side)), channels, 3, padding=1, name="conv")
    y = net.relu(y, name="after") if follower == "relu" else net.max_pool(y, 2, stride=2, name="after")
    y = net.activation(y, "sigmoid", name="end")
    network = net.build(y)
    kernels = tuple(
        KernelRecord(kernel.name, kernel.kind, tuple(layer.name for layer in kernel.layers), 1e-5, (1e-5,))
        for kernel in DEVICE.apply(network)
    )
    return Run(
        case=f"n{number}", round=0, purpose=Purpose.FUSION_PROBE, network=network, environment={}, details={},
        status=Status.OK, reason="", started_unix_s=0.0, duration_s=0.0, latency_s=math.nan, samples_s=(),
        calibration_s=(), kernels=kernels, matched_share=1.0,
    )  # fmt: skip


def runs(widths, side):
    return [
        watched(channels, side, follower, number)
        for number, (channels, follower) in enumerate((c, f) for c in widths for f in ("relu", "pool"))
    ]


def test_known_rules_are_recovered_and_hold_on_networks_that_were_not_watched():
    learned = learn_mapping(runs(range(8, 97, 8), 16), base=BASE)
    pairs = mapping_quality(learned, runs(range(6, 120, 12), 24)).pairs
    assert (pairs.precision, pairs.recall, pairs.matthews) == (1.0, 1.0, 1.0)
    assert MappingModel.from_json(learned.to_json()) == learned
    conditions = [str(condition) for rule in learned.rules for condition in rule.conditions]
    assert any("out_channels <= 52" in condition for condition in conditions)


def test_a_mapping_that_joins_nothing_has_no_recall():
    pairs = mapping_quality(BASE, runs((16, 64), 16)).pairs
    assert pairs.recall == 0
    assert math.isnan(pairs.precision)


def test_nothing_can_be_learned_from_nothing():
    with pytest.raises(FitError, match="which layers ran in which kernel"):
        learn_mapping([], base=BASE)
