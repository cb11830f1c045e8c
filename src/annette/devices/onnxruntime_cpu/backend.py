"""ONNX Runtime on the CPU.

Whole-network times are wall-clock around `InferenceSession.run`; per-kernel times come from the runtime's own profiler
(`SessionOptions.enable_profiling`), in a session of its own because profiling slows the network down. The profiler
reports whole microseconds and costs 2 to 3 µs a node, which stays in the raw data and is removed when models are
fitted.
"""

from __future__ import annotations

import math
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annette.bench.backend import (
    Availability,
    Backend,
    BackendOptions,
    CompiledNetwork,
    Profile,
    Subject,
    time_runs,
    warm_up,
)
from annette.bench.feeds import input_values
from annette.bench.host import cpu_description
from annette.bench.subnormals import can_flush, flushed
from annette.devices.onnxruntime_cpu.observation import observed_inputs
from annette.devices.onnxruntime_cpu.optimised_graph import read_optimised_graph
from annette.devices.onnxruntime_cpu.reports import assign_layers, read_profile
from annette.errors import BackendRunError, OptionError
from annette.network.lookups import lookup_sizes
from annette.network.writers.onnx import write_onnx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annette.network import Network
    from annette.network.inputs import Given

__all__ = ["OnnxRuntimeBackend", "OnnxRuntimeOptions"]

_PRECISIONS: Final = ("fp32", "int8")
_QUANTISATION: Final = "QDQ uint8/int8 and int8/int8, dynamic uint8/int8, per tensor"
_WEIGHTS_APART: Final = {
    "session.optimized_model_external_initializers_file_name": "optimised.bin",
    "session.optimized_model_external_initializers_min_size_in_bytes": "4096",
}
"""Large weights of the optimised graph go to a file of their own, which nobody reads: of 520 MB, writing and reading
takes half as long."""
_ERRORS_ONLY: Final = 3
"""``log_severity_level`` that keeps warnings quiet."""


@dataclass(frozen=True)
class OnnxRuntimeOptions(BackendOptions):
    """Options of the ONNX Runtime backend.

    Attributes:
        threads: Threads inside an operator.
        precision: What ``annette bench`` plans: ``fp32`` networks in floating point, ``int8`` quantised ones. Networks
            that are named are measured as they are.
    """

    threads: int = field(default=1, metadata={"help": "threads inside an operator"})
    precision: str = field(default="fp32", metadata={"help": "fp32, or int8 for quantised networks"})

    def __post_init__(self) -> None:
        if self.precision not in _PRECISIONS:
            raise OptionError(
                f"option 'precision' of backend 'onnxruntime' is {self.precision!r}: choose {' or '.join(_PRECISIONS)}"
            )
        if self.threads < 1:
            raise OptionError(f"option 'threads' of backend 'onnxruntime' is {self.threads}, less than 1")


class OnnxRuntimeBackend(Backend):
    """ONNX Runtime, CPU execution provider, all graph optimisations."""

    name = "onnxruntime"
    options_type = OnnxRuntimeOptions
    options: OnnxRuntimeOptions
    file_formats = (".onnx", ".ort")

    @classmethod
    def available(cls) -> Availability:
        """Whether onnxruntime is installed."""
        return Availability.of_package("onnxruntime")

    @classmethod
    def planned_for(cls, options: Mapping[str, Any]) -> str:
        """Quantised networks where integers are asked for."""
        return "cpu-int8" if options.get("precision") == "int8" else cls.plan_target

    def environment(self) -> Mapping[str, str]:
        """Runtime, version, threads and processor."""
        return {
            "runtime": "onnxruntime",
            "runtime_version": version("onnxruntime"),
            "execution_provider": "CPUExecutionProvider",
            "precision": self.options.precision,
            **({"quantisation": _QUANTISATION} if self.options.precision == "int8" else {}),
            "threads": str(self.options.threads),
            **cpu_description(),
        }

    @classmethod
    def observed_inputs(
        cls,
        path: Path,
        *,
        batch: int | None = None,
        inputs: Mapping[str, Given] | None = None,
        lenient: bool = False,
    ) -> dict[str, Given]:
        """Runs the part of a file that decides its sizes."""
        return observed_inputs(path, batch=batch, inputs=inputs, lenient=lenient)

    def compile(self, subject: Subject) -> CompiledNetwork:
        """Makes a session; a network without a file is written as ONNX with random weights first."""
        return _CompiledNetwork(subject, self.options.threads)


