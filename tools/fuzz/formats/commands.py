"""What programs print that measure for the command backend: reports of ours and of vendors' tools."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from functools import cache
from statistics import median
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec
from tools.fuzz.case import Format
from tools.fuzz.documents import encode_document, mutate_document, mutate_leaf
from tools.fuzz.networks import small_networks
from tools.fuzz.oracle import Violation, check_document
from tools.fuzz.values import floating, integer, near, text

from annette.api import measure
from annette.bench.dataset import Dataset
from annette.bench.measurement import CaseResult
from annette.bench.profile_matching import match_profile, to_entries
from annette.bench.records import Purpose, Run, Status
from annette.devices.command.reports import read_report
from annette.devices.registry import find, offered
from annette.report.dataset import dataset_document

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from random import Random

    from annette.bench.backend import ProfileEntry

__all__ = ["CommandFormat"]

_DOCUMENTS: Final[tuple[dict[str, Any], ...]] = (
    {"latency_ms": 1.5},
    {"latency_us": [10, 11.5, 12], "device": "board"},
    {"kernels": [{"name": "conv", "operator": "Conv", "latency_ms": 1, "layers": ["conv"], "note": "a"},
                 {"name": "relu", "latency_us": [3, 4], "layers": "relu;relu6"}]},
    {"latency_s": 0.01, "kernels": [{"name": "a", "latency_ns": 5}, {"name": "b", "operator": 3, "latency_ms": 2}]},
)  # fmt: skip
_LINES: Final = (
    "warming up\nran 10 times\nlatency: 12.5 ms",
    "0.5us",
    "name,operator,latency_ms,layers\nconv,Conv,1.5,conv\nrelu,Relu,0.25,relu;relu6\n",
    "name,latency_us\na,1\nb,2\nc,3\n",
)
_LINE: Final = "=" * 40
_VENDORS: Final = (
    """layerName;execStatus;layerType;execType;realTime (ms);cpuTime (ms);
conv;EXECUTED;Convolution;jit;0.363;0.363;
relu;OPTIMIZED_OUT;ReLU;undef;0;0;
pool;EXECUTED;Pooling;jit;0.237;0.237;
Total;;;;0.600;0.600;
""",
    """[ INFO ] Performance counts for 0-th infer request:
conv    EXECUTED       layerType: Convolution        realTime: 129        cpu: 129            execType: jit
pool    EXECUTED       layerType: Pooling        realTime: 71        cpu: 71            execType: jit
Total time: 200     microseconds
""",
    f"""[DNNDK] Performance profile - DPU Kernel "net" DPU Task "net-0"
{_LINE}
  ID  NodeName Workload(MOP) Mem(MB) RunTime(ms) Perf(GOPS) Utilization    MB/S
   1      conv       236.03    0.35        0.42     561.29       41.9%    841.4
   2      pool        12.00    0.10        0.08     150.00       11.1%    1250.0

                Total Nodes In Avg:
                 All       248.03    0.45        0.50     496.06       37.0%    900.0
{_LINE}
""",
    f"""DPU Summary:
{_LINE}
DPU Id | Bat | DPU SubGraph | WL | SW_RT | HW_RT | Effic | LdWB | LdFM | StFM | AvgBw
0 | 1 | subgraph_conv | 7.7 | 10.2 | 10.05 | 62.2 | 25 | 2 | 1 | 3000
{_LINE}
""",
)
_WORDS: Final = ("latency_ms", "latency_s", "name", "layers", "kernels", "operator", "1 ms", "0 ms", "1e300 s",
"-1 us", "nan ms", "5", "~0",
                 "EXECUTED", "Total", "All", "0.000", "conv", "inf s", "1e-320 s",
                 "99999999999999999999 ns")  # fmt: skip
_WHOLE: Final = 1 / 700
"""Share of the cases that go through a program, a worker and a campaign: they take half a second each."""


class CommandFormat(Format):
    """Reports on a program's standard output."""

    name: ClassVar[str] = "command"
    suffix: ClassVar[str] = ".txt"
    raw: ClassVar[float] = 0.2

    def draw(self, dice: Random) -> Any:
        """A document, as a list that the text may be taken from, or lines of text."""
        if dice.random() < 0.5:
            return [json.loads(json.dumps(dice.choice(_DOCUMENTS)))]
        pool = _LINES if dice.random() < 0.4 else _VENDORS
        if self.extra and dice.random() < 0.5:
            return dice.choice(self.extra).read_text(encoding="utf-8", errors="replace")[:20_000].split("\n")
        return dice.choice(pool).split("\n")

    def mutate(self, subject: Any, dice: Random) -> None:
        """Changes a value of the document, or a word of the text."""
        if subject and isinstance(subject[0], dict):
            change = mutate_leaf if dice.random() < 0.4 else mutate_document
            change(subject if dice.random() < 0.1 else subject[0], dice)
            return
        if not subject:
            subject.append(text(dice, _WORDS))
            return
        index = dice.randrange(len(subject))
        match dice.randrange(8):
            case 0:
                del subject[index]
            case 1:
                subject.insert(dice.randrange(len(subject) + 1), subject[index])
            case 2:
                subject.insert(index, text(dice, _WORDS))
            case 3:
                subject.extend([subject[index]] * dice.choice((1, 5, 300)))
            case _:
                subject[index] = _changed(str(subject[index]), dice)

    def encode(self, subject: Any, dice: Random) -> bytes:
        """What the program writes to its output."""
        if subject and isinstance(subject[0], dict):
            return b"log\n" * dice.choice((0, 0, 0, 1)) + encode_document(subject[0], dice)
        return "\n".join(map(str, subject)).encode("utf-8", "surrogatepass")

    def attempt(self, file: Path, dice: Random) -> str:
        """Reads the report, matches it to a network, and records it as a campaign does."""
        if dice.random() < _WHOLE:
            return _measure(file)
        output = file.read_bytes().decode(errors="replace")
        network = dice.choice(small_networks()[:2])
        name = _report_of(output) if dice.random() < 0.9 else dice.choice(("own", *offered("reports")))
        entries: Sequence[ProfileEntry] | None
        if name == "own":
            report = read_report(output)
            times_s, entries = report.latency_s, report.entries
        else:
            kernels = find("reports", name)(output)
            times_s, entries = (math.fsum(kernel.latency_s for kernel in kernels),), to_entries(kernels, network)
        for time_s in (*times_s, *(each for entry in entries or () for each in entry.latency_s)):
            if not (math.isfinite(time_s) and time_s >= 0):
                raise Violation("estimate", f"a time of a report ({name}) is not finite, or negative", f"{time_s}")
        _record(file, network, CaseResult("case", Status.OK, samples_s=tuple(times_s), entries=tuple(entries or ())))
        return "accepted"


