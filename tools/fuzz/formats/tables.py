"""Tables as CSV: measured layers, measured networks, suites of networks to evaluate on."""

from __future__ import annotations

import csv
import io
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tools.fuzz.case import Format
from tools.fuzz.networks import small_networks
from tools.fuzz.oracle import check_document, check_estimate, check_printed, platforms
from tools.fuzz.values import floating, integer, near, text

from annette.api import evaluate
from annette.bench.dataset import Dataset
from annette.bench.importing.collection import read_collection
from annette.bench.importing.kernel import STAGE_KINDS
from annette.bench.importing.table import TableOptions, read_network_table
from annette.evaluation.suites import listed_networks
from annette.fitting.calibration import calibrate
from annette.network.writers.onnx import write_onnx
from annette.report.dataset import dataset_document, print_dataset
from annette.report.evaluation import evaluation_document, evaluation_page, print_evaluation

if TYPE_CHECKING:
    from random import Random

__all__ = ["NETWORK_FILE", "TableFormat", "network_file"]

NETWORK_FILE: Final = "network.onnx"
"""A sound network beside the table."""

_STATED: Final = {"device": "board", "runtime": "vendor", "precision": "int8"}
_LAYERS: Final = (
    ("network,kernel,kind,in_channels,in_height,in_width,out_channels,kernel_height,stride_height,padding,activation,latency_ms",
     ",a,conv,3,16,16,8,3,2,same,relu,0.5", ",b,depthwise_conv,8,8,8,,3,1,half,,0.25",
     ",c,fully_connected,8,1,1,10,,,,,0.125"),
    ("kind,in_channels,in_height,in_width,groups,operands,batch,dilation_height,dilation_width,latency_us",
     "add,8,4,4,1,2,1,,,10", "concat,8,4,4,1,2,2,,,12", "grouped_conv,8,4,4,2,1,1,2,1,30", "max_pool,8,4,4,,,,,,1"),
    ("network,kernel,kind,in_channels,in_height,stride_height,stride_width,out_channels,latency_s",
     "n,k,conv_transpose,4,4,2,2,4,0.001", "n,k,relu,4,8,,,,", "n,l,resize_nearest,4,8,2,2,,0.002",
     "n,l,global_average_pool,4,16,,,,",
     "n,m,softmax,10,1,,,,1e-5"),
)  # fmt: skip
_NETWORKS: Final = (
    ("network,name,batch,latency_ms", f"{NETWORK_FILE},a,1,5", f"{NETWORK_FILE},b,2,9", f"{NETWORK_FILE},c,4,15",
     f"{NETWORK_FILE},d,8,30", f"{NETWORK_FILE},e,16,60"),
)  # fmt: skip
_SUITES: Final = (
    ("network,batch,latency", f"{NETWORK_FILE},,12.5 ms", f"{NETWORK_FILE},2,20 ms", f"{NETWORK_FILE},3,900 us"),
    ("network,latency_s", f"{NETWORK_FILE},0.01"),
    ("network,latency_ns,batch", f"{NETWORK_FILE},,1", f"{NETWORK_FILE},5e6,2"),
)  # fmt: skip
_PUBLISHED: Final = (
    ("file,device,task,kind,dtype,n,h,w,c,f,kh,kw,sh,sw,pt,pl,oh,ow,time_ms",
     "arm_cpu_v0.08,kirin970,depthwise_conv2d_nchw.arm_cpu,dwconv,float32,1,14,14,512,512,3,3,2,2,1,1,7,7,0.0727",
     "arm_cpu_v0.08,kirin970,conv2d_nchw_spatial_pack.arm_cpu,conv,float32,1,28,28,144,32,1,1,1,1,0,0,28,28,0.265"),
    ("repo,kernel,node,workload_mop,mem_mb,runtime_ms,h,w,c,f,k,s,p,oh",
     "Xilinx/Vitis-AI-Tutorials,net_0,conv2d_1_convolution,1.77,0.04,0.02,32.0,32.0,3.0,32.0,3.0,1.0,same,32.0",
     "Xilinx/Vitis-AI-Tutorials,net_0,dense_1_MatMul,4.19,2.01,0.33,1.0,1.0,4096.0,512.0,1.0,1.0,valid,1.0",
     "Xilinx/Vitis-AI-Tutorials,net_0,ALL,53.16,2.31,0.41,,,,,,,,"),
    ("network,ov_layer,exec_status,ov_type,time_ms,graph_layer", "net,conv,EXECUTED,Convolution,0.5,conv",
     "net,conv/relu,OPTIMIZED_OUT,ReLU,0.0,conv/relu"),
)  # fmt: skip
_LAYOUTS: Final = {b"dtype": "tophub", b"workload_mop": "zcu102", b"ov_layer": "ncs2"}
"""Layouts of published collections, by a word of their headings."""
_WORDS: Final = (*STAGE_KINDS, "same", "half", "valid", "1 2 3 4", "0", "3", "3.0", NETWORK_FILE, "folder", "pipe",
"squeezenet1_1",
                 "nasbench101:seed1", "1e-5", "12.5 ms", "1e300 s", "0.001", "latency_s", "batch", "operands",
                 "kind")  # fmt: skip
_EVALUATIONS: Final = 0.25
"""Share of the suites that are not only read: the figures of several networks take a tenth of a second."""
_FITS: Final = 0.04
"""Share of the network tables that a platform is calibrated with, which takes longer than all the rest."""


