"""A network that is read at many sizes: a file is opened once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from annette.errors import NetworkError
from annette.files import exists, open_regular
from annette.network.load import load_network
from annette.references import Reference, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.network.inputs import DeclaredInput, Given
    from annette.network.network import Network

__all__ = ["SizedNetwork"]

_OPENERS: Final[dict[str, Reference]] = {".onnx": "annette.network.readers.onnx.opened:open_onnx"}
"""File suffix to what opens a file for several readings; others are read anew each time."""


class _Opened(Protocol):
    """A file that was opened for several readings."""

    @property
    def inputs(self) -> Mapping[str, DeclaredInput]: ...

    def read(self, *, batch: int | None, inputs: Mapping[str, Given], lenient: bool) -> Network: ...


class SizedNetwork:
    """A network that can be had at several sizes.

    Args:
        source: A file, or the name of a network of the zoo.
        lenient: As for `annette.load_network`.

    Raises:
        NetworkError: There is no such file, or it is not of its format.
    """

    def __init__(self, source: str | Path, *, lenient: bool = False) -> None:
        self.source = str(source)
        self._lenient = lenient
        self._opened: _Opened | None = None
        path = Path(source)
        opener = _OPENERS.get(path.suffix.lower())
        if opener is not None and exists(path):
            with open_regular(path, error=NetworkError):
                pass
            self._opened = resolve(opener)(path)

    @property
    def declared(self) -> Mapping[str, DeclaredInput] | None:
        """What the file declares to be fed with, open sizes by their symbols; None where that is not known."""
        return None if self._opened is None else self._opened.inputs

    def at(self, *, batch: int | None = None, inputs: Mapping[str, Given] | None = None) -> Network:
        """The network at some sizes, as `annette.load_network` gives it.

        Args:
            batch: As for `annette.load_network`.
            inputs: As for `annette.load_network`.

        Raises:
            NetworkError: As for `annette.load_network`.
            OptionError: As for `annette.load_network`.
        """
        if self._opened is not None:
            return self._opened.read(batch=batch, inputs=inputs or {}, lenient=self._lenient)
        return load_network(self.source, batch=batch, inputs=inputs, lenient=self._lenient)
