"""``python -m tools.fuzz``: runs a campaign, tries one case again, prints figures."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tools.fuzz.campaign import run_campaign
from tools.fuzz.case import Case, build, steps
from tools.fuzz.formats import FORMATS
from tools.fuzz.pool import HANG_S
from tools.fuzz.record import Record
from tools.fuzz.summary import summary
from tools.fuzz.worker import Tester


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
    figures = commands.add_parser("figures", help="print the figures of a campaign")
    figures.add_argument("out", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "run":
        return _run(arguments)
    if arguments.command == "replay":
        return _replay(arguments)
    print(summary(Record(arguments.out)))
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
        tester = Tester(Path(folder), extra)
        form = tester.form(case.format)
        data = arguments.file.read_bytes() if arguments.file else build(form, case)
        if arguments.save:
            arguments.save.write_bytes(data)
        print(f"{len(data)} bytes, mutations {' '.join(steps(form, case)) or 'none'}")
        answer = tester.attempt(case, data=data)
    for key, value in answer.items():
        print(f"{key}: {value}")
    return int("kind" in answer)


if __name__ == "__main__":
    sys.exit(main())
