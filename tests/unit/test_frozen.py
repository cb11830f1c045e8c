"""Frozen dataclasses that are made quickly: the same as those that are not."""

import copy
from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from annette.frozen import quick


@dataclass(frozen=True, slots=True)
class Usual:
    name: str
    sizes: tuple[int, ...] = (1,)
    notes: dict[str, int] = field(default_factory=dict)
    seen: int = field(default=0, compare=False)

    def __post_init__(self):
        if min(self.sizes) < 1:
            raise ValueError(f"{self.name} has sizes {self.sizes}")


@quick
@dataclass(frozen=True, slots=True)
class Quick:
    name: str
    sizes: tuple[int, ...] = (1,)
    notes: dict[str, int] = field(default_factory=dict)
    seen: int = field(default=0, compare=False)

    def __post_init__(self):
        if min(self.sizes) < 1:
            raise ValueError(f"{self.name} has sizes {self.sizes}")


@pytest.mark.parametrize(
    ("given", "named"),
    [(("a",), {}), (("a", (2, 3)), {"seen": 4}), ((), {"name": "a", "notes": {}}), (("a", (1,), {"c": 2}, 5), {})],
)
def test_fields_are_those_of_the_usual_constructor(given, named):
    made, usual = Quick(*given, **named), Usual(*given, **named)
    assert type(made) is Quick
    assert repr(made) == repr(usual).replace("Usual", "Quick")


def test_each_instance_has_defaults_of_its_own():
    assert Quick("a").notes is not Quick("b").notes


def test_instances_are_frozen_and_compared_as_before():
    made = Quick("a", seen=1)
    with pytest.raises(FrozenInstanceError):
        made.name = "b"
    with pytest.raises(FrozenInstanceError):
        del made.name
    assert made == Quick("a", seen=2) != Quick("b")


def test_what_is_checked_behind_the_constructor_is_checked():
    with pytest.raises(ValueError, match="a has sizes"):
        Quick("a", (0,))
    with pytest.raises(TypeError):
        Quick()


def test_instances_are_copied_and_carried_like_any():
    made = Quick("a", (2,), {"b": 1})
    for other in (copy.copy(made), copy.deepcopy(made), replace(made)):
        assert other == made
        assert type(other) is Quick
    assert replace(made, sizes=(3,)).sizes == (3,)
