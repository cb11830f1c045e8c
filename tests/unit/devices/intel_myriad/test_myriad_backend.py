"""The MYRIAD backend on recorded output, through a stand-in for the other Python."""

from __future__ import annotations

import json
import sys

import pytest

from annette.bench.backend import Subject
from annette.bench.profile_matching import match_profile
from annette.devices.intel_myriad import backend as myriad
from annette.devices.intel_myriad.backend import MyriadBackend, MyriadOptions, parse_myriad_output
from annette.errors import BackendRunError, BackendUnavailableError
from annette.testing.backends import example_network

COUNTERS = [
    {"name": "stem", "layer_type": "Convolution", "exec_type": "MyriadXHwOp", "real_time": 420, "status": "EXECUTED"},
    {"name": "relu", "layer_type": "ReLU", "exec_type": "Undefined", "real_time": 0, "status": "OPTIMIZED_OUT"},
    {"name": "conv1@copy-in", "layer_type": "Copy", "exec_type": "copy", "real_time": 30, "status": "EXECUTED"},
    {"name": "conv1", "layer_type": "Convolution", "exec_type": "MyriadXHwOp", "real_time": 100, "status": "EXECUTED"},
    {"name": "receive-tensor", "layer_type": "Receive-Tensor", "exec_type": "x", "real_time": 50, "status": "EXECUTED"},
]


@pytest.fixture
def backend(tmp_path, monkeypatch):
    """A backend whose other Python is this one with a program that answers from a recording."""

    def answer(result, probe=None):
        program = tmp_path / "program.py"
        probe = probe or {"version": "2021.4.2", "devices": ["CPU", "MYRIAD"]}
        program.write_text(
            "import json, sys\n"
            "job = json.loads(sys.stdin.read())\n"
            f"print('noise of the runtime')\nprint({json.dumps(probe)!r} if 'model' not in job else {result!r})\n",
            encoding="utf-8",
        )
        monkeypatch.setattr(myriad, "_PROGRAM", program)
        return MyriadBackend(MyriadOptions(python=sys.executable))

    return answer


def test_a_recorded_run_is_matched(backend):
    open_backend = backend(json.dumps({"latency_s": [0.012, 0.011], "counters": COUNTERS}))
    network = example_network()
    with open_backend.compile(Subject(network)) as compiled:
        assert compiled.run(2) == (0.012, 0.011)
        found = match_profile(network, compiled.profile(2).entries)
    assert [kernel.layers for kernel in found.kernels] == [("stem",), ("conv1",), ("conv1",), ()]
    assert found.kernels[-1].added
    assert open_backend.environment()["runtime_version"] == "2021.4.2"


def test_without_a_stick_it_is_unavailable(backend):
    with pytest.raises(BackendUnavailableError, match=r"python3\.8 -m pip install openvino==2021\.4\.2"):
        backend("{}", probe={"version": "2021.4.2", "devices": ["CPU"]})


def test_says_what_is_missing_where_no_python_has_it(monkeypatch):
    monkeypatch.setattr(myriad, "_PYTHONS", ("no-such-python",))
    state = MyriadBackend.available()
    assert not state.usable
    assert state.install.startswith("python3.8 -m pip install")


def test_an_error_of_the_runtime_is_told(backend):
    with (
        backend(json.dumps({"error": "Failed to allocate graph: NC_ERROR"})).compile(Subject(example_network())) as c,
        pytest.raises(BackendRunError, match="NC_ERROR"),
    ):
        c.run(1)


@pytest.mark.parametrize(
    "text", ["", "{", "[1, 2]", '{"latency_s": [1]}', '{"latency_s": ["x"], "counters": []}',
             '{"latency_s": [1], "counters": [{"name": "a"}]}'],
)  # fmt: skip
def test_output_that_is_truncated_or_renamed_is_an_error(text):
    with pytest.raises(BackendRunError, match="cannot be understood"):
        parse_myriad_output(text, example_network())


def test_a_program_that_dies_is_an_error(backend, tmp_path):
    open_backend = backend("{}")
    (tmp_path / "program.py").write_text("raise SystemExit('out of memory')", encoding="utf-8")
    with (
        open_backend.compile(Subject(example_network())) as compiled,
        pytest.raises(BackendRunError, match="exit code 1: out of memory"),
    ):
        compiled.run(1)


def test_the_program_for_the_other_python_is_there():
    assert myriad._PROGRAM.read_text(encoding="utf-8").startswith('"""Runs in the Python that has OpenVINO 2021.4')
