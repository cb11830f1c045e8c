"""``annette calibrate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from annette.cli.options import FILE, json_option, print_json, table_options

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["command"]


@click.command("calibrate", short_help="Adjust a platform to measured networks.")
@click.argument("table", type=FILE)
@click.option("--platform", required=True, metavar="P", help="Where to start from: a platform's name or file.")
@click.option("--out", type=FILE, required=True, metavar="FILE", help="Platform file to write.")
@click.option("--name", help="Name of the calibrated platform; by default that of the file.")
@click.option(
    "--measured", type=click.Choice(["device", "end_to_end"]),
    help="What the times are: on the device alone, or as the host sees them; by default what the platform's are.",
)  # fmt: skip
@table_options
@json_option
def command(
    table: Path,
    platform: str,
    out: Path,
    name: str | None,
    measured: str | None,
    columns: dict[str, str],
    ignored: tuple[str, ...],
    as_json: bool,
) -> None:
    """Adjusts a platform to a TABLE of whole networks with their times (CSV, see docs/calibration.md).

    TABLE may be a dataset of annette measure as well: its whole networks are taken, at the speed of the platform's
    campaign.

    Few numbers move: scales of groups of kinds, the time between kernels, what the host adds per run and per byte. The
    printed left-out error is that of networks which the calibration did not see. Fewer than 5 networks are refused.

    \b
    Examples:
      annette calibrate networks.csv --platform zcu102-dnndk --out my-board.json
      annette calibrate networks.csv --platform ncs2-openvino --measured end_to_end --out my-stick.json
      annette calibrate truth.sqlite --platform xeon-onnxruntime-fp32 --out my-server.json
    """
    from dataclasses import replace

    from annette.api import load_platform
    from annette.bench.importing.collection import digest_of
    from annette.bench.importing.table import NetworkLatency, TableOptions, read_network_table
    from annette.evaluation.suites import is_dataset, measured_networks
    from annette.fitting.calibration import calibrate
    from annette.platforms import Source, dump_platform
    from annette.report.fit import calibration_document

    start, pairs = load_platform(platform), []
    if is_dataset(table):
        if columns or ignored:
            raise click.UsageError("--column and --ignore say how a table is read; this is a dataset")
        pairs = [
            NetworkLatency(truth.name, truth.network, truth.latency_s)
            for truth in measured_networks(table, start, elsewhere=True)
            if truth.latency_s is not None
        ]
    else:
        pairs = read_network_table(table, TableOptions(columns, frozenset(ignored)))
    report = calibrate(
        start,
        [(pair.network, pair.latency_s) for pair in pairs],
        measured=measured,
        names=[pair.name for pair in pairs],
    )
    calibrated = report.platform
    source = Source(f"latency of {len(pairs)} networks", table.name, "not stated", sha256=digest_of(table))
    provenance = replace(calibrated.provenance, sources=(*calibrated.provenance.sources, source))
    dump_platform(replace(calibrated, name=name or out.stem, provenance=provenance), out)
    document = calibration_document(report, out)
    print_json(document) if as_json else _print(document)


def _print(document: dict[str, Any]) -> None:
    from annette.report.page import Page

    page = Page()
    rows = []
    for row in document["networks"]:
        times = [f"{row[key] * 1e3:.4g}" for key in ("measured_s", "before_s", "fitted_s", "left_out_s")]
        rows.append((row["network"], *times, f"{row['left_out_s'] / row['measured_s'] - 1:+.1%}"))
    page.table(("network", "measured ms", "before", "calibrated", "left out", "error left out"), rows)
    coefficients = ", ".join(f"{key} {value:.4g}" for key, value in document["coefficients"].items())
    page.line(plain=f"coefficients: {coefficients}")
    errors = document["errors"]
    page.line(
        plain=f"mean error: {errors['before']:.1%} before, {errors['fitted']:.1%} calibrated, "
        f"{errors['left_out']:.1%} on networks left out"
    )
    page.line(plain=f"platform written to {document['platform']}")
