"""Writes docs/matched-share.md: how much of the profiled time of each network of the zoo is matched to layers.

``python tools/matched_share.py FOLDER`` runs every network once or twice on each backend, without regard to how steady
the times are, and keeps what it has in FOLDER, so that it can be interrupted. Backends that are not usable here are
left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annette.bench.dataset import Dataset
from annette.bench.measurement import Settings
from annette.bench.named_backends import backend_class, parse_options
from annette.bench.session import case_of, measure_networks
from annette.errors import AnnetteError
from annette.network import zoo

if TYPE_CHECKING:
    from annette.bench.records import Run

PAGE = Path(__file__).parents[1] / "docs" / "matched-share.md"
BACKENDS: dict[str, dict[str, str]] = {
    "onnxruntime": {},
    "openvino": {"precision": "fp32"},
    "vela": {"accelerator": "ethos-u55-128"},
}
TARGETS = {"onnxruntime": 0.99, "openvino": 0.97, "vela": 0.99}
SHORT = Settings(
    warmup=1,
    repeats=1,
    most_repeats=1,
    attempts=1,
    target_s=1e-3,
    timeout_s=300.0,
    most_uncertain=100.0,
    drift=100.0,
)


def measured(folder: Path, backend: str, names: list[str]) -> dict[str, Run]:
    """The first round of every network on a backend; what the folder has already is not measured again."""
    options: dict[str, Any] = parse_options(backend, BACKENDS[backend])
    path = folder / f"{backend}.sqlite"
    runs_by_name: dict[str, Run] = {}
    with Dataset.open(path, write=True) if path.exists() else Dataset.create(path) as dataset:
        for name in names:
            if dataset.has(name):
                continue
            try:
                case = case_of(name, backend)
                (network,) = measure_networks(
                    [case], dataset, backend=backend, options=options, settings=SHORT, rounds=1
                )
                print(backend, name, network.rounds[0].matched_share, network.rounds[0].reason, flush=True)
            except AnnetteError as error:
                print(backend, name, error, flush=True)
        for run in dataset.runs():
            runs_by_name.setdefault(run.case, run)
    return runs_by_name


def page(runs: dict[str, dict[str, Run]], names: list[str]) -> str:
    """The page as Markdown."""
    heads = [
        f"{backend} {' '.join(BACKENDS[backend].values())} {_version(runs_by_name)}".replace("  ", " ").strip()
        for backend, runs_by_name in runs.items()
    ]
    lines = [
        "# How much of the profiled time is matched to layers\n",
        "\nShare of the time of a runtime's own report whose layers are known, or that the runtime is known to have\n",
        "added (a copy, a layout change), per network of the [zoo](zoo.md).\n",
        "Made by `python tools/matched_share.py FOLDER`.\n",
        f"\n| Network | {' | '.join(heads)} |\n|---|{'---:|' * len(heads)}\n",
    ]
    for name in names:
        cells = [_share(runs_by_name.get(name)) for runs_by_name in runs.values()]
        lines.append(f"| `{name}` | {' | '.join(cells)} |\n")
    lines.append("\n")
    for backend, runs_by_name in runs.items():
        shares = {name: run.matched_share for name, run in runs_by_name.items() if run.kernels}
        below = sorted(name for name, share in shares.items() if share < TARGETS[backend])
        lines.append(
            f"- {backend}: {len(shares)} networks, at least {100 * min(shares.values()):.2f} %; below the aim of "
            f"{100 * TARGETS[backend]:.0f} %: {', '.join(below) or 'none'}\n"
        )
        failed = [f"`{name}` ({run.reason})" for name, run in sorted(runs_by_name.items()) if not run.kernels]
        if failed:
            lines.append(f"  - not measured: {'; '.join(failed)}\n")
    return "".join(lines)


def _version(runs_by_name: dict[str, Run]) -> str:
    return next((run.environment.get("runtime_version", "") for run in runs_by_name.values()), "")


def _share(run: Run | None) -> str:
    return "-" if run is None or not run.kernels else f"{100 * run.matched_share:.2f} %"


def main() -> None:
    """Measures what is missing and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where datasets are kept")
    parser.add_argument("--backend", action="append", choices=list(BACKENDS), help="only these")
    parser.add_argument("--no-page", action="store_true", help="measure only")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    names = list(zoo.names())
    usable = [name for name in arguments.backend or BACKENDS if backend_class(name).available().usable]
    runs = {backend: measured(arguments.folder, backend, names) for backend in usable}
    if not arguments.no_page:
        PAGE.write_text(
            page({name: runs_by_name for name, runs_by_name in runs.items() if runs_by_name}, names), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
