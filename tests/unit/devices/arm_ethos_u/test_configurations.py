"""What follows from an accelerator, a system configuration and a memory mode of Vela."""

import configparser
from pathlib import Path

import pytest

from annette.devices.arm_ethos_u.targets import (
    FACTS,
    Target,
    clock_hz,
    known_mapping,
    preset_targets,
    presets,
    target_of,
)
from annette.mapping.rules import preset
from annette.platforms import load_platform

SRAM_U55 = {"bytes_per_cycle": 8.0, "burst_bytes": 32, "read_latency": 32, "write_latency": 32} | dict.fromkeys(
    ("read", "write", "weights", "scales", "copy"), 8.0
)
SRAM_U65 = SRAM_U55 | dict.fromkeys(("bytes_per_cycle", "read", "write", "weights", "scales", "copy"), 16.0)
FLASH = {"burst_bytes": 128, "read_latency": 64, "write_latency": 0} | dict.fromkeys(
    ("bytes_per_cycle", "read", "write", "weights", "scales", "copy"), 1.0
)
DRAM_U65 = {"burst_bytes": 128, "read_latency": 500, "write_latency": 250} | dict.fromkeys(
    ("bytes_per_cycle", "read", "write", "weights", "scales", "copy"), 12.0
)
SHRAM = {"input_bytes": 0, "accumulator_bytes": 0, "max_height": 32, "max_width": 64, "max_channels": 128}
U65_512 = SHRAM | {
    "units": [[2, 2, 8]], "banks": 48, "input_grain": 8, "accumulator_grain": 16, "deep_channels": 32, "cores": 2,
    "cycles_per_word": 0.5625, "cycles_per_word_unary": 0.3125,
}  # fmt: skip
U65_512_CYCLES = {"output": 0.125, "table": 0.5, "maximum": 0.0625, "sum": 0.375, "product": 0.1875}
EXPECTED = {
    "ethos-u55-128": {
        "engine": SHRAM | {
            "units": [[1, 2, 8]], "banks": 24, "input_grain": 4, "accumulator_grain": 8, "deep_channels": 32,
            "cores": 1, "cycles_per_word": 1.25, "cycles_per_word_unary": 0.75,
        },
        "inside": SRAM_U55, "outside": FLASH, "staging_bytes": 0,
        "cycles": {"output": 0.5, "table": 1.0, "maximum": 0.25, "sum": 1.5, "product": 0.75},
    },
    "ethos-u65-512-sram": {
        "engine": U65_512, "inside": SRAM_U65, "outside": FLASH, "staging_bytes": 0, "cycles": U65_512_CYCLES,
    },
    "ethos-u65-512": {
        "engine": U65_512, "inside": SRAM_U65, "outside": DRAM_U65, "staging_bytes": 524288, "cycles": U65_512_CYCLES,
    },
    "ethos-u85-512": {
        "engine": {
            "units": [[2, 2, 16], [1, 4, 16]], "banks": 0, "input_grain": 0, "accumulator_grain": 0,
            "input_bytes": 16384, "accumulator_bytes": 32768, "max_height": 128, "max_width": 128,
            "max_channels": 1024, "deep_channels": 64, "cores": 1,
            "cycles_per_word": 0.25, "cycles_per_word_unary": 0.25,
        },
        "inside": {
            "bytes_per_cycle": 32.0, "read": 20.48, "write": 20.48, "weights": 20.48, "scales": 20.48, "copy": 20.48,
            "burst_bytes": 64, "read_latency": 32, "write_latency": 32,
        },
        "outside": {
            "bytes_per_cycle": 12.0, "read": 3.2768, "write": 10.48576, "weights": 6.5536, "scales": 0.4096,
            "copy": 3.2768, "burst_bytes": 128, "read_latency": 500, "write_latency": 250,
        },
        "staging_bytes": 524288,
        "cycles": dict.fromkeys(("output", "table", "maximum", "sum", "product"), 0.125),
    },
}  # fmt: skip
"""Parameters of the shipped platforms, as they were found before they were computed from facts."""


