"""What a case is: a number from which its file, and what is done with it, follow."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tools.fuzz.raw_bytes import mutate_bytes

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

__all__ = ["Case", "Format", "build", "steps"]

_STEPS: Final = (1, 1, 1, 1, 1, 2, 2, 2, 3, 4)
"""How many mutations: what differs in one place from a sound file gets further than what differs in many."""
_UNCHANGED: Final = 0.03


@dataclass(frozen=True, slots=True)
class Case:
    """One input of a campaign.

    Attributes:
        format: Name of its format.
        seed: Of the campaign.
        number: Its place in the campaign, from 0.
    """

    format: str
    seed: int
    number: int

    @property
    def name(self) -> str:
        """What ``replay`` takes."""
        return f"{self.seed}:{self.number}"

    @classmethod
    def parse(cls, name: str, format_: str) -> Case:
        """The case of a name.

        Raises:
            ValueError: It is not two numbers with a colon in between.
        """
        seed, number = name.split(":")
        return cls(format_, int(seed), int(number))

    def dice(self, purpose: str) -> random.Random:
        """Random numbers for one purpose: leaving out one step of a case changes nothing in the others."""
        return random.Random(f"{self.format}/{self.seed}/{self.number}/{purpose}")


class Format(ABC):
    """A format: how its files come about and are mutated, and what a user's command does with one.

    Args:
        extra: Files of a user's that join the seeds; those of other formats are passed over.

    Attributes:
        name: On the command line.
        suffix: Of its files.
        raw: Share of cases that are damaged as bytes, too.
    """

    name: ClassVar[str]
    suffix: ClassVar[str]
    raw: ClassVar[float] = 0.15

    def __init__(self, extra: Sequence[Path] = ()) -> None:
        self.extra = tuple(path for path in extra if path.suffix == self.suffix)

    @abstractmethod
    def draw(self, dice: random.Random) -> Any:
        """A sound file, as what `mutate` takes: a new one each time."""

    @abstractmethod
    def mutate(self, subject: Any, dice: random.Random) -> None:
        """Changes one thing in a file, in place."""

    @abstractmethod
    def encode(self, subject: Any, dice: random.Random) -> bytes:
        """The file's bytes."""

    @abstractmethod
    def attempt(self, file: Path, dice: random.Random) -> str:
        """Does with a file what commands do, and says how far that went (``estimated``, ``accepted``).

        Raises:
            AnnetteError: The file was refused.
            Violation: Something was accepted that must not be.
        """


def steps(form: Format, case: Case) -> list[str]:
    """The mutations of a case, by name: structured ones, then those of bytes."""
    dice = case.dice("plan")
    if dice.random() < _UNCHANGED:
        return []
    raw = dice.choice(_STEPS) if dice.random() < form.raw else 0
    structured = 0 if raw and dice.random() < 0.5 else dice.choice(_STEPS)
    return [*(f"change{number}" for number in range(structured)), *(f"bytes{number}" for number in range(raw))]


def build(form: Format, case: Case, kept: Collection[str] | None = None) -> bytes:
    """The file of a case.

    Args:
        form: Its format.
        case: The case.
        kept: Names of the mutations to make; None makes all.
    """
    wanted = [step for step in steps(form, case) if kept is None or step in kept]
    subject = form.draw(case.dice("draw"))
    for step in wanted:
        if step.startswith("change"):
            form.mutate(subject, case.dice(step))
    data = form.encode(subject, case.dice("encode"))
    for step in wanted:
        if step.startswith("bytes"):
            data = mutate_bytes(data, case.dice(step))
    return data
