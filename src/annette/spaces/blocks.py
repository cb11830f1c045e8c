"""Spaces of one's own: blocks one behind the other, each with choices, as Python functions or as a JSON description."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import numpy as np
from msgspec import Meta

from annette.documents import OPTIONAL, convert
from annette.errors import OptionError, nearest
from annette.network.zoo.folding import FoldingBuilder
from annette.spaces.space import ABSENT, Built, IntArray, Pieces, SearchSpace, chained

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from annette.network.tensor import Tensor

    Choice: TypeAlias = Callable[[FoldingBuilder, Tensor], Tensor]

__all__ = ["Block", "BlockSpace", "space_from_json"]

_SCHEMA: Final = "annette/space/1"


@dataclass(frozen=True)
class Block:
    """One place in a network and what may stand there.

    Attributes:
        name: Unique within the space; scope of its layers.
        choices: By name, what builds the block from what is before it; None leaves the block out.
    """

    name: str
    choices: Mapping[str, Choice | None]


class BlockSpace(SearchSpace):
    """Blocks one behind the other; a decision for each block that has more than one choice.

    Args:
        name: What users call the space.
        inputs: Shape of the input without the samples, such as ``(3, 224, 224)``.
        blocks: The blocks from input to output.
        batch: Samples that are processed together.

    Raises:
        OptionError: There is no block, a block has no choice, or two have the same name.

    Example:
        >>> sizes = {"narrow": lambda net, x: net.conv(x, 16, 3), "wide": lambda net, x: net.conv(x, 32, 3)}
        >>> stem = Block("stem", sizes)
        >>> head = Block("head", {"classifier": lambda net, x: net.classifier(x, 10)})
        >>> space = BlockSpace("tiny", (3, 32, 32), [stem, head])
        >>> space.size, space.label((1,))
        (2, 'stem=wide')
    """

    def __init__(self, name: str, inputs: Sequence[int], blocks: Sequence[Block], *, batch: int = 1) -> None:
        if not blocks or not all(block.choices for block in blocks):
            raise OptionError(f"space {name!r} needs at least one block, and every block at least one choice")
        if len({block.name for block in blocks}) < len(blocks):
            raise OptionError(f"space {name!r} has two blocks of one name")
        self.name = name  # type: ignore[misc]  # of this space; other classes are one space each
        self.batch, self.inputs, self.blocks = batch, tuple(inputs), tuple(blocks)
        self._decided = [block for block in self.blocks if len(block.choices) > 1]
        self.options = tuple(len(block.choices) for block in self._decided)

    def decision_names(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The blocks that have several choices, and these."""
        return tuple((block.name, tuple(block.choices)) for block in self._decided)

    def label(self, candidate: Sequence[int]) -> str:
        """Such as ``stem=wide,block1=conv3``: blocks with several choices and what was chosen."""
        row = self.checked(candidate)
        chosen = (list(block.choices)[option] for block, option in zip(self._decided, row, strict=True))
        return ",".join(f"{block.name}={choice}" for block, choice in zip(self._decided, chosen, strict=True))

    def parse(self, label: str) -> tuple[int, ...]:
        """The candidate of a label.

        Raises:
            OptionError: A block or a choice is not known or missing.
        """
        given = dict(part.partition("=")[::2] for part in label.split(",") if part)
        row = []
        for block in self._decided:
            choice = given.pop(block.name, "")
            if choice not in block.choices:
                raise OptionError(
                    f"block {block.name!r} of space {self.name!r} has no choice {choice!r}"
                    f"{nearest(choice, block.choices)}; it has: {', '.join(block.choices)}"
                )
            row.append(list(block.choices).index(choice))
        if given:
            raise OptionError(f"space {self.name!r} has no block {next(iter(given))!r} to decide about")
        return tuple(row)

    def build(self, candidate: Sequence[int]) -> Built:
        """The network.

        Raises:
            OptionError: It is none of the space, or a choice builds no layer.
            NetworkShapeError: A choice does not fit what is before it.
        """
        row = list(self.checked(candidate))
        net = FoldingBuilder(f"{self.name}:{self.label(row)}", self.batch)
        x = net.input("input", (self.batch, *self.inputs))
        owners: list[int] = []
        for slot, block in enumerate(self.blocks):
            choices = list(block.choices.items())
            choice, function = choices[row.pop(0) if len(choices) > 1 else 0]
            if function is None:
                continue
            with net.scope(block.name):
                x = function(net, x)
            if net.layer_count == len(owners):
                raise OptionError(
                    f"choice {choice!r} of block {block.name!r} in space {self.name!r} builds no layer: use None"
                )
            owners += [slot] * (net.layer_count - len(owners))
        return Built(net.build(x), tuple(owners))

    def pieces(self, candidates: IntArray) -> Pieces:
        """A slot for each block."""
        codes: list[IntArray | int] = []
        first, decision = 1, 0
        for block in self.blocks:
            own = [ABSENT if each is None else first + place for place, each in enumerate(block.choices.values())]
            first += len(own)
            if len(own) == 1:
                codes.append(own[0])
            else:
                codes.append(np.array(own, dtype=np.int64)[candidates[:, decision]])
                decision += 1
        return chained(codes)


