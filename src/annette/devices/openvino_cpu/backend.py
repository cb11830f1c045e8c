"""OpenVINO on the CPU.

Whole-network times are wall-clock around a synchronous inference whose inputs were handed over before and whose results
stay where the runtime leaves them, as ``benchmark_app`` takes them: Python takes 27 µs to hand over an array, three
times what a run costs beside its kernels. Per-kernel times come from the runtime's performance counters
(``PERF_COUNT``), in a compilation of its own (`annette.devices.openvino_cpu.counters`). The runtime says itself which
layers each kernel runs (`annette.devices.openvino_cpu.runtime_graph`).
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annette.bench.backend import (
    MOST_WARM,
    WARM_S,
    Availability,
    Backend,
    BackendOptions,
    CompiledNetwork,
    Profile,
    Subject,
    time_runs,
)
from annette.bench.feeds import input_values
from annette.bench.host import cpu_description
from annette.devices.openvino_cpu.counters import CounterReading, executed_nodes_s, read_counters
from annette.devices.openvino_cpu.runtime_graph import executed_nodes, profile_entries
from annette.errors import BackendRunError, NetworkError, OptionError
from annette.network.lookups import lookup_sizes
from annette.network.writers.onnx import write_onnx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annette.network import Network

__all__ = ["OpenvinoBackend", "OpenvinoOptions"]

_PRECISIONS: Final = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
_LONGEST_REASON: Final = 300
_WARM: Final = 2
"""Runs before the counters count, the first of which places memory and makes code. What short networks need more of
counts as well: without it, the sum of so many runs is known too badly."""


@dataclass(frozen=True)
class OpenvinoOptions(BackendOptions):
    """Options of the OpenVINO backend.

    Attributes:
        threads: Threads inside an operator.
        precision: What real numbers are computed in; stated, as the runtime's own choice differs between processors.
    """

    threads: int = field(default=1, metadata={"help": "threads inside an operator"})
    precision: str = field(default="fp32", metadata={"help": "fp32, bf16 or fp16"})

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise OptionError(f"threads {self.threads} is less than 1")
        if self.precision not in _PRECISIONS:
            raise OptionError(f"OpenVINO has no precision {self.precision!r}; choose {', '.join(_PRECISIONS)}")


class OpenvinoBackend(Backend):
    """OpenVINO's CPU plug-in, one stream, for latency."""

    name = "openvino"
    options_type = OpenvinoOptions
    options: OpenvinoOptions
    file_formats = (".onnx",)

    @classmethod
    def available(cls) -> Availability:
        """Whether openvino is installed."""
        return Availability.of_package("openvino")

    def environment(self) -> Mapping[str, str]:
        """Runtime, version, precision, threads and processor."""
        return {
            "runtime": "openvino",
            "runtime_version": version("openvino"),
            "device": "CPU",
            "precision": self.options.precision,
            "threads": str(self.options.threads),
            **cpu_description(),
        }

    def compile(self, subject: Subject) -> CompiledNetwork:
        """Compiles a network; one without a file is written as ONNX with random weights first."""
        return _CompiledNetwork(subject, self.options)


class _CompiledNetwork(CompiledNetwork):
    def __init__(self, subject: Subject, options: OpenvinoOptions) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="annette-openvino-")
        self._network = subject.network
        self._options = options
        self._path = subject.path or Path(self._folder.name) / "network.onnx"
        try:
            if subject.path is None:
                write_onnx(subject.network, self._path)
        except NetworkError as error:
            self.close()
            raise BackendRunError(f"{self._network.name!r} cannot be measured with OpenVINO: {error}") from error
        self._request: Any = None
        self._feeds: list[Any] | None = None

    def run(self, repeats: int, *, before: Callable[[], None] | None = None) -> tuple[float, ...]:
        if self._request is None:
            self._request = self._request_of(self._compile(counters=False))
        return time_runs(partial(self._infer, self._request), repeats, before)

    def profile(
        self, repeats: int, *, before: Callable[[], None] | None = None, within_s: float = math.inf
    ) -> Profile | None:
        compiled = self._compile(counters=True)
        request = self._request_of(compiled)
        first = self._counters(request, 1)
        self._infer(request)
        warm = self._counters(request, _WARM)
        settling_s = time_runs(partial(self._infer, request), MOST_WARM - _WARM, before, min(WARM_S, within_s))
        samples_s = time_runs(partial(self._infer, request), repeats, before, within_s)
        last = self._counters(request, _WARM + len(settling_s) + len(samples_s))
        nodes = executed_nodes(compiled.get_runtime_model())
        entries = profile_entries(nodes, executed_nodes_s(first, warm, last), self._network)
        return Profile(entries, samples_s)

    def close(self) -> None:
        self._request = None
        self._folder.cleanup()

    def _request_of(self, compiled: Any) -> Any:
        """A request that has run once: the inputs of that run stay with it."""
        request = compiled.create_infer_request()
        self._infer(request, self._feeds)
        return request

    def _infer(self, request: Any, feeds: list[Any] | None = None) -> None:
        try:
            request.infer(feeds, share_inputs=True, share_outputs=True)
        except Exception as error:
            raise BackendRunError(f"OpenVINO fails on {self._network.name!r}: {_first_line(error)}") from error

    def _counters(self, request: Any, runs: int) -> CounterReading:
        return read_counters(request.get_profiling_info(), runs)

    def _compile(self, *, counters: bool) -> Any:
        settings = {
            "INFERENCE_NUM_THREADS": self._options.threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": _PRECISIONS[self._options.precision],
            "ENABLE_CPU_PINNING": False,  # The worker is pinned already.
            "PERF_COUNT": counters,
        }
        try:
            core = _core()
            model = core.read_model(str(self._path))
            if model.is_dynamic():
                names = filter(None, (_name(port, self._network) for port in model.inputs))
                model.reshape({name: list(self._network.fed_shapes[name]) for name in names})
            compiled = core.compile_model(model, "CPU", settings)
        except Exception as error:
            raise BackendRunError(f"OpenVINO refuses {self._network.name!r}: {_first_line(error)}") from error
        if self._feeds is None:
            rows = lookup_sizes(self._network)
            self._feeds = [_values(port, self._network, rows) for port in compiled.inputs]
        return compiled


@cache
def _core() -> Any:
    """The runtime with its plug-ins, which take longer to load than most networks of a benchmark to compile."""
    import openvino  # noqa: PLC0415 - this module must be importable without the runtime

    return openvino.Core()


def _name(port: Any, network: Network) -> str:
    """The network's name for an input; a port has several."""
    return next((name for name in port.get_names() if name in network.fed_shapes), "")


def _values(port: Any, network: Network, rows: Mapping[str, int]) -> Any:
    """Values of one input of a compiled network."""
    name = _name(port, network)
    shape = network.fed_shapes[name] if name else tuple(port.shape)
    return input_values(shape, np.dtype(port.element_type.to_dtype()), network.values.get(name), rows=rows.get(name))


def _first_line(error: Exception) -> str:
    """The line of OpenVINO's message that says something: its first ones name source files."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Exception from", "Check '")) or len(lines) == 1]
    return (told or lines or [type(error).__name__])[0][:_LONGEST_REASON]
