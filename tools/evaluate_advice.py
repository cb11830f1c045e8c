"""Holds what `annette advise` promises against Vela, or against ONNX Runtime on this machine.

Usage: ``python tools/evaluate_advice.py vela|onnxruntime --out FILE [--platform P] [--page FILE] [NETWORK ...]``.
Networks are those of the zoo or files; without any, those listed below. The best hints for each network are applied one
by one; the network as it is and the changed ones are compiled, or written as ONNX with random weights and measured in
turns. Results are kept in FILE (JSON lines) as they come; what is there is not repeated. ``--page`` writes all of FILE
as a Markdown page; ``--page`` without measuring anything: ``... none --out FILE --page FILE``.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import annette
from annette.devices.arm_ethos_u.targets import Target
from annette.errors import AnnetteError
from annette.number_text import change_text, seconds_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from annette import Network, Platform
    from annette.advice.advice import Advice

VELA: Final = (
    "efficientnet_b0", "exports/timm_repvgg_a0.onnx", "exports/timm_rexnet_100.onnx", "densenet121", "mobilenet_v2",
    "exports/timm_tinynet_a.onnx", "exports/timm_ghostnet_100.onnx", "exports/timm_lcnet_100.onnx",
    "exports/timm_dpn68.onnx", "exports/tv_efficientnet_b2.onnx",
)  # fmt: skip
ONNXRUNTIME: Final = (
    "exports/timm_rexnet_100.onnx", "exports/timm_ghostnet_100.onnx", "exports/timm_repvgg_a0.onnx", "efficientnet_b0",
    "exports/timm_tinynet_a.onnx", "mobilenet_v2", "densenet121", "exports/timm_dpn68.onnx",
    "exports/timm_mobilevit_s.onnx", "inception_v3",
)  # fmt: skip
"""Of the development list, and of those exports that may be looked at (``tools/export_networks.py``)."""
DEFAULT_PLATFORMS: Final = {"vela": "ethos-u55-128", "onnxruntime": "epyc-onnxruntime"}
HINTS: Final = 5
"""Hints that are tried of each network, the best first."""
WITHIN: Final = 0.3
"""How far a gain may be off, as a share of the true one."""

WORDS: Final = """The best five hints of `annette advise` for each network (fewer where there are fewer), applied one by
one to the network as it is. Made by

```
python tools/export_networks.py --out exports
python tools/evaluate_advice.py vela --out advice.jsonl
python tools/evaluate_advice.py onnxruntime --rounds 2 --out advice.jsonl --page docs/results/advice.md
```

