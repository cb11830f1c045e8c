import json
from dataclasses import replace

import pytest

from annette.bench.plan import Case, Plan
from annette.bench.records import Purpose
from annette.errors import DatasetError
from tests.unit.bench.scripted import network


def case(name, group="g", expected_s=1.0, purpose=Purpose.MICRO_KERNEL):
    return Case(name, purpose, group, network(name), expected_s)


def test_survives_a_round_trip_through_text():
    plan = Plan("p", (case("a"), case("b", purpose=Purpose.CHAIN)))
    again = Plan.from_text(plan.to_text())
    assert again.digest() == plan.digest()
    assert [(c.id, c.purpose, c.group, c.expected_s) for c in again.cases] == [
        ("a", Purpose.MICRO_KERNEL, "g", 1.0),
        ("b", Purpose.CHAIN, "g", 1.0),
    ]


def test_a_case_says_for_which_networks_it_was_made():
    plan = Plan("p", (replace(case("a"), made_for=(("mine.onnx", "0123"),)), case("b")))
    again = Plan.from_text(plan.to_text())
    assert [each.made_for for each in again.cases] == [(("mine.onnx", "0123"),), ()]
    older = json.loads(plan.to_text())
    for entry in older["cases"]:
        del entry["made_for"]
    assert [each.made_for for each in Plan.from_text(json.dumps(older)).cases] == [(), ()]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "does not have schema"),
        ('{"schema": "annette/plan/9", "cases": []}', "does not have schema"),
        (json.dumps({"schema": "annette/plan/1", "cases": [{"id": "a"}]}), "purpose is"),
        (json.dumps({"schema": "annette/plan/1", "cases": [{"id": "a", "purpose": "fun", "group": ""}]}), "purpose is"),
    ],
)
def test_refuses_what_is_no_plan(text, message):
    with pytest.raises(DatasetError, match=message):
        Plan.from_text(text)


def test_identities_are_distinct():
    with pytest.raises(DatasetError, match="several cases called 'a'"):
        Plan("p", (case("a"), case("a")))


def test_counts_by_purpose_and_group():
    plan = Plan("p", (case("a"), case("b"), case("c", "h", purpose=Purpose.CHAIN)))
    assert plan.counts() == {"chain/h": 1, "micro-kernel/g": 2}
    assert plan.expected_s == 3.0


def test_a_budget_cuts_every_group_by_the_same_share():
    cases = [case(f"{group}{number}", group) for group, count in (("g", 20), ("h", 8)) for number in range(count)]
    part = Plan("p", tuple(cases)).within(14.0)
    assert part.counts() == {"micro-kernel/g": 10, "micro-kernel/h": 4}
    assert [c.id for c in part.cases] == [c.id for c in cases if c in part.cases]


def test_a_budget_is_kept_but_never_leaves_nothing():
    plan = Plan("p", tuple(case(str(number), expected_s=number + 1.0) for number in range(5)))
    assert plan.within(6.5).expected_s <= 6.5
    assert len(plan.within(0.1).cases) == 1
    assert plan.within(1e9).cases == plan.cases