@dataclass(frozen=True)
class _BlockFile:
    name: str
    choices: dict[str, list[dict[str, Any]] | None]
    repeat: Annotated[int, Meta(ge=1, le=1000)] = field(default=1, metadata=OPTIONAL)


@dataclass(frozen=True)
class _SpaceFile:
    schema: str
    name: str
    input: list[Annotated[int, Meta(ge=1)]]
    blocks: list[_BlockFile]


def space_from_json(document: Any, *, batch: int = 1) -> BlockSpace:
    """Reads a description of a space.

    Each choice is a list of operators, one behind the other: ``{"op": "conv_norm", "filters": 32, "kernel": 3}`` calls
    the method of that name of `annette.network.zoo.folding.FoldingBuilder` with the numbers; ``{"residual": […]}``
    adds what comes in to what the operators in the list make of it. ``null`` leaves the block out.

    Args:
        document: The JSON document.
        batch: Samples that are processed together.

    Raises:
        OptionError: A part is missing, unknown, or of another type.
    """
    read = convert(document, _SpaceFile, error=OptionError)
    if read.schema != _SCHEMA:
        raise OptionError(f"this version reads spaces of schema {_SCHEMA!r}, not {read.schema[:80]!r}")
    blocks: list[Block] = []
    for described in read.blocks:
        choices = {
            name: None if steps is None else _Steps(steps, f"choice {name!r} of block {described.name!r}")
            for name, steps in described.choices.items()
        }
        if described.repeat == 1:
            blocks.append(Block(described.name, choices))
        else:
            blocks += [Block(f"{described.name}{number}", choices) for number in range(1, described.repeat + 1)]
    return BlockSpace(read.name, read.input, blocks, batch=batch)


class _Steps:
    """Operators one behind the other, checked once and called for each network."""

    def __init__(self, steps: Sequence[dict[str, Any]], where: str) -> None:
        self._where = where
        self._steps: list[tuple[str, dict[str, Any]] | _Steps] = []
        for step in steps:
            if set(step) == {"residual"} and isinstance(step["residual"], list):
                self._steps.append(_Steps(step["residual"], where))
                continue
            name = step.get("op")
            if not isinstance(name, str) or name not in _OPERATORS:
                raise OptionError(
                    f"{where}: there is no operator {str(name)[:80]!r}{nearest(str(name), _OPERATORS)}; "
                    f"known: {', '.join(_OPERATORS)}, and residual"
                )
            self._steps.append((name, {key: value for key, value in step.items() if key != "op"}))

    def __call__(self, net: FoldingBuilder, x: Tensor) -> Tensor:
        for step in self._steps:
            if isinstance(step, _Steps):
                x = net.add(step(net, x), x)
                continue
            name, given = step
            try:
                x = getattr(net, name)(x, **given)
            except TypeError as error:
                raise OptionError(f"{self._where}: operator {name!r} does not take {given}: {error}") from error
        return x


_OPERATORS: Final = (
    "activation", "average_pool", "batch_norm", "classifier", "conv", "conv_norm", "flatten", "fully_connected",
    "global_average_pool", "max_pool", "relu", "softmax", "squeeze_excite",
)  # fmt: skip
"""Methods of the builder that make one tensor of one."""
