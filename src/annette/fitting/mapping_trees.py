"""Small decision trees whose leaves read as the conditions of mapping rules.

A tree may be no longer than what it explains: every split costs as many bits as it takes to name it among all splits
that were possible, and is kept only if it saves more bits of the outcomes than that (minimum description length). So
three examples do not make a rule about channels, and thirty do. Facts about structure are tried before dimensions,
since there are fewer of them and a rule about them holds elsewhere.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.tree import DecisionTreeClassifier

from annette.network import Dimensions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from annette.mapping.condition import FieldValue

__all__ = ["Example", "Leaf", "leaves"]

_DEEPEST: Final = 4
_DIVISORS: Final = (4, 8, 16, 32)
_MOST_VALUES: Final = 8
_STRUCTURE: Final = (
    "has_activation", "has_residual", "follower_kinds", "consumers", "broadcasts", "constant_count", "operand_count",
    "weights_constant", "is_output", "written_by", "read_by", "layer_count", "input_rank", "output_rank", "moves_data",
    "shape", "rank", "origins",
)  # fmt: skip
_STRUCTURAL, _DIMENSION, _SPECIAL = 0, 1, 2
"""Levels of what a split can ask: facts about structure, dimensions of layers, everything else."""

_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_SAME_SHAPE: Final = (
    ("second.output_shape", "first.output_shape"), ("second.output_shape", "other.shape"),
    ("second.output_shape", "$other.shape"), ("first.output_shape", "other.shape"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Example:
    """A pair of groups, or one group, as it was measured.

    Attributes:
        facts: Value of every field, by how a condition writes it.
        holds: Whether the two ran together, or the one was left out.
    """

    facts: Mapping[str, FieldValue | None]
    holds: bool


@dataclass(frozen=True, slots=True)
class Leaf:
    """Examples that a tree cannot tell apart.

    Attributes:
        conditions: What tells them from all others.
        holds: How many of them hold.
        seen: How many there are.
    """

    conditions: tuple[str, ...]
    holds: int
    seen: int


@dataclass(frozen=True, slots=True)
class _Column:
    """One thing that a split can ask: numbers, or 0 and 1.

    Attributes:
        below: Condition for values up to a threshold, with ``{}`` for it.
        above: Condition for values above.
        values: One per example.
        level: How special it is; lower ones are tried first.
    """

    below: str
    above: str
    values: Sequence[float]
    level: int


def leaves(examples: Sequence[Example], seed: int) -> list[Leaf]:
    """The leaves of the tree that describes the examples in the fewest bits.

    Args:
        examples: At least one.
        seed: Breaks ties between splits that are equally good.
    """
    labels = np.array([example.holds for example in examples])
    count = Leaf((), int(labels.sum()), len(labels))
    if labels.all() or not labels.any():
        return [count]
    columns = [column for column in _columns(examples) if len(set(column.values)) > 1]
    best, best_bits = [count], _entropy(count.holds, count.seen)
    for level in (_STRUCTURAL, _DIMENSION, _SPECIAL):
        chosen = [column for column in columns if column.level <= level]
        if not chosen:
            continue
        values = np.column_stack([column.values for column in chosen])
        price = math.log2(sum(len(np.unique(part)) - 1 for part in values.T)) + 1.0
        tree = DecisionTreeClassifier(
            criterion="entropy", max_depth=_DEEPEST, ccp_alpha=price / len(labels), random_state=seed
        ).fit(values, labels)
        tree_leaves = list(_walk(tree.tree_, chosen, 0, (), np.arange(len(labels))))
        bits = sum(leaf_bits for _, leaf_bits in tree_leaves) + price * (len(tree_leaves) - 1)
        if bits < best_bits - 1e-9:
            best, best_bits = [leaf for leaf, _ in tree_leaves], bits
    return best


def _entropy(holds: int, seen: int) -> float:
    """Bits that it takes to tell which examples of a leaf hold."""
    share = holds / seen
    return 0.0 if share in (0.0, 1.0) else -seen * (share * math.log2(share) + (1 - share) * math.log2(1 - share))


def _walk(
    tree: Any, columns: Sequence[_Column], node: int, path: tuple[str, ...], rows: npt.NDArray[np.intp]
) -> Iterable[tuple[Leaf, float]]:
    """The leaves under a node, where ``rows`` of the examples arrive, each with its bits."""
    if tree.children_left[node] < 0:
        seen = int(tree.n_node_samples[node])
        holds = round(float(tree.value[node][0][1]) * seen)
        yield Leaf(_tightest(path), holds, seen), _entropy(holds, seen)
        return
    column, middle = columns[tree.feature[node]], float(tree.threshold[node])
    values = np.asarray(column.values)[rows]
    threshold = _text(_threshold(column, values, middle))
    below, above = rows[values <= middle], rows[values > middle]
    yield from _walk(tree, columns, tree.children_left[node], (*path, column.below.format(threshold)), below)
    yield from _walk(tree, columns, tree.children_right[node], (*path, column.above.format(threshold)), above)


def _threshold(column: _Column, values: npt.NDArray[np.float64], middle: float) -> float:
    """Where a split is written down: of sizes in the middle of those seen, of counts right above the smaller one.

    What was seen with no reader and with two says that none is special, not that one is like none.
    """
    smaller = values[values <= middle]
    return middle if column.level != _STRUCTURAL or not len(smaller) else float(smaller.max()) + 0.5


def _tightest(path: tuple[str, ...]) -> tuple[str, ...]:
    """Conditions without those that a later one on the same side makes superfluous."""
    kept: dict[str, str] = {}
    for condition in path:
        parts = condition.split(" ")
        numeric = parts[-2] in ("<=", ">")
        key = " ".join(parts[:-1]) if numeric else condition
        kept.pop(key, None)
        kept[key] = condition
    return tuple(kept.values())


def _text(threshold: float) -> str:
    return f"{threshold:g}" if float(f"{threshold:g}") == threshold else repr(threshold)


def _columns(examples: Sequence[Example]) -> list[_Column]:
    names = dict.fromkeys(name for example in examples for name in example.facts)
    columns: list[_Column] = []
    for name in names:
        values = [example.facts.get(name) for example in examples]
        if len(set(values)) > 1:
            columns += _asked(name, values)
    for left, right in _SAME_SHAPE:
        sides = [(example.facts.get(left), example.facts.get(right)) for example in examples]
        if all(side[0] is not None and side[1] is not None for side in sides):
            same = [float(a == b) for a, b in sides]
            columns.append(_Column(f"{left} != {right}", f"{left} == {right}", same, _STRUCTURAL))
    return columns


def _asked(name: str, values: Sequence[FieldValue | None]) -> Iterable[_Column]:
    """What can be asked about one field."""
    field = name.partition(".")[2]
    level = _STRUCTURAL if field in _STRUCTURE else _DIMENSION if field in Dimensions._fields else _SPECIAL
    present = [value for value in values if value is not None]
    if len(present) < len(values):
        there = [float(value is not None) for value in values]
        yield _Column(f"{name} is missing", f"{name} is present", there, level)
        if field.startswith("attributes."):
            yield from _equal(name, values, level)
        return
    if all(isinstance(value, bool) for value in present):
        yield _Column(f"{name} == false", f"{name} == true", [float(bool(v)) for v in values], level)
    elif all(isinstance(value, int | float) for value in present):
        numbers = [float(value) for value in values]  # type: ignore[arg-type] # just seen to be numbers
        yield _Column(f"{name} <= {{}}", f"{name} > {{}}", numbers, level)
        if field in ("in_channels", "out_channels"):
            for size in _DIVISORS:
                rest = [number % size for number in numbers]
                yield _Column(f"{name} % {size} <= {{}}", f"{name} % {size} > {{}}", rest, _SPECIAL)
    elif all(isinstance(value, tuple) and all(isinstance(v, str) for v in value) for value in present):
        for item in sorted({str(item) for value in present for item in value}):  # type: ignore[union-attr] # tuples
            inside = [float(item in value) for value in values]  # type: ignore[operator] # tuples
            yield _Column(f"{name} lacks {item}", f"{name} contains {item}", inside, level)
    elif not field.endswith("shape") or field.startswith("attributes."):
        yield from _equal(name, values, level)


def _equal(name: str, values: Sequence[FieldValue | None], level: int) -> Iterable[_Column]:
    """Whether a field has one of the values that it takes."""
    distinct = sorted({value for value in values if value is not None}, key=str)
    if len(distinct) > _MOST_VALUES:
        return
    for value in distinct:
        text = _literal(value)
        if text is not None:
            same = [float(other == value) for other in values]
            yield _Column(f"{name} != {text}", f"{name} == {text}", same, level)


def _literal(value: FieldValue) -> str | None:
    """A value as conditions write it; None where they cannot."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return value if _WORD.fullmatch(value) else None if "'" in value else f"'{value}'"
    parts = [_literal(item) for item in value]
    return None if None in parts or not parts else f"[{', '.join(str(part) for part in parts)}]"
