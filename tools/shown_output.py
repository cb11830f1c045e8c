"""What the documentation shows of commands, written anew from what they print.

A block of output begins with a line ``$ annette …`` and ends with its fence, or where an indented block ends. Where its
last line is ``…``, it shows the beginning. Only commands that need nothing but what ships are run: estimates of
networks built in. Run by ``make docs``; a test holds the pages against it.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

from click.testing import CliRunner

from annette.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[1]
_COMMAND: Final = re.compile(r"^(?P<indent> {4}|)\$ annette (?P<words>(?:estimate|inspect|compare|generate) .+)$")
_FILE: Final = re.compile(r"\.(?:onnx|tflite|pt2|keras|xml|json|csv|html|sqlite)\b")
_BEGINNING: Final = "…"


def pages() -> list[Path]:
    """The pages that show what a command prints."""
    everywhere = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    files = [file for file in everywhere if file.parent.name != "recipes"]  # These need what they tell how to write.
    return [file for file in files if any(map(_command, file.read_text(encoding="utf-8").splitlines()))]


def renewed(text: str) -> str:
    """A page with what its commands print now."""
    return "\n".join(_renewed(text.split("\n")))


def _command(line: str) -> re.Match[str] | None:
    """A command that needs no file."""
    return None if _FILE.search(line) else _COMMAND.match(line)


def _renewed(lines: list[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        line = lines[at]
        yield line
        at += 1
        found = _command(line)
        if not found:
            continue
        indent = found["indent"]
        end = at
        while end < len(lines) and (lines[end].startswith(indent) if indent else not lines[end].startswith("```")):
            end += 1
        shown = [each.removeprefix(indent) for each in lines[at:end]]
        printed = CliRunner().invoke(cli, shlex.split(found["words"]), catch_exceptions=False).output.splitlines()
        if shown and shown[-1] == _BEGINNING:
            printed = [*printed[: len(shown) - 1], _BEGINNING]
        yield from (indent + each for each in printed)
        at = end


def main() -> None:
    """Writes all pages that show output."""
    for file in pages():
        file.write_text(renewed(file.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
