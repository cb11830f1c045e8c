"""Intel's Neural Compute Stick 2 through OpenVINO 2021.4, the last release with the MYRIAD plug-in.

That release needs a Python of its own (3.9 at most), so a small program runs there
(`annette.devices.intel_myriad.program`) and prints times and counters, which are read here like a recorded report.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from annette.bench.backend import (
    Availability,
    Backend,
    BackendOptions,
    CompiledNetwork,
    Profile,
    Subject,
)
from annette.bench.profile_matching import ReportedKernel, to_entries
from annette.errors import BackendRunError, BackendUnavailableError, NetworkError
from annette.network.writers.onnx import write_onnx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annette.network import Network

__all__ = ["MyriadBackend", "MyriadOptions", "parse_myriad_output"]

_PROGRAM: Final = Path(__file__).with_name("program.py")
_PYTHONS: Final = ("python3.8", "python3.9", "python3.7", "python3.6")
_INSTALL: Final = "python3.8 -m pip install openvino==2021.4.2"
_PROBE_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True)
class MyriadOptions(BackendOptions):
    """Options of the MYRIAD backend.

    Attributes:
        python: The Python that has OpenVINO 2021.4; empty takes the first of 3.8, 3.9, 3.7 and 3.6 that does.
        device: OpenVINO's name for the device.
        run_timeout_s: How long loading and running one network may take, in seconds.
    """

    python: str = field(default="", metadata={"help": "Python with OpenVINO 2021.4; empty: the first that has it"})
    device: str = field(default="MYRIAD", metadata={"help": "OpenVINO's name for the device"})
    run_timeout_s: float = field(default=100.0, metadata={"help": "seconds that one network may take"})


class MyriadBackend(Backend):
    """A Neural Compute Stick 2 in half precision."""

    name = "myriad"
    options_type = MyriadOptions
    file_formats = (".onnx",)

    def __init__(self, options: BackendOptions) -> None:
        super().__init__(options)
        self._chosen = options if isinstance(options, MyriadOptions) else MyriadOptions()
        python = self._chosen.python or _find_python()
        probe = _probe(python, self._chosen.device) if python else None
        if probe is None:
            raise BackendUnavailableError(
                f"no Python here has OpenVINO 2021.4 with a {self._chosen.device} device; install it with: {_INSTALL}"
            )
        self._python = python
        self._version = probe

    @classmethod
    def available(cls) -> Availability:
        """Whether a Python with OpenVINO 2021.4 is here and sees a stick."""
        python = _find_python()
        if not python:
            return Availability(usable=False, reason="no Python with OpenVINO 2021.4 is here", install=_INSTALL)
        version = _probe(python, MyriadOptions().device)
        if version is None:
            return Availability(usable=False, reason=f"OpenVINO of {python} sees no MYRIAD device: plug one in")
        return Availability(usable=True, reason=f"openvino {version} in {python}")

    def environment(self) -> Mapping[str, str]:
        """Runtime, version, device and precision."""
        return {
            "runtime": "openvino-myriad",
            "runtime_version": self._version,
            "device": self._chosen.device,
            "precision": "fp16",
        }

    def compile(self, subject: Subject) -> CompiledNetwork:
        """Writes the network as ONNX where it has no file; the stick loads it for each measurement."""
        return _CompiledNetwork(subject, self._python, self._chosen)


class _CompiledNetwork(CompiledNetwork):
    def __init__(self, subject: Subject, python: str, options: MyriadOptions) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="annette-myriad-")
        self._network = subject.network
        self._python = python
        self._options = options
        self._path = subject.path or Path(self._folder.name) / "network.onnx"
        if subject.path is None:
            try:
                write_onnx(subject.network, self._path)
            except NetworkError as error:
                self.close()
                raise BackendRunError(f"{self._network.name!r} cannot be measured on MYRIAD: {error}") from error

    def run(self, repeats: int, *, before: Callable[[], None] | None = None) -> tuple[float, ...]:
        del before  # The host's caches do not matter to the stick.
        return self._output(repeats, counters=False)[0]

    def profile(
        self, repeats: int, *, before: Callable[[], None] | None = None, within_s: float = math.inf
    ) -> Profile | None:
        del before, within_s
        latency_s, kernels = self._output(repeats, counters=True)
        return Profile(to_entries(kernels, self._network), latency_s)

    def close(self) -> None:
        self._folder.cleanup()

    def _output(self, repeats: int, *, counters: bool) -> tuple[tuple[float, ...], tuple[ReportedKernel, ...]]:
        shapes = {name: list(self._network.tensors[name].shape) for name in self._network.inputs}
        job = {
            "model": str(self._path),
            "device": self._options.device,
            "runs": repeats,
            "counters": counters,
            "shapes": shapes,
        }
        text = _call(self._python, job, self._options.run_timeout_s)
        return parse_myriad_output(text, self._network)


def parse_myriad_output(text: str, network: Network) -> tuple[tuple[float, ...], tuple[ReportedKernel, ...]]:
    """Reads what the program in the other Python prints.

    Args:
        text: Its standard output; the last line counts.
        network: What was run, for messages.

    Returns:
        Times of the whole network and the kernels that ran, in seconds.

    Raises:
        BackendRunError: The output is truncated or has other fields, or the runtime failed.
    """
    lines = text.strip().splitlines()
    try:
        document: dict[str, Any] = json.loads(lines[-1])
        if "error" in document:
            raise BackendRunError(f"OpenVINO 2021.4 fails on {network.name!r}: {document['error']}")
        kernels = tuple(
            ReportedKernel(
                str(row["name"]), str(row["layer_type"]), float(row["real_time"]) * 1e-6, str(row["exec_type"])
            )
            for row in document["counters"]
            if row["status"] == "EXECUTED"
        )
        return tuple(float(sample) for sample in document["latency_s"]), kernels
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise BackendRunError(
            f"the report about {network.name!r} from the process with OpenVINO 2021.4 cannot be understood: {error!r}"
        ) from error


def _find_python() -> str:
    """The first Python that has the runtime, whatever devices it sees; empty where none has."""
    return next((path for path in map(shutil.which, _PYTHONS) if path and _probe(path, "")), "")


def _probe(python: str, device: str) -> str | None:
    """The runtime's version, where it is there and sees a device whose name begins so."""
    try:
        document = json.loads(_call(python, {"device": device}, _PROBE_TIMEOUT_S).strip().splitlines()[-1])
    except (BackendRunError, ValueError, IndexError):
        return None
    seen = isinstance(document, dict) and any(str(name).startswith(device) for name in document.get("devices", ()))
    return str(document["version"]) if seen else None


def _call(python: str, job: Mapping[str, Any], timeout_s: float) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - a Python of the user's choice
            [python, str(_PROGRAM)],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BackendRunError(f"OpenVINO 2021.4 gave no result within {timeout_s:g} s") from None
    except OSError as error:
        raise BackendRunError(f"{python!r} cannot be run: {error.strerror}") from error
    if done.returncode:
        words = done.stderr.strip().splitlines()
        last = words[-1][:200] if words else "it does not say why"
        raise BackendRunError(f"the process with OpenVINO 2021.4 ended with exit code {done.returncode}: {last}")
    return done.stdout
