"""How calm a campaign was, as its visits tell."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import jsonschema
import numpy as np
import pytest

from annette.bench.calm import calmness
from annette.bench.dataset import Dataset
from annette.bench.records import KernelRecord, Purpose, Run, Status
from annette.network.builder import NetworkBuilder
from annette.report.dataset import dataset_document, dataset_page, print_dataset
from annette.report.page import Page
from annette.report.schema import schema

if TYPE_CHECKING:
    from pathlib import Path


def visit(number: int, round_: int, time_s: float, **changes: object) -> Run:
    net = NetworkBuilder("small")
    facts = {"purpose": Purpose.MICRO_KERNEL, "status": Status.OK, "case": f"case{number}", "reason": ""} | changes
    return Run(
        round=round_,
        network=net.build(net.relu(net.input("data", (1, 8, 4, 4)))),
        environment={},
        details={},
        started_unix_s=0.0,
        duration_s=1.0,
        latency_s=float("nan"),
        samples_s=(),
        reference_s=(),
        kernels=(KernelRecord("relu", "Relu", ("relu",), time_s, (time_s,)),),
        matched_share=1.0,
        **facts,  # type: ignore[arg-type]
    )


def campaign(noise: float, rounds: tuple[float, ...] = (1.0, 1.0, 1.0)) -> list[Run]:
    random = np.random.default_rng(3)
    base_s = random.uniform(1e-4, 1e-2, 60)
    return [
        visit(case, number, float(base_s[case] * slow * (1 + random.exponential(noise))))
        for number, slow in enumerate(rounds)
        for case in range(len(base_s))
    ]


def test_noise_lowers_the_index_and_raises_the_error() -> None:
    found = [calmness(campaign(noise)) for noise in (0.001, 0.02, 0.1)]
    indices = [calm.index for calm in found if calm]
    errors = [calm.level_error for calm in found if calm]
    assert indices[0] == 1.0
    assert indices == sorted(indices, reverse=True)
    assert errors == sorted(errors)
    assert errors[0] < 0.01 < errors[2]


def test_a_round_that_is_slow_throughout_is_seen_in_the_rounds_alone() -> None:
    calm = calmness(campaign(0.001, (1.0, 1.2, 1.25)))
    assert calm is not None
    assert calm.rounds_apart == pytest.approx(0.2, abs=0.01)
    assert calm.index == pytest.approx(1 / 3)
    assert calmness(campaign(0.001, (1.0, 1.0, 1.25))).rounds_apart < 0.01  # type: ignore[union-attr]


def test_boards_that_differ_are_not_taken_for_disturbed_ones() -> None:
    """Each board visits its own cases; rounds of one are not compared with those of the other."""
    calm = campaign(0.001)
    warm = [replace(run, details={"board": "b"}) for run in campaign(0.001, (1.3, 1.3, 1.3))]
    first, both = calmness(calm), calmness([*calm, *warm])
    assert first is not None
    assert both is not None
    assert both.index == first.index == 1.0
    assert both.rounds_apart < 0.01
    assert both.cases == 2 * first.cases
    hot = [replace(run, details={"board": "b"}) for run in campaign(0.001, (1.0, 1.2, 1.25))]
    assert calmness([*calm, *hot]).rounds_apart == pytest.approx(0.2, abs=0.01)  # type: ignore[union-attr]


def test_a_dataset_shows_its_boards(tmp_path: Path) -> None:
    runs = [
        replace(run, details={"board": board}, reference_s=(time_s,), case=f"{board}{run.case}")
        for board, time_s in (("fast", 1.0e-3), ("slow", 1.1e-3))
        for run in campaign(0.001)
    ]
    with Dataset.create(tmp_path / "d.sqlite") as dataset:
        for run in runs:
            dataset.add(run)
        document = dataset_document(dataset)
    jsonschema.validate(document, schema("dataset-content"))
    assert [(each["board"], each["cases"], each["runs"], each["reference_s"]) for each in document["boards"]] == [
        ("fast", 60, 180, 1.0e-3), ("slow", 60, 180, 1.1e-3),
    ]  # fmt: skip
    assert [each["calm"]["index"] for each in document["boards"]] == [1.0, 1.0]
    assert "1.10 ms" in dataset_page(document)
    said: list[str] = []
    print_dataset(document, page=Page(100, said.append))
    assert any(re.search(r"slow +60 +180 +1.10 ms +1.00", line) for line in said)


@pytest.mark.parametrize(
    "runs",
    [
        [],
        [visit(case, 0, 1e-3) for case in range(20)],
        [visit(case, number, 1e-5) for case in range(20) for number in range(3)],
        [visit(case, number, 1e-3, purpose=Purpose.NETWORK) for case in range(20) for number in range(3)],
        [visit(case, number, 1e-3, status=Status.FAILED) for case in range(20) for number in range(3)],
    ],
)
def test_what_does_not_tell(runs: list[Run]) -> None:
    assert calmness(runs) is None


@pytest.mark.parametrize("noise", [0.001, 0.3])
def test_a_dataset_shows_how_calm_it_was(tmp_path: Path, noise: float) -> None:
    runs = campaign(noise)
    calm = calmness(runs)
    assert calm is not None
    with Dataset.create(tmp_path / "d.sqlite") as dataset:
        for run in runs:
            dataset.add(run)
        document = dataset_document(dataset)
    jsonschema.validate(document, schema("dataset-content"))
    assert document["calm"]["index"] == calm.index
    assert f"calm index {calm.index:.2f}" in dataset_page(document)


def test_a_dataset_without_visits_says_nothing_of_calm(tmp_path: Path) -> None:
    with Dataset.create(tmp_path / "d.sqlite") as dataset:
        dataset.add(visit(0, 0, 1e-3))
        assert dataset_document(dataset)["calm"] is None
