"""``python -m tools.fuzz``: campaigns of cases, kills and load; tries one case again; prints figures."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tools.fuzz.campaign import run_campaign
from tools.fuzz.case import Case, build, steps
from tools.fuzz.formats import FORMATS
from tools.fuzz.kills import SCENARIOS, kill_and_resume
from tools.fuzz.pool import HANG_S
from tools.fuzz.record import Record
from tools.fuzz.stress import stress
from tools.fuzz.summary import summary
from tools.fuzz.worker import CaseRunner


def main() -> int:
    """Runs what was asked for; 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="try cases, keep findings and figures")
    run.add_argument("--out", type=Path, required=True, help="folder of the campaign; one that exists is continued")
    run.add_argument("--formats", default=",".join(FORMATS), help="names with commas between (%(default)s)")
    run.add_argument("--seed", type=int, default=0, help="of everything random")
    run.add_argument("--cases", type=int, default=10**9, help="how many in all")
    run.add_argument("--minutes", type=float, default=1e9, help="when to stop")
    run.add_argument("--jobs", type=int, default=1, help="worker processes")
    run.add_argument("--hang-seconds", type=float, default=HANG_S, help="a case that takes longer hangs (%(default)s)")
    run.add_argument("--seeds", type=Path, help="folder of sound files that join the seeds")
    replay = commands.add_parser("replay", help="try one case, or a file, in this process")
    replay.add_argument("format", choices=list(FORMATS))
    replay.add_argument("case", help="SEED:NUMBER")
    replay.add_argument("--file", type=Path, help="try this file instead")
    replay.add_argument("--save", type=Path, help="write the case's file here")
    replay.add_argument("--seeds", type=Path, help="folder of the campaign's further seeds")
    kills = commands.add_parser("kills", help="kill commands at random moments and go on with them")
    kills.add_argument("--out", type=Path, required=True, help="folder of the campaign")
    kills.add_argument("--kills", type=int, default=50, help="of each command (%(default)s)")
    kills.add_argument("--seed", type=int, default=0, help="of the moments")
    kills.add_argument("--scenarios", default=",".join(SCENARIOS), help="names with commas between (%(default)s)")
    load = commands.add_parser("stress", help="estimate in threads and processes at the same time")
    load.add_argument("--out", type=Path, required=True, help="folder of the campaign")
    load.add_argument("--minutes", type=float, default=30.0, help="how long (%(default)s)")
    load.add_argument("--processes", type=int, default=4)
    load.add_argument("--threads", type=int, default=8)
    load.add_argument("--platform", default="ncs2-openvino", help="where to estimate (%(default)s)")
    figures = commands.add_parser("figures", help="print what a campaign's folder holds")
    figures.add_argument("out", type=Path)
    figures.add_argument("--page", type=Path, help="Markdown file to write")
    arguments = parser.parse_args()
    if arguments.command == "run":
        return _run(arguments)
    if arguments.command == "replay":
        return _replay(arguments)
    record = Record(arguments.out)
    if arguments.command == "kills":
        return _kills(arguments, record)
    if arguments.command == "stress":
        return _stress(arguments, record)
    text = summary(record)
    print(text)
    if arguments.page:
        arguments.page.write_text(text, encoding="utf-8")
    return 0


def _extra(folder: Path | None) -> tuple[Path, ...]:
    return () if folder is None else tuple(sorted(path for path in folder.rglob("*") if path.is_file()))


def _run(arguments: argparse.Namespace) -> int:
    record = run_campaign(
        arguments.out,
        seed=arguments.seed,
        formats=arguments.formats.split(","),
        cases=arguments.cases,
        minutes=arguments.minutes,
        jobs=arguments.jobs,
        extra=_extra(arguments.seeds),
        hang_s=arguments.hang_seconds,
    )
    print(summary(record))
    return int(bool(record.known))


def _replay(arguments: argparse.Namespace) -> int:
    case = Case.parse(arguments.case, arguments.format)
    extra = _extra(arguments.seeds)
    with tempfile.TemporaryDirectory(prefix="annette-fuzz-") as folder:
        runner = CaseRunner(Path(folder), extra)
        form = runner.form(case.format)
        data = arguments.file.read_bytes() if arguments.file else build(form, case)
        if arguments.save:
            arguments.save.write_bytes(data)
        print(f"{len(data)} bytes, mutations {' '.join(steps(form, case)) or 'none'}")
        answer = runner.attempt(case, data=data)
    for key, value in answer.items():
        print(f"{key}: {value}")
    return int("kind" in answer)


def _kills(arguments: argparse.Namespace, record: Record) -> int:
    wrong = 0
    for name in arguments.scenarios.split(","):
        figures = kill_and_resume(SCENARIOS[name], kills=arguments.kills, seed=arguments.seed)
        record.add_kills(asdict(figures))
        print(
            f"{name}: {figures.kills} kills, {figures.finished} finished, faults: {dict(figures.faults) or 'none'}",
            flush=True,
        )
        wrong += bool(figures.faults)
    return int(wrong > 0)


def _stress(arguments: argparse.Namespace, record: Record) -> int:
    how = {"platform": arguments.platform, "minutes": arguments.minutes, "threads": arguments.threads}
    seen = stress(processes=arguments.processes, **how)
    for figures in seen:
        record.add_stress({**how, **asdict(figures)})
        print(figures)
    return int(any(figures.wrong for figures in seen) or len({figures.digest for figures in seen}) > 1)


if __name__ == "__main__":
    sys.exit(main())
