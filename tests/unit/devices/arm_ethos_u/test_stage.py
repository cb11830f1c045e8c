"""The context stage of the Ethos-U: order, copies and context, worked by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest

from annette.devices.arm_ethos_u import stage as stage_module
from annette.devices.arm_ethos_u.scheduler.decomposition import operations_of
from annette.devices.arm_ethos_u.stage import BUSIEST
from annette.errors import MappingError
from annette.mapping.context import context_from_json, context_to_json
from annette.mapping.kernel import COLUMNS, KernelTable
from annette.mapping.rules import preset
from annette.models.tiled_roofline import TiledRoofline
from annette.network.builder import NetworkBuilder
from annette.network.zoo import build

PRESETS = ("ethos-u55-128", "ethos-u65-512-sram", "ethos-u65-512", "ethos-u85-512")


def joined():
    net = NetworkBuilder("joined", source_format="test")
    x = net.conv(net.input("x", (1, 16, 8, 8)), 16, 1, name="first")
    left = net.conv(x, 16, 1, name="left")
    return net.build(net.conv(net.concat([left, x], name="joined"), 16, 1, name="last"))


def contexts(network, name):
    return {kernel.name: kernel.context for kernel in preset(name).apply(network)}


def test_a_concat_copies_what_others_read_too():
    context = contexts(joined(), "ethos-u55-128")
    assert context["joined"]["copied_bytes"] == 16 * 8 * 8
    assert context["first"]["input_rows"] == 1
    assert context["left"]["input_rows"] == 0


def test_a_concat_that_copies_nothing_is_free():
    net = NetworkBuilder("free", source_format="test")
    x = net.input("x", (1, 16, 8, 8))
    parts = [net.conv(x, 16, 1, name=name) for name in ("a", "b")]
    network = net.build(net.conv(net.concat(parts, name="joined"), 16, 1, name="last"))
    kernels = {kernel.name: kernel for kernel in preset("ethos-u55-128").apply(network)}
    assert kernels["joined"].free


@pytest.mark.parametrize("name", ["mobilenet_v2", "densenet121", "shufflenet_v2_x1_0"])
def test_kernels_come_behind_what_they_read(name):
    network = build(name)
    seen = set(network.inputs)
    kernels = preset("ethos-u85-512").apply(network)
    for kernel in kernels:
        assert set(kernel.inputs) <= seen
        seen.update(kernel.outputs)
    assert sum(len(kernel.layers) for kernel in kernels) == len(network.layers)


def test_rectifiers_run_with_convolutions_and_not_with_pools():
    net = NetworkBuilder("pool", source_format="test")
    x = net.relu(net.conv(net.input("x", (1, 16, 8, 8)), 16, 1, name="conv"))
    network = net.build(net.relu(net.max_pool(x, 2, stride=2, name="pool"), name="alone"))
    assert [kernel.name for kernel in preset("ethos-u55-128").apply(network)] == ["conv", "pool", "alone"]


def test_maps_are_outside_only_where_memory_on_chip_is_for_staging():
    on_chip, staged = contexts(joined(), "ethos-u65-512-sram"), contexts(joined(), "ethos-u65-512")
    assert {context["input_outside"] for context in on_chip.values()} == {0.0}
    assert staged["first"]["input_outside"] == 1  # the network's input
    assert staged["last"]["output_outside"] == 1  # its output
    assert staged["left"]["input_outside"] == 0  # small enough to be staged


def test_a_map_that_does_not_fit_stays_outside_and_its_kernels_run_in_turns():
    net = NetworkBuilder("large", source_format="test")
    x = net.conv(net.input("x", (1, 16, 128, 128)), 64, 3, padding=1, name="first")
    context = contexts(net.build(net.conv(x, 64, 3, padding=1, name="second")), "ethos-u65-512")
    assert context["first"]["cascaded"] == context["second"]["cascaded"] == 1
    assert context["first"]["output_outside"] == 0  # a rolling buffer
    assert 0 < context["second"]["stripe_height"] < 128


@pytest.mark.parametrize("name", PRESETS)
def test_every_kernel_keeps_a_unit_busy(name):
    for kernel in preset(name).apply(build("mobilenet_v2")):
        if not kernel.free:
            busy = [kernel.context[f"{unit}_cycles"] for unit in ("engine", "on_chip", "off_chip")]
            assert max(busy) > 0, kernel.name


@pytest.mark.parametrize("name", PRESETS)
def test_the_stage_survives_json(name):
    stage = preset(name).context
    assert context_from_json(json.loads(json.dumps(context_to_json(stage)))) == stage


def damaged(**changes):
    parameters = json.loads(json.dumps(preset("ethos-u55-128").context.to_json()))
    for path, value in changes.items():
        *outer, last = path.split("__")
        inner = parameters
        for key in outer:
            inner = inner[key]
        inner[last] = value
    return {"name": "ethos-u-placement", "parameters": parameters}


@pytest.mark.parametrize("units", [None, [], [[1, 2]], [[0, 2, 8]], [[True, 2, 8]], [[1, 2, 8]] * 9])
def test_bad_micro_tiles_are_refused(units):
    with pytest.raises(MappingError, match="units"):
        context_from_json(damaged(engine__units=units))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"engine__banks": -1}, "banks"),
        ({"engine__banks": 0}, "input_bytes"),
        ({"engine__input_grain": 0}, "input_grain"),
        ({"inside__read": 0}, "read"),
        ({"inside__burst_bytes": float("nan")}, "burst_bytes"),
        ({"outside": 3}, "outside"),
        ({"staging_bytes": 1.5}, "staging_bytes"),
        ({"cycles_per_sum": "1"}, "cycles_per_sum"),
        ({"unknown": 1}, "unknown"),
        ({"engine__cores": True}, "cores"),
    ],
)
def test_bad_parameters_are_refused_by_name(changes, named):
    with pytest.raises(MappingError, match=named):
        context_from_json(damaged(**changes))


UNITS = ("engine", "on_chip", "off_chip")
COLUMNS_OF_CONTEXT = (*UNITS, "waiting")


def table(ops=1.0, **cycles):
    values = np.ones((1, len(COLUMNS)))
    values[0, COLUMNS.index("ops")] = ops
    context = {f"context:{unit}_cycles": np.array([cycles.get(unit, 0.0)]) for unit in COLUMNS_OF_CONTEXT}
    return KernelTable(np.array(["conv"]), values, context)


def model(start=0.0, clock_mhz=1.0):
    return TiledRoofline(BUSIEST.name, {"clock_mhz": clock_mhz, "start_cycles": start})


@pytest.mark.parametrize("busiest", UNITS)
def test_the_busiest_unit_decides(busiest):
    cycles = dict.fromkeys(UNITS, 100.0) | {busiest: 300.0}
    assert model().predict_s(table(**cycles))[0] == pytest.approx(300e-6)


def test_operations_one_after_another_take_longer_than_the_busiest_unit():
    assert model().predict_s(table(engine=300.0, off_chip=200.0, waiting=50.0))[0] == pytest.approx(350e-6)


def test_a_clock_twice_as_fast_takes_half_as_long():
    fast, slow = (model(clock_mhz=clock).predict_s(table(engine=100.0))[0] for clock in (2.0, 1.0))
    assert fast == pytest.approx(slow / 2)


def test_a_start_comes_on_top():
    assert model(start=20.0).predict_s(table(engine=100.0))[0] == pytest.approx(120e-6)


def test_an_idle_kernel_takes_a_cycle_and_not_nothing():
    assert model().predict_s(table())[0] == pytest.approx(1e-6)


def test_engine_and_memories_are_told_apart():
    terms = model().terms(table(engine=100.0, on_chip=50.0, off_chip=70.0))
    assert terms.compute_s[0] == pytest.approx(100e-6)
    assert terms.memory_s[0] == pytest.approx(70e-6)
    assert model().terms(table(ops=0.0, engine=100.0)).compute_s[0] == 0


@pytest.mark.parametrize("mapping", ["ethos-u55-128", "ethos-u85-512"])
def test_a_transpose_into_the_order_that_is_stored_moves_nothing(mapping):
    net = NetworkBuilder("layout", source_format="test")
    x = net.conv(net.input("x", (1, 16, 8, 8)), 24, 3, padding=1, name="conv")
    x = net.transpose(x, (0, 2, 3, 1), name="last")
    x = net.transpose(net.relu(x, name="rectified"), (0, 3, 1, 2), name="first")
    kernels = {kernel.name: kernel for kernel in preset(mapping).apply(net.build(net.conv(x, 8, 1, name="end")))}
    assert kernels["last"].free
    assert "moves-nothing" in kernels["last"].rules
    assert kernels["first"].free


@pytest.mark.parametrize("name", PRESETS)
def test_a_stage_that_saw_other_networks_says_what_a_new_one_says(name):
    """Operations that are alike are looked up, with whatever surrounds them."""
    known = preset(name).context
    others = [build(f"nasbench201:seed{seed}") for seed in range(5)]
    networks = [*others, build("mobilenet_v3_small"), joined(), build("nasbench201:seed3", batch=2), build("resnet18")]
    for network in (*networks, *networks):
        kernels = replace(preset(name), context=None).apply(network)
        found, wanted = known.apply(kernels, network), type(known)(known.accelerator).apply(kernels, network)
        assert found == wanted
        assert [dict(kernel.context) for kernel in found] == [dict(kernel.context) for kernel in wanted]


def test_alike_operations_are_worked_out_once(monkeypatch):
    network, calls = build("nasbench201:seed3"), []
    stage = type(preset("ethos-u65-512").context)(preset("ethos-u65-512").context.accelerator)
    kernels = replace(preset("ethos-u65-512"), context=None).apply(network)
    monkeypatch.setattr(stage_module, "operations_of", lambda *args: calls.append(args) or operations_of(*args))
    stage.apply(kernels, network)
    assert 0 < len(calls) < len(kernels) / 2
    first = len(calls)
    stage.apply(kernels, network)
    assert len(calls) == first
