"""Sizes that data decide, looked up in a run on this machine: the part of a file that decides them, and nothing else.

The file is a stranger's, so that the run has a process of its own, with a limit of memory and of time. It is fed what
`annette measure` feeds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from annette.bench.processes import end_processes, marked_environment, new_token
from annette.errors import BackendRunError, UndecidedSizeError
from annette.network.load import load_network
from annette.network.readers.onnx.reader import fed_values
from annette.network.sizes import open_sizes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from annette.network import Network
    from annette.network.inputs import Given
    from annette.network.readers.onnx.values import Value

__all__ = ["Observed", "Request", "observed_inputs"]

_MOST_RUNS: Final = 32
"""Runs of one file: sizes that nothing bounds are found one after the other."""
_TIMEOUT_S: Final = 120.0
_ONNX: Final = ".onnx"


class Feed(msgspec.Struct, frozen=True):
    """What one input is fed.

    Attributes:
        shape: Its shape.
        numbers: Its contents, row by row, where they were given.
    """

    shape: tuple[int, ...]
    numbers: tuple[bool | int | float, ...] | None


class Request(msgspec.Struct, frozen=True):
    """What the process is asked.

    Attributes:
        path: The file.
        tensors: What of it is looked at, by the file's names.
        feeds: What its inputs are fed, by name.
    """

    path: str
    tensors: tuple[str, ...]
    feeds: dict[str, Feed]


class Observed(msgspec.Struct, frozen=True):
    """What a tensor was in a run.

    Attributes:
        shape: Its shape.
        largest: The largest of its numbers, where it holds few integers.
    """

    shape: tuple[int, ...]
    largest: int | None


class _Wanted(NamedTuple):
    tensor: str
    holds_lengths: bool


def observed_inputs(
    path: Path,
    *,
    batch: int | None = None,
    inputs: Mapping[str, Given] | None = None,
    lenient: bool = False,
    timeout_s: float = _TIMEOUT_S,
) -> dict[str, Given]:
    """What is known of a file's inputs, and what a run says of the sizes that its data decide.

    Args:
        path: The file; only ONNX files are looked at, those of the ORT format take no further outputs.
        batch: As for `annette.load_network`.
        inputs: As for ``load_network``.
        lenient: As for ``load_network``.
        timeout_s: Time that one run may take, seconds.

    Returns:
        ``inputs`` for ``load_network``, with a size for each tensor whose size data decide. What is computed within
        loops, branches and functions is not looked at.

    Raises:
        BackendRunError: ONNX Runtime is not there, cannot run the file, or takes more time or memory than it may.
        NetworkError: The file cannot be read, for another reason than such a size.
        OptionError: As for ``load_network``.
    """
    known: dict[str, Given] = dict(inputs or {})
    if path.suffix.lower() != _ONNX:
        return known
    asked: set[str] = set()
    feeds: dict[str, Feed] | None = None
    for _ in range(_MOST_RUNS):
        try:
            network = load_network(path, batch=batch, inputs=known, lenient=lenient)
        except UndecidedSizeError as error:
            wanted = [_Wanted(error.tensor, holds_lengths=False)]
            if error.tensor in asked:
                raise
        else:
            wanted = _undecided(network)
        wanted = [each for each in wanted if each.tensor not in asked]
        if not wanted:
            break
        asked.update(each.tensor for each in wanted)
        if feeds is None:
            feeds = {value.name: _feed(value) for value in fed_values(path, batch=batch, input_shapes=inputs)}
        observed = _run(Request(str(path.absolute()), tuple(each.tensor for each in wanted), feeds), timeout_s)
        known |= {each.tensor: _size(each, observed[each.tensor]) for each in wanted if each.tensor in observed}
    return known


def _undecided(network: Network) -> list[_Wanted]:
    ways = (network, *network.variants)
    sizes = {size.tensor: size.holds_lengths for way in ways for size in open_sizes(way.data_sizes)}
    return [_Wanted(*each) for each in sizes.items()]


def _size(wanted: _Wanted, observed: Observed) -> Given:
    if not wanted.holds_lengths:
        return observed.shape
    if observed.largest is None:
        raise BackendRunError(f"tensor {wanted.tensor!r} holds no lengths of sequences")
    return (observed.largest,)


def _feed(value: Value) -> Feed:
    return Feed(value.shape, None if value.data is None else tuple(value.data.ravel().tolist()))


def _run(request: Request, timeout_s: float) -> dict[str, Observed]:
    """One run in a process of its own."""
    token = new_token()
    with subprocess.Popen(
        [sys.executable, "-m", "annette.devices.onnxruntime_cpu.observer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=marked_environment(token),
        start_new_session=True,
    ) as process:
        try:
            answer, _ = process.communicate(msgspec.json.encode(request), timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise BackendRunError(
                f"{request.path!r} was run for {timeout_s:g} s to look up the sizes that its data decide, and did not "
                "end: give them with --input NAME=SIZE"
            ) from None
        finally:
            end_processes(process, token)
    return _answer(request, answer)


def _answer(request: Request, answer: bytes) -> dict[str, Observed]:
    try:
        document: dict[str, Any] = json.loads(answer)
        if "error" not in document:
            return msgspec.convert(document, dict[str, Observed])
        why = str(document["error"])
    except (ValueError, TypeError, msgspec.ValidationError):
        why = "the process ended without an answer; it may have needed more memory than it may have"
    raise BackendRunError(
        f"{request.path!r} cannot be run to look up the sizes that its data decide: {why}; give them with --input "
        "NAME=SIZE"
    )
