"""Any device for which there is a program that takes a network file and prints how long it takes.

This is how a board behind ssh or adb and a vendor's own benchmark tool are reached. What the program may print is in
`annette.bench.backends.latency_report` and docs/benchmarking.md.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from annette.bench.backends.base import (
    Availability,
    Backend,
    BackendOptions,
    CompiledNetwork,
    Profile,
    Subject,
)
from annette.bench.backends.latency_report import LatencyReport, read_report
from annette.errors import BackendRunError, OptionError
from annette.network.writers.onnx import write_onnx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["CommandBackend", "CommandOptions"]

_MODEL: Final = "{model}"
_FORMATS: Final = ("onnx",)
_LAST_WORDS: Final = 200


@dataclass(frozen=True)
class CommandOptions(BackendOptions):
    """Options of the command backend.

    Attributes:
        command: The program and its arguments, split as a shell would, run without one; ``{model}`` is replaced.
        model_format: Format of the file that takes the place of ``{model}``.
        runs: How often the program is run for each network.
        run_timeout_s: How long one run of the program may take, in seconds.
        device: What it runs on; part of what a dataset depends on.
    """

    command: str = field(default="", metadata={"help": "program and arguments; {model} becomes the network's file"})
    model_format: str = field(default="onnx", metadata={"help": f"format of that file: {', '.join(_FORMATS)}"})
    runs: int = field(default=1, metadata={"help": "how often the program is run for each network"})
    run_timeout_s: float = field(default=100.0, metadata={"help": "seconds that one run of the program may take"})
    device: str = field(default="", metadata={"help": "what it runs on, for the dataset"})


class CommandBackend(Backend):
    """Runs a program of the user's for each network.

    The program warms up and repeats by itself as it sees fit.

    Raises:
        OptionError: The command is missing, does not name the model, its program is not found, or an option is out
            of its range.
    """

    name = "command"
    options_type = CommandOptions
    deterministic = True
    file_formats = (".onnx",)

    def __init__(self, options: BackendOptions) -> None:
        super().__init__(options)
        self._own = options if isinstance(options, CommandOptions) else CommandOptions()
        if self._own.model_format not in _FORMATS:
            raise OptionError(f"model_format {self._own.model_format!r} is none of {', '.join(_FORMATS)}")
        if self._own.runs < 1 or not self._own.run_timeout_s > 0:
            raise OptionError("options runs and run_timeout_s of backend 'command' must be at least 1 and more than 0")
        self._words = _split(self._own.command)

    @classmethod
    def available(cls) -> Availability:
        """Always: whether the program is there shows when it is named."""
        return Availability(usable=True, reason="runs a program of yours")

    def environment(self) -> Mapping[str, str]:
        """The command and the device, as the user calls them."""
        return {"runtime": "command", "command": self._own.command, "device": self._own.device}

    def compile(self, subject: Subject) -> CompiledNetwork:
        """Writes the network's file, unless the user has one."""
        return _Program(subject, self._words, self._own)


class _Program(CompiledNetwork):
    def __init__(self, subject: Subject, words: list[str], options: CommandOptions) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="annette-command-")
        self._options = options
        path = subject.path
        if path is None:
            path = Path(self._folder.name) / "network.onnx"
            write_onnx(subject.network, path)
        self._words = [word.replace(_MODEL, str(path)) for word in words]
        self._reports: list[LatencyReport] = []

    def run(self, repeats: int, *, before: Callable[[], None] | None = None) -> tuple[float, ...]:
        """Runs the program as often as the options say, ``repeats`` times over."""
        self._reports = []
        for _ in range(repeats * self._options.runs):
            if before is not None:
                before()
            self._reports.append(read_report(self._execute()))
        return tuple(time_s for report in self._reports for time_s in report.latency_s)

    def profile(self, repeats: int, *, before: Callable[[], None] | None = None) -> Profile | None:
        """The per-kernel report of the runs made last; runs the program where there are none yet."""
        if not self._reports:
            self.run(repeats, before=before)
        entries = self._reports[-1].entries
        return None if entries is None else Profile(entries, self._reports[-1].latency_s)

    def close(self) -> None:
        self._folder.cleanup()

    def _execute(self) -> str:
        try:
            done = subprocess.run(  # noqa: S603 - the user's own program, without a shell
                self._words,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=self._options.run_timeout_s,
            )
        except subprocess.TimeoutExpired:
            raise BackendRunError(
                f"program {self._words[0]!r} gave no result in {self._options.run_timeout_s:g} s"
            ) from None
        except OSError as error:
            raise BackendRunError(f"program {self._words[0]!r} cannot be run: {error.strerror or error}") from error
        if done.returncode:
            words = done.stderr.decode(errors="replace").strip().splitlines()
            raise BackendRunError(
                f"program {self._words[0]!r} ended with exit code {done.returncode}"
                + (f": {words[-1][:_LAST_WORDS]}" if words else "")
            )
        return done.stdout.decode(errors="replace")


def _split(command: str) -> list[str]:
    if not command.strip():
        raise OptionError("backend 'command' needs a program: --option command='PROGRAM {model}'")
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise OptionError(f"option 'command' is {command!r}, which cannot be split: {error}") from error
    if not any(_MODEL in word for word in words):
        raise OptionError(
            f"option 'command' is {command!r}, which does not say where the network's file goes: {_MODEL}"
        )
    if shutil.which(words[0]) is None:
        raise OptionError(f"option 'command' names {words[0]!r}, and there is no such program here")
    return words
