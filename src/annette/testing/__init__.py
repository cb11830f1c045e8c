"""Contract suites: what every plug-in must satisfy, runnable by its author; here what several of them ask."""

from __future__ import annotations

import copy
import math
from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

if TYPE_CHECKING:
    from annette.errors import AnnetteError

__all__ = ["ParametersContract"]


class ParametersContract:
    """What everything must satisfy that platform files hold as a name and parameters (``to_json``, ``from_json``)."""

    refusal: ClassVar[type[AnnetteError]]
    """What wrong parameters raise."""

    @pytest.fixture
    def described(self) -> Any:
        """What has the parameters."""
        raise NotImplementedError("override the fixture 'described'")

    def test_is_immutable(self, described: Any) -> None:
        """No attribute can be set."""
        for name in (*described.to_json(), "something_new"):
            with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
                setattr(described, name, 1)

    def test_refuses_unknown_and_missing_parameters(self, described: Any) -> None:
        """A misspelt parameter must not pass for a default."""
        parameters = described.to_json()
        with pytest.raises(self.refusal):
            type(described).from_json({**parameters, "no_such_parameter": 1})
        for name in parameters:
            with pytest.raises(self.refusal):
                type(described).from_json({key: value for key, value in parameters.items() if key != name})

    @pytest.mark.parametrize("wrong", [math.nan, math.inf, "1", None, True, []], ids=str)
    def test_refuses_numbers_that_are_none(self, described: Any, wrong: Any) -> None:
        """Every number of the parameters, however deep, must be a finite number; the message is one line."""
        for place in _numbers(described.to_json()):
            parameters = copy.deepcopy(described.to_json())
            inner = parameters
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = wrong
            with pytest.raises(self.refusal) as caught:
                type(described).from_json(parameters)
            assert place[-1] in str(caught.value)
            assert "\n" not in str(caught.value)


def _numbers(values: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Paths of all numbers in nested objects; lists are left to tests of their own."""
    places: list[tuple[str, ...]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            places += _numbers(value, (*path, key))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            places.append((*path, key))
    return places
