"""Networks whose latencies somebody published, as they were measured: pruned, at odd sizes, from several frameworks.

``published:NAME`` is the network of the file ``descriptions/NAME.json.gz``: kinds of layer, sizes and connections in
the form of `annette.network.graph_json`, without weights. ``tools/published_suites.py`` makes the files from the
descriptions in https://github.com/embedded-machine-learning/annette (Apache-2.0), with the repairs that the readers
make (docs/original.md). They are what the suites ``paper-zcu102`` and ``paper-ncs2`` consist of.
"""

from __future__ import annotations

import gzip
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from annette.errors import OptionError, nearest
from annette.network.graph_json import graph_from_text

if TYPE_CHECKING:
    from annette.network.network import Network

__all__ = ["SUFFIX", "described_names", "published"]

SUFFIX: Final = ".json.gz"
"""What the names of the files end with."""


@cache
def described_names() -> tuple[str, ...]:
    """The networks that there are files of, sorted."""
    files = resources.files(__package__).joinpath("descriptions").iterdir()
    return tuple(sorted(file.name.removesuffix(SUFFIX) for file in files if file.name.endswith(SUFFIX)))


def published(name: str, batch: int = 1) -> Network:
    """A network as it was measured.

    Args:
        name: One of `described_names`.
        batch: Samples; these networks were measured, and are described, with one.

    Raises:
        OptionError: There is no such network, or more than one sample is asked for.
    """
    known = described_names()
    if name not in known:
        raise OptionError(f"there is no published network {name!r}{nearest(name, known)}; known: {', '.join(known)}")
    if batch != 1:
        raise OptionError(f"published:{name} is described for one sample, not for {batch}: leave --batch out")
    file = resources.files(__package__).joinpath("descriptions", name + SUFFIX)
    return graph_from_text(gzip.decompress(file.read_bytes()).decode()).replaced(name=f"published:{name}")
