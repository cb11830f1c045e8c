"""Options of the commands that run something on a backend."""

from __future__ import annotations

import os
import re
from collections import deque
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "OPEN_ENDED",
    "backend_options",
    "chosen_options",
    "parse_duration",
    "parse_numbers",
    "running_options",
    "split_words",
]

_Command = TypeVar("_Command", bound="Callable[..., Any]")

OPEN_ENDED: Final[dict[str, Any]] = {"ignore_unknown_options": True, "allow_extra_args": True}
"""Context settings of a command that passes unknown ``--name value`` on to the backend."""

_DURATION: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>s|m|min|h|)")
_SECONDS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def backend_options(command: _Command) -> _Command:
    """Adds ``--backend``, ``--option``, ``--cpus`` and ``--timeout``."""
    command = running_options(command)
    return click.option("--backend", required=True, metavar="B", help="Name of a backend (annette backends).")(command)


def running_options(command: _Command) -> _Command:
    """Adds ``--option``, ``--cpus`` and ``--timeout``."""
    command = click.option(
        "--timeout",
        callback=parse_duration,
        metavar="TIME",
        help="What gives no result for so long has failed: 90s, 1h.  [default: 2m, for whole networks 10m]",
    )(command)
    command = click.option(
        "--cpus",
        metavar="LIST",
        callback=_parse_cpus,
        help="Processors to measure on, such as 1 or 0,1, or 'any'. By default the last ones, one per thread.",
    )(command)
    return click.option(
        "--option",
        "options",
        multiple=True,
        metavar="NAME=VALUE",
        callback=_parse_pairs,
        help="Option of the backend (annette backends lists them); --NAME VALUE does the same. May be repeated.",
    )(command)


def parse_duration(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Turns 90, 90s, 10m or 1.5h into seconds; a click callback."""
    if value is None:
        return None
    match = _DURATION.fullmatch(value.strip())
    seconds = float(match["number"]) * _SECONDS[match["unit"]] if match else 0.0
    if not seconds > 0:
        raise click.BadParameter(f"{value!r} is not a duration such as 90s, 10m or 1h", ctx, param)
    return seconds


def chosen_options(backend: str, options: dict[str, str], extra: Sequence[str]) -> dict[str, Any]:
    """Values for a backend's options, from ``--option NAME=VALUE`` and from further ``--name value``.

    Args:
        backend: Name of the backend.
        options: What ``--option`` gave.
        extra: What click did not know.

    Raises:
        UsageError: An argument is neither an option nor the value of one.
        OptionError: The backend has no such option, or the value is not of its type.
    """
    from annette.bench.backends import parse_options

    unexpected, further = split_words(extra)
    if unexpected:
        raise click.UsageError(f"unexpected argument {unexpected[0]!r}")
    return parse_options(backend, {**options, **further})


def split_words(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Arguments and options among words that click does not know.

    Returns:
        Arguments; values of ``--name value`` and ``--name=value`` by name, ``true`` for a ``--name`` without one.
    """
    arguments: list[str] = []
    options: dict[str, str] = {}
    waiting = deque(words)
    while waiting:
        word = waiting.popleft()
        name, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not name:
            arguments.append(word)
            continue
        if not equals:
            value = waiting.popleft() if waiting and not waiting[0].startswith("--") else "true"
        options[name.replace("-", "_")] = value
    return arguments, options


def parse_numbers(value: str) -> tuple[int, ...]:
    """Integers separated by commas; none where it is something else."""
    try:
        return tuple(int(number) for number in value.split(","))
    except ValueError:
        return ()


def _parse_pairs(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for text in value:
        name, equals, content = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", ctx, param)
        pairs[name.replace("-", "_")] = content
    return pairs


def _parse_cpus(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    if value is None:
        return None
    if value == "any":
        return ()
    cpus = tuple(sorted(set(parse_numbers(value))))
    if not cpus:
        raise click.BadParameter(f"{value!r} is not a list of processors such as 0,1", ctx, param)
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(cpus)
    missing = [str(cpu) for cpu in cpus if cpu not in allowed]
    if missing:
        raise click.BadParameter(
            f"processor {missing[0]} is not one that may be used here: {', '.join(map(str, sorted(allowed)))}",
            ctx,
            param,
        )
    return cpus
