"""Finding the stages that may run side by side: as asked pair by pair, in every state of the placement."""

import random

import pytest

from annette.devices.intel_myriad.placement.graph import Data, Stage
from annette.devices.intel_myriad.placement.independence import IndependentStages, independent


def stages_of(seed):
    """Stages that read what any of the last ones made; some join it, some of those that join are joined again."""
    pick = random.Random(seed)
    made, stages = [Data(1)], []
    for slot in range(pick.randint(10, 60)):
        kind = pick.choice(("convolution", "convolution", "copy", "sum", "join"))
        near = made[-pick.choice((2, 5, 30)) :]
        inputs = list(dict.fromkeys(pick.choice(near) for _ in range(1 + (kind in ("sum", "join")))))
        output = Data(1)
        stage = Stage(slot, kind, inputs, output)
        stage.slot, output.maker = slot, stage
        made.append(output)
        stages.append(stage)
    return stages, pick


@pytest.mark.parametrize("seed", range(60))
def test_the_stages_found_are_those_of_asking_every_pair(seed):
    stages, pick = stages_of(seed)
    left = [stage for stage in stages if stage.kind in ("copy", "sum")]
    found, several = IndependentStages(left, stages), 0
    for hardware in [stage for stage in stages if stage.kind == "convolution"]:
        expected = [software for software in left if independent(software, hardware)]
        assert list(found.of(hardware)) == expected
        several += len(expected)
        if expected and pick.random() < 0.5:
            taken = pick.choice(expected)
            moved = (taken, taken.slot), (hardware, hardware.slot)
            taken.slot = hardware.slot = min(taken.slot, hardware.slot)
            left.remove(taken)
            found.take(taken, *moved)
    assert several or len(stages) < 30


def test_what_reads_a_joined_tensor_needs_all_its_parts():
    given = Data(1)
    early, late = Stage(0, "convolution", [given], Data(1)), Stage(2, "convolution", [given], Data(1))
    joined = Stage(1, "join", [early.output, late.output], Data(1))
    reader = Stage(3, "copy", [joined.output], Data(1))
    for stage in (early, late, joined, reader):
        stage.output.maker, stage.slot = stage, stage.node
    assert not independent(reader, late), "a part is made there"
    assert not independent(reader, early)
    assert independent(Stage(4, "copy", [given], Data(1), slot=4), late)
