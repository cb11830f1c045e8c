"""ONNX Runtime on the CPU.

Whole-network times are wall-clock around `InferenceSession.run`; per-kernel times come from the runtime's own profiler
(`SessionOptions.enable_profiling`), in a session of its own because profiling slows the network down. The profiler
reports whole microseconds and costs 2 to 3 µs a node, which stays in the raw data and is removed when models are
fitted.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from annette.bench.backend import (
    Availability,
    Backend,
    BackendOptions,
    CompiledNetwork,
    Profile,
    ProfileEntry,
    Subject,
)
from annette.bench.host import cpu_description
from annette.bench.random_inputs import input_values
from annette.devices.onnxruntime_cpu.optimised_graph import resolve
from annette.devices.onnxruntime_cpu.segments import assign
from annette.errors import BackendRunError, OptionError
from annette.network.writers.onnx import write_onnx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annette.devices.onnxruntime_cpu.optimised_graph import OptimisedNode
    from annette.network import Network

__all__ = ["OnnxRuntimeBackend", "OnnxRuntimeOptions"]

_PROFILE_WARMUP: Final = 2
_KERNEL_SUFFIX: Final = "_kernel_time"
_ERRORS_ONLY: Final = 3


@dataclass(frozen=True)
class OnnxRuntimeOptions(BackendOptions):
    """Options of the ONNX Runtime backend.

    Attributes:
        threads: Threads inside an operator.
    """

    threads: int = field(default=1, metadata={"help": "threads inside an operator"})

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise OptionError(f"option 'threads' of backend 'onnxruntime' is {self.threads}, less than 1")


class OnnxRuntimeBackend(Backend):
    """ONNX Runtime, CPU execution provider, all graph optimisations."""

    name = "onnxruntime"
    options_type = OnnxRuntimeOptions
    file_formats = (".onnx",)

    @classmethod
    def available(cls) -> Availability:
        """Whether onnxruntime is installed."""
        try:
            return Availability(usable=True, reason=f"onnxruntime {version('onnxruntime')}")
        except PackageNotFoundError:
            return Availability(usable=False, reason="onnxruntime is not installed", install="pip install onnxruntime")

    def environment(self) -> Mapping[str, str]:
        """Runtime, version, threads and processor."""
        return {
            "runtime": "onnxruntime",
            "runtime_version": version("onnxruntime"),
            "execution_provider": "CPUExecutionProvider",
            "precision": "fp32",
            "threads": str(self._threads),
            **cpu_description(),
        }

    def compile(self, subject: Subject) -> CompiledNetwork:
        """Makes a session; a network without a file is written as ONNX with random weights first."""
        return _CompiledNetwork(subject, self._threads)

    @property
    def _threads(self) -> int:
        return self.options.threads if isinstance(self.options, OnnxRuntimeOptions) else 1


class _CompiledNetwork(CompiledNetwork):
    def __init__(self, subject: Subject, threads: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="annette-ort-")
        self._network = subject.network
        self._threads = threads
        self._aside = subject.idles_between_runs
        if subject.path is None:
            self._path = Path(self._folder.name) / "network.onnx"
            write_onnx(subject.network, self._path)
        else:
            self._path = subject.path
        self._session: Any = self._open(profiling=False)
        self._feeds = {entry.name: _values(entry, self._network) for entry in self._session.get_inputs()}

    def run(self, repeats: int, *, before: Callable[[], None] | None = None) -> tuple[float, ...]:
        samples = []
        if self._session is None:
            self._session = self._open(profiling=False)
        session, feeds = self._session, self._feeds
        for _ in range(repeats):
            if before is not None:
                before()
            started = time.perf_counter()
            self._call(session, feeds)
            samples.append(time.perf_counter() - started)
        return tuple(samples)

    def profile(self, repeats: int, *, before: Callable[[], None] | None = None) -> Profile | None:
        self._session = None  # Its threads are ready for another run, and would hold up those of the profiled one.
        session = self._open(profiling=True)
        total = []
        for position in range(_PROFILE_WARMUP + repeats):
            if before is not None:
                before()
            started = time.perf_counter()
            self._call(session, self._feeds)
            if position >= _PROFILE_WARMUP:
                total.append(time.perf_counter() - started)
        report = Path(session.end_profiling())
        del session
        events = _kernel_events(report)
        nodes = resolve(self._optimised_path, self._network)
        return Profile(assign(_entries(events, nodes, repeats), self._network), tuple(total))

    def close(self) -> None:
        self._session = None
        self._folder.cleanup()

    @property
    def _optimised_path(self) -> Path:
        return Path(self._folder.name) / "optimised.onnx"

    def _open(self, *, profiling: bool) -> Any:
        import onnxruntime  # noqa: PLC0415 - this module must be importable without the runtime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = _ERRORS_ONLY
        if self._aside:
            options.add_session_config_entry("session.force_spinning_stop", "1")
        if profiling:
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(self._folder.name) / "profile")
            options.optimized_model_filepath = str(self._optimised_path)
        try:
            return onnxruntime.InferenceSession(str(self._path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise BackendRunError(f"ONNX Runtime refuses {self._network.name!r}: {_first_line(error)}") from error

    def _call(self, session: Any, feeds: Mapping[str, Any]) -> None:
        try:
            session.run(None, feeds)
        except Exception as error:
            raise BackendRunError(f"ONNX Runtime fails on {self._network.name!r}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _values(entry: Any, network: Network) -> Any:
    """Values of one input of a session."""
    shape = network.tensors[entry.name].shape if entry.name in network.tensors else entry.shape
    element = entry.type.removeprefix("tensor(").removesuffix(")")
    return input_values(shape, {"float": np.float32, "double": np.float64}.get(element, element))


def _kernel_events(report: Path) -> list[dict[str, Any]]:
    """The profiler's kernel events in order.

    Raises:
        BackendRunError: The report is truncated or has other fields than this backend knows.
    """
    try:
        events = json.loads(report.read_text(encoding="utf-8"))
        kernels = [e for e in events if e.get("cat") == "Node" and e["name"].endswith(_KERNEL_SUFFIX)]
        for event in kernels:
            event["dur"], event["args"]["op_name"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackendRunError(f"ONNX Runtime's profile cannot be understood: {error!r}") from error
    if not kernels:
        raise BackendRunError("ONNX Runtime's profile has no kernel events")
    return kernels


def _entries(
    events: list[dict[str, Any]], nodes: tuple[OptimisedNode, ...], repeats: int
) -> list[tuple[ProfileEntry, OptimisedNode | None]]:
    """One entry per executed node, with its times over the runs after the warm-up ones."""
    by_name: dict[str, OptimisedNode] = {node.name: node for node in nodes if node.name}
    unnamed: dict[str, deque[OptimisedNode]] = defaultdict(deque)
    for node in nodes:
        if not node.name:
            unnamed[node.operator.rpartition(".")[2]].append(node)
    times: dict[str, list[float]] = defaultdict(list)
    first: dict[str, dict[str, Any]] = {}
    for event in events:
        name = event["name"].removesuffix(_KERNEL_SUFFIX)
        times[name].append(event["dur"] * 1e-6)
        first.setdefault(name, event)
    entries = []
    for name, event in first.items():
        arguments = event["args"]
        operator = arguments["op_name"]
        node_found = by_name.get(name)
        if node_found is None and unnamed[operator]:
            node_found = unnamed[operator].popleft()
        entries.append(
            (
                ProfileEntry(
                    name=name,
                    operator=node_found.operator if node_found else operator,
                    latency_s=tuple(times[name][-repeats:]),
                    input_shapes=_shapes(arguments.get("input_type_shape", ())),
                    output_shapes=_shapes(arguments.get("output_type_shape", ())),
                ),
                node_found,
            )
        )
    return entries


def _shapes(reported: Any) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(size) for size in shape) for entry in reported for shape in entry.values())
