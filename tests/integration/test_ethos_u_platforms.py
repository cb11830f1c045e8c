"""The shipped Ethos-U platforms against compiles of today, and int8 TFLite files as their input."""

from __future__ import annotations

from typing import Final

import pytest

from annette.bench.backend import Subject
from annette.devices.arm_ethos_u.backend import VelaBackend, VelaOptions
from annette.devices.arm_ethos_u.targets import preset_targets
from annette.estimation import estimate_network
from annette.network import zoo
from annette.network.load import load_network
from annette.network.writers.tflite import write_tflite
from annette.platforms import load_platform

NAMES = ("ethos-u55-128", "ethos-u65-512-sram", "ethos-u65-512", "ethos-u85-512")
NETWORKS = ("mobilenet_v3_small", "squeezenet1_1", "nasbench101:seed100")
WITHIN = 0.10
"""What the documentation's table promises of a single network that is no exception named there."""

ALIKE: Final = 0.05
"""A file spells out paddings that the zoo's networks hold as attributes, which changes a forest's view a little."""


@pytest.mark.skipif(not VelaBackend.available().usable, reason="ethos-u-vela is not installed")
@pytest.mark.parametrize("platform", NAMES)
@pytest.mark.parametrize(
    ("name", "batch"), [*((name, 1) for name in NETWORKS), ("resnet18", 4), ("shufflenet_v2_x1_0", 4)]
)
def test_estimates_are_near_what_vela_says_today(platform, name, batch):
    network, target = zoo.build(name, batch=batch), preset_targets()[platform]
    options = VelaOptions(target.accelerator, target.system_config, target.memory_mode)
    with VelaBackend(options).compile(Subject(network)) as compiled:
        (measured_s,) = compiled.run(1)
    estimate = estimate_network(network, load_platform(platform))
    assert estimate.latency_s == pytest.approx(measured_s, rel=WITHIN)


@pytest.mark.parametrize("platform", NAMES)
@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18"])
def test_a_tflite_file_is_estimated_like_the_network_it_was_written_from(platform, name, tmp_path):
    network = zoo.build(name)
    write_tflite(network, tmp_path / "network.tflite")
    loaded = load_platform(platform)
    expected = estimate_network(network, loaded).latency_s
    assert estimate_network(load_network(tmp_path / "network.tflite"), loaded).latency_s == pytest.approx(
        expected, rel=ALIKE
    )


@pytest.mark.parametrize("platform", NAMES)
def test_networks_have_intervals_and_other_families(platform):
    network, loaded = zoo.build("resnet18"), load_platform(platform)
    estimate = estimate_network(network, loaded)
    assert estimate.interval_s is not None
    low, high = estimate.interval_s
    assert low < estimate.latency_s < high
    for family in ("roofline", "statistical", "mixed"):
        assert estimate_network(network, loaded, model=family).latency_s > 0
