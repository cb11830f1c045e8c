"""Options that several commands share, and what they turn into."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["json_option", "model_options", "network_options", "print_json"]

_Command = TypeVar("_Command", bound="Callable[..., Any]")

_SHAPE = re.compile(r"(?P<name>.+)=(?P<shape>\d+(?:x\d+)*)")


def _parse_shapes(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    shapes = {}
    for text in value:
        match = _SHAPE.fullmatch(text)
        if match is None:
            raise click.BadParameter(f"{text!r} is not NAME=SHAPE, for example data=1x3x224x224", ctx, param)
        shapes[match["name"]] = tuple(int(size) for size in match["shape"].split("x"))
    return shapes


def network_options(command: _Command) -> _Command:
    """Adds ``--batch`` and ``--input``."""
    command = click.option(
        "--input",
        "input_shapes",
        multiple=True,
        metavar="NAME=SHAPE",
        callback=_parse_shapes,
        help="Shape of an input, for example data=1x3x224x224; binds symbolic dimensions. May be repeated.",
    )(command)
    return click.option("--batch", type=click.IntRange(min=1), metavar="N", help="Samples processed together.")(command)


def model_options(command: _Command) -> _Command:
    """Adds ``--model``, ``--fallback`` and ``--confidence``."""
    command = click.option(
        "--confidence",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=0.9,
        show_default=True,
        help="Probability that the intervals are meant to hold with.",
    )(command)
    command = click.option(
        "--fallback",
        type=click.Choice(["error", "roofline"]),
        default="error",
        show_default=True,
        help="What to do with a kind of kernel that the platform has no model for: refuse, or price it roughly.",
    )(command)
    return click.option(
        "--model",
        type=click.Choice(["mixed", "statistical", "refined-roofline", "roofline"]),
        help="Layer-model family; by default what the platform prefers for each kind.",
    )(command)


def json_option(command: _Command) -> _Command:
    """Adds ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document (see docs/json.md).")(command)


def print_json(document: object) -> None:
    """Prints a document; NaN and infinity are not JSON and would be a bug."""
    click.echo(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False))
