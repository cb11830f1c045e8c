"""Published tables that a platform is fitted on: measurements with their provenance.

Licences and hashes travel with the numbers into the platform file; so does what a user of the numbers should know.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annette.errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path

    from annette.bench.importing.runs import NetworkLatency
    from annette.bench.records import Run
    from annette.network import Network
    from annette.platforms import Provenance

__all__ = ["Published", "digest_of"]


@dataclass(frozen=True)
class Published:
    """One device's tables.

    Attributes:
        runs: Its kernels.
        networks: Its whole networks.
        provenance: Where both come from.
    """

    runs: list[Run]
    networks: list[NetworkLatency]
    provenance: Provenance

    @property
    def pairs(self) -> list[tuple[Network, float]]:
        """Networks with their times, seconds."""
        return [(pair.network, pair.latency_s) for pair in self.networks]

    @property
    def names(self) -> list[str]:
        """What the networks are called."""
        return [pair.name for pair in self.networks]


def digest_of(path: Path) -> str:
    """SHA-256 of a table, for its provenance.

    Raises:
        DatasetError: It cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DatasetError(f"table {str(path)!r} cannot be read: {error.strerror or error}") from error
