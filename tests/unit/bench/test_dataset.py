import errno
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from annette.bench.dataset import Dataset
from annette.bench.dataset_file import VERSION
from annette.bench.records import KernelRecord, Purpose, Run, Status
from annette.errors import DatasetError
from tests.unit.bench.scripted import network


def run(case="a", round_=0, latency_s=1e-3, **changes):
    base = Run(
        case=case, round=round_, purpose=Purpose.CHAIN, network=network("net"), environment={"runtime": "r 1"},
        details={"cpus": "1"}, status=Status.OK, reason="", started_unix_s=1.0, duration_s=2.0, latency_s=latency_s,
        samples_s=(latency_s, latency_s * 1.1), reference_s=(1e-4,), matched_share=1.0,
        kernels=(
            KernelRecord("k", "Conv", ("conv", "relu"), 9e-4, (9e-4, 8e-4), info={"layout": "nchwc"}),
            KernelRecord("r", "Reorder", (), 1e-4, (1e-4, 1e-4), added=True),
        ),
    )  # fmt: skip
    return replace(base, **changes)


@pytest.fixture
def dataset(tmp_path):
    with Dataset.create(tmp_path / "d.sqlite") as opened:
        yield opened


def test_gives_back_what_was_added(dataset):
    added = run()
    dataset.add(added)
    (back,) = dataset.runs()
    for name in ("case", "round", "purpose", "environment", "details", "status", "latency_s", "samples_s", "kernels"):
        assert getattr(back, name) == getattr(added, name)
    assert [layer.name for layer in back.network.layers] == ["conv", "relu"]
    assert dataset.has("a")
    assert not dataset.has("a", 1)


def test_unknown_numbers_stay_unknown(dataset):
    nan = float("nan")
    dataset.add(run(status=Status.FAILED, reason="no", latency_s=nan, matched_share=nan, samples_s=(), kernels=()))
    (back,) = dataset.runs()
    assert back.latency_s != back.latency_s
    assert back.matched_share != back.matched_share
    assert dataset.digest()


def test_refuses_a_run_twice_and_keeps_the_first(dataset):
    dataset.add(run(latency_s=1e-3))
    with pytest.raises(DatasetError, match="has this run already"):
        dataset.add(run(latency_s=2e-3))
    assert [r.latency_s for r in dataset.runs()] == [1e-3]


def test_digest_is_of_what_was_measured_not_of_when(tmp_path):
    digests = []
    for name, order, started in (("a", "xyz", 1.0), ("b", "zyx", 5.0)):
        with Dataset.create(tmp_path / name) as dataset:
            for case in order:
                dataset.add(run(case, started_unix_s=started, duration_s=started, details={"cpus": name}))
            digests.append(dataset.digest())
            dataset.add(run("w", latency_s=2e-3))
            digests.append(dataset.digest())
    assert digests[0] == digests[2]
    assert digests[1] == digests[3] != digests[0]


def test_merges_what_is_missing(tmp_path):
    with Dataset.create(tmp_path / "a") as first, Dataset.create(tmp_path / "b") as second:
        first.add(run("x"))
        second.add(run("x", latency_s=7.0))
        second.add(run("y"))
        assert first.merge(second) == 1
        assert {r.case: r.latency_s for r in first.runs()} == {"x": 1e-3, "y": 1e-3}


def test_merges_nothing_from_elsewhere(tmp_path):
    with Dataset.create(tmp_path / "a") as first, Dataset.create(tmp_path / "b") as second:
        first.add(run("x"))
        second.add(run("y", environment={"runtime": "r 2"}))
        with pytest.raises(DatasetError, match=r"do not belong together: runtime is 'r 1' in one and 'r 2'"):
            first.merge(second)
        assert first.count() == 1


def test_knows_which_cases_have_failed_in_some_rounds(dataset):
    for round_, status in enumerate((Status.OK, Status.FAILED, Status.OK)):
        dataset.add(run(round_=round_, status=status))
    dataset.add(run("b"))
    assert dataset.failed(range(3)) == {"a"}
    assert dataset.failed(range(2, 3)) == set()


def test_knows_the_board_that_has_most_visits_of_a_case(dataset):
    for round_, board in enumerate(("x", "y", "y")):
        dataset.add(run(round_=round_, details={"board": board}))
    dataset.add(run("here"))
    dataset.add(run("b", status=Status.FAILED, details={"board": "x"}))
    assert dataset.boards() == {"a": "y"}


def test_the_digest_does_not_say_on_which_board(tmp_path):
    digests = []
    for board in ("x", "y"):
        with Dataset.create(tmp_path / f"{board}.sqlite") as one:
            one.add(run(details={"board": board}))
            digests.append(one.digest())
    assert digests[0] == digests[1]


def test_is_made_once(tmp_path):
    Dataset.create(tmp_path / "d").close()
    with pytest.raises(DatasetError, match="--resume"):
        Dataset.create(tmp_path / "d")
    with pytest.raises(DatasetError, match="does not exist"):
        Dataset.create(tmp_path / "no" / "d")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "not a dataset"), (b"PAR1" * 400, "not a database"), (None, "no dataset at")],
)
def test_refuses_what_is_no_dataset(tmp_path, content, message):
    path = tmp_path / "d"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        Dataset.open(path)


