"""The Vela backend without Vela: targets, and layers of kernels."""

from __future__ import annotations

import pytest

from annette.bench.named_backends import parse_options
from annette.bench.profile_matching import match_profile
from annette.devices.arm_ethos_u.backend import VelaOptions
from annette.devices.arm_ethos_u.targets import FACTS, VELAS_OWN, Target
from annette.devices.arm_ethos_u.vela_report import VelaKernel, parse_vela_report, profile_entries
from annette.errors import OptionError
from annette.network.writers.tflite import lower_tflite
from annette.testing.backends import example_network
from tests.unit.devices.arm_ethos_u.test_vela_report import DATABASE, SUMMARY


@pytest.mark.parametrize(
    ("accelerator", "mode", "expected"),
    [
        ("ethos-u55-128", "", ("Ethos_U55_High_End_Embedded", "Shared_Sram")),
        ("ethos-u65-512", "Shared_Sram", ("Ethos_U65_Embedded", "Shared_Sram")),
        ("ethos-u65-512", "", ("Ethos_U65_Client_Server", "Dedicated_Sram_512KB")),
        ("ethos-u85-512", "", ("Ethos_U85_SYS_DRAM_Mid", "Dedicated_Sram_512KB")),
        ("ethos-u85-512", "Shared_Sram", ("Ethos_U85_SYS_Flash_High", "Shared_Sram")),
    ],
)
def test_what_is_left_open_fits(accelerator, mode, expected):
    target = Target.choose(accelerator, memory_mode=mode)
    assert (target.system_config, target.memory_mode) == expected


@pytest.mark.parametrize(
    ("accelerator", "expected"),
    [
        ("ethos-u55-32", ("Ethos_U55_High_End_Embedded", "Shared_Sram")),
        ("ethos-u65-256", ("Ethos_U65_Client_Server", "Dedicated_Sram_384KB")),
        ("ethos-u85-2048", ("Ethos_U85_SYS_DRAM_Mid", "Dedicated_Sram_384KB")),
    ],
)
def test_velas_own_choices_can_be_asked_for(accelerator, expected):
    target = Target.choose(accelerator, VELAS_OWN, VELAS_OWN)
    assert (target.system_config, target.memory_mode) == expected


def test_a_system_with_flash_shares_its_sram():
    assert Target.choose("ethos-u65-512", "Ethos_U65_Embedded").memory_mode == "Shared_Sram"


def test_every_accelerator_has_defaults():
    accelerators = FACTS()["accelerators"]
    assert all(Target.choose(name).arguments()[1] == name for name in accelerators)
    assert len(accelerators) == 11


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accelerator": "ethos-u55-12"}, "accelerator 'ethos-u55-12'; did you mean"),
        ({"memory_mode": "Shared"}, "memory_mode"),
        ({"system_config": "U55"}, "system_config"),
        ({"optimise": "Speed"}, "optimise"),
        ({"arena_cache_size": -1}, "negative"),
    ],
)
def test_options_that_vela_does_not_know_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        VelaOptions(**options)


def test_options_come_from_the_command_line():
    assert parse_options("vela", {"accelerator": "ethos-u85-256", "arena_cache_size": "1000"}) == {
        "accelerator": "ethos-u85-256",
        "arena_cache_size": 1000,
    }


def test_a_configuration_file_of_ones_own_brings_its_own_names():
    assert VelaOptions(config="mine.ini", system_config="Mine").target().arguments()[3] == "mine.ini"


def entries_of(network):
    report = parse_vela_report(SUMMARY, DATABASE)
    return profile_entries(report, lower_tflite(network).operators, network)


def test_kernels_of_the_report_have_the_layers_of_the_network():
    network = example_network()
    found = match_profile(network, entries_of(network))
    assert [kernel.layers for kernel in found.kernels] == [
        ("stem", "relu"),
        ("conv1", "relu_2"),
        ("conv2", "add", "activation"),
        ("pool",),
        ("mean",),
        ("classifier",),
    ]
    assert found.matched_share == 1
    assert found.not_run == ("flatten",)
    assert sum(kernel.latency_s for kernel in found.kernels) == pytest.approx(28564e-9)


def kernel(name, operators, cycles=10):
    return VelaKernel(name, ("Op",), operators, cycles)


def test_kernels_of_one_layer_are_one_entry():
    network = example_network()
    report = parse_vela_report(SUMMARY, "")
    kernels = (kernel("a", (0,), 5), kernel("x", ()), kernel("b", (0, 1), 7), kernel("c", (2,)), kernel("d", (9,)))
    report = type(report)(42, 1e6, kernels, ())
    entries = profile_entries(report, [("stem",), ("relu",), ()], network)
    assert [entry.layers for entry in entries] == [("stem", "relu"), (), (), ()]
    assert entries[0].latency_s == (12e-6,)
    assert entries[0].info["parts"] == "2"
    found = match_profile(network, entries)
    assert [kernel.added for kernel in found.kernels] == [False, True, True, False], "operator 9 is not in the file"
    assert found.unmatched == ("d",)


def test_cycles_that_no_kernel_has_are_one_unmatched_entry():
    network = example_network()
    report = parse_vela_report(SUMMARY, "")
    report = type(report)(100, 1e6, (kernel("a", (0,), 60),), ())
    found = match_profile(network, profile_entries(report, [("stem",)], network))
    assert found.matched_share == pytest.approx(0.6)
    assert found.unmatched == ("not in the report",)
    assert sum(kernel.latency_s for kernel in found.kernels) == pytest.approx(100e-6)
