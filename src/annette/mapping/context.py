"""Context stages: what a compiler decides from the whole network after layers have been grouped into kernels.

The same kernel takes another time in another place: because its input lies in another memory, because it shares the
device with a copy, because the compiler cascades it with its neighbours. A context stage looks at all kernels of a
network at once and gives each of them numbers (`Kernel.context`), which layer models see as columns ``context:NAME``;
it may add kernels that the runtime inserts, mark kernels as free, and change the kind of a kernel that the compiler
lowers to something else.

A mapping file names its stage and holds its parameters, ``{"name": "myriad-placement", "parameters": {…}}``; stages
are code, so a file can only name one that a device family brings (`annette.devices`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

from annette.devices.registry import find, offered
from annette.documents import Document, convert
from annette.errors import MappingError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.mapping.kernel import Kernel
    from annette.network import Network

__all__ = ["ContextStage", "context_from_json", "context_to_json", "integer_parameters"]


class ContextStage(ABC):
    """Predicts what a compiler decides from the whole network.

    Instances are immutable. ``type(stage).from_json(stage.to_json())`` has the same parameters and does the same.

    Attributes:
        name: Name in mapping files: words in lower case joined by hyphens.
        columns: Names of the numbers it may give to kernels, without ``context:``.
    """

    name: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]

    @abstractmethod
    def apply(self, kernels: Sequence[Kernel], network: Network) -> tuple[Kernel, ...]:
        """Gives the kernels their context.

        Args:
            kernels: All kernels of the network, in topological order.
            network: Where their tensors are described.

        Returns:
            The same kernels, possibly with context, free or of another kind, and with kernels added that have no
            layers; in topological order.
        """

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Parameters as plain JSON values."""

    @classmethod
    @abstractmethod
    def from_json(cls, parameters: Mapping[str, Any]) -> Self:
        """Builds the stage from its parameters.

        Raises:
            MappingError: A parameter is missing, unknown, of the wrong type, or out of its range.
        """


def context_to_json(stage: ContextStage) -> dict[str, Any]:
    """A stage with its name, as plain JSON values."""
    return {"name": stage.name, "parameters": stage.to_json()}


def context_from_json(data: Any) -> ContextStage:
    """Reads a stage.

    Raises:
        MappingError: It is ill-formed, or no such stage is built in or installed.
    """
    read = convert(data, _StageFile, error=MappingError)
    name, stage = read.name, find("context_stages", read.name)
    if stage is None:
        known = sorted(offered("context_stages"))
        raise MappingError(
            f"there is no context stage named {name[:80]!r}{nearest(name, known)}; known: {', '.join(known)}"
        )
    if not (isinstance(stage, type) and issubclass(stage, ContextStage)):
        raise MappingError(f"context stage {name!r} leads to {stage!r}, which is no ContextStage")
    return stage.from_json(read.parameters)


class _StageFile(Document, frozen=True):
    name: str
    parameters: dict[str, Any]


def integer_parameters(
    stage: str, parameters: Mapping[str, Any], limits: Mapping[str, tuple[int, int]]
) -> dict[str, int]:
    """Reads whole numbers, every one of which must be given.

    Args:
        stage: Name of the stage, for messages.
        parameters: What a mapping file holds.
        limits: Smallest and largest value of each parameter.

    Raises:
        MappingError: A parameter is missing, unknown, not a whole number, or out of its range.
    """
    unknown = sorted(parameters.keys() - limits.keys())
    if unknown:
        raise MappingError(
            f"context stage {stage!r} has no parameter {unknown[0][:80]!r}{nearest(unknown[0], limits)}; "
            f"known: {', '.join(limits)}"
        )
    for key, (least, most) in limits.items():
        value = parameters.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            shown = "missing" if key not in parameters else repr(value)[:80]
            raise MappingError(
                f"context stage {stage!r}: {key!r} is {shown}: it must be a whole number from {least} to {most}"
            )
    return {key: int(parameters[key]) for key in limits}
