"""Campaigns on a real cluster: several worker processes, boards that share a worker, workers and campaigns killed."""

import os
import shutil
import subprocess
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor

import pytest

from annette.api import benchmark, measure
from annette.bench import boards as boards_module
from annette.bench.boards import open_boards
from annette.bench.campaign import run_campaign
from annette.bench.dataset import Dataset
from annette.bench.plan import Plan
from annette.bench.records import Purpose, Status
from annette.cluster import Tls, connected
from annette.errors import ClusterError, DatasetError, OptionError
from annette.network.writers.onnx import write_onnx
from tests.integration.cluster import RealCluster
from tests.unit.bench.scripted import SETTINGS, case, install, network, plan

pytest.importorskip("distributed", reason="distributed is not installed: pip install 'annette[cluster]'")

CASES = plan(count=40)

CAMPAIGN = """
import sys
from pathlib import Path
from annette.api import benchmark, measure
from annette.bench.plan import Plan
plan = Plan.from_text(Path(sys.argv[1]).read_text())
options = {"journal": sys.argv[3], "pause_s": 0.05}
benchmark(Path(sys.argv[2]), backend="scripted", plan=plan, options=options, scheduler=sys.argv[4], resume=True)
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        yield install(tmp_path_factory.mktemp("extension") / "plug-in", patch)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory, environment):
    with RealCluster(tmp_path_factory.mktemp("cluster"), environment) as started:
        yield started


@pytest.fixture
def cluster(scheduler):
    """Without workers yet."""
    yield scheduler
    scheduler.end_workers()


@pytest.fixture
def impatient(monkeypatch):
    """Boards that are lost are not waited for."""
    monkeypatch.setattr(boards_module, "_AWAITED_S", 0.5)
    monkeypatch.setattr(boards_module, "_LOOK_S", 0.2)


@pytest.fixture(scope="module")
def digest(environment, tmp_path_factory):
    """What one machine measures."""
    del environment
    path = tmp_path_factory.mktemp("one") / "one.sqlite"
    benchmark(path, backend="scripted", plan=CASES)
    with Dataset.open(path) as dataset:
        return dataset.digest()


def lines(path):
    return path.read_text().split() if path.exists() else []


def runs(path):
    with Dataset.open(path) as dataset:
        return list(dataset.runs())


def digest_of(path):
    with Dataset.open(path) as dataset:
        return dataset.digest()


def test_a_campaign_is_split_over_boards_and_gives_what_one_machine_does(cluster, tmp_path, digest):
    cluster.worker("a")
    cluster.worker("b", "c")
    out, journal, claims = tmp_path / "many.sqlite", tmp_path / "journal", tmp_path / "claims"
    claims.mkdir()
    options = {"journal": str(journal), "claims": str(claims), "pause_s": 0.05}
    how = {"backend": "scripted", "options": options, "plan": CASES, "scheduler": cluster.address}
    outcome = benchmark(out, **how)
    assert (outcome.measured, outcome.failed) == (len(CASES.cases), 0)
    assert digest_of(out) == digest
    shares = Counter(run.board for run in runs(out))
    assert shares.keys() == set("abc")
    assert min(shares.values()) >= 5
    assert sorted(lines(journal)) == sorted(each.id for each in CASES.cases)
    again = benchmark(out, resume=True, **how)
    assert (again.measured, again.skipped) == (0, len(CASES.cases))
    assert len(lines(journal)) == len(CASES.cases)


def test_two_campaigns_share_a_board_case_by_case(cluster, tmp_path, digest):
    """The scripted board refuses a case while it has another one."""
    cluster.worker("a", "b")
    claims = tmp_path / "claims"
    claims.mkdir()
    how = {"backend": "scripted", "plan": CASES, "options": {"claims": str(claims), "pause_s": 0.02}}
    outs = [tmp_path / "first.sqlite", tmp_path / "second.sqlite"]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda out: benchmark(out, scheduler=cluster.address, **how), outs))
    assert [digest_of(out) for out in outs] == [digest, digest]


@pytest.mark.usefixtures("impatient")
def test_a_worker_killed_in_the_middle_loses_nothing_and_nothing_is_recorded_twice(cluster, tmp_path, digest):
    cluster.worker("a")
    doomed = cluster.worker("b")
    out, journal, told = tmp_path / "killed.sqlite", tmp_path / "journal", []

    def watch(one, run):
        del one
        seen[run.board] += 1
        if seen["b"] == 5 and doomed.poll() is None:
            doomed.kill()

    seen = Counter()
    options = {"journal": str(journal), "pause_s": 0.05}
    how = {"backend": "scripted", "options": options, "plan": CASES, "progress": watch, "tell": told.append}
    outcome = benchmark(out, scheduler=cluster.address, **how)
    assert (outcome.measured, outcome.failed) == (len(CASES.cases), 0)
    assert digest_of(out) == digest
    assert 5 <= seen["b"] <= 7
    assert len(CASES.cases) <= len(lines(journal)) <= len(CASES.cases) + 2, "at most what was under way is made again"
    assert "board 'b' is lost" in told[0]


def test_a_worker_that_comes_back_goes_on_with_its_board(cluster, tmp_path, digest):
    cluster.worker("a", nanny=True)
    out, told = tmp_path / "back.sqlite", []
    killed = []

    def watch(one, run):
        del one, run
        if not killed:
            killed.extend(children(cluster))
            for number in killed:
                subprocess.run(["kill", "-9", str(number)], check=True)

    how = {"backend": "scripted", "plan": CASES, "progress": watch, "tell": told.append}
    benchmark(out, scheduler=cluster.address, options={"pause_s": 0.02}, **how)
    assert killed
    assert digest_of(out) == digest
    assert told[-1] == "board 'a' is back"


def children(cluster):
    """Processes of the workers, below their nannies."""
    with connected(cluster.address) as found:
        return list(found._client.run(_own_number).values())


def _own_number():
    import os

    return os.getpid()


def test_a_campaign_killed_in_the_middle_is_continued(cluster, tmp_path, digest, environment):
    cluster.worker("a")
    cluster.worker("b")
    plan_file, out, journal = tmp_path / "plan.json", tmp_path / "killed.sqlite", tmp_path / "journal"
    plan_file.write_text(CASES.to_text())
    command = [sys.executable, "-c", CAMPAIGN, str(plan_file), str(out), str(journal), cluster.address]
    campaign = subprocess.Popen(command, env=environment)
    end_s = time.monotonic() + 120
    while len(lines(journal)) < 12:
        assert campaign.poll() is None
        assert time.monotonic() < end_s
        time.sleep(0.01)
    campaign.kill()
    campaign.wait()
    finished = {run.case for run in runs(out)}
    assert 0 < len(finished) < len(CASES.cases)
    subprocess.run(command, env=environment, check=True)
    assert digest_of(out) == digest
    assert len(lines(journal)) <= len(CASES.cases) + 4, "at most what was under way is made again"


@pytest.mark.usefixtures("impatient")
def test_visits_of_a_case_stay_on_its_board(cluster, tmp_path):
    cluster.worker("a", "b")
    how = {"backend": "scripted", "options": {}, "settings": SETTINGS}
    with Dataset.create(tmp_path / "d.sqlite") as dataset, open_boards(cluster.address, **how) as place:
        run_campaign(CASES, dataset, visits=3, place=place, **how)
        boards_of = defaultdict(set)
        for run in dataset.runs():
            boards_of[run.case].add(run.board)
        assert dataset.count() == 3 * len(CASES.cases)
        assert {len(found) for found in boards_of.values()} == {1}
        assert dataset.boards() == {each: board for each, (board,) in boards_of.items()}


@pytest.mark.usefixtures("impatient")
def test_networks_are_measured_on_boards_all_rounds_of_one_on_one_board(cluster, tmp_path):
    cluster.worker("a")
    cluster.worker("b")
    out, journal = tmp_path / "networks.sqlite", tmp_path / "journal"
    file = tmp_path / "own.onnx"
    write_onnx(network("own"), file)
    cases = [case(f"net{number}", 4 + number, Purpose.NETWORK) for number in range(10)]
    how = {"backend": "scripted", "scheduler": cluster.address, "options": {"journal": str(journal), "pause_s": 0.02}}
    measured = measure([*cases, file], rounds=3, out=out, **how)
    assert [each.case for each in measured] == [*(each.id for each in cases), str(file)]
    assert {len(each.usable) for each in measured} == {3}
    boards = [{run.board for run in each.usable} for each in measured]
    assert {len(each) for each in boards} == {1}
    assert set.union(*boards) == {"a", "b"}
    assert len(runs(out)) == len(lines(journal)) == 33


@pytest.mark.usefixtures("impatient")
def test_networks_of_a_board_that_is_lost_are_measured_on_the_others(cluster):
    cluster.worker("a")
    doomed = cluster.worker("b")
    cases = [case(f"net{number}", 4 + number, Purpose.NETWORK) for number in range(10)]
    told, seen = [], Counter()

    def watch(one, run):
        del one
        seen[run.board] += 1
        if seen["b"] == 7 and doomed.poll() is None:
            doomed.kill()

    how = {"backend": "scripted", "scheduler": cluster.address, "options": {"pause_s": 0.05}}
    measured = measure(cases, rounds=3, progress=watch, tell=told.append, **how)
    assert {len(each.rounds) for each in measured} == {3}
    assert all(len({run.board for run in each.usable}) == 1 for each in measured), "times of one board"
    assert all(each.latency_s > 0 for each in measured)
    assert "board 'b' is lost" in told[0]


def test_a_board_that_fails_where_others_do_not_is_left_out(cluster, tmp_path, digest):
    cluster.worker("a", "b")
    out, told = tmp_path / "broken.sqlite", []
    how = {"backend": "scripted", "plan": CASES, "options": {"broken": "b", "pause_s": 0.02}}
    outcome = benchmark(out, scheduler=cluster.address, tell=told.append, **how)
    assert outcome.failed == 0
    assert digest_of(out) == digest
    assert told == ["board 'b' fails where others do not; it is left out"]


def test_a_case_that_fails_everywhere_has_failed(cluster, tmp_path):
    cluster.worker("a", "b")
    out, mixed = tmp_path / "failed.sqlite", Plan("p", (case("one"), case("refuse:x"), case("crash:x"), case("two")))
    outcome = benchmark(out, backend="scripted", plan=mixed, scheduler=cluster.address)
    assert (outcome.measured, outcome.failed) == (2, 2)
    reasons = {run.case: run.reason for run in runs(out) if run.status is Status.FAILED}
    assert reasons["refuse:x"] == "BackendRunError: it says no"
    assert "SIGABRT" in reasons["crash:x"]


def test_boards_of_different_kinds_are_refused(cluster, tmp_path):
    cluster.worker("a", "b")
    how = {"backend": "scripted", "plan": CASES, "scheduler": cluster.address, "options": {"device": "board {board}"}}
    with pytest.raises(DatasetError, match=r"board '[ab]' has device 'board [ab]', and others have 'board [ab]'"):
        benchmark(tmp_path / "d.sqlite", **how)
    assert not (tmp_path / "d.sqlite").exists()
    assert benchmark(tmp_path / "d.sqlite", boards=["b"], **how).measured == len(CASES.cases)


def test_says_what_a_cluster_lacks(cluster, tmp_path, monkeypatch):
    how = {"backend": "scripted", "plan": CASES}
    out = tmp_path / "d.sqlite"
    cluster.worker()
    with pytest.raises(
        ClusterError, match=r"no worker of tcp://.* has a board: 'dask worker .* --resources board:NAME"
    ):
        benchmark(out, scheduler=cluster.address, **how)
    cluster.worker("rack-1")
    with pytest.raises(ClusterError, match=r"has a board 'rack-2'; did you mean 'rack-1'\? \(there are: rack-1\)"):
        benchmark(out, scheduler=cluster.address, boards=["rack-2"], **how)
    with pytest.raises(ClusterError, match=r"nothing can be measured on board 'rack-1': OptionError: .*'speed'"):
        benchmark(out, scheduler=cluster.address, options={"speed": 1}, **how)
    cluster.worker("rack-1")
    with pytest.raises(ClusterError, match=r"board 'rack-1' hangs on two workers"):
        benchmark(out, scheduler=cluster.address, **how)
    monkeypatch.setattr("annette.cluster._CONNECT_S", 0.5)
    with pytest.raises(ClusterError, match=r"there is no cluster at 'tcp://127.0.0.1:9'"):
        benchmark(out, scheduler="tcp://127.0.0.1:9", **how)
    with pytest.raises(OptionError, match="processors are chosen where a board hangs"):
        benchmark(out, scheduler=cluster.address, cpus=(0,), **how)
    with pytest.raises(OptionError, match=r"whose address \(--scheduler\) is missing"):
        benchmark(out, boards=["rack-1"], **how)
    assert not out.exists()


def test_a_worker_without_our_annette_is_refused_and_lives_on(cluster, tmp_path, environment):
    """Dask ends workers that cannot import what they are sent, whoever else uses them."""
    other = tmp_path / "other" / "annette"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("")
    (other / "_version.py").write_text("__version__ = '0.0'\n")
    path = os.pathsep.join((str(other.parent), environment["PYTHONPATH"]))
    worker = cluster.worker("a", environment={**environment, "PYTHONPATH": path})
    with pytest.raises(
        ClusterError, match=r"the worker at 'tcp://.*' has annette 0.0, and this is annette .*: install"
    ):
        benchmark(tmp_path / "d.sqlite", backend="scripted", plan=CASES, scheduler=cluster.address)
    assert worker.poll() is None


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes certificates with openssl, which is not installed")
def test_certificates_are_passed_on(tmp_path, environment, digest, monkeypatch):
    key, cert = str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=annette-test"]
    subprocess.run([*make, "-keyout", key, "-out", cert], check=True, capture_output=True)
    files = ("--protocol", "tls", "--tls-ca-file", cert, "--tls-cert", cert, "--tls-key", key)
    out, how = tmp_path / "d.sqlite", {"backend": "scripted", "plan": CASES}
    with RealCluster(tmp_path, environment, *files) as cluster:
        assert cluster.address.startswith("tls://")
        cluster.worker("a")
        monkeypatch.setattr("annette.cluster._CONNECT_S", 2.0)
        with pytest.raises(ClusterError, match="there is no cluster at 'tls://"):
            benchmark(out, scheduler=cluster.address, **how)
        benchmark(out, scheduler=cluster.address, tls=Tls(cert, cert, key), **how)
    assert digest_of(out) == digest