class TableFormat(Format):
    """The tables that ``annette import``, ``calibrate`` and ``evaluate`` read."""

    name: ClassVar[str] = "table"
    suffix: ClassVar[str] = ".csv"

    def draw(self, dice: Random) -> dict[str, Any]:
        """A table as a list of rows, and how they will be written."""
        tables = dice.choice((_LAYERS, _LAYERS, _LAYERS, _NETWORKS, _NETWORKS, _SUITES, _SUITES, _PUBLISHED))
        rows = [line.split(",") for line in dice.choice(tables)]
        if self.extra and dice.random() < 0.3:
            rows = list(csv.reader(io.StringIO(dice.choice(self.extra).read_text(encoding="utf-8"))))[:100]
        return {"rows": rows, "separator": ",", "end": "\n"}

    def mutate(self, subject: dict[str, Any], dice: Random) -> None:
        """Changes a cell, in most cases; or rows, columns, the form."""
        rows: list[list[str]] = subject["rows"]
        if not rows:
            rows.append([text(dice, _WORDS)])
            return
        row = rows[0] if dice.random() < 0.15 else dice.choice(rows)
        column = dice.randrange(len(row)) if row else 0
        match dice.randrange(14):
            case 0:
                rows.remove(row)
            case 1:
                rows.insert(dice.randrange(len(rows) + 1), list(row))
            case 2:
                for each in rows:
                    del each[column : column + 1]
            case 3:
                name = text(
                    dice, ("batch", "operands", "groups", "in_width", "latency_us", "padding", "activation", "network")
                )
                for number, each in enumerate(rows):
                    each.append(_cell(dice, "") if number else name)
            case 4:
                row.append(_cell(dice, ""))
            case 5:
                subject[dice.choice(("separator", "end"))] = dice.choice((";", "\t", "\r", "\r\n", "\0", ","))
            case 6:
                rows.extend([list(row)] * dice.choice((1, 3, 50)))
            case _ if row:
                row[column] = _cell(dice, row[column])

    def encode(self, subject: dict[str, Any], dice: Random) -> bytes:
        """The table as UTF-8, sometimes as spreadsheets write it."""
        lines: list[str] = [subject["separator"].join(map(_quoted, row)) for row in subject["rows"]]
        written: str = subject["end"].join(lines) + subject["end"]
        return (b"\xef\xbb\xbf" if dice.random() < 0.05 else b"") + written.encode("utf-8", "surrogatepass")

    def attempt(self, file: Path, dice: Random) -> str:
        """What the heading says that the table is for; each of them in some cases whatever it says."""
        head = file.read_bytes()[:300].split(b"\n", 1)[0]
        published = next((layout for word, layout in _LAYOUTS.items() if word in head), None)
        if published is not None:
            device = {"device": "kirin970"} if published == "tophub" else {}
            return _dataset(read_collection(file, published, device), file)
        kind = "layers" if b"kind" in head else "networks" if b"name" in head else "suite"
        if dice.random() < 0.05:
            kind = dice.choice(("layers", "networks", "suite"))
        options = TableOptions()
        if dice.random() < 0.05:
            options = TableOptions({"latency_ms": text(dice, _WORDS)}, frozenset({text(dice, _WORDS)}))
        if kind == "suite":
            return _evaluate(file, dice)
        if kind == "networks" and dice.random() < _FITS:
            return _calibrate(file, dice, options)
        collection = read_collection(file, kind, _STATED, options)
        return _dataset(collection, file)


@cache
def network_file() -> bytes:
    """The sound network that tables refer to."""
    with TemporaryDirectory(prefix="annette-fuzz-") as folder:
        path = Path(folder) / NETWORK_FILE
        write_onnx(small_networks()[0], path)
        return path.read_bytes()


def _cell(dice: Random, old: str) -> str:
    draw = dice.random()
    if draw < 0.7 and old.replace(".", "", 1).isdigit() and old.isascii() and len(old) < 20:
        return repr(near(dice, float(old) if "." in old else int(old)))[:500]
    if draw < 0.8:
        return repr(integer(dice) if dice.random() < 0.7 else floating(dice))[:500]
    return text(dice, _WORDS)


def _quoted(cell: str) -> str:
    """A cell as CSV has it, if need be in quotes."""
    return '"' + cell.replace('"', '""') + '"' if any(sign in cell for sign in ',"\n\r') else cell


def _dataset(collection: Any, file: Path) -> str:
    """Writes the dataset and shows it."""
    out = file.with_name("imported.dataset")
    out.unlink(missing_ok=True)
    collection.save(out)
    with Dataset.open(out) as dataset:
        document = dataset_document(dataset)
    check_document(document)
    check_printed(lambda page: print_dataset(document, page=page))
    return "accepted"


def _evaluate(file: Path, dice: Random) -> str:
    listed = listed_networks(str(file))
    if dice.random() > _EVALUATIONS:
        return "accepted"
    fallback = dice.choice(("error", "roofline"))
    evaluation = evaluate(dice.choice(platforms()), listed, fallback=fallback, name=file.name)
    document = evaluation_document(evaluation)
    check_document(document)
    check_printed(lambda page: print_evaluation(document, brief=dice.random() < 0.5, page=page))
    evaluation_page(document).encode()
    return "accepted"


def _calibrate(file: Path, dice: Random, options: TableOptions) -> str:
    from annette.estimation.estimator import estimate_network  # noqa: PLC0415 - only here
    from annette.report.fit import calibration_document  # noqa: PLC0415 - only here

    pairs = read_network_table(file, options)
    measured = [(pair.network, pair.latency_s) for pair in pairs]
    report = calibrate(dice.choice(platforms()), measured, names=[pair.name for pair in pairs])
    check_document(calibration_document(report, file))
    check_estimate(estimate_network(small_networks()[0], report.platform, fallback="roofline"))
    return "accepted"
