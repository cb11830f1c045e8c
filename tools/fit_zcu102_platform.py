"""Fits the shipped platform ``zcu102-dnndk`` from published measurements.

Usage: ``python tools/fit_zcu102_platform.py --data DATA --out src/annette/platforms/catalog`` where DATA holds
``zcu102/layers.csv``, ``zcu102/networks.csv`` and ``graphs/mmdnn``. Equal input gives equal bytes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from annette.devices.xilinx_dpu.fit import fit_zcu102
from annette.devices.xilinx_dpu.published import read_zcu102
from annette.platforms import dump_platform


def main() -> None:
    """Writes the platform file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the published tables")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    arguments = parser.parse_args()
    published = read_zcu102(arguments.data, "tools/fit_zcu102_platform.py")
    found = fit_zcu102(published.runs, published.pairs, names=published.names, provenance=published.provenance)
    dump_platform(found.platform, arguments.out / f"{found.platform.name}.json")
    print(found.constants)
    print(f"nodes left out {found.nodes.error:.1%}, networks left out {found.calibration.error('left_out'):.1%}")


if __name__ == "__main__":
    main()