def _report_of(output: str) -> str:
    """The report that a text may be."""
    words = {
        "layerName": "openvino-counters",
        "realTime": "openvino-counters",
        "Node": "dpu-profile",
        "DPU": "dpu-profile",
    }
    return next((name for word, name in words.items() if word in output), "own")


def _changed(line: str, dice: Random) -> str:
    """A line with another word, number, separator or length."""
    words = line.split(" ") if " " in line else line.split(dice.choice((",", ";", "|")))
    separator = " " if " " in line else ","
    index = dice.randrange(len(words))
    old = words[index]
    match dice.randrange(5):
        case 0:
            words[index] = text(dice, _WORDS)
        case 1:
            words[index] = repr(floating(dice) if dice.random() < 0.5 else integer(dice))[:500]
        case 2:
            del words[index]
        case 3 if old.replace(".", "", 1).isascii() and old.replace(".", "", 1).isdigit() and len(old) < 20:
            words[index] = repr(near(dice, float(old)))
        case _:
            separator = dice.choice((",", ";", "|", "\t", ":"))
    return separator.join(words)


@cache
def _environment() -> dict[str, str]:
    return {"runtime": "command", "command": "run {model}", "device": "", "model_format": "onnx"}


def _record(file: Path, network: Any, result: CaseResult) -> None:
    """What a worker's answer goes through: JSON, the match with the layers, the dataset, its report."""
    answer = json.dumps(asdict(result))
    result = msgspec.json.decode(answer, type=CaseResult)
    matched = match_profile(network, result.entries or ())
    run = Run(
        case=result.case,
        round=0,
        purpose=Purpose.NETWORK,
        network=network,
        environment=_environment(),
        details=result.details,
        status=result.status,
        reason=result.reason,
        started_unix_s=0.0,
        duration_s=0.0,
        latency_s=median(result.samples_s) if result.samples_s else math.nan,
        samples_s=result.samples_s,
        reference_s=(),
        kernels=matched.kernels,
        matched_share=matched.matched_share,
    )
    out = file.with_name("measured.dataset")
    out.unlink(missing_ok=True)
    with Dataset.create(out) as dataset:
        dataset.add(run)
        check_document(dataset_document(dataset))


def _measure(file: Path) -> str:
    """The same by a program that prints the file, in a worker of its own."""
    command = f"sh -c 'cat {file}' {{model}}"
    out = file.with_name("measured.dataset")
    out.unlink(missing_ok=True)
    measured = measure(
        [small_networks()[0]], backend="command", options={"command": command}, rounds=1, out=out, cpus=()
    )
    if measured[0].usable and not 0 < measured[0].latency_s < math.inf:
        raise Violation("estimate", "a measured latency is not finite and positive", f"{measured[0].latency_s}")
    return "accepted" if measured[0].usable else "refused: BackendRunError"
