"""Vela in this process gives what its command line gives; lowered networks run in the format's own interpreter."""

from __future__ import annotations

import csv
import subprocess
import sys

import numpy as np
import pytest

from annette.bench.backend import Subject
from annette.bench.profile_matching import match_profile
from annette.devices.arm_ethos_u.backend import VelaBackend, VelaOptions
from annette.devices.arm_ethos_u.targets import VELAS_OWN
from annette.errors import BackendRunError
from annette.network import zoo
from annette.network.builder import NetworkBuilder
from annette.network.load import load_network
from annette.network.writers.tflite import write_tflite
from annette.network.writers.tflite_file import Quantization, TfliteFile

pytestmark = pytest.mark.skipif(not VelaBackend.available().usable, reason="ethos-u-vela is not installed")

TARGETS = [
    {"accelerator": "ethos-u55-128"},
    {"accelerator": "ethos-u65-512", "memory_mode": "Shared_Sram"},
    {"accelerator": "ethos-u65-512"},
    {"accelerator": "ethos-u85-512"},
]


def cycles_of_command_line(path, options, folder):
    """A process of Vela's own, without any report but the summary."""
    code = "import sys; from ethosu.vela.vela import main; sys.exit(main())"
    arguments = [str(path), "--output-dir", str(folder), *options.target().arguments()]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)
    (summary,) = folder.glob("*_summary_*.csv")
    with summary.open(encoding="utf-8") as file:
        return int(float(next(csv.DictReader(file))["cycles_total"]))


def measured(backend, subject):
    with backend.compile(subject) as compiled:
        return compiled.profile(1)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: "-".join(target.values()))
def test_a_file_takes_the_cycles_of_velas_command_line(target, tmp_path):
    options = VelaOptions(**target)
    backend = VelaBackend(options)
    path = tmp_path / "net [1].tflite"
    write_tflite(zoo.build("mobilenet_v3_small"), path)
    expected = cycles_of_command_line(path, options, tmp_path / "own")
    subject = Subject(load_network(path), path)
    for _ in range(2):
        profile = measured(backend, subject)
        assert profile.details["cycles"] == str(expected)
        assert sum(int(entry.info["cycles"]) for entry in profile.entries) == expected
    found = match_profile(subject.network, profile.entries)
    assert found.matched_share > 0.99
    assert not found.unmatched


SHAPE = (1, 16, 16, 8)
EVERY = Quantization(0.1, 3)


def write_by_hand(path, operators, *, real=()):
    """A chain of operators as converters leave them: names occur twice or are missing; the ``real`` ones are floats."""
    file = TfliteFile("by hand")
    count = len(operators) + 1
    tensors = [
        file.tensor("same" if n else "", SHAPE, "float32" if n in real else "int8", quantization=EVERY)
        for n in range(count)
    ]
    for number, (name, reads, options, fields) in enumerate(operators):
        file.operator(name, [tensors[number]] * reads, [tensors[number + 1]], options, **fields)
    path.write_bytes(file.encode(tensors[:1], tensors[-1:]))


POOL = ("MAX_POOL_2D", 1, "Pool2D", {"stride_w": 1, "stride_h": 1, "filter_width": 3, "filter_height": 3})
ADD = ("ADD", 2, "Add", {})


@pytest.mark.parametrize(
    ("operators", "real"),
    [
        ([("QUANTIZE", 1, "", {}), ADD, POOL, ("DEQUANTIZE", 1, "", {})], (0, 4)),
        ([ADD, ("SIN", 1, "", {}), POOL], ()),
        ([ADD, ("CUSTOM", 1, "", {}), POOL], ()),
        ([POOL, ("FLOOR_MOD", 2, "", {}), ("NEG", 1, "", {}), ADD], ()),
    ],
    ids=["real at both ends", "unknown to vela", "custom", "two on the host"],
)
def test_files_with_operators_for_the_host_take_the_cycles_of_the_command_line(operators, real, tmp_path):
    path = tmp_path / "net.tflite"
    write_by_hand(path, operators, real=real)
    profile = measured(VelaBackend(VelaOptions()), Subject(load_network(path), path))
    assert profile.details["cycles"] == str(cycles_of_command_line(path, VelaOptions(), tmp_path / "own"))
    assert profile.details["host_operators"]
    assert match_profile(load_network(path), profile.entries).matched_share == 1.0


