import random
from collections import Counter, defaultdict

import pytest

from annette.bench.measurement import CaseResult
from annette.bench.places import Visit
from annette.bench.records import Status
from annette.bench.schedule import Schedule
from tests.unit.bench.scripted import case

BROKEN = CaseResult("any", Status.FAILED, "it is unplugged")


def visits(*names, rounds=1):
    cases = [case(name) for name in names]
    return [Visit(each, number) for number in range(rounds) for each in cases]


def make(schedule, board):
    """Hands a board its next visit and lets it succeed; what it was, as ``case/round``."""
    visit = schedule.next(board)
    if visit is None:
        return None
    schedule.succeeded(board, visit)
    return f"{visit.case.id}/{visit.number}"


def test_one_board_makes_all_visits_in_order():
    schedule = Schedule(visits("x", "y", rounds=2), {})
    assert [make(schedule, "a") for _ in range(4)] == ["x/0", "y/0", "x/1", "y/1"]
    assert make(schedule, "a") is None
    assert schedule.finished


def test_all_visits_of_a_case_belong_to_one_board():
    schedule = Schedule(visits("x", "y", "z", rounds=3), {})
    assert [make(schedule, board) for board in "aba"] == ["x/0", "y/0", "z/0"]
    assert [make(schedule, "b") for _ in range(3)] == ["y/1", "y/2", None]
    assert not schedule.finished
    assert [make(schedule, "a") for _ in range(5)] == ["x/1", "z/1", "x/2", "z/2", None]
    assert schedule.finished


def test_a_campaign_that_is_continued_keeps_to_its_boards():
    schedule = Schedule(visits("x", "y", "z"), {"x": "b", "unknown": "a"})
    assert schedule.boards() == {"b"}
    assert [make(schedule, board) for board in "aab"] == ["y/0", "z/0", "x/0"]


def test_others_make_the_visits_of_a_board_that_is_lost():
    schedule = Schedule(visits("x", "y", rounds=2), {})
    lost = schedule.next("a")
    assert make(schedule, "b") == "y/0"
    schedule.put_back(lost)
    schedule.release("a")
    assert [make(schedule, "b") for _ in range(4)] == ["x/0", "x/1", "y/1", None]
    assert schedule.finished


def test_what_a_lost_board_has_begun_is_finished_elsewhere():
    schedule = Schedule(visits("x", rounds=3), {})
    assert make(schedule, "a") == "x/0"
    assert make(schedule, "b") is None
    schedule.release("a")
    assert [make(schedule, "b") for _ in range(2)] == ["x/1", "x/2"]


def test_a_failure_is_tried_on_another_board_first_of_all():
    schedule = Schedule(visits("x", "y", "z"), {})
    visit = schedule.next("a")
    schedule.failed("a", visit, BROKEN)
    assert not list(schedule.given_up({"a", "b"}))
    assert schedule.next("b") == visit
    assert schedule.succeeded("b", visit) == {"a"}
    assert [make(schedule, "a") for _ in range(2)] == ["y/0", "z/0"]


def test_a_board_does_not_try_again_what_it_has_failed_at():
    schedule = Schedule(visits("x", "y"), {})
    schedule.failed("a", schedule.next("a"), BROKEN)
    assert make(schedule, "a") == "y/0"
    assert make(schedule, "a") is None
    assert not schedule.finished


@pytest.mark.parametrize(("boards", "tries"), [({"a"}, 1), ({"a", "b"}, 2), ({"a", "b", "c"}, 2)])
def test_what_fails_on_two_boards_or_on_all_has_failed_and_is_not_visited_again(boards, tries):
    schedule = Schedule(visits("x", rounds=3), {})
    for board in sorted(boards)[:tries]:
        assert not list(schedule.given_up(boards))
        schedule.failed(board, schedule.next(board), BROKEN)
    ((board, visit, result),) = schedule.given_up(boards)
    assert (board, visit.case.id, visit.number, result) == ("a", "x", 0, BROKEN)
    assert schedule.finished


def test_a_case_that_ends_its_boards_does_not_go_on_for_ever():
    schedule = Schedule(visits("x", "y", rounds=2), {})
    for board in "aba":
        assert not list(schedule.given_up("ab"))
        visit, other = schedule.next(board), schedule.next(board)
        schedule.lost(visit)
        schedule.put_back(other)
    ((board, visit, result),) = schedule.given_up("ab")
    assert (board, visit.case.id, result.status) == ("", "x", Status.FAILED)
    assert result.reason == "boards were lost 3 times while they measured it"
    assert [make(schedule, "a") for _ in range(3)] == ["y/0", "y/1", None]
    assert schedule.finished


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_every_visit_is_made_once(seed):
    """Boards that fail at random, are lost and come back: no visit is lost, and none succeeds twice."""
    dice = random.Random(seed)
    names = [f"case{number}" for number in range(30)]
    schedule = Schedule(visits(*names, rounds=3), {})
    made, failed = Counter(), set()
    under_way = defaultdict(list)
    for _ in range(10_000):
        if schedule.finished:
            break
        board = dice.choice("abc")
        if dice.random() < 0.03:
            for place, visit in enumerate(under_way.pop(board, [])):
                (schedule.put_back if place else schedule.lost)(visit)
            schedule.release(board)
        elif under_way[board] and dice.random() < 0.6:
            visit = under_way[board].pop(0)
            if dice.random() < 0.2:
                schedule.failed(board, visit, BROKEN)
            else:
                schedule.succeeded(board, visit)
                made[visit.case.id, visit.number] += 1
        else:
            visit = schedule.next(board)
            if visit is not None:
                under_way[board].append(visit)
        failed |= {visit.case.id for _, visit, _ in schedule.given_up("abc")}
    assert schedule.finished
    assert set(made.values()) == {1}
    assert failed
    for name in names:
        rounds = sorted(number for case_id, number in made if case_id == name)
        assert rounds == list(range(len(rounds)))
        assert (len(rounds) < 3) == (name in failed)