def test_refuses_other_peoples_databases(tmp_path):
    connection = sqlite3.connect(tmp_path / "d")
    connection.execute("CREATE TABLE run (id)")
    connection.commit()
    connection.close()
    with pytest.raises(DatasetError, match="not a dataset of annette"):
        Dataset.open(tmp_path / "d")


@pytest.mark.parametrize(("version", "remedy"), [(VERSION + 1, "update annette"), (0, "measure again")])
def test_tells_newer_from_older_versions(tmp_path, version, remedy):
    Dataset.create(tmp_path / "d").close()
    connection = sqlite3.connect(tmp_path / "d")
    connection.execute(f"PRAGMA user_version={version}")
    connection.commit()
    connection.close()
    with pytest.raises(DatasetError, match=remedy):
        Dataset.open(tmp_path / "d")


def test_a_torn_file_is_an_error_of_ours(tmp_path):
    with Dataset.create(tmp_path / "d") as dataset:
        for number in range(30):
            dataset.add(run(f"case{number}"))
    content = (tmp_path / "d").read_bytes()
    (tmp_path / "d").write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError) as caught, Dataset.open(tmp_path / "d") as dataset:
        list(dataset.runs())
    assert "\n" not in str(caught.value)


def test_reading_does_not_write(tmp_path):
    Dataset.create(tmp_path / "d").close()
    with Dataset.open(tmp_path / "d") as dataset, pytest.raises(DatasetError, match="readonly"):
        dataset.add(run())


_FILL = """
import resource, signal, sys
from pathlib import Path
from annette.bench.dataset import Dataset
from annette.errors import DatasetError
from tests.unit.bench.test_dataset import run
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
with Dataset.create(Path(sys.argv[1])) as dataset:
    try:
        for number in range(10_000):
            dataset.add(run(f"case{number:05d}", samples_s=(0.1,) * 300))
    except DatasetError as error:
        print(number, error)
"""


def test_a_full_disk_is_a_clear_error_and_loses_nothing(tmp_path):
    path = tmp_path / "d.sqlite"
    done = subprocess.run(
        [sys.executable, "-c", _FILL, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    number, _, message = done.stdout.partition(" ")
    assert "cannot be used" in message
    with Dataset.open(path, write=True) as dataset:
        assert dataset.count() == int(number) > 5
        dataset.add(run("one more"))
        assert len(list(dataset.runs())) == int(number) + 1


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", refuse)
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DatasetError, match=r"d\.sqlite.*Read-only file system"):
        Dataset.create(tmp_path / "d.sqlite")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="is not a folder"):
        Dataset.create(tmp_path / "file" / "d.sqlite")
    with pytest.raises(DatasetError, match="does not exist"):
        Dataset.create(tmp_path / "none" / "d.sqlite")


def test_damaged_networks_are_named(tmp_path):
    with Dataset.create(tmp_path / "d") as dataset:
        dataset.add(run())
    connection = sqlite3.connect(tmp_path / "d")
    connection.execute("UPDATE network SET graph = '{'")
    connection.commit()
    connection.close()
    with Dataset.open(tmp_path / "d") as dataset, pytest.raises(DatasetError, match="damaged network 'net'"):
        list(dataset.runs())


def test_plans_are_kept_once(dataset):
    dataset.add_plan("x", "{}")
    dataset.add_plan("x", "{}")
    assert dataset.plans() == ["{}"]


_KILLED = """
import os, signal, sys
from pathlib import Path
from annette.bench.dataset import Dataset
from tests.unit.bench.test_dataset import run
dataset = Dataset.open(Path(sys.argv[1]), write=True)
dataset._connection.execute("PRAGMA cache_size=1")
dataset._connection.execute("BEGIN IMMEDIATE")
for number in range(300):
    dataset._insert(run(f"half{number}", samples_s=(0.1,) * 100))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_writer_killed_in_the_middle_leaves_what_was_there(tmp_path):
    path = tmp_path / "d.sqlite"
    with Dataset.create(path) as dataset:
        dataset.add(run("before"))
    done = subprocess.run([sys.executable, "-c", _KILLED, str(path)], check=False, timeout=60)
    assert done.returncode == -9
    assert (tmp_path / "d.sqlite-journal").exists()
    with Dataset.open(path) as dataset:
        assert [r.case for r in dataset.runs()] == ["before"]


@pytest.mark.parametrize("time", ["null", '"soon"', "[1.0]"])
def test_a_time_that_is_no_number_is_refused(tmp_path, time):
    with Dataset.create(tmp_path / "d") as dataset:
        dataset.add(run())
    connection = sqlite3.connect(tmp_path / "d")
    connection.execute("UPDATE run SET calibration_s = ?", (f"[0.001, {time}]",))
    connection.commit()
    connection.close()
    with (
        Dataset.open(tmp_path / "d") as dataset,
        pytest.raises(DatasetError, match=r"row 1 of table run\.calibration_s\[1\] is .* must be a number"),
    ):
        list(dataset.runs())
