"""Runs a program of the user's: bounded in time and in what it prints, and nothing of it stays behind."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Final

from annette.bench.host import die_with_parent
from annette.bench.processes import end_processes, marked_environment, new_token
from annette.errors import BackendRunError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MOST_PRINTED_BYTES", "run_program"]

MOST_PRINTED_BYTES: Final = 16 * 2**20
"""A program that prints more, on standard output or standard error, is ended: profiles of 10,000 kernels have 5 MB."""

_LONGEST_REASON: Final = 200
_CHUNK_BYTES: Final = 1 << 16
_GLANCE_S: Final = 0.05
"""How often it is looked whether a program has ended while what it left behind keeps its output open."""


def run_program(arguments: Sequence[str], *, timeout_s: float) -> str:
    """Runs a program, without a shell and without input, in a session of its own.

    When it has ended, has run for too long or has printed too much, whatever it has started is ended
    (`annette.bench.processes`).

    Args:
        arguments: The program and its arguments.
        timeout_s: How long it may run, in seconds.

    Returns:
        What it printed on standard output; bytes that are no UTF-8 are replaced.

    Raises:
        BackendRunError: It cannot be started, ends with an exit code other than 0, runs for too long or prints too
            much.
    """
    token = new_token()
    try:
        process = subprocess.Popen(  # noqa: S603 - the user's own program, without a shell
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=marked_environment(token),
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - workers have one thread
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BackendRunError(f"program {arguments[0]!r} cannot be run: {reason or error}") from error
    with process:
        try:
            printed = _Printed(process)
            problem = printed.read_until(time.monotonic() + timeout_s)
        finally:
            end_processes(process, token)
        printed.read_rest()
    if problem:
        raise BackendRunError(f"program {arguments[0]!r} {problem.format(timeout_s=timeout_s)}")
    output, errors = printed.texts()
    if process.returncode:
        words = errors.strip().splitlines()
        raise BackendRunError(
            f"program {arguments[0]!r} {_exit_reason(process.returncode)}"
            + (f": {words[-1][:_LONGEST_REASON]}" if words else "")
        )
    return output


class _Printed:
    """What a program prints, read while it runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._streams = [stream for stream in (process.stdout, process.stderr) if stream is not None]
        self._chunks: dict[IO[bytes], list[bytes]] = {stream: [] for stream in self._streams}
        self._selector = selectors.DefaultSelector()
        for stream in self._streams:
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ)

    def read_until(self, deadline_s: float) -> str:
        """Reads until the program has ended; returns what is wrong, or nothing.

        Args:
            deadline_s: When it must have ended, by `time.monotonic`.
        """
        while self._process.poll() is None:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return "gave no result in {timeout_s:g} s"
            if self._selector.get_map():
                self._read_ready(min(left_s, _GLANCE_S))
            else:
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(left_s)
            if self._too_much():
                return f"printed more than {MOST_PRINTED_BYTES >> 20} MB"
        return ""

    def read_rest(self) -> None:
        """Reads what is still to be read, when nobody is left who writes; closes the streams."""
        while self._selector.get_map() and not self._too_much() and self._read_ready(0):
            pass
        self._selector.close()

    def texts(self) -> tuple[str, str]:
        """Standard output and standard error."""
        output, errors = (b"".join(self._chunks[stream]).decode(errors="replace") for stream in self._streams)
        return output, errors

    def _read_ready(self, timeout_s: float) -> bool:
        """Reads once from every stream that has something; whether one had."""
        ready = self._selector.select(timeout_s)
        for key, _ in ready:
            stream = self._streams[0] if key.fileobj is self._streams[0] else self._streams[1]
            chunk = os.read(stream.fileno(), _CHUNK_BYTES)
            if chunk:
                self._chunks[stream].append(chunk)
            else:
                self._selector.unregister(stream)
        return bool(ready)

    def _too_much(self) -> bool:
        return any(sum(map(len, chunks)) > MOST_PRINTED_BYTES for chunks in self._chunks.values())


def _exit_reason(code: int) -> str:
    """How a program ended; some shells and ssh give 128 and the signal."""
    names = {number.value: number.name for number in signal.Signals}
    name = names.get(-code) or names.get(code - 128, "")
    return f"ended with exit code {code}" + (f" ({name})" if name else "")