class _CompiledNetwork(CompiledNetwork):
    def __init__(self, subject: Subject, threads: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="annette-ort-")
        self._optimised_path = Path(self._folder.name) / "optimised.onnx"
        self._network = subject.network
        self._threads = threads
        self._idles_between_runs = subject.idles_between_runs
        self._path = subject.path or Path(self._folder.name) / "network.onnx"
        if subject.path is None:
            write_onnx(subject.network, self._path)
        self._session: Any = None
        self._feeds: dict[str, Any] | None = None
        self._flushes = False

    def flush_subnormals(self, flush: bool) -> bool:
        """ONNX Runtime's own option reaches the main thread only in the first session of a process."""
        if flush != self._flushes and self._threads > 1:
            self._session = None
        self._flushes = flush and can_flush()
        return self._flushes

    def run(self, repeats: int, *, before: Callable[[], None] | None = None) -> tuple[float, ...]:
        if self._session is None:
            self._session = self._open(profiling=False)
        return time_runs(partial(self._call, self._session), repeats, before)

    def profile(
        self, repeats: int, *, before: Callable[[], None] | None = None, within_s: float = math.inf
    ) -> Profile | None:
        self._session = None  # Its threads are ready for another run, and would hold up those of the profiled one.
        session = self._open(profiling=True)
        warm_up(partial(self._call, session))
        samples_s = time_runs(partial(self._call, session), repeats, before, within_s)
        report = Path(session.end_profiling())
        nodes = read_optimised_graph(self._optimised_path, self._network)
        entries = assign_layers(read_profile(report, nodes, len(samples_s)), self._network)
        return Profile(entries, samples_s)

    def close(self) -> None:
        self._session = None
        self._folder.cleanup()

    def _open(self, *, profiling: bool) -> Any:
        import onnxruntime  # noqa: PLC0415 - this module must be importable without the runtime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = _ERRORS_ONLY
        if self._flushes:
            options.add_session_config_entry("session.set_denormal_as_zero", "1")
        if self._idles_between_runs:
            options.add_session_config_entry("session.force_spinning_stop", "1")
        if profiling:
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(self._folder.name) / "profile")
            options.optimized_model_filepath = str(self._optimised_path)
            for key, value in _WEIGHTS_APART.items():
                options.add_session_config_entry(key, value)
        try:
            session = onnxruntime.InferenceSession(str(self._path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise BackendRunError(f"ONNX Runtime refuses {self._network.name!r}: {_first_line(error)}") from error
        if self._feeds is None:
            rows = lookup_sizes(self._network)
            self._feeds = {entry.name: _values(entry, self._network, rows) for entry in session.get_inputs()}
        return session

    def _call(self, session: Any) -> None:
        try:
            with flushed() if self._flushes else nullcontext():
                session.run(None, self._feeds)
        except Exception as error:
            raise BackendRunError(f"ONNX Runtime fails on {self._network.name!r}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _values(entry: Any, network: Network, rows: Mapping[str, int]) -> Any:
    """Values of one input of a session."""
    shape = network.fed_shapes.get(entry.name, entry.shape)
    element = entry.type.removeprefix("tensor(").removesuffix(")")
    dtype = {"float": np.float32, "double": np.float64}.get(element, element)
    return input_values(shape, dtype, network.values.get(entry.name), rows=rows.get(entry.name))
