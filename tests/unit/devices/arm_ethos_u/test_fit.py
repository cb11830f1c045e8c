"""How datasets of the backend ``vela`` become a platform."""

from dataclasses import replace

import pytest

from annette.bench.dataset import Dataset
from annette.bench.records import KernelRecord, Purpose, Run, Status
from annette.devices.arm_ethos_u.fit import fit
from annette.devices.arm_ethos_u.targets import Target, known_mapping
from annette.errors import FitError, OptionError
from annette.fitting.platform import fit_platform
from annette.fitting.request import FitRequest
from annette.models.tiled_roofline import TiledRoofline
from annette.network.builder import NetworkBuilder
from annette.platforms import dump_platform

TARGET = Target.choose("ethos-u85-256")
CLOCK_HZ = 500e6
ENVIRONMENT = {"runtime": "vela", "runtime_version": "5.2.0", "precision": "int8", **TARGET.described()}


def network(number):
    net = NetworkBuilder(f"chain{number}", source_format="test")
    x = net.conv(net.input("x", (1, 16, 16 + number, 16)), 32, 1, name="before")
    x = net.max_pool(net.conv(x, 16 + 8 * number, 3, padding=1, name="middle"), 2, stride=2, name="pool")
    x = net.relu(x, name="relu")
    return net.build(net.conv(x, 32, 1, name="behind"))


def run_of(number, environment=ENVIRONMENT, *, purpose=Purpose.MICRO_KERNEL, factor=1.0):
    """A run in which every kernel takes what the stage says, times a factor."""
    net = network(number)
    kernels = []
    for kernel in known_mapping(ENVIRONMENT).apply(net):
        cycles = max(kernel.context[f"{unit}_cycles"] for unit in ("engine", "on_chip", "off_chip"))
        names, seconds = tuple(layer.name for layer in kernel.layers), factor * cycles / CLOCK_HZ
        kernels.append(KernelRecord(kernel.name, kernel.kind, names, seconds, (seconds,)))
    total = sum(kernel.latency_s for kernel in kernels)
    return Run(
        f"case{number}", 0, purpose, net, environment, {}, Status.OK, "", 0.0, 0.0, total, (total,), (),
        tuple(kernels), 1.0,
    )  # fmt: skip


@pytest.fixture
def dataset_of(tmp_path):
    def write(runs):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.dataset"
        with Dataset.create(path) as dataset:
            for run in runs:
                dataset.add(run)
        return Dataset.open(path)

    return write


def test_rules_stage_and_clock_are_those_of_the_accelerator(dataset_of):
    with dataset_of([run_of(number) for number in range(10)]) as dataset:
        report = fit_platform([dataset], FitRequest(name="mine"))
    platform = report.platform
    assert report.device == "arm_ethos_u"
    assert "ethos-u85-256" in report.road
    assert platform.mapping == known_mapping(ENVIRONMENT)
    assert platform.device == "ethos-u85-256"
    formula = platform.models["conv"]["tiled-roofline"]
    assert isinstance(formula, TiledRoofline)
    assert formula.constants["clock_mhz"] == CLOCK_HZ / 1e6
    assert platform.preferred_family == "tiled-roofline"  # All is as the formula says.


def test_activations_that_were_not_measured_run_as_measured_ones_do(dataset_of):
    with dataset_of([run_of(number) for number in range(10)]) as dataset:
        platform = fit([dataset], FitRequest(name="mine")).platform
    assert "relu" not in platform.assumed
    assert platform.assumed["tanh"] == "priced by the compiler's formula, with which relu agrees"
    assert set(platform.models["tanh"]) == {"tiled-roofline"}
    assert "softmax" not in platform.models


def test_few_kernels_are_priced_by_the_formula_only_where_they_agree_with_it(dataset_of):
    with dataset_of([run_of(number) for number in range(3)]) as dataset:
        report = fit([dataset], FitRequest(name="few"))
    assert set(report.platform.models["max_pool"]) == {"roofline", "tiled-roofline"}
    assert any("max_pool (3)" in note for note in report.platform.provenance.notes)
    with dataset_of([run_of(number, factor=2.0) for number in range(3)]) as dataset:
        report = fit([dataset], FitRequest(name="few"))
    assert set(report.platform.models["max_pool"]) == {"roofline"}
    assert {"max_pool", "relu"} <= set(report.platform.assumed)
    assert report.unfitted["max_pool"] == 3
    assert any("not as the compiler" in note and "max_pool (3)" in note for note in report.platform.provenance.notes)


def test_whole_networks_and_cold_weights_have_no_part(dataset_of, tmp_path):
    others = [
        replace(run_of(20 + number, factor=9.0, purpose=purpose), case=f"other{number}")
        for number, purpose in enumerate((Purpose.NETWORK, Purpose.COLD_WEIGHTS))
    ]
    runs = [run_of(number) for number in range(10)]
    files = []
    for part in (runs, [*runs, *others]):
        with dataset_of(part) as dataset:
            files.append(tmp_path / f"{len(part)}.json")
            dump_platform(fit([dataset], FitRequest(name="a")).platform, files[-1])
    assert files[0].read_bytes() == files[1].read_bytes()
    with dataset_of(others) as dataset, pytest.raises(FitError, match="no usable run of generated layers"):
        fit([dataset], FitRequest(name="a"))


@pytest.mark.parametrize("changes", [{"config": "mine.ini", "system_config": "Mine"}, {"optimise": "Size"}], ids=str)
def test_what_is_not_known_takes_the_generic_road_and_says_so(dataset_of, changes):
    with dataset_of([run_of(number, ENVIRONMENT | changes) for number in range(10)]) as dataset:
        report = fit([dataset], FitRequest(name="mine"))
    assert report.platform.mapping.context is None
    assert "fitted by the generic road" in report.road
    assert "tiled-roofline" not in report.platform.models["conv"]


def test_a_preset_can_be_asked_for(dataset_of):
    with dataset_of([run_of(number) for number in range(10)]) as dataset:
        report = fit([dataset], FitRequest(name="mine", mapping="ethos-u55-128"))
        assert report.platform.mapping.name == "ethos-u55-128"
        with pytest.raises(OptionError, match="ethos-u85-257"):
            fit([dataset], FitRequest(name="mine", mapping="ethos-u85-257"))
