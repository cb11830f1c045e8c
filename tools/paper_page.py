"""Writes docs/results/paper.md, the paper's experiment with what is shipped: ``python tools/paper_page.py [--check]``.

Everything that it needs is in the package, so anybody gets the same figures.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from annette.api import evaluate
from annette.evaluation.published import PAPER, published_suites
from annette.report.evaluation import evaluation_document

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "results" / "paper.md"
PLATFORMS: Final = {
    "paper-zcu102": ("zcu102-dnndk", "zcu102-dnndk-original"),
    "paper-ncs2": ("ncs2-openvino", "ncs2-openvino-original"),
    "paper-nasbench": ("ncs2-openvino", "ncs2-openvino-original"),
}
HEAD: Final = f"""# The paper's experiment

Written by `python tools/paper_page.py`, from nothing but the package:

```
annette evaluate --suite paper-zcu102 --platform zcu102-dnndk
annette evaluate --suite paper-ncs2 --platform ncs2-openvino
annette evaluate --suite paper-nasbench --platform ncs2-openvino
```

The paper compares four families of layer models: roofline, refined roofline, statistical, mixed. Its figures here are
those of its abstract ({PAPER}). *preferred* is what an estimate uses: the family that the platform
chose for each kind of kernel. The platforms `-original` hold the parameters that the authors published, which are
rooflines and refined rooflines only, with their formulas as [amended](../original.md).

A figure here is not the paper's figure made again: networks and measurements differ, as the notes say, and what a
platform was fitted to is said as well. Networks that a platform cannot price are left out and named.
"""


def page() -> str:
    """The text of the page."""
    return HEAD + "".join(part for suite in PLATFORMS for part in _suite(suite))


def _suite(suite: str) -> Iterator[str]:
    stated = published_suites()[suite]
    yield f"\n## `{suite}`\n\n{stated.title}.\n\n"
    yield from (f"- {line}\n" for line in (*stated.sources, *stated.remarks, *stated.platform_remarks.values()))
    yield "\n| Platform | Model | Networks | MAE, ms | MAPE | Spearman's rho | Kendall's tau |\n"
    yield "|---|---|---:|---:|---:|---:|---:|\n"
    documents = [evaluation_document(evaluate(name, suite)) for name in PLATFORMS[suite]]
    for document in documents:
        yield from (_row(f"`{document['platform']}`", entry) for entry in document["models"])
    for figure in stated.paper:
        error = f"{100 * figure.value:.2f} %" if figure.figure == "mape" else ""
        rho = f"{figure.value:.3f}" if figure.figure == "spearman" else ""
        yield f"| **the paper** | {figure.model} | {figure.networks} |  | {error} | {rho} |  |\n"
    left_out = [
        f"- `{document['platform']}` leaves out {entry['network'].removeprefix('published:')}: "
        f"{entry['problem'].partition(';')[0]}.\n"
        for document in documents
        for entry in document["networks"]
        if entry["problem"]
    ]
    yield "".join(["\n", *left_out]) if left_out else ""


def _row(platform: str, entry: dict[str, Any]) -> str:
    ranks = (f"{entry[key]:.3f}" if entry[key] is not None else "" for key in ("spearman", "kendall"))
    figures = (f"{1e3 * entry['mae_s']:.2f}", f"{100 * entry['mape']:.2f} %", *ranks)
    return f"| {platform} | {entry['model']} | {entry['count']} | {' | '.join(figures)} |\n"


def main() -> None:
    """Writes the page, or says that it is not up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is not up to date")
    if parser.parse_args().check:
        if PAGE.read_text(encoding="utf-8") != page():
            sys.exit(f"{PAGE} is not up to date: run 'make docs'")
        return
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
