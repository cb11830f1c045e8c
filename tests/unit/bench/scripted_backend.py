"""A backend whose behaviour is written in the names of networks: for tests of everything around a runtime.

The part of a network's name before the first colon says what happens when it is compiled: ``crash`` ends the process
by an abort, ``killed`` as the kernel's out-of-memory killer does, ``leave`` by an exit code, ``hang`` never returns,
``refuse`` is a refusal, ``memory`` is a `MemoryError`, ``nan`` reports a time that is no number, ``surrogate`` a
name that is no text, ``bug`` is an error of the backend's, ``odd`` reports details of the wrong type, ``pid`` reports
the number of the process, ``chatter`` prints on standard output. Everything else runs, and takes a time that follows
from the network's operations alone.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from annette.bench.backend import (
    Availability,
    Backend,
    BackendOptions,
    CompiledNetwork,
    Profile,
    ProfileEntry,
    Subject,
)
from annette.bench.board import BOARD_VARIABLE
from annette.devices.device import Device
from annette.errors import BackendRunError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from annette.network import Network

__all__ = ["DEVICE", "ScriptedBackend", "ScriptedOptions"]

_LAYER_S: Final = 1e-5
_OPS_PER_S: Final = 1e10
_LEAVES_WITH: Final = 3
_FOREVER_S: Final = 3600.0


@dataclass(frozen=True)
class ScriptedOptions(BackendOptions):
    """Options of the scripted backend.

    Attributes:
        pause_s: Time that a compilation really takes, in seconds.
        journal: File to which the name of every compiled network is appended; none where empty.
        device: Named in the environment; ``{board}`` in it becomes the name of the board.
        claims: Folder in which a board that compiles has a file, and refuses two at once; none where empty.
        broken: Name of a board that refuses everything.
    """

    pause_s: float = field(default=0.0, metadata={"help": "seconds that a compilation really takes"})
    journal: str = field(default="", metadata={"help": "file that lists what was compiled"})
    device: str = field(default="paper", metadata={"help": "name of the device"})
    claims: str = field(default="", metadata={"help": "folder of the boards that are busy"})
    broken: str = field(default="", metadata={"help": "name of a board that refuses everything"})


class ScriptedBackend(Backend):
    """Does what the networks' names say; deterministic."""

    name = "scripted"
    options_type = ScriptedOptions
    deterministic = True

    def __init__(self, options: BackendOptions) -> None:
        super().__init__(options)
        self._own = options if isinstance(options, ScriptedOptions) else ScriptedOptions()

    @classmethod
    def available(cls) -> Availability:
        """Always."""
        return Availability(usable=True, reason="no runtime needed")

    def environment(self) -> Mapping[str, str]:
        """The option ``device``."""
        return {"runtime": "scripted", "device": self._own.device.replace("{board}", board())}

    def compile(self, subject: Subject) -> CompiledNetwork:
        """Does what the network's name says.

        Raises:
            BackendRunError: The name says ``refuse``.
            MemoryError: The name says ``memory``.
        """
        if self._own.journal:
            with Path(self._own.journal).open("a", encoding="utf-8") as journal:
                journal.write(subject.network.name + "\n")
        if board() and board() == self._own.broken:
            raise BackendRunError("it is unplugged")
        with self._claimed():
            time.sleep(self._own.pause_s)
        deed = subject.network.name.partition(":")[0]
        if deed == "crash":
            os.abort()
        if deed == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if deed == "leave":
            os._exit(_LEAVES_WITH)
        if deed == "hang":
            time.sleep(_FOREVER_S)
        if deed == "refuse":
            raise BackendRunError("it says no")
        if deed == "memory":
            raise MemoryError("1 TB more")
        if deed == "bug":
            raise ZeroDivisionError("its\nfault")
        if deed == "chatter":
            sys.stdout.write("a runtime that talks\n")
            sys.stdout.flush()
            os.write(1, b"and talks\n")
        return _Scripted(subject.network, math.nan if deed == "nan" else 1.0)

    @contextmanager
    def _claimed(self) -> Iterator[None]:
        """Has a board for itself.

        Raises:
            BackendRunError: Somebody else has it.
        """
        if not self._own.claims:
            yield
            return
        claim = Path(self._own.claims) / board()
        try:
            claim.touch(exist_ok=False)
        except FileExistsError:
            raise BackendRunError(f"two cases at once on board {board()}") from None
        try:
            yield
        finally:
            claim.unlink()


def board() -> str:
    """The board that a worker of a cluster measures on."""
    return os.environ.get(BOARD_VARIABLE, "")


class _Scripted(CompiledNetwork):
    def __init__(self, network: Network, scale: float) -> None:
        self._network = network
        self._times = [scale * (_LAYER_S + layer.workload.ops / _OPS_PER_S) for layer in network.layers]

    def run(self, repeats: int, *, before: Callable[[], None] | None = None) -> tuple[float, ...]:
        """The sum of the layers' times, ``repeats`` times."""
        if before is not None:
            for _ in range(repeats):
                before()
        return (math.fsum(self._times),) * repeats

    def profile(
        self, repeats: int, *, before: Callable[[], None] | None = None, within_s: float = math.inf
    ) -> Profile | None:
        """One kernel a layer."""
        del within_s
        self.run(repeats, before=before)
        entries = tuple(
            ProfileEntry(layer.name, layer.kind, (time_s,) * repeats)
            for layer, time_s in zip(self._network.layers, self._times, strict=True)
        )
        deed = self._network.name.partition(":")[0]
        if deed == "surrogate":
            return Profile((replace(entries[0], name="\ud800"),))
        details = {"odd": {"odd": 1}, "pid": {"pid": str(os.getpid())}}.get(deed, {})
        return Profile(entries, details=details)  # type: ignore[arg-type]


DEVICE: Final = Device(
    name="scripted",
    title="no device: a backend whose behaviour is written in the names of networks",
    backends={"scripted": f"{__name__}:ScriptedBackend"},
)