Networks are of the development list and of those exports that may be looked at. For others there was no hint on
`ethos-u55-128`: `tv_mnasnet1_3`, `timm_mobilenetv4_conv_small`, `timm_tf_efficientnet_lite0` and
`semantic_fpn_resnet18` have what it computes well already; on `timm_mobilevit_s` Vela crashes, changed or not. What
Vela says of the network lowered to int8 is exact; ONNX Runtime's times are the shortest of the rounds' medians on one
processor of the platform's kind, of the network and its changes in turns, all written with random weights. *Promised*
and *true* are changes of the latency; *off by* is the promised gain over the true one, less 1.
"""


@dataclass(frozen=True)
class Tried:
    """One hint, applied.

    Attributes:
        tool: What said the true time.
        platform: What estimated.
        network: Name of the network.
        hint: What was changed.
        what: Kind of change.
        before_s: True time of the network as it is.
        after_s: True time of the changed one.
        gain_s: Gain that was promised.
        interval_s: Ends of its interval.
    """

    tool: str
    platform: str
    network: str
    hint: str
    what: str
    before_s: float
    after_s: float
    gain_s: float
    interval_s: tuple[float, float]

    @property
    def true_gain_s(self) -> float:
        """Time that was saved."""
        return self.before_s - self.after_s

    @property
    def right(self) -> bool:
        """Whether time was saved at all."""
        return self.true_gain_s > 0

    @property
    def error(self) -> float:
        """Promised gain less true one, as a share of the true one."""
        return self.gain_s / self.true_gain_s - 1 if self.true_gain_s else float("inf")


def taken_s(networks: Sequence[Network], platform: Platform, tool: str, rounds: int) -> list[float | None]:
    """What a tool says of networks that are lowered or written with random weights; None where it does not take one.

    Each has a process of its own, which may crash.
    """
    how: dict[str, Any] = {"options": {"threads": platform.threads}, "rounds": rounds}
    if tool == "vela":
        target = Target.choose(*platform.device.split(", "))
        options = {name: getattr(target, name) for name in ("accelerator", "system_config", "memory_mode")}
        how = {"options": options, "rounds": 1, "cpus": ()}
    named = [network.replaced(name=f"{number}-{network.name}") for number, network in enumerate(networks)]
    found = annette.measure(named, backend=tool, **how)
    for each in found:
        if not each.usable:
            print(f"- left out: {each.case}: {each.rounds[0].reason if each.rounds else 'no round'}"[:200], flush=True)
    return [each.latency_s if each.usable else None for each in found]


def tried(advice: Advice, name: str, tool: str, rounds: int) -> Iterator[Tried]:
    """The best hints for a network, applied."""
    hints = advice.hints[:HINTS]
    before_s, *after_s = taken_s([advice.network, *(hint.network for hint in hints)], advice.platform, tool, rounds)
    for hint, each_s in zip(hints, after_s, strict=True):
        if before_s is not None and each_s is not None and hint.interval_s is not None:
            made = hint.change
            yield Tried(
                tool, advice.platform.name, name, made.title, made.what, before_s, each_s, hint.gain_s, hint.interval_s
            )


def page(results: Sequence[Tried]) -> str:
    """The results as Markdown."""
    parts = ["# Advice, applied\n\n", WORDS]
    for tool in dict.fromkeys(each.tool for each in results):
        rows = [each for each in results if each.tool == tool]
        right = sum(each.right for each in rows)
        near = sum(abs(each.error) <= WITHIN for each in rows)
        inside = sum(each.interval_s[0] <= each.true_gain_s <= each.interval_s[1] for each in rows)
        errors = [abs(each.error) for each in rows]
        parts.append(
            f"\n## {rows[0].platform}, {tool}\n\n"
            f"{len(rows)} hints for {len({each.network for each in rows})} networks: "
            f"{right} ({right / len(rows):.0%}) save time; the gain is within {WITHIN:.0%} for {near} "
            f"({near / len(rows):.0%}), off by {np.median(errors):.1%} in the median, and inside its 90 % interval for "
            f"{inside} ({inside / len(rows):.0%}).\n\n"
            "| network | hint | as it is | promised | true | off by |\n|---|---|---:|---:|---:|---:|\n"
        )
        parts += [
            f"| {each.network} | {each.hint[:110]} | {seconds_text(each.before_s)} | "
            f"{change_text(-each.gain_s / each.before_s)} | {change_text(-each.true_gain_s / each.before_s)} | "
            f"{each.error:+.0%} |\n"
            for each in rows
        ]
    return "".join(parts)


def main() -> None:
    """Applies, compiles or measures, and prints the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", choices=("vela", "onnxruntime", "none"))
    parser.add_argument("--out", type=Path, required=True, help="results, added to")
    parser.add_argument("--platform", help="name or file of the platform")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of measurements with ONNX Runtime")
    parser.add_argument("--page", type=Path, help="Markdown page to write")
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help="names of the zoo, or files")
    arguments = parser.parse_intermixed_args()
    lines = arguments.out.read_text().splitlines() if arguments.out.exists() else []
    results = [Tried(**{**each, "interval_s": tuple(each["interval_s"])}) for each in map(json.loads, lines)]
    if arguments.tool != "none":
        platform = annette.load_platform(arguments.platform or DEFAULT_PLATFORMS[arguments.tool])
        done = {(each.tool, each.platform, each.network) for each in results}
        for network in arguments.networks or (VELA if arguments.tool == "vela" else ONNXRUNTIME):
            name = Path(network).stem
            if (arguments.tool, platform.name, name) in done:
                continue
            try:
                advice = annette.advise(network, platform, fallback="roofline")
                found = list(tried(advice, name, arguments.tool, arguments.rounds))
            except AnnetteError as error:
                print(f"- left out: {name}: {' '.join(str(error).split())[:200]}", flush=True)
                continue
            with arguments.out.open("a") as file:
                for each in found:
                    file.write(json.dumps(asdict(each)) + "\n")
                    print(f"{name}: {each.hint[:80]}: {each.error:+.0%}", flush=True)
            results += found
    text = page(results)
    if arguments.page:
        arguments.page.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
