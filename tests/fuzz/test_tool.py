"""The fuzzing tool finds faults of every kind, tells them apart, makes inputs smaller, and repeats itself exactly."""

import json

import pytest
from tools.fuzz.case import Case, build, steps
from tools.fuzz.formats import FORMATS, SHARES
from tools.fuzz.minimise import minimised
from tools.fuzz.oracle import Violation, check_document, check_error, check_printed
from tools.fuzz.pool import Request, Worker
from tools.fuzz.record import Figures, Record
from tools.fuzz.summary import summary
from tools.fuzz.worker import CaseRunner

from annette.errors import NetworkError
from tests.fuzz.faulty_worker import PLANTED, FaultyFormat

REAL = sorted(set(FORMATS) - {FaultyFormat.name})


@pytest.fixture(scope="module")
def worker():
    with Worker(hang_s=2.0, module="tests.fuzz.faulty_worker") as started:
        yield started


def tried(worker, data):
    return worker.try_one(Request("faulty", 0, 0, data=data))


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (b"fault", "traceback"),
        (b"hang", "hang"),
        (b"die", "death"),
        (b"allocate", "memory"),
        (b"infinite", "estimate"),
    ],
)
def test_every_kind_of_fault_is_found_and_the_worker_goes_on(worker, words, kind):
    answer = tried(worker, words)
    assert answer["kind"] == kind
    assert tried(worker, b"sound")["outcome"] == "accepted"
    assert tried(worker, b"noise")["outcome"] == "refused: NetworkError"


def test_cases_before_and_after_a_death_are_answered(worker):
    worker.ask(Request("faulty", 0, 0, count=20))
    answers = []
    while worker.busy:
        answer = worker.answer()
        if answer is not None:
            answers.append(answer)
    assert [case.number for case, _ in answers] == list(range(20))
    assert {answer["outcome"] for _, answer in answers} >= {"finding", "refused: NetworkError"}


def test_what_has_nothing_to_do_with_a_finding_is_left_out(worker):
    form = FaultyFormat()
    case = next(
        case
        for case in (Case("faulty", 0, number) for number in range(1000))
        if len(steps(form, case)) > 2 and PLANTED in build(form, case).split()
    )
    key = worker.try_one(Request("faulty", 0, case.number))["key"]
    data, kept = minimised(worker, form, case, key)
    assert data == PLANTED
    assert len(kept) == 1


@pytest.mark.parametrize("name", REAL)
def test_a_case_is_the_same_whenever_it_is_built(name):
    first, second = FORMATS[name](), FORMATS[name]()
    cases = [Case(name, 5, number) for number in range(25)]
    files = [build(first, case) for case in cases]
    assert files == [build(second, case) for case in reversed(cases)][::-1]
    assert len(set(files)) > 20


@pytest.mark.parametrize("name", ["command", "dataset", "json", "platform", "table"])
def test_what_is_not_mutated_shows_nothing(name, tmp_path):
    form, runner = FORMATS[name](), CaseRunner(tmp_path)
    for number in range(12):
        case = Case(name, 0, number)
        answer = runner.attempt(case, data=build(form, case, kept=()))
        assert "kind" not in answer


def test_all_formats_have_their_share():
    assert sorted(SHARES) == REAL
    assert sum(SHARES.values()) == 100


def test_a_message_of_several_lines_is_a_finding():
    class MultilineError(NetworkError):
        def __str__(self):
            return "one\ntwo"

    with pytest.raises(Violation, match="a MultilineError with control characters"):
        check_error(MultilineError())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_a_document_that_is_no_json_is_a_finding(value):
    with pytest.raises(Violation, match="a document x is no JSON"):
        check_document({"schema": "x", "value": value})


def test_control_characters_in_a_report_are_a_finding():
    with pytest.raises(Violation, match="a printed line has control characters"):
        check_printed(lambda page: page._write("name\x1b[2Jname"))


def test_a_stopped_campaign_keeps_its_figures_and_goes_on(tmp_path):
    record = Record(tmp_path)
    figures = Figures()
    answer = {"outcome": "finding", "seconds": 0.5, "peak_bytes": 2**20, "kind": "traceback", "key": "k", "text": "t"}
    for number in range(3):
        figures.add(Case("json", 7, number), answer)
    record.add_figures(7, "json", figures, 1.5)
    assert record.add_finding(Case("json", 7, 0), answer)
    again = Record(tmp_path)
    assert not again.add_finding(Case("json", 7, 1), answer)
    assert (again.next_case(7, "json"), again.next_case(8, "json"), again.next_case(7, "onnx")) == (3, 0, 0)
    page = summary(again)
    assert "| json | 3 | 0 | 0 | 3 |" in page
    assert "| json: `k` | 2 |" in page


def test_an_input_is_kept_with_what_it_shows(tmp_path):
    record = Record(tmp_path)
    answer = {"kind": "hang", "key": "hang in x.py:f", "text": "20 s", "trace": "File x"}
    folder = record.keep_input(Case("json", 7, 3), answer, b"{}", ["change0"], ".json")
    assert (folder / "input.json").read_bytes() == b"{}"
    assert "format json, case 7:3, mutations change0" in (folder / "about.txt").read_text()
    assert json.dumps(folder.name).startswith('"json-hang-')
