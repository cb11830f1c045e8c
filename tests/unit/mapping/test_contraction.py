import math

import pytest

from annette.mapping.contraction import copies, reorderings


@pytest.mark.parametrize(
    ("equation", "left", "right", "moved"),
    [
        ("ab,bc->ac", (2, 3), (3, 4), (False, False, False)),
        ("ab,cb->ac", (2, 3), (4, 3), (False, True, False)),
        ("ab,bc->ca", (2, 3), (3, 4), (False, False, True)),
        ("nchw,oc->nohw", (1, 8, 5, 6), (9, 8), (True, True, True)),
        ("nchw,oc->nohw", (1, 8, 1, 1), (9, 8), (False, True, False)),  # dimensions of size 1 do not count
        ("bhij,bhjd->bihd", (1, 2, 5, 5), (1, 2, 5, 4), (False, False, True)),
        ("bihd,bjhd->bhij", (1, 5, 2, 4), (1, 5, 2, 4), (True, True, False)),
        ("bihd,bjhd->bhij", (1, 5, 1, 4), (1, 5, 1, 4), (False, True, False)),
        ("...c, cd -> ...d", (2, 5, 8), (8, 9), (False, False, False)),
    ],
)
def test_what_is_put_into_another_order(equation, left, right, moved):
    assert tuple(each.moves for each in reorderings(equation, left, right)) == moved


@pytest.mark.parametrize(
    ("equation", "left", "right", "expected"),
    [
        # The second operand loses its leading dimension of size 1 to the end: it is copied, and no element moves.
        ("ab,bc->ac", (2, 3), (3, 4), [((1, 3, 4), (1, 2, 0), False)]),
        # A matrix for each state stays where it is; the vectors and the result change their order.
        (
            "wij,bjw->biw",
            (6, 4, 5),
            (1, 5, 6),
            [((1, 5, 6), (2, 1, 0), True), ((6, 1, 5, 1), (0, 2, 3, 1), False), ((6, 4, 1), (2, 1, 0), True)],
        ),
        # Of one sample, the batch is a column of the product as well, which every operand is copied for.
        (
            "bhid,bhjd->bhij",
            (1, 2, 5, 3),
            (1, 2, 7, 3),
            [
                ((1, 2, 7, 3), (0, 1, 3, 2), True),
                ((1, 2, 5, 3, 1), (1, 2, 3, 0, 4), False),
                ((1, 2, 1, 3, 7), (1, 3, 0, 4, 2), False),
                ((2, 5, 1, 7), (2, 0, 1, 3), False),
            ],
        ),
    ],
)
def test_all_copies_are_counted_those_that_move_nothing_as_well(equation, left, right, expected):
    assert [(each.shape, each.perm, each.moves) for each in copies(equation, left, right)] == expected


@pytest.mark.parametrize(
    "equation", ["bhid,bhjd->bhij", "bnid,bijd->bnij", "beld,ble->bld", "ibnd,jbnd->bnij", "ab,bc->ca"]
)
def test_what_is_copied_is_an_operand_or_the_result(equation):
    """Whatever dimensions of size 1 stand between the others."""
    sizes = dict(zip("abcdehijkln", (2, 3, 5, 7, 4, 6, 8, 9, 1, 11, 12), strict=True))
    terms, _, result = equation.partition("->")
    left, right = terms.split(",")
    elements = [math.prod(sizes[label] for label in term) for term in (left, right, result)]
    made = copies(equation, *(tuple(sizes[label] for label in term) for term in (left, right)))
    assert made
    assert all(each.elements in elements for each in made)
