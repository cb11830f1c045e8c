import pytest

from annette.mapping.contraction import reorderings


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
