"""Makes the reduced published measurements that the tests come with: ``python tools/reduce_published.py DATA``.

Writes to ``tests/data/published`` what its README describes: some networks, the columns that are read, nothing changed.
DATA is the folder with the full tables. Equal input gives equal bytes.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

OUT: Final = Path(__file__).resolve().parents[1] / "tests" / "data" / "published"

COUNTED: Final = ("cf_inceptionv1", "tf_resnet50")
PHONES: Final = ("snapdragon835", "kirin970")
DESCRIPTIONS: Final = (
    *COUNTED, "annette_bench0", "cf_landmark", "cf_mobilenetv2", "cf_reid", "cf_resnet18",
    "cf_squeezenet", "dk_yolov2", "resnet18-v1-7", "shunt1",
)  # fmt: skip
TIMED: Final = (
    "cf_resnet50", "cf_mobilenetv2", "cf_ssdtraffic", "dk_yolov2_voc", "cf_squeeze", "cf_reid", "cf_resnet18",
)  # fmt: skip
RUNS: Final = ("dnndk__dnndk-roofline", "dnndk__dnndk-ref_roofline", "ov__ncs2-roofline", "ov__ncs2-ref_roofline")
CELLS: Final = 25

Row = dict[str, str]


def table(text: str, columns: Iterable[str], keep: Callable[[Row], bool] = lambda _: True) -> str:
    """Some rows and columns of a CSV table."""
    names = list(columns)
    out = io.StringIO()
    writer = csv.DictWriter(out, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for row in csv.DictReader(io.StringIO(text)) if keep(row))
    return out.getvalue()


def write(name: str, text: str) -> None:
    """Writes one file, compressed where its name says so."""
    file = OUT / name
    file.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode()
    file.write_bytes(gzip.compress(data, mtime=0) if file.suffix == ".gz" else data)


def main() -> None:
    """Writes all files but the README."""
    data = Path(sys.argv[1])

    def read(name: str) -> str:
        raw = (data / name).read_bytes()
        return (gzip.decompress(raw) if name.endswith(".gz") else raw).decode()

    write("ncs2/layers.csv", table(
        read("ncs2/layers.csv"), ("network", "ov_layer", "exec_status", "ov_type", "time_ms", "graph_layer"),
        lambda row: row["network"] in COUNTED,
    ))  # fmt: skip
    cells = read("ncs2/nasbench201_latency_ms.csv").splitlines(keepends=True)[: CELLS + 1]
    write("ncs2/nasbench201_latency_ms.csv", table("".join(cells), ("idx", "arch", "myriadvpu_openvino2019r2")))
    nodes = ("repo", "kernel", "node", "workload_mop", "mem_mb", "runtime_ms", *"hwcfksp", "oh")
    write("zcu102/layers.csv", table(read("zcu102/layers.csv"), nodes))
    networks = ("name", "mmdnn_graph", "e2e_latency_ms_rev04", "e2e_latency_ms_rev05")
    write("zcu102/networks.csv", table(
        read("zcu102/networks.csv"), networks, lambda row: row["name"].startswith(TIMED)
    ))  # fmt: skip
    sizes = ("n", "h", "w", "c", "f", "kh", "kw", "sh", "sw", "pt", "pl", "oh", "ow")
    write("tophub/layers.csv", table(
        read("tophub/layers.csv"), ("file", "device", "task", "kind", "dtype", *sizes, "time_ms"),
        lambda row: row["device"] in PHONES,
    ))  # fmt: skip
    write("tophub/networks_ms.csv", read("tophub/networks_ms.csv"))
    graphs = [data / "graphs" / "annette" / f"{name}.json" for name in DESCRIPTIONS]
    graphs += [file for file in sorted((data / "graphs" / "mmdnn").glob("*.json")) if file.name.startswith(TIMED)]
    for file in graphs:
        document = json.loads(file.read_text(encoding="utf-8"))
        write(f"graphs/{file.parent.name}/{file.name}", json.dumps(document, separators=(",", ":")) + "\n")
    for run in RUNS:
        columns = ("graph", "layer", "type", "num_inputs", "time_ms")
        rows = table(read(f"reference/layers/{run}.csv.gz"), columns, lambda row: row["graph"] in DESCRIPTIONS)
        write(f"reference/layers/{run}.csv.gz", rows)
    write("reference/totals.csv", table(
        read("reference/totals.csv"), ("graph", "mapping", "model", "total_ms"),
        lambda row: row["graph"] in DESCRIPTIONS and f"{row['mapping']}__{row['model']}" in RUNS,
    ))  # fmt: skip
    models = OUT / "reference" / "models"
    models.mkdir(parents=True, exist_ok=True)
    for name in ("layer-dnndk", "layer-ncs2"):
        for kind in ("roofline", "ref_roofline"):
            shutil.copyfile(data / "reference" / "models" / f"{name}-{kind}.json", models / f"{name}-{kind}.json")
    for name in ("mapping-dnndk.json", "mapping-ov.json"):
        shutil.copyfile(data / "reference" / "models" / name, models / name)


if __name__ == "__main__":
    main()
