import math

import pytest

from annette.bench import campaign, supervisor
from annette.bench.campaign import run_campaign
from annette.bench.dataset import Dataset
from annette.bench.measurement import Settings
from annette.bench.plan import Plan
from annette.bench.records import Status
from annette.errors import BackendError, DatasetError, OptionError
from tests.unit.bench.scripted import SETTINGS, case, plan

pytestmark = pytest.mark.usefixtures("scripted")


def carry_out(dataset, cases, settings=SETTINGS, **options):
    return run_campaign(cases, dataset, backend="scripted", options=options, settings=settings)


@pytest.fixture
def dataset(tmp_path):
    with Dataset.create(tmp_path / "d.sqlite") as opened:
        yield opened


def runs(dataset):
    return {run.case: run for run in dataset.runs()}


def test_records_times_kernels_and_layers(dataset):
    outcome = carry_out(dataset, plan(count=3))
    assert (outcome.measured, outcome.skipped, outcome.failed) == (3, 0, 0)
    assert outcome.matched_share == 1.0
    run = runs(dataset)["case000"]
    assert run.status is Status.OK
    assert run.latency_s == pytest.approx(sum(kernel.latency_s for kernel in run.kernels))
    assert [kernel.layers for kernel in run.kernels] == [("conv",), ("relu",)]
    assert run.environment == {"runtime": "scripted", "device": "paper"}


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("crash", "SIGABRT"),
        ("killed", "SIGKILL (out of memory?)"),
        ("leave", "exit code 3"),
        ("refuse", "it says no"),
        ("memory", "1 TB more"),
        ("bug", "ended with exit code 1: ZeroDivisionError: its\\nfault"),
        ("nan", "not a number"),
        ("surrogate", "half of a surrogate pair"),
        ("odd", "the worker's answer cannot be read: Expected `str`, got `int`"),
    ],
)
def test_a_case_that_goes_wrong_costs_itself_alone(dataset, deed, reason):
    outcome = carry_out(dataset, Plan("p", (case("before"), case(f"{deed}:x"), case("after"))))
    assert (outcome.measured, outcome.failed) == (2, 1)
    found = runs(dataset)
    assert found[f"{deed}:x"].status is Status.FAILED
    assert reason in found[f"{deed}:x"].reason
    assert math.isnan(found[f"{deed}:x"].latency_s)
    assert not found[f"{deed}:x"].kernels
    assert found["before"].status is found["after"].status is Status.OK


def test_a_case_that_never_returns_is_given_up(dataset):
    settings = Settings(timeout_s=1.0)
    outcome = carry_out(dataset, Plan("p", (case("hang:x"), case("after"))), settings)
    assert outcome.failed == 1
    assert "no result within 1 s" in runs(dataset)["hang:x"].reason
    assert runs(dataset)["after"].status is Status.OK


def test_what_a_runtime_prints_does_not_disturb(dataset):
    carry_out(dataset, plan("chatter:x", "calm"))
    assert all(run.status is Status.OK for run in dataset.runs())


def test_resumes_where_it_was_and_measures_nothing_twice(dataset, tmp_path):
    journal = tmp_path / "journal"
    whole = plan(count=6)
    carry_out(dataset, Plan("part", whole.cases[1:3]), journal=str(journal))
    outcome = carry_out(dataset, whole, journal=str(journal))
    assert (outcome.measured, outcome.skipped) == (4, 2)
    assert sorted(journal.read_text().split()) == [case.id for case in whole.cases]


def test_a_case_that_failed_is_not_visited_again_by_a_campaign_that_is_continued(dataset):
    cases = plan("one", "refuse:x")
    for visits in (1, 3):
        run_campaign(cases, dataset, backend="scripted", options={}, settings=SETTINGS, visits=visits)
    assert [(run.case, run.round) for run in dataset.runs()] == [("one", 0), ("one", 1), ("one", 2), ("refuse:x", 0)]


def _rounds_of_visits(dataset, **options):
    carry = {"backend": "scripted", "options": options, "settings": SETTINGS}
    run_campaign(plan("one", "refuse:x"), dataset, visits=3, **carry)
    return [run.round for run in dataset.runs() if run.case == "one"]


def test_the_last_visit_is_spared_where_a_case_takes_long_and_its_visits_agree(dataset):
    assert _rounds_of_visits(dataset, pause_s=campaign._DEAR_S) == [0, 1]
    assert _rounds_of_visits(dataset, pause_s=campaign._DEAR_S) == [0, 1]


def test_the_last_visit_is_made_where_the_others_differ(dataset, monkeypatch):
    monkeypatch.setattr(campaign, "_AGREEING", -0.01)
    assert _rounds_of_visits(dataset, pause_s=campaign._DEAR_S) == [0, 1, 2]


def test_refuses_to_go_on_in_another_environment(dataset):
    carry_out(dataset, plan(count=2))
    for cases in (plan(count=3), plan(count=2)):
        with pytest.raises(DatasetError, match=r"device 'paper', and here it is 'stone'"):
            carry_out(dataset, cases, device="stone")
    assert dataset.count() == 2


def test_gives_up_where_everything_fails(dataset, monkeypatch):
    monkeypatch.setattr(campaign, "_MOST_FAILURES", 3)
    with pytest.raises(BackendError, match=r"first 3 cases all failed .* it says no"):
        carry_out(dataset, plan(*(f"refuse:{number}" for number in range(5))))
    assert dataset.count(Status.FAILED) == 3


def test_rounds_are_recorded_apart(dataset):
    for round_ in (0, 1):
        run_campaign(plan(count=2), dataset, backend="scripted", options={}, settings=SETTINGS, round_=round_)
    assert [(run.case, run.round) for run in dataset.runs()] == [
        ("case000", 0), ("case000", 1), ("case001", 0), ("case001", 1),
    ]  # fmt: skip
    assert dataset.next_round(["case000", "unknown"]) == 2


def test_wrong_options_are_known_before_anything_is_measured(dataset):
    with pytest.raises((OptionError, BackendError), match="'speed'"):
        carry_out(dataset, plan(count=1), speed=1)
    assert dataset.count() == 0


def test_a_new_worker_serves_each_group_of_cases(dataset, monkeypatch):
    monkeypatch.setattr(supervisor, "CASES_PER_WORKER", 2)
    assert carry_out(dataset, plan(count=5)).measured == 5


def test_a_worker_killed_from_outside_costs_nothing(dataset, tmp_path):
    """The first death may be anyone's; a case that kills two workers is at fault itself."""
    journal = tmp_path / "journal"
    carry_out(dataset, Plan("p", (case("crash:x"), case("after"))), journal=str(journal))
    assert journal.read_text().split() == ["crash:x", "crash:x", "after"]
