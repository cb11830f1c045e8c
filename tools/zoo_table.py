"""Writes the table of networks in docs/zoo.md from the catalogue: ``python tools/zoo_table.py``."""

from __future__ import annotations

from pathlib import Path

from annette.network import zoo

PAGE = Path(__file__).parents[1] / "docs" / "zoo.md"
BEGIN, END = "<!-- table: tools/zoo_table.py -->\n", "<!-- end of table -->\n"
_HEAD = (
    "| Name | Input | GMACs | Published | Parameters, deployed | Published, as trained | Source |\n"
    "|---|---|---:|---:|---:|---:|---|\n"
)


def table() -> str:
    """The table and the notes below it, as Markdown."""
    rows, notes = [], []
    for name in zoo.names():
        entry, network = zoo.describe(name), zoo.build(name)
        mark = ""
        if entry.note:
            notes.append(f"{len(notes) + 1}. `{name}`: {entry.note}\n")
            mark = f" ({len(notes)})"
        published = f"{entry.gmacs:.4g}" if entry.gmacs else "—"
        parameters = f"{entry.parameters:,}" if entry.exact else f"≈ {entry.parameters:,}"
        rows.append(
            f"| `{name}`{mark} | {entry.input} | {network.macs / 1e9:.4g} | {published} | {network.parameters:,} "
            f"| {parameters} | {entry.source} |\n"
        )
    return _HEAD + "".join(rows) + "\n" + "".join(notes)


def main() -> None:
    """Replaces the table in the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(before + BEGIN + table() + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
