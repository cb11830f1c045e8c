"""The host that measures: its description, processor pinning, scheduling class, and turns between campaigns."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

try:
    import fcntl
except ImportError:  # pragma: no cover - not a POSIX system: nothing to take turns with
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

__all__ = [
    "ProcessorTimes",
    "allowed_cpus",
    "clock_hz",
    "cpu_description",
    "default_cpus",
    "die_with_parent",
    "exclusive_use",
    "exclusive_use_of_board",
    "pin_process",
    "processor_times",
]

_PR_SET_PDEATHSIG: Final = 1
_STOLEN_WORD: Final = 8
_RELEVANT_FLAGS: Final = (
    "avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "amx_bf16", "asimd", "sve",
)  # fmt: skip


def cpu_description() -> dict[str, str]:
    """What of the processor decides the speed of a network: model, instruction sets, caches are its consequence.

    Returns:
        ``cpu``, ``cpu_flags`` (those that matter, sorted) and ``machine``; from /proc/cpuinfo where there is one.
    """
    fields: dict[str, str] = {}
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
    flags = set(fields.get("flags", fields.get("Features", "")).split())
    return {
        "cpu": fields.get("model name") or platform.processor() or platform.machine(),
        "cpu_family_model_stepping": "-".join(fields.get(key, "?") for key in ("cpu family", "model", "stepping")),
        "cpu_flags": " ".join(flag for flag in _RELEVANT_FLAGS if flag in flags),
        "machine": platform.machine(),
    }


@dataclass(frozen=True, slots=True)
class ProcessorTimes:
    """What a processor did since the machine started, in ticks of the kernel.

    Attributes:
        total: All of it.
        stolen: Time in which the hypervisor ran others.
        busy: Time in which it worked for anybody.
    """

    total: int
    stolen: int
    busy: int

    def since(self, before: ProcessorTimes) -> ProcessorTimes:
        """What it did since then."""
        return ProcessorTimes(self.total - before.total, self.stolen - before.stolen, self.busy - before.busy)


def processor_times(stat: Path = Path("/proc/stat")) -> dict[int, ProcessorTimes]:
    """What each processor did since the machine started, by its number; empty where Linux does not say.

    Args:
        stat: Where it says so: for each processor its time for user, nice, system, idle, waiting, interrupts, soft
            interrupts and stolen (proc_stat(5)).
    """
    if not stat.exists():
        return {}
    times: dict[int, ProcessorTimes] = {}
    for line in stat.read_text(encoding="ascii", errors="replace").splitlines():
        words = line.split()
        if words and words[0].startswith("cpu") and words[0][3:].isdigit() and len(words) > _STOLEN_WORD:
            ticks = [int(word) for word in words[1 : _STOLEN_WORD + 1]]
            idle = ticks[3] + ticks[4]
            stolen = ticks[-1]
            times[int(words[0][3:])] = ProcessorTimes(sum(ticks), stolen, sum(ticks) - idle - stolen)
    return times


def clock_hz(cpus: Sequence[int], folder: Path = Path("/sys/devices/system/cpu")) -> list[float]:
    """The clock of each processor right now, hertz; empty where Linux does not say (most virtual machines).

    Args:
        cpus: Processors.
        folder: Where Linux says it, in kHz.
    """
    files = (folder / f"cpu{cpu}" / "cpufreq" / "scaling_cur_freq" for cpu in cpus)
    return [float(file.read_text(encoding="ascii")) * 1e3 for file in files if file.exists()]


def allowed_cpus() -> tuple[int, ...]:
    """The processors that this process may run on; all of the machine where the system does not say."""
    if not hasattr(os, "sched_getaffinity"):
        return tuple(range(os.cpu_count() or 1))
    return tuple(sorted(os.sched_getaffinity(0)))


def default_cpus(threads: int) -> tuple[int, ...]:
    """The processors to pin a measurement to: the last ones that this process may use; the first are the busiest.

    Args:
        threads: How many are needed; none where there are not as many.
    """
    if not hasattr(os, "sched_getaffinity"):
        return ()
    allowed = allowed_cpus()
    return allowed[-threads:] if 0 < threads <= len(allowed) else ()


def pin_process(cpus: Sequence[int]) -> dict[str, str]:
    """Pins this process and, where it has one processor for itself, asks for a real-time scheduling class.

    On several processors it stays in the usual class: Linux moves real-time threads only when they wake up, so that
    the threads of a runtime can share one processor, at half the speed, while another is idle. There, niceness is what
    keeps others away, and it is made to count against them.

    Args:
        cpus: Processors to run on; empty leaves the choice to the scheduler.

    Returns:
        What was reached: ``cpus``, ``scheduler`` (``SCHED_RR`` or ``SCHED_OTHER``), ``nice``, ``kernel``.
    """
    if cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(cpus))
    scheduler = "SCHED_OTHER"
    if len(cpus) == 1 and hasattr(os, "sched_setscheduler"):
        try:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
            scheduler = "SCHED_RR"
        except PermissionError:
            pass  # Allowed to root and CAP_SYS_NICE only; what was reached is recorded.
    chosen = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    reached = {"cpus": " ".join(map(str, chosen)), "scheduler": scheduler, "kernel": platform.release()}
    return reached | ({"nice": str(_nice_as_a_session())} if hasattr(os, "nice") else {})


def _nice_as_a_session(autogroup: Path = Path("/proc/self/autogroup")) -> int:
    """Gives the niceness of this process to the session that it leads as well, and returns it.

    Linux weighs sessions against each other by a niceness of their own (sched(7), "The autogroup feature"), which is 0
    in a new session whatever the processes in it have: without this, ``nice annette bench`` would change nothing.

    Args:
        autogroup: Where the kernel takes the niceness of this session.
    """
    niceness = os.nice(0)
    if niceness and os.getsid(0) == os.getpid():
        with suppress(OSError):  # A kernel without autogroups, or a rise that is not allowed.
            autogroup.write_text(str(niceness), encoding="ascii")
    return niceness


def exclusive_use(cpus: Sequence[int], folder: Path | None = None) -> AbstractContextManager[None]:
    """Waits until no other campaign measures on the same processors, and keeps others waiting meanwhile.

    Two workers pinned to one processor with a real-time class would halve each other's speed in turns of 100 ms.

    Args:
        cpus: Processors that are measured on; none, no waiting.
        folder: Where all campaigns have their locks; None is the folder for temporary files.
    """
    return _locked([f"cpu{cpu}" for cpu in sorted(set(cpus))], folder)


def exclusive_use_of_board(board: str) -> AbstractContextManager[None]:
    """Waits until no other process of this host measures on a board, and keeps others waiting meanwhile.

    A cluster gives a board to one case at a time; but two clusters may have it, or a worker that was given up lives on.

    Args:
        board: Its name.
    """
    return _locked([f"board-{quote(board, safe='')}"], None)


@contextmanager
def _locked(names: Sequence[str], folder: Path | None) -> Iterator[None]:
    """Holds a lock of each name; always taken in the same order, so that nobody waits for somebody who waits."""
    with ExitStack() as stack:
        for name in names if fcntl is not None else ():
            path = (folder or Path(tempfile.gettempdir())) / f"annette-{name}.lock"
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            stack.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def die_with_parent() -> None:
    """Asks Linux to end this process when its parent ends, so that a killed campaign leaves nothing running."""
    if platform.system() == "Linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
