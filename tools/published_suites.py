"""Makes the networks and the tables of the suites ``paper-…``: ``python tools/published_suites.py DATA``.

DATA is the folder with the published tables (``zcu102``, ``ncs2``, ``graphs``). Written are the descriptions of the
networks, ``src/annette/network/zoo/descriptions``, and in the ``suites.json`` of two device families the lists of
networks with their latencies; what else stands there is written by hand. Equal input gives equal bytes.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from annette.devices.intel_myriad.importer import nasbench201_networks, read_ncs2_counters
from annette.devices.xilinx_dpu.importer import zcu102_networks
from annette.network.graph_json import graph_to_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annette.network import Network

PACKAGE: Final = Path(__file__).resolve().parents[1] / "src" / "annette"
CELLS: Final = 34
"""As many networks of NASBench as in the paper."""


def describe(name: str, network: Network) -> str:
    """Writes the description of a network; returns what the zoo calls it."""
    text = json.dumps(graph_to_json(network), separators=(",", ":"))
    file = PACKAGE / "network" / "zoo" / "descriptions" / f"{name}.json.gz"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(gzip.compress(text.encode(), mtime=0))
    return f"published:{name}"


def listed(latencies: Iterable[tuple[str, float]]) -> list[dict[str, Any]]:
    """Networks with their latencies, as a suite states them."""
    return [{"network": name, "latency_ms": round(latency_s * 1e3, 4)} for name, latency_s in latencies]


def write(family: str, lists: dict[str, list[dict[str, Any]]]) -> None:
    """Puts the lists into the suites of a device family."""
    file = PACKAGE / "devices" / family / "suites.json"
    suites = json.loads(file.read_text(encoding="utf-8"))
    for name, networks in lists.items():
        suites[name]["networks"] = networks
    file.write_text(json.dumps(suites, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Writes everything."""
    data = Path(sys.argv[1])
    boards = zcu102_networks(data / "zcu102" / "networks.csv", data / "graphs" / "mmdnn")
    write("xilinx_dpu", {"paper-zcu102": listed((describe(one.name, one.network), one.latency_s) for one in boards)})
    sticks = read_ncs2_counters(data / "ncs2" / "layers.csv", data / "graphs" / "annette")
    cells = nasbench201_networks(data / "ncs2" / "nasbench201_latency_ms.csv")
    chosen = [cells[index * len(cells) // CELLS] for index in range(CELLS)]
    write("intel_myriad", {
        "paper-ncs2": listed((describe(one.name, one.network), one.latency_s) for one in sticks),
        "paper-nasbench": listed((one.network.name, one.latency_s) for one in chosen),
    })  # fmt: skip


if __name__ == "__main__":
    main()
