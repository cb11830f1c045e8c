"""Makes the shipped Ethos-U platforms from nothing: plan, Vela, dataset, fit.

Usage: ``python tools/fit_ethos_u_platforms.py --work FOLDER --out src/annette/platforms/catalog [PLATFORM ...]``. The
datasets are kept in FOLDER, and continued where they exist. On one core, compiling the networks of the plan takes
about 5 minutes a platform, fitting less than 1; equal datasets give equal bytes.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from annette._version import __version__
from annette.bench.dataset import Dataset
from annette.bench.generate.generator import generate_plan
from annette.bench.plan import Plan
from annette.bench.records import Purpose
from annette.bench.session import benchmark
from annette.bench.settings import Settings
from annette.devices.arm_ethos_u.fit import TARGETS, EthosU, fit_ethos_u
from annette.platforms import Provenance, Source, dump_platform

PURPOSES = (Purpose.MICRO_KERNEL, Purpose.CHAIN, Purpose.FUSION_PROBE)
NOTES = (
    "All times are estimates of the compiler Vela for a generated network lowered to int8, never a measured latency.",
    "Fitted on generated layers between others, chains and fusion probes; no whole network had a part in it.",
)
SOURCE = Source(
    "Vela, the compiler of the Ethos-U: its performance estimate and debug database",
    "https://gitlab.arm.com/artificial-intelligence/ethos-u/ethos-u-vela",
    "Apache-2.0",
)


def plan() -> Plan:
    """The full plan, without what empties caches, which a compiler's estimate does not know."""
    cases = generate_plan("full").cases
    return Plan("ethos-u", tuple(case for case in cases if case.purpose in PURPOSES and not case.evicted_bytes))


def measure(target: EthosU, path: Path) -> None:
    """Compiles what the dataset does not have yet."""
    started = time.perf_counter()
    benchmark(plan(), path, backend="vela", options=dict(target.options), settings=Settings(), resume=True)
    print(f"{target.name}: compiled in {time.perf_counter() - started:.0f} s")


def fit(target: EthosU, path: Path, out: Path) -> None:
    """Fits one platform."""
    started = time.perf_counter()
    planned = {case.id for case in plan().cases}
    with Dataset.open(path) as dataset:
        runs = [run for run in dataset.runs() if run.case in planned and run.status.usable and run.kernels]
    version = runs[0].environment["runtime_version"]
    provenance = Provenance(
        created_by=f"annette {__version__}, tools/fit_ethos_u_platforms.py",
        sources=(SOURCE,),
        versions=(("ethos-u-vela", version),),
        notes=(*NOTES, f"{len(runs)} generated networks, " + ", ".join(f"{k} {v}" for k, v in target.options.items())),
    )
    platform = fit_ethos_u(target, runs, provenance=provenance, runtime=f"Vela {version} (the compiler's estimate)")
    dump_platform(platform, out / f"{target.name}.json")
    print(f"{target.name}: {len(runs)} networks, fitted in {time.perf_counter() - started:.0f} s", flush=True)


def main() -> None:
    """Makes the platforms named, or all that are shipped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for datasets")
    parser.add_argument("--out", type=Path, required=True, help="folder for platform files")
    parser.add_argument("--only-fit", action="store_true", help="take the datasets as they are")
    parser.add_argument("names", nargs="*", default=[target.name for target in TARGETS])
    arguments = parser.parse_args()
    for target in TARGETS:
        if target.name in arguments.names:
            path = arguments.work / f"{target.name}.dataset"
            if not arguments.only_fit:
                measure(target, path)
            fit(target, path, arguments.out)


if __name__ == "__main__":
    main()
