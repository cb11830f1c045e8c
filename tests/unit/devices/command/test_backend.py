import shlex
import sys
import time
from pathlib import Path

import pytest

from annette.bench.backend import Subject
from annette.bench.profile_matching import match_profile
from annette.devices.command.backend import CommandBackend, CommandOptions
from annette.errors import BackendRunError, OptionError
from annette.network.builder import NetworkBuilder
from annette.network.load import load_network
from annette.network.writers.tflite import write_tflite
from tests.unit.bench.scripted import network


def backend(code, **options):
    command = shlex.join([sys.executable, "-c", code, "{model}"])
    return CommandBackend(CommandOptions(command=command, **options))


def test_hands_the_program_a_model_that_can_be_read():
    onnx = pytest.importorskip("onnx")
    code = "import sys; open(sys.argv[1] + '.copy', 'wb').write(open(sys.argv[1], 'rb').read()); print('2 ms')"
    with backend(code).compile(Subject(network("net"))) as compiled:
        assert compiled.run(1) == (2e-3,)
        (copy,) = Path(compiled._folder.name).glob("*.copy")
        onnx.checker.check_model(onnx.load(copy))
    assert not copy.exists()


def test_the_users_own_file_is_measured_as_it_is(tmp_path):
    file = tmp_path / "my model.onnx"
    file.write_bytes(b"12345")
    code = "import sys, os; print(os.path.getsize(sys.argv[1]), 's')"
    with backend(code).compile(Subject(network("net"), file)) as compiled:
        assert compiled.run(1) == (5.0,)
    assert file.exists()


def test_the_profile_is_that_of_the_same_run(tmp_path):
    code = (
        f"open({str(tmp_path / 'journal')!r}, 'a').write('x');"
        'print(\'{"kernels": [{"name": "conv", "latency_ms": 3}]}\')'
    )
    with backend(code, runs=2).compile(Subject(network("net"))) as compiled:
        assert compiled.run(1) == (3e-3, 3e-3)
        assert [entry.name for entry in compiled.profile(1).entries] == ["conv"]
    assert (tmp_path / "journal").read_text() == "xx"


def test_no_report_is_no_profile():
    with backend("print('1 ms')").compile(Subject(network("net"))) as compiled:
        assert compiled.profile(1) is None


def test_nothing_goes_through_a_shell(tmp_path):
    command = f"echo $(touch {tmp_path / 'x'}) ; touch {tmp_path / 'y'} {{model}} 1 ms"
    with CommandBackend(CommandOptions(command=command)).compile(Subject(network("net"))) as compiled:
        assert compiled.run(1) == (1e-3,)
    assert not list(tmp_path.iterdir())


DEVICE = """
import json, sys
from pathlib import Path
from annette.network.readers.tflite import read_tflite
network = read_tflite(Path(sys.argv[1]))
names = [layer.outputs[0] for layer in network.layers if not layer.outputs[0].endswith(":linear")]
kernels = [{"name": f"[{name}]:{number}", "latency_us": 5} for number, name in enumerate(names)]
print(json.dumps({"latency_us": 5 * len(names), "kernels": kernels}))
"""


def test_a_device_of_integers_gets_tflite_and_names_operators_by_their_tensors():
    subject = Subject(network("net"))
    with backend(DEVICE, model_format="tflite").compile(subject) as compiled:
        times = compiled.run(1)
        entries = compiled.profile(1).entries
    found = match_profile(subject.network, entries)
    assert found.matched_share == 1.0
    assert [kernel.layers for kernel in found.kernels] == [("conv", "relu")]
    assert times == pytest.approx((5e-6,))


def test_a_users_tflite_file_is_given_to_the_program_as_it_is(tmp_path):
    file = tmp_path / "own.tflite"
    write_tflite(network("net"), file)
    before = file.read_bytes()
    own = Subject(load_network(str(file)), file)
    with backend(DEVICE, model_format="tflite").compile(own) as compiled:
        compiled.run(1)
        assert match_profile(own.network, compiled.profile(1).entries).matched_share == 1.0
        assert not list(Path(compiled._folder.name).iterdir())
    assert file.read_bytes() == before
    with pytest.raises(BackendRunError, match="--model-format tflite"):
        backend(DEVICE).compile(own)


def test_what_a_program_left_behind_is_not_waited_for():
    command = "sh -c 'sleep 20 & sleep 20' {model}"
    options = CommandOptions(command=command, run_timeout_s=0.5)
    started = time.monotonic()
    with (
        CommandBackend(options).compile(Subject(network("net"))) as compiled,
        pytest.raises(BackendRunError, match=r"gave no result in 0\.5 s"),
    ):
        compiled.run(1)
    assert time.monotonic() - started < 15


def test_programs_may_print_the_report_of_a_vendors_tool():
    table = (
        "layerName;execStatus;layerType;execType;realTime (ms);cpuTime (ms)\n"
        "conv;EXECUTED;Convolution;jit;0.3;0.3\nTotal;;;;0.3;0.3\n"
    )
    subject = Subject(network("net"))
    with backend(f"print({table!r})", report="openvino-counters").compile(subject) as compiled:
        assert compiled.run(1) == pytest.approx((0.3e-3,))
        assert match_profile(subject.network, compiled.profile(1).entries).kernels[0].layers == ("conv",)
    with (
        backend(f"print({table[:-20]!r})", report="openvino-counters").compile(subject) as compiled,
        pytest.raises(BackendRunError, match="truncated"),
    ):
        compiled.run(1)
    with pytest.raises(OptionError, match="no report 'pdf'; known: own, openvino-counters, dpu-profile"):
        backend("", report="pdf")


def test_what_tflite_cannot_hold_is_refused_and_the_plan_is_one_that_it_can():
    net = NetworkBuilder("n")
    x = net.input("x", (4, 1, 8))
    lstm = net.build(net.lstm(x, 8))
    with pytest.raises(BackendRunError, match="cannot be given to the program"):
        backend("print('1 ms')", model_format="tflite").compile(Subject(lstm))
    assert CommandBackend.planned_for({"model_format": "tflite"}) == "npu"
    assert CommandBackend.planned_for({}) == "cpu"
    assert backend("", model_format="tflite").environment()["model_format"] == "tflite"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys; sys.exit('no board')", "exit code 1: no board"),
        ("import os; os.abort()", r"exit code -6 \(SIGABRT\)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", r"exit code -11 \(SIGSEGV\)"),
        ("pass", "printed nothing"),
        ("print('later')", "does not end in a latency"),
    ],
)
def test_a_program_that_fails_is_a_failed_run(code, message):
    with backend(code).compile(Subject(network("net"))) as compiled, pytest.raises(BackendRunError, match=message):
        compiled.run(1)


def test_a_program_that_hangs_is_given_up():
    own = backend("import time; time.sleep(60)", run_timeout_s=0.5)
    with own.compile(Subject(network("net"))) as compiled, pytest.raises(BackendRunError, match=r"no result in 0.5 s"):
        compiled.run(1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs a program"),
        ({"command": "no-such-program-here {model}"}, "no such program"),
        ({"command": "echo 1 ms"}, "{model}"),
        ({"command": "echo 'open {model}"}, "cannot be split"),
        ({"command": "echo {model}", "model_format": "tflight"}, "'tflight'"),
        ({"command": "echo {model}", "runs": 0}, "at least 1"),
        ({"command": "echo {model}", "run_timeout_s": 0.0}, "more than 0"),
    ],
)
def test_wrong_options_are_refused_before_anything_runs(options, message):
    with pytest.raises(OptionError, match=message):
        CommandBackend(CommandOptions(**options))
