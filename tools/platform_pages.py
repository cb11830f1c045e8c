"""Writes docs/platforms, a page for each shipped platform: ``python -m tools.platform_pages [--check]``.

Everything is read from the platform's file, from the results in ``docs/results`` and from the published suites.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tools.reference import ACCURACY_HEAD, accuracies

from annette.bench.named_backends import backend_names, option_names
from annette.devices.registry import recognise
from annette.evaluation.published import published_suites
from annette.evaluation.suites import measuring_options
from annette.number_text import percent_text
from annette.platforms import list_platforms, load_platform

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from annette.platforms import Platform

FOLDER: Final = Path(__file__).resolve().parents[1] / "docs" / "platforms"
NOTE: Final = "<!-- Written by tools/platform_pages.py; `make docs` writes it anew. -->\n"
HEAD: Final = f"""# Platforms

{NOTE}
A platform is a device, a runtime, a precision and a number of threads, with everything that estimates need. These ship
with annette; [yours](../tutorial.md) is made by two commands. *Cases* are the measured kernels that its models were
fitted to.

| Platform | Device | Runtime | Precisions | Threads | Kinds of kernel | Cases |
|---|---|---|---|---:|---:|---:|
"""
MEANINGS: Final = {"device": "time on the device", "end_to_end": "end-to-end time, as the host's program sees it"}
BATCHES: Final = {"together": "computed together", "one_by_one": "one sample after the other"}
DEVICE_PAGES: Final = {
    "ethos-u": "ethos-u", "kirin970-tvm": "kirin970-tvm", "ncs2-openvino": "ncs2-openvino",
    "snapdragon835-tvm": "snapdragon835-tvm", "zcu102-dnndk": "zcu102-dnndk",
}  # fmt: skip
"""Pages of docs/devices by how the names of their platforms begin."""
_SIZES: Final = ("ops", "bytes", "macs")


def page(platform: Platform) -> str:
    """The page of one platform."""
    return "".join((f"# `{platform.name}`\n\n{NOTE}\n", *_facts(platform), *_trust(platform), *_kinds(platform),
                    *_remarks(platform)))  # fmt: skip


def _facts(platform: Platform) -> Iterator[str]:
    yield f"{_sentence(platform.description)}\n\n| Platform | `{platform.name}` |\n|---|---|\n"
    precisions = ", ".join(platform.precisions)
    converted = ", ".join(platform.precision.converts)
    rows = {
        "Device": platform.device,
        "Runtime": platform.runtime,
        "Precisions fitted": precisions + (f" (networks of {converted} are converted)" if converted else ""),
        "Threads": str(platform.threads),
        "An estimate is": MEANINGS[platform.latency_is],
        "A batch is": BATCHES[platform.batch_is],
        "Model that is preferred": platform.preferred_family,
        "Made by": platform.provenance.created_by,
    }
    yield from (f"| {name} | {text} |\n" for name, text in rows.items())
    for source in platform.provenance.sources:
        yield f"| Source | {source.title}; {source.location}; {source.licence} |\n"
    yield f"\n```\nannette estimate model.onnx --platform {platform.name}\n{_measuring(platform)}```\n"


def _measuring(platform: Platform) -> str:
    """The command that measures as the platform was measured, or nothing where no backend does."""
    stated = dict(platform.provenance.versions)
    family = recognise(stated)
    own = next(iter(family.backends)) if family is not None and len(family.backends) == 1 else ""
    backend = next((name for name in (stated.get("runtime"), own) if name in backend_names()), None)
    if backend is None:
        return ""
    options = measuring_options(platform, option_names(backend), {})
    texts = [f"--{name.replace('_', '-')} {value}" for name, value in options.items()]
    return f"{' '.join(['annette measure model.onnx --backend', backend, *texts])}\n"


def _trust(platform: Platform) -> Iterator[str]:
    yield "\n## How far off whole networks are\n\n"
    rows = [one.row("../results/") for one in accuracies() if one.platform == platform.name]
    if rows:
        yield ACCURACY_HEAD + "".join(rows) + "\n"
    suites = [name for name, suite in published_suites().items() if platform.device in suite.devices]
    if suites:
        yield f"[Published latencies](../results/paper.md): {', '.join(f'`--suite {name}`' for name in suites)}.\n\n"
    begins = next((begin for begin in DEVICE_PAGES if platform.name.startswith(begin)), None)
    if begins is not None:
        yield f"[Its page](../devices/{DEVICE_PAGES[begins]}.md) says how it is made and what is known of it.\n\n"
    corpus = f"`{platform.name}`" in (FOLDER.parent / "results" / "corpus.md").read_text(encoding="utf-8")
    if corpus:
        yield "[The corpus](../results/corpus.md): files that nobody here made.\n\n"
    if not (rows or suites or begins or corpus):
        yield "Nobody held it against whole networks.\n\n"
    stated = "" if platform.intervals is not None else "no "
    yield f"Estimates come with {stated}intervals.\n"


def _kinds(platform: Platform) -> Iterator[str]:
    known = {str(row["kind"]): row for row in platform.accuracy}
    fitted = [kind for kind in platform.models if kind not in platform.assumed and kind in known]
    if fitted:
        yield (
            "\n## Kinds of kernel that are fitted\n\n"
            "The error is the mean absolute relative one of single kernels that a fit did not see (cross-validated), "
            "of the model that is preferred for the kind; errors of kernels partly cancel in networks. Outside the "
            "ranges an estimate says so.\n\n"
            "| Kind | Cases | Model | Error | Fitted ranges |\n|---|---:|---|---:|---|\n"
        )
        yield from (_kind(platform, kind, known[kind]) for kind in fitted)
    others = [kind for kind in platform.models if kind not in platform.assumed and kind not in known]
    if others:
        yield f"\nWithout cross-validated cases of their own: {', '.join(f'`{kind}`' for kind in others)}.\n"
    if platform.assumed:
        yield "\n## Kinds that are assumed\n\nNo measurement: estimates count them as not fitted.\n\n"
        reasons: dict[str, list[str]] = {}
        for kind, reason in platform.assumed.items():
            reasons.setdefault(reason, []).append(kind)
        yield from (f"- {', '.join(f'`{kind}`' for kind in kinds)}: {why}\n" for why, kinds in reasons.items())


def _kind(platform: Platform, kind: str, row: Mapping[str, Any]) -> str:
    family = platform.default_family(kind)
    family = family if f"{family} MAPE" in row else str(row.get("best", next(iter(platform.models[kind]))))
    error = row.get(f"{family} MAPE")
    ranges = ", ".join(
        f"{name} {low:g} to {high:g}"
        for name, (low, high) in platform.ranges.get(kind, {}).items()
        if not name.endswith(_SIZES) and low < high
    )
    return f"| `{kind}` | {row.get('rows', '')} | {family} | {percent_text(error)} | {ranges} |\n"


def _remarks(platform: Platform) -> Iterator[str]:
    if platform.provenance.notes:
        yield "\n## What its file notes\n\n"
        yield from (f"- {_sentence(note)}\n" for note in platform.provenance.notes)


def _sentence(text: str) -> str:
    return text if text.endswith((".", ":")) else f"{text}."


def pages() -> dict[Path, str]:
    """Every page and its text."""
    platforms = [load_platform(listed.name) for listed in list_platforms() if listed.origin == "catalogue"]
    index = HEAD
    for one in platforms:
        cases = sum(int(row.get("rows", 0)) for row in one.accuracy)
        index += (
            f"| [`{one.name}`]({one.name}.md) | {one.device} | {one.runtime} | {', '.join(one.precisions)} "
            f"| {one.threads} | {len(one.models) - len(one.assumed)} | {cases or ''} |\n"
        )
    return {FOLDER / "README.md": index} | {FOLDER / f"{one.name}.md": page(one) for one in platforms}


def main() -> None:
    """Writes the pages, or says which are not up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page is not up to date")
    check = parser.parse_args().check
    FOLDER.mkdir(exist_ok=True)
    wanted = pages()
    stale = [file for file in FOLDER.glob("*.md") if file not in wanted]
    stale += [file for file, text in wanted.items() if not file.exists() or file.read_text(encoding="utf-8") != text]
    if check and stale:
        sys.exit(f"{stale[0]} is not up to date: run 'make docs'")
    for file in () if check else stale:
        file.unlink(missing_ok=True)
        if file in wanted:
            file.write_text(wanted[file], encoding="utf-8")
            print(f"wrote {file}")


if __name__ == "__main__":
    main()
