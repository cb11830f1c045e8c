"""Fits the shipped platforms ``snapdragon835-tvm`` and ``kirin970-tvm`` from TopHub's tuned convolutions.

Usage: ``python tools/fit_tvm_platforms.py --data DATA --out src/annette/platforms/catalog`` where DATA holds
``tophub/layers.csv`` and ``tophub/networks_ms.csv``. Equal input gives equal bytes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from annette.devices.tvm_arm.fit import DEVICES, fit_phone
from annette.devices.tvm_arm.published import read_tvm
from annette.platforms import dump_platform


def main() -> None:
    """Writes both platform files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the published tables")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    arguments = parser.parse_args()
    for phone in DEVICES:
        published = read_tvm(arguments.data, phone.name, "tools/fit_tvm_platforms.py")
        found = fit_phone(phone, published.runs, published.networks, provenance=published.provenance)
        dump_platform(found.platform, arguments.out / f"{found.platform.name}.json")
        print(f"{phone.platform}: layers left out {found.layers.error:.1%}, networks {found.error('estimated'):.1%}")


if __name__ == "__main__":
    main()
