"""Commands that are killed at random moments and gone on with: nothing may be lost, and nothing half-made may stay."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tools.fuzz.formats.dataset_seeds import measured_run, write_dataset

from annette.bench.dataset import Dataset
from annette.bench.plan import Plan
from annette.bench.records import Purpose
from annette.network import zoo

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SCENARIOS", "KillFigures", "Scenario", "kill_and_resume"]

_MARK: Final = "ANNETTE_KILLS"
_NETWORKS: Final = ("alexnet", "squeezenet1_1", "vgg16", "resnet18")
_TABLE_ROWS: Final = 150
_ORPHANS_S: Final = 10.0
_LONGEST_S: Final = 600.0
_FOLDER: Final = "tmp"
_LATER: Final = 1.1
"""Kills come at moments up to so much of an unkilled run's time."""

_MEASURE: Final = """
import sys, annette
recorded, out, *networks = sys.argv[1:]
annette.measure(networks, backend="replay", options={"dataset": recorded}, rounds=4, out=out, resume=True)
"""


@dataclass(frozen=True)
class Scenario:
    """A command and what it makes.

    Attributes:
        name: The command, and with what.
        prepare: Writes its inputs to a folder.
        arguments: Of Python, for a first run and for every further one, given the folder and the file to make.
        out: Name of that file.
        resumes: Whether a further run goes on; otherwise the file must be whole or absent after every kill.
    """

    name: str
    prepare: Callable[[Path], None]
    arguments: Callable[[Path, Path], list[str]]
    out: str
    resumes: bool


@dataclass
class KillFigures:
    """What came of a scenario.

    Attributes:
        name: The scenario.
        kills: Processes killed.
        finished: Runs that were left to finish, each after some kills, and compared with an unkilled one.
        whole_s: Time of an unkilled run.
        faults: What was wrong, and how often.
    """

    name: str
    kills: int = 0
    finished: int = 0
    whole_s: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)


def _recorded(folder: Path) -> None:
    write_dataset(folder / "recorded.dataset")


def _plan(folder: Path) -> None:
    _recorded(folder)
    with Dataset.open(folder / "recorded.dataset") as dataset:
        plan = Plan.from_text(dataset.plans()[0])
    (folder / "plan.json").write_text(plan.to_text(), encoding="utf-8")


def _networks(folder: Path) -> None:
    """A recording of whole networks, to be measured again from it."""
    with Dataset.create(folder / "recorded.dataset") as dataset:
        for name in _NETWORKS:
            dataset.add(measured_run(name, Purpose.NETWORK, zoo.build(name)))