@pytest.mark.parametrize("name", EXPECTED)
def test_parameters_of_the_shipped_platforms_follow_from_facts(name):
    expected = {key: value for key, value in EXPECTED[name].items() if key != "cycles"}
    expected |= {f"cycles_per_{key}": value for key, value in EXPECTED[name]["cycles"].items()}
    assert presets()[name]["context"]["parameters"] == expected
    assert preset(name).context.to_json() == expected
    shipped = load_platform(name).mapping
    assert shipped.context.to_json() == expected
    assert [rule.name for rule in shipped.rules] == [rule.name for rule in preset(name).rules]


def test_there_is_a_preset_for_every_accelerator():
    assert set(presets()) == {*FACTS()["accelerators"], "ethos-u65-512-sram"}
    for name in presets():
        accelerator = preset(name).context.accelerator
        cores = accelerator.config.cores if accelerator.config.shram_banks else 1
        assert accelerator.config.macs * cores == int(name.split("-")[2])


@pytest.mark.parametrize("name", [*EXPECTED, "ethos-u55-32", "ethos-u85-256", "ethos-u85-2048"])
def test_environments_that_the_backend_writes_are_recognised(name):
    environment = preset_targets()[name].described()
    assert known_mapping(environment) == preset(name)
    assert target_of(environment) == preset_targets()[name]


def test_other_systems_have_their_own_memories_and_clock():
    target = Target.choose("ethos-u65-512", "Ethos_U65_Mid_End", "Dedicated_Sram_384KB")
    mapping = known_mapping(target.described())
    assert mapping.name == "ethos-u65-512-ethos-u65-mid-end-dedicated-sram-384kb"
    assert mapping.context.accelerator.off_chip.bytes_per_cycle == 16 * 0.46875
    assert mapping.context.accelerator.staging_bytes == 384 * 1024
    assert clock_hz(target) == 500e6


def test_the_arena_cache_size_limits_what_is_staged():
    target = Target.choose("ethos-u85-256", arena_cache_size=100_000)
    assert known_mapping(target.described()).context.accelerator.staging_bytes == 100_000


@pytest.mark.parametrize(
    "changes",
    [
        {"device": "ethos-u55-512"},
        {"system_config": "Mine"},
        {"memory_mode": "Mine"},
        {"config": "mine.ini"},
        {"optimise": "Size"},
        {"optimise": None},
        {"device": None},
        {"arena_cache_size": "100000"},
        {"memory_mode": "Dedicated_Sram"},
    ],
    ids=str,
)
def test_what_is_not_known_has_no_mapping(changes):
    environment = Target.choose("ethos-u55-128").described() | changes
    assert known_mapping({key: value for key, value in environment.items() if value is not None}) is None


def test_facts_are_those_of_the_installed_compiler():
    ethosu = pytest.importorskip("ethosu", reason="ethos-u-vela is not installed")
    file = configparser.ConfigParser()
    file.read(Path(ethosu.__path__[0]) / "config_files" / "Arm" / "vela.ini")
    assert {f"System_Config.{name}" for name in FACTS()["system_configs"]} | {
        f"Memory_Mode.{name}" for name in FACTS()["memory_modes"]
    } == set(file.sections())
    for name, system in FACTS()["system_configs"].items():
        section = file[f"System_Config.{name}"]
        assert system["clock_hz"] == float(section["core_clock"])
        for memory, facts in ((key, value) for key, value in system.items() if key != "clock_hz"):
            assert memory in (section["axi0_port"], section["axi1_port"])
            named = {key: float(section.get(f"{memory}_{key}", "1")) for key in (
                "clock_scale", "ports_used", "burst_length", "read_latency", "write_latency", "max_reads", "max_writes",
            )}  # fmt: skip
            assert list(named.values()) == [
                facts["clock_scale"], facts["ports"], facts["burst_bytes"], *facts["latency"], *facts["outstanding"],
            ]  # fmt: skip
