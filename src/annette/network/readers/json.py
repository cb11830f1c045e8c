"""Reads a network description in JSON, whichever of the known formats it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from annette import documents
from annette.errors import NetworkFormatError
from annette.network.readers.annette_json import parse_annette
from annette.network.readers.descriptions.described_layer import MAX_NETWORK_BYTES
from annette.network.readers.mmdnn_json import parse_mmdnn

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from annette.network.network import Network

__all__ = ["read_json"]


def read_json(
    path: str | os.PathLike[str],
    *,
    batch: int | None = None,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
) -> Network:
    """Reads a network description of the original ANNETTE or of MMdnn.

    Args:
        path: The file; an object ``layers`` makes it the former, a list ``node`` the latter.
        batch: Samples processed together; None means 1, or what the file fixes.
        input_shapes: Shapes of network inputs by name, channels last, batch first.

    Returns:
        The network, with every repair told in its notes.

    Raises:
        NetworkFormatError: The file is neither.
        NetworkStructureError: The graph is empty, cyclic or dangling.
        NetworkShapeError: A size is symbolic, unknown, not positive, or contradicts its neighbours.
    """
    file = Path(path)
    document = documents.read_json(file, error=NetworkFormatError, max_bytes=MAX_NETWORK_BYTES)
    if isinstance(document, dict) and "node" in document:
        return parse_mmdnn(document, file, batch=batch, input_shapes=input_shapes or {})
    if isinstance(document, dict) and "layers" in document:
        return parse_annette(document, file, batch=batch, input_shapes=input_shapes or {})
    raise NetworkFormatError(
        f"{str(file)!r} is JSON but no network description: it has neither 'layers' (the original ANNETTE's format) "
        "nor 'node' (MMdnn's)"
    )
