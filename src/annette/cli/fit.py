"""``annette fit``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from annette.cli.options import FILE, csv_option, json_option
from annette.cli.output import show
from annette.errors import OptionError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["command"]


@click.command("fit", short_help="Fit a platform from datasets.")
@click.argument("datasets", metavar="DATASET...", nargs=-1, required=True, type=FILE)
@click.option("--out", required=True, type=FILE, metavar="PLATFORM", help="The platform's file (.json).")
@click.option("--name", help="The platform's name.  [default: that of the file]")
@click.option("--description", default="", help="One sentence for people.")
@click.option(
    "--precision", metavar="P", help="Numbers computed with (fp32, fp16, bf16, int8), where the datasets do not say."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="For everything random.")
@click.option(
    "--mapping", default="auto", show_default=True, metavar="auto|learned|PRESET",
    help="Which layers run as one kernel: learned from the datasets, a preset's rules, or what agrees better.",
)  # fmt: skip
@click.option(
    "--from", "start", metavar="PLATFORM",
    help="Adapt this platform, a name or a file, instead of fitting anew: 8 different kernels are enough.",
)  # fmt: skip
@csv_option("kind of kernel")
@json_option
def command(
    datasets: tuple[Path, ...],
    out: Path,
    name: str | None,
    mapping: str,
    start: str | None,
    csv: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Fits layer models and overheads from one or more DATASETs of annette bench, and writes a platform file.

    Every kind of kernel gets all four families of layer models; cross-validation says how good each is. What cannot
    be fitted on is left out and named. The same datasets and seed give the same file, byte for byte.

    Which layers run as one kernel is learned from the same runs; where rules are known for the runtime (a preset) and
    agree with the measurements about as well as learned ones do on networks held out, they are taken.

    With --from, a fitted platform is adapted to a similar device by the few kernels in the datasets: factors on time,
    pulled towards that platform, trees on top, or a fit anew, by what is best for each kind on kernels left out. The
    printed left-out error is that of kernels which the adaptation did not see, choices included.

    \b
    Examples:
      annette fit cpu.sqlite --out my-cpu.json
      annette fit board.sqlite --out board.json --mapping learned
      annette fit cpu.sqlite more.sqlite --out my-cpu.json --description "Build server, 1 thread" --json
      annette fit thirty-kernels.sqlite --from epyc-onnxruntime-fp32 --out my-cpu.json
    """
    from annette.api import fit, transfer
    from annette.cli.progress import fit_status
    from annette.platforms import dump_platform
    from annette.report.fit import fit_document, print_fit
    from annette.report.transfer import print_transfer, transfer_document

    if out.suffix != ".json":
        raise OptionError(f"--out {str(out)!r} must end in .json: platform files are found by that")
    if not out.parent.is_dir():
        raise OptionError(f"--out: there is no folder {str(out.parent)!r}")
    if start is not None:
        if mapping != "auto":
            raise OptionError("--mapping does not go with --from: the mapping is that of the starting platform")
        adapted = transfer(datasets, start, name=name or out.stem, **options)
        dump_platform(adapted.platform, out)
        show(transfer_document(adapted, out), as_json=as_json, csv=csv, text=print_transfer)
        return
    with fit_status() as tell:
        report = fit(datasets, name=name or out.stem, mapping=mapping, progress=tell, **options)
    dump_platform(report.platform, out)
    show(fit_document(report, out), as_json=as_json, csv=csv, text=print_fit)
