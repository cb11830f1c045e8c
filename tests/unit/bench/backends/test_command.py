import shlex
import sys
from pathlib import Path

import pytest

from annette.bench.backends.base import Subject
from annette.bench.backends.command import CommandBackend, CommandOptions
from annette.errors import BackendRunError, OptionError
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


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys; sys.exit('no board')", "exit code 1: no board"),
        ("import os; os.abort()", "exit code -6"),
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
