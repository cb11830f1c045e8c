"""Writes the reference pages that repeat what the code says: ``python tools/reference.py``.

``docs/cli.md`` is made from the help texts of the commands, ``docs/json.md`` from the schemas of the documents,
``docs/results/README.md`` from the pages beside it. The examples in ``README.md`` are run and get their present output,
and its table of figures comes from the same pages. ``--check`` writes nothing and fails if a page is not up to date.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from annette.cli.main import cli
from annette.report.schema import DOCUMENTS, schema

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[1]
README: Final = ROOT / "README.md"
ACCURACY: Final = "<!-- accuracy: tools/reference.py -->\n"
NOTE: Final = "<!-- Written by tools/reference.py; `make docs` writes it anew. -->\n"

CLI_HEAD: Final = f"""# Commands

{NOTE}
Every command has `--help` with examples. Exit code 0 means success; 2 means a mistake that the one line on standard
error describes; 130 means interrupted; 70 a fault of annette itself, whose traceback is in the file that the line
names. Names taken from files are escaped and cut in all that is printed. With `--json` a command prints one JSON
document, described in [json.md](json.md). Tables are as wide as the terminal; in a file or a pipe they keep their rows
whole.
"""

JSON_HEAD: Final = f"""# Documents of `--json`

{NOTE}
Every document names its schema and version in `schema`. Within a version fields are only ever added; a field that goes
or changes its meaning makes a new version. All numbers are in SI units with the unit in the name: `latency_s` is in
seconds. One multiply-accumulate is two operations. NaN and infinity never occur; what is not known is `null`.

`annette.report.schema.schema("estimate")` gives the JSON Schema of a document. It is made from the structures that the
package builds its documents with, in `annette.report.schemas` ([why](decisions/documents-with-msgspec.md)).
"""

RESULTS_HEAD: Final = f"""# Results

{NOTE}
How far estimates of whole networks are off, relative to the measurement. *Repeated measurement* is how far a
measurement is off its own repetition on that machine: no estimate can be better. No platform was fitted to a time of
these networks. None of `held-out` was used for tuning ([log](../held-out-log.md)); `development` may be looked at
while tuning; `exports` are files that PyTorch wrote: single ones of `look` were looked at while tuning, of `blind`
between scorings, as their pages say. `libraries`, `strangers`, `unseen`, `further` and `newcomers` are networks of
other people's libraries, fixed by name before any was built; which of them were scored blind stands on their pages.
What each platform was fitted on stands on [its page](../platforms/README.md).