def _table(folder: Path) -> None:
    rows = [f"conv,{4 + number},16,16,8,3,0.{number + 100}" for number in range(_TABLE_ROWS)]
    header = "kind,in_channels,in_height,in_width,out_channels,kernel_height,latency_ms"
    (folder / "layers.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def _replayed_bench(folder: Path, out: Path) -> list[str]:
    dataset = str(folder / "recorded.dataset")
    return ["-m", "annette", "bench", "--backend", "replay", "--dataset", dataset, "--plan", str(folder / "plan.json"),
            "--out", str(out), "--resume"]  # fmt: skip


def _vela_bench(_: Path, out: Path) -> list[str]:
    return ["-m", "annette", "bench", "--backend", "vela", "--budget", "2s", "--out", str(out), "--resume"]


def _measure(folder: Path, out: Path) -> list[str]:
    return ["-c", _MEASURE, str(folder / "recorded.dataset"), str(out), *_NETWORKS]


def _fit(folder: Path, out: Path) -> list[str]:
    return ["-m", "annette", "fit", str(folder / "recorded.dataset"), "--out", str(out)]


def _import(folder: Path, out: Path) -> list[str]:
    stated = ["--device", "board", "--runtime", "vendor", "--precision", "int8"]
    return ["-m", "annette", "import", str(folder / "layers.csv"), *stated, "--out", str(out)]


SCENARIOS: Final = {
    scenario.name: scenario
    for scenario in (
        Scenario("bench", _plan, _replayed_bench, "out.dataset", resumes=True),
        Scenario("bench-vela", lambda _: None, _vela_bench, "out.dataset", resumes=True),
        Scenario("measure", _networks, _measure, "out.dataset", resumes=True),
        Scenario("fit", _recorded, _fit, "out.json", resumes=False),
        Scenario("import", _table, _import, "out.dataset", resumes=False),
    )
}


def kill_and_resume(scenario: Scenario, *, kills: int = 50, seed: int = 0) -> KillFigures:
    """Kills a command again and again, each time with all that it started.

    Args:
        scenario: The command.
        kills: How often.
        seed: Of the moments.
    """
    dice = random.Random(f"{scenario.name}/{seed}")
    figures = KillFigures(scenario.name)
    folder = Path(tempfile.mkdtemp(prefix="annette-kills-"))
    try:
        scenario.prepare(folder)
        expected = _unkilled(scenario, folder, figures)
        while figures.kills < kills:
            story = folder / f"story{figures.kills}"
            story.mkdir()
            _story(scenario, folder, story, expected, figures, dice, kills)
            shutil.rmtree(story)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return figures


def _unkilled(scenario: Scenario, folder: Path, figures: KillFigures) -> str:
    """The digest that every other run must come to; twice, as the first run loads what the second finds in memory."""
    digests = []
    for number in range(2):
        place = folder / f"whole{number}"
        place.mkdir()
        started_s = time.monotonic()
        process = _start(scenario, folder, place)
        if process.wait(_LONGEST_S):
            raise RuntimeError(f"{scenario.name} fails without being killed: {_said(place)}")
        figures.whole_s = time.monotonic() - started_s
        digests.append(_digest(place / scenario.out))
    if digests[0] != digests[1]:
        figures.faults["two unkilled runs differ"] += 1
    return digests[0]


def _story(
    scenario: Scenario, folder: Path, story: Path, expected: str, figures: KillFigures, dice: random.Random, most: int
) -> None:
    """Runs the command until it finishes, killing it at random moments."""
    out = story / scenario.out
    seen: frozenset[tuple[str, int]] = frozenset()
    while True:
        process = _start(scenario, folder, story)
        moment_s = dice.uniform(0, figures.whole_s * _LATER) if figures.kills < most else _LONGEST_S
        try:
            code = process.wait(moment_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            figures.kills += 1
        else:
            if code:
                figures.faults[f"after a kill it fails: {_said(story)[-150:]}"] += 1
                return
            break
        if _orphans(story):
            figures.faults["a process that it started lives on"] += 1
            return
        if out.exists() and not scenario.resumes:
            break
        found = _rows(out)
        if not seen <= found:
            figures.faults["rows were lost"] += 1
            return
        seen = found
    figures.finished += 1
    if _digest(out) != expected:
        figures.faults["what it made differs from an unkilled run's, or is not whole"] += 1
    left = sorted(path.name for path in story.iterdir() if path.name not in (scenario.out, _FOLDER, "said.txt"))
    if left:
        figures.faults[f"files are left: {', '.join(left)}"] += 1


def _start(scenario: Scenario, folder: Path, place: Path) -> subprocess.Popen[bytes]:
    """Starts the command with all that it writes kept apart, in a process group of its own."""
    (place / _FOLDER).mkdir(exist_ok=True)
    with (place / "said.txt").open("wb") as said:
        return subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, *scenario.arguments(folder, place / scenario.out)],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, _MARK: str(place), "TMPDIR": str(place / _FOLDER)},
            start_new_session=True,
        )


def _said(place: Path) -> str:
    return (place / "said.txt").read_text(encoding="utf-8", errors="replace").strip()[-300:]


def _orphans(place: Path) -> bool:
    """Whether something that was started for a place still lives a while after; its environment tells."""
    mark = f"{_MARK}={place}".encode()
    end_s = time.monotonic() + _ORPHANS_S
    while any(mark in _environment(process) for process in Path("/proc").glob("[0-9]*")):
        if time.monotonic() > end_s:
            return True
        time.sleep(0.05)
    return False


def _environment(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:  # It ended meanwhile, or is not ours.
        return b""


def _rows(out: Path) -> frozenset[tuple[str, int]]:
    """The runs that a dataset holds; none where there is no dataset yet."""
    if not out.exists() or out.suffix != ".dataset":
        return frozenset()
    with Dataset.open(out) as dataset:
        return frozenset((run.case, run.round) for run in dataset.runs())


def _digest(out: Path) -> str:
    if not out.exists():
        return "nothing"
    if out.suffix == ".dataset":
        with Dataset.open(out) as dataset:
            return dataset.digest()
    return hashlib.sha256(out.read_bytes()).hexdigest()
