"""Random NAS-Bench-201 cells by seed."""

from annette.network import zoo
from annette.network.zoo.nasbench201 import OPERATIONS, random_cell


def test_a_seed_always_gives_the_same_cell_and_seeds_differ():
    assert random_cell(7) == random_cell(7)
    assert len({str(random_cell(seed)) for seed in range(20)}) == 20
    assert [len(node) for node in random_cell(1)] == [1, 2, 3]
    assert {operation for seed in range(50) for node in random_cell(seed) for operation in node} == set(OPERATIONS)


def test_seeded_cells_build_by_name():
    assert zoo.build("nasbench201:seed3").name == "nasbench201:seed3"