Devices with published measurements: [the paper's experiment](paper.md), [cross-validated](../devices/accuracy.md).
Files that nobody here made: [the corpus](corpus.md).

"""

_SHOWN: Final = ("held-out", "exports/blind.csv", "libraries.csv", "strangers.csv", "unseen.csv", "further.csv")
"""Lists whose figures the README shows."""


def cli_page() -> str:
    """The reference of all commands."""
    return CLI_HEAD + "".join(f"\n## {path}\n\n```\n{text}\n```\n" for path, text in _helps(cli, "annette", None))


def json_page() -> str:
    """The reference of all documents."""
    parts = [JSON_HEAD]
    for name in DOCUMENTS:
        stated = schema(name)
        parts.append(
            f"\n## `{stated['properties']['schema']['const']}`\n\n{stated['title']}. {stated['description']}\n\n"
        )
        parts.append("| Field | Type | Meaning |\n|---|---|---|\n")
        parts += [f"| `{path}` | {kind} | {meaning} |\n" for path, kind, meaning in fields(stated)]
    return "".join(parts)


def fields(schema: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Path, type and meaning of every field of a schema, nested ones behind the one that holds them."""
    required = schema.get("required", [])
    for name, described in schema.get("properties", {}).items():
        if name == "schema" and not prefix:
            continue
        path = f"{prefix}{name}"
        optional = "" if name in required else ", optional"
        yield path, _type(described) + optional, described.get("description", "")
        for form in (described, *described.get("anyOf", [])):
            yield from fields(form, f"{path}.")
            if isinstance(form.get("items"), dict):
                yield from fields(form["items"], f"{path}[].")
            if isinstance(form.get("additionalProperties"), dict):
                yield from fields(form["additionalProperties"], f"{path}.*.")


def _type(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(form) for form in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    stated = schema.get("type", "any")
    if stated == "array":
        return f"array of {_type(schema.get('items', {}))}"
    return " or ".join(stated) if isinstance(stated, list) else str(stated)


def _helps(command: click.Command, name: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    """Full name and help text of a command and of those below it."""
    with click.Context(command, info_name=name, parent=parent, terminal_width=100, **command.context_settings) as here:
        yield here.command_path, command.get_help(here)
        if isinstance(command, click.Group):
            for below in command.list_commands(here):
                nested = command.get_command(here, below)
                if nested is not None:
                    yield from _helps(nested, below, here)


class Accuracy(NamedTuple):
    """What a page of ``docs/results`` says of the preferred models of a platform, as the page writes it."""

    page: str
    platform: str
    suite: str
    count: str
    mape: str
    worst: str
    rho: str
    floor: str

    def row(self, folder: str) -> str:
        """A row below `ACCURACY_HEAD`, whose link begins with a folder."""
        networks = f"[{self.count} of `{self.suite}`]({folder}{self.page})"
        return f"| `{self.platform}` | {networks} | {self.mape} % | {self.worst} % | {self.rho} | {self.floor} |\n"


ACCURACY_HEAD: Final = (
    "| Platform | Networks | Mean error | Worst | Spearman's rho | Repeated measurement |\n"
    "|---|---|---:|---:|---:|---:|\n"
)


def accuracies() -> list[Accuracy]:
    """One for each page PLATFORM-SUITE of ``docs/results``: the preferred models' errors and the floor below them."""
    found = []
    for page in sorted((ROOT / "docs" / "results").glob("*-*.md")):
        text = page.read_text(encoding="utf-8")
        platform, suite = _found(r"^(\S+) on (\S+), model: preferred$", text, page)
        count, mape, worst = _found(r"^preferred +(\d+) +(\S+) % +\S+ % +\S+ % +(\S+) %", text, page)
        (rho,) = _found(r"^preferred [^\n]*?(-?\d\.\d+) \[", text, page)
        (floor,) = _found(r"^re-measurement floor: ([^;]+);", text, page)
        found.append(Accuracy(page.name, platform, suite, count, mape, worst, rho, floor))
    return found


def accuracy_table() -> str:
    """The rows that the README shows."""
    return ACCURACY_HEAD + "".join(one.row("docs/results/") for one in accuracies() if one.suite in _SHOWN)


def results_page() -> str:
    """All such figures, and links to their pages."""
    return RESULTS_HEAD + ACCURACY_HEAD + "".join(one.row("") for one in accuracies())


def _found(pattern: str, text: str, page: Path) -> tuple[str, ...]:
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        sys.exit(f"{page} has no line like {pattern!r}")
    return found.groups()


def readme_page() -> str:
    """The README with its figures and the output of its examples as they are now.

    Figures stand between two comments; an example is what follows ``$ annette …`` in a block of code.
    """
    text = README.read_text(encoding="utf-8")
    text = re.sub(f"{ACCURACY}.*?<!-- end -->", f"{ACCURACY}{accuracy_table()}<!-- end -->", text, flags=re.DOTALL)
    return re.sub(r"```console\n\$ annette (?P<words>[^\n]*)\n(?:.*?)```\n", _example, text, flags=re.DOTALL)


def _example(match: re.Match[str]) -> str:
    command = [sys.executable, "-m", "annette", *shlex.split(match["words"])]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own command
    return f"```console\n$ annette {match['words']}\n{output}```\n"


PAGES: Final = {
    ROOT / "docs" / "cli.md": cli_page,
    ROOT / "docs" / "json.md": json_page,
    ROOT / "docs" / "results" / "README.md": results_page,
}
"""Every generated page and what makes it."""


def main() -> None:
    """Writes the pages, or says which are not up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page is not up to date")
    check = parser.parse_args().check
    for page, make in PAGES.items():
        if check and page.read_text(encoding="utf-8") != make():
            sys.exit(f"{page} is not up to date: run 'make docs'")
        if not check:
            page.write_text(make(), encoding="utf-8")
            print(f"wrote {page}")
    if not check:
        README.write_text(readme_page(), encoding="utf-8")
        print(f"wrote {README}")


if __name__ == "__main__":
    main()
