"""What a worker does for a campaign; no cluster is needed for it."""

import msgspec
import pytest

from annette._version import __version__
from annette.bench.board import Answer, Request, serve_board
from annette.bench.host import default_cpus
from annette.bench.measurement import Settings
from annette.bench.records import Status
from tests.unit.bench.scripted import case

pytestmark = pytest.mark.usefixtures("scripted")


def ask(one=None, *, board="x", version=__version__, backend="scripted", visit=0, **options):
    request = Request(
        version=version,
        board=board,
        backend=backend,
        options=options,
        settings=Settings(timeout_s=20.0),
        visit=visit,
        case=None if one is None else one.to_json(),
    )
    return msgspec.json.decode(serve_board(msgspec.json.encode(request)), type=Answer)


def test_measures_a_case_and_says_in_which_environment():
    answer = ask(case("one"))
    assert answer.error == ""
    assert answer.environment == {"runtime": "scripted", "device": "paper"}
    assert (answer.result.case, answer.result.status) == ("one", Status.OK)
    assert [entry.name for entry in answer.result.entries] == ["conv", "relu"]
    assert answer.result.details["cpus"] == str(default_cpus(1)[0])


def test_tells_its_environment_alone():
    answer = ask(device="{board}", board="board-7")
    assert answer.environment["device"] == "board-7"
    assert answer.result is None


def test_a_process_serves_one_round_of_visits():
    """The process that measures lives on from case to case, and is renewed with the round."""
    first, second, third = (ask(case("pid:x"), visit=visit, board="pids").result.details["pid"] for visit in (0, 0, 1))
    assert first == second != third


def test_a_case_that_kills_its_process_costs_itself_alone():
    assert "SIGABRT" in ask(case("crash:x")).result.reason
    assert ask(case("after")).result.status is Status.OK


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"version": "0.0"}, rf"ClusterError: its worker has annette {__version__}, and the campaign is one of 0.0"),
        ({"backend": "scriptd"}, "no backend 'scriptd'; did you mean 'scripted'"),
        ({"speed": 1}, "has no option 'speed'"),
    ],
)
def test_says_why_nothing_can_be_measured(asked, reason):
    assert reason in ask(case("one"), **asked).error


@pytest.mark.parametrize(
    "garbage", [b"", b"{", b"[]", b'{"version": 1}', b'{"version": "1", "code": "x"}', b"\x80\x04."]
)
def test_refuses_what_is_no_request(garbage):
    answer = msgspec.json.decode(serve_board(garbage), type=Answer)
    assert answer.error
    assert answer.result is None
