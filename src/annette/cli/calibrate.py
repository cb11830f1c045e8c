"""``annette calibrate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from annette.cli.options import FILE, csv_option, json_option, table_options
from annette.cli.output import show

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
@csv_option("network")
@json_option
def command(
    table: Path,
    platform: str,
    out: Path,
    name: str | None,
    measured: str | None,
    columns: dict[str, str],
    ignored: tuple[str, ...],
    csv: Path | None,
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
      annette calibrate truth.sqlite --platform xeon-onnxruntime --out my-server.json
    """
    from annette.api import calibrate
    from annette.platforms import dump_platform
    from annette.report.fit import calibration_document, print_calibration

    report = calibrate(table, platform, name=name or out.stem, times=measured, columns=columns, ignored=ignored)
    dump_platform(report.platform, out)
    show(calibration_document(report, out), as_json=as_json, csv=csv, text=print_calibration)
