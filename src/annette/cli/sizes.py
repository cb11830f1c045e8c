"""Options that give sizes, one or several, and what they turn into."""

from __future__ import annotations

from functools import partial, reduce
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from annette.network.inputs import Given

__all__ = ["parse_inputs", "parse_sizes", "swept_options", "together"]

_Command = TypeVar("_Command", bound="Callable[..., Any]")


def together(what: str, *options: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    """Several options as one decorator, in the order in which the help lists them, and what it says of itself."""

    def decorate(command: _Command) -> _Command:
        return reduce(lambda decorated, option: option(decorated), reversed(options), command)

    decorate.__doc__ = what
    return decorate


def parse_inputs(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...], *, swept: bool = False
) -> dict[str, Given | str]:
    """Turns NAME=SHAPE and the like into what is given of each input; a click callback.

    Args:
        ctx: Of click.
        param: Of click.
        value: What was written.
        swept: Whether sizes may be several; texts with braces are kept.
    """
    from annette.errors import OptionError
    from annette.network.inputs import parse_given
    from annette.network.swept_sizes import is_swept

    inputs: dict[str, Given | str] = {}
    for text in value:
        name, given = _split(text, swept=swept)
        if not name or not given:
            raise click.BadParameter(f"{text!r} is not NAME=SHAPE, for example data=1x3x224x224", ctx, param)
        if name in inputs:
            raise click.BadParameter(f"{name!r} is given twice", ctx, param)
        try:
            inputs[name] = given if swept and is_swept(given) else parse_given(given)
        except OptionError as error:
            raise click.BadParameter(f"{text!r} is not NAME=SHAPE or NAME=VALUE: {error}", ctx, param) from error
    return inputs


def _split(text: str, *, swept: bool) -> tuple[str, str]:
    """Name and what is given of it; a name may have an equals sign, and so may braces."""
    braces = text.find("{") if swept else -1
    name, _, given = (text if braces < 0 else text[:braces]).rpartition("=")
    return name, given + (text[braces:] if braces >= 0 else "")


def parse_sizes(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Turns 4, 1,2,4,8 or {1..8} into numbers of at least 1; a click callback."""
    from annette.errors import OptionError
    from annette.network.swept_sizes import parse_numbers_swept

    if value is None:
        return None
    text = value.strip()
    try:
        sizes = parse_numbers_swept(text[1:-1] if text[:1] == "{" and text[-1:] == "}" else text)
    except OptionError as error:
        raise click.BadParameter(
            f"{value!r} is not a size such as 4, or several such as 1,2,4 or {{1..8}}", ctx, param
        ) from error
    if min(sizes) < 1:
        raise click.BadParameter(f"{min(sizes)} is not in the range x>=1.", ctx, param)
    return sizes


swept_options = together(
    "Adds ``--batch`` and ``--input``, which may stand for several sizes.",
    click.option(
        "--batch", "batches", callback=parse_sizes, metavar="N", help="Samples processed together; several as 1,2,4,8."
    ),
    click.option(
        "--input", "inputs", multiple=True, metavar="NAME=SHAPE", callback=partial(parse_inputs, swept=True),
        help="Shape of an input, data=1x3x224x224; size of a symbolic dimension, seq=128; or value of an input that "
        "decides what runs, sr=16000 or sr=[16000]; size of a tensor that data decide, /NonZero_output_0=57. Several "
        "sizes stand in braces: ids=1x{32..512}, data=1x3x{s=128..512:64}x{s}. May be repeated.",
    ),
)  # fmt: skip