def test_a_file_of_real_numbers_is_refused_as_vela_gives_it_no_cycles(tmp_path):
    path = tmp_path / "net.tflite"
    write_by_hand(path, [POOL, ("RELU", 1, "", {})], real=(0, 1, 2))
    assert cycles_of_command_line(path, VelaOptions(), tmp_path / "own") == 0
    with pytest.raises(BackendRunError, match="no operator of 'net' runs on ethos-u55-128"):
        VelaBackend(VelaOptions()).compile(Subject(load_network(path), path))


@pytest.mark.parametrize("accelerator", ["ethos-u55-64", "ethos-u65-256", "ethos-u85-128"])
def test_velas_own_choices_are_those_of_its_command_line(accelerator, tmp_path):
    path = tmp_path / "net.tflite"
    write_by_hand(path, [ADD, POOL, ADD])
    code = "import sys; from ethosu.vela.vela import main; sys.exit(main())"
    arguments = [str(path), "--output-dir", str(tmp_path / "own"), "--accelerator-config", accelerator]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)
    (summary,) = (tmp_path / "own").glob("*_summary_*.csv")
    with summary.open(encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    options = VelaOptions(accelerator=accelerator, system_config=VELAS_OWN, memory_mode=VELAS_OWN)
    profile = measured(VelaBackend(options), Subject(load_network(path), path))
    assert int(profile.details["cycles"]) == int(float(row["cycles_total"]))


def test_networks_measured_in_between_change_nothing():
    backend = VelaBackend(VelaOptions())
    first = measured(backend, Subject(zoo.build("squeezenet1_1")))
    measured(backend, Subject(zoo.build("mobilenet_v2")))
    assert measured(backend, Subject(zoo.build("squeezenet1_1"))) == first


@pytest.mark.parametrize(
    "name", ["mobilenet_v2", "shufflenet_v2_x0_5", "squeezenet1_1", "regnet_y_400mf", "yolov4_tiny"]
)
@pytest.mark.parametrize("accelerator", ["ethos-u55-128", "ethos-u85-512"])
def test_the_kernels_of_the_zoo_are_matched(name, accelerator):
    network = zoo.build(name)
    found = match_profile(
        network, measured(VelaBackend(VelaOptions(accelerator=accelerator)), Subject(network)).entries
    )
    assert found.matched_share > 0.99
    claimed = [layer for kernel in found.kernels for layer in kernel.layers]
    assert len(claimed) == len(set(claimed)), "no layer is in two kernels"
    heavy = {layer.name for layer in network.layers if layer.workload.macs}
    assert heavy <= set(claimed)


def test_what_vela_cannot_do_is_an_error_that_names_it(tmp_path):
    net = NetworkBuilder("odd")
    x = net.local_response_norm(net.input("image", (1, 8, 8, 8)), name="norm")
    with pytest.raises(BackendRunError, match=r"'odd' cannot be measured with Vela: layer 'norm' \(lrn\)"):
        VelaBackend(VelaOptions()).compile(Subject(net.build(x)))
    network = zoo.build("squeezenet1_1")
    path = tmp_path / "torn.tflite"
    write_tflite(network, path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(BackendRunError, match="truncated or damaged"):
        VelaBackend(VelaOptions()).compile(Subject(network, path))


def test_what_stays_on_the_host_is_named():
    net = NetworkBuilder("mask")
    x = net.relu(net.input("x", (1, 4, 8)))
    x = net.where_mask(x, (1, 4, 8), pattern="causal", value=-1.0, name="where")
    profile = measured(VelaBackend(VelaOptions()), Subject(net.build(net.activation(x, "sigmoid"))))
    assert profile.details["host_operators"] == "where"


def test_nothing_that_vela_says_reaches_standard_output(capfd):
    measured(VelaBackend(VelaOptions()), Subject(zoo.build("squeezenet1_1")))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "name", ["mobilenet_v3_small", "shufflenet_v2_x0_5", "regnet_y_400mf", "squeezenet1_1", "densenet121", "vit_b_16"]
)
def test_lowered_networks_run_in_the_interpreter(name, tmp_path):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert is not installed")
    network = zoo.build(name)
    path = tmp_path / "net.tflite"
    write_tflite(network, path)
    plain = interpreter.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    runner = interpreter.Interpreter(str(path), experimental_op_resolver_type=plain, num_threads=1)
    runner.allocate_tensors()
    (source,) = runner.get_input_details()
    random = np.random.default_rng(0)
    runner.set_tensor(source["index"], random.integers(-128, 128, source["shape"]).astype(np.int8))
    runner.invoke()
    for output in runner.get_output_details():
        shape = network.tensors[output["name"]].shape
        assert sorted(output["shape"]) == sorted(shape)
        assert runner.get_tensor(output["index"]).size == int(np.prod(shape))
