"""Lists real network files that nobody here made, by hash, and says which half each belongs to.

Usage: ``python tools/corpus.py add SOURCE VERSION FILE…`` adds files to ``docs/corpus.csv``; ``python tools/corpus.py
half FILE…`` prints the half of each. The half follows from the SHA-256 alone (`half_of`), so that nobody chooses it;
files themselves are never kept. docs/held-out-log.md has the protocol.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import sys
from pathlib import Path

CORPUS = Path(__file__).resolve().parents[1] / "docs" / "corpus.csv"
COLUMNS = ("source", "version", "file", "bytes", "sha256", "half")


def half_of(sha256: str) -> str:
    """``look`` (may be looked at while anything is tuned) or ``scored`` (is only scored), of a hexadecimal hash."""
    return "look" if int(sha256[0], 16) < 8 else "scored"


def row(source: str, version: str, file: Path) -> dict[str, str]:
    """The line of one file."""
    content = file.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    values = (source, version, file.name, str(len(content)), sha256, half_of(sha256))
    return dict(zip(COLUMNS, values, strict=True))


def rows() -> list[dict[str, str]]:
    """All lines of the corpus."""
    if not CORPUS.exists():
        return []
    with CORPUS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def main() -> int:
    """Runs the tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    adding = commands.add_parser("add")
    adding.add_argument("source")
    adding.add_argument("version")
    adding.add_argument("files", nargs="+", type=Path)
    commands.add_parser("half").add_argument("files", nargs="+", type=Path)
    chosen = parser.parse_args()
    if chosen.command == "half":
        for file in chosen.files:
            sys.stdout.write(f"{row('', '', file)['half']} {file}\n")
        return 0
    known = {each["sha256"]: each for each in rows()}
    for file in chosen.files:
        new = row(chosen.source, chosen.version, file)
        known.setdefault(new["sha256"], new)
    with CORPUS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(known.values(), key=lambda each: (each["source"], each["file"], each["sha256"])))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
