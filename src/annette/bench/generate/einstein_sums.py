"""Micro-kernels: Einstein sums, which put operands and result into another order before and behind a product.

Which order decides how long that takes (`annette.mapping.contraction`). People write a few dozen equations, of which
the usual ones are listed; others are drawn, with labels in any order.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

from annette.bench.generate.recipe import Recipe, micro

if TYPE_CHECKING:
    from annette.bench.generate.recipe import CaseBuilder, Sampler

__all__ = ["recipes"]

_WITH_CONSTANTS: Final = (
    "btc,chd->bthd", "bthd,hdc->btc", "btc,cd->btd", "nchw,oc->nohw", "bhwc,hkc->bhwk", "btc,dc->btd", "nctv,vw->nctw",
    "btc,chd->bhtd", "nhc,hcd->nhd", "btc,hcd->bthd", "bhwc,wkc->bhwk",
)  # fmt: skip
"""Projections of heads, 1x1 convolutions, tables of relative positions, products with the graph of a skeleton, experts
of which each has its own matrix."""

_OF_ACTIVATIONS: Final = (
    "bhid,bhjd->bhij", "bhij,bhjd->bihd", "bihd,bjhd->bhij", "bhij,bjhd->bihd", "bid,bjd->bij", "bihd,bjhd->bihj",
    "bij,bjd->bid", "bhdi,bhdj->bhij", "bhdj,bhij->bhdi", "bcij,bjk->bcik", "bti,btj->bij", "btij,btj->bti",
)  # fmt: skip
"""Attention in its usual layouts, along tokens and along channels, sums over the neighbours of a graph, and products of
one matrix for each token, as those of selective state spaces and capsules are."""

_OF_MANY_MATRICES: Final = (
    "wij,bjw->biw", "hij,bjh->bih", "beld,ble->bld", "bnid,bijd->bnij", "ijdc,bic->bijd", "bind,snd->bnis",
    "blhd,blhde->blhe", "bixy,ioxy->boxy", "bhld,lrd->bhlr",
)  # fmt: skip
"""One matrix for each state, token, pair of tokens or frequency, for one vector or a few: state spaces, experts, linear
attention, capsules, relative positions, Fourier layers."""

_LARGEST_ELEMENTS: Final = 1 << 20
_LARGEST_MACS: Final = 1 << 27
_MOST_OF_MATRICES: Final = 3_000_000
"""Elements: 12 MB of matrices, which no cache of a core holds."""


def recipes() -> list[Recipe]:
    """Recipes for Einstein sums."""
    return [
        micro("einsum/constants", 36, partial(_listed, _WITH_CONSTANTS), alternates=True),
        micro("einsum/activations", 44, partial(_listed, _OF_ACTIVATIONS)),
        micro("einsum/drawn", 30, _drawn),
        micro("einsum/matrices", 28, _one_matrix_each, alternates=True),
    ]


def _listed(equations: tuple[str, ...], s: Sampler, net: CaseBuilder) -> None:
    equation = s.pick(equations)
    left, right = equation.partition("->")[0].split(",")
    positions, heads, width = s.log_integer(16, 400), s.pick((1, 2, 4, 8, 12)), s.log_integer(8, 512)
    sizes = {
        "b": net.batch, "n": net.batch, "t": positions, "i": positions, "j": positions, "h": heads, "c": width,
        "d": s.log_integer(8, 256), "o": s.log_integer(8, 512), "v": s.pick((17, 25, 32)),
    }  # fmt: skip
    sizes |= {"w": sizes["v"], "k": positions}
    if "hw" in left:
        sizes |= dict.fromkeys("hwk", s.log_integer(4, 48))
    if left.startswith("bt") and "t" in right:  # one matrix for each token: they are small
        sizes |= {"i": s.log_integer(4, 32), "j": s.log_integer(4, 32)}
    shapes = [tuple(sizes[label] for label in term) for term in (left, right)]
    x = net.input("x", shapes[0])
    y = net.weight("weight", shapes[1]) if equations is _WITH_CONSTANTS else net.input("y", shapes[1])
    net.einsum(equation, x, y)


def _one_matrix_each(s: Sampler, net: CaseBuilder) -> None:
    """Products of few rows, of matrices that are constants or computed: how fast they come from memory decides."""
    equation = s.pick(_OF_MANY_MATRICES)
    left, right = equation.partition("->")[0].split(",")
    summed = (set(left) & set(right)) - set(equation.partition("->")[2])
    labels = dict.fromkeys(left + right)
    sizes = {label: s.log_integer(16, 320) for label in labels} | dict.fromkeys("ns", s.log_integer(2, 12))
    sizes |= {"b": net.batch, "e": s.log_integer(4, 64)}
    while max(math.prod(sizes[label] for label in term) for term in (left, right)) > _MOST_OF_MATRICES:
        largest = max((label for label in labels if label != "b"), key=lambda label: (sizes[label], label in summed))
        sizes[largest] = max(2, sizes[largest] // 2)
    terms = [(term, tuple(sizes[label] for label in term)) for term in (left, right)]
    operands = [
        net.input(f"operand{number}", shape) if "b" in term else net.weight(f"weight{number}", shape)
        for number, (term, shape) in enumerate(terms)
    ]
    net.einsum(equation, *operands)


def _drawn(s: Sampler, net: CaseBuilder) -> None:
    """Any equation: up to two labels that both operands keep, of rows and of columns, one that is summed over."""
    labels = iter("acdefgh")
    shared, rows, columns = (
        [next(labels) for _ in range(s.pick(counts))] for counts in ((0, 0, 1, 1), (1, 1, 2), (1, 1, 2))
    )
    depth = next(labels)
    sizes = {"n": net.batch, depth: s.log_integer(2, 256)}
    sizes |= dict.fromkeys(shared, s.log_integer(2, 32))
    for label in (*rows, *columns):
        sizes[label] = s.log_integer(2, 200)
    constant = s.chance(0.4)
    left, right = [*shared, *rows, depth], [*shared, *columns, depth]
    result = [*shared, *rows, *columns]
    while _is_too_large(sizes, (left, right, result)):
        largest = max((label for label in sizes if label != "n"), key=lambda label: sizes[label])
        sizes[largest] = max(2, sizes[largest] // 2)
    equation = (
        f"n{_in_any_order(s, left)},{'' if constant else 'n'}{_in_any_order(s, right)}->n{_in_any_order(s, result)}"
    )
    first, second = equation.partition("->")[0].split(",")
    x = net.input("x", tuple(sizes[label] for label in first))
    shape = tuple(sizes[label] for label in second)
    net.einsum(equation, x, net.weight("weight", shape) if constant else net.input("y", shape))


def _in_any_order(s: Sampler, labels: list[str]) -> str:
    rest, order = list(labels), ""
    while rest:
        order += rest.pop(int(s.unit() * len(rest)))
    return order


def _is_too_large(sizes: dict[str, int], terms: tuple[list[str], ...]) -> bool:
    elements = max(sizes["n"] * math.prod(sizes[label] for label in term) for term in terms)
    return math.prod(sizes.values()) > _LARGEST_MACS or elements > _LARGEST_ELEMENTS
