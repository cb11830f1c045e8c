"""What a command writes of estimates for other programs, and how it announces a budget that is exceeded."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from annette.cli.output import STANDARD_OUTPUT, complain, write_csv
from annette.errors import OptionError

if TYPE_CHECKING:
    from annette.estimation import Estimate

__all__ = ["Exports", "announce"]

_ONE_FILE: Final = ("node_data", "annotate")
_OPTIONS: Final = ("csv", "kernels", "trace", "html", "node_data", "annotate", "budget_s", "budget_by")


@dataclass
class Exports:
    """What was asked for beside the output, and what of it is to stand in files that hold several estimates.

    Attributes:
        csv: A table of networks; `STANDARD_OUTPUT` prints it.
        kernels: A table of kernels.
        trace: A trace.
        html: A page.
        node_data: A folder of node data; about one network.
        annotate: An annotated copy; about one network, an ONNX file.
        budget_s: Highest latency that is accepted, seconds.
        budget_by: What is held against it, as `annette.estimation.latency_budget.judge_latency` says.
        exceeded: Whether an estimate was above the budget.
    """

    csv: Path | None = None
    kernels: Path | None = None
    trace: Path | None = None
    html: Path | None = None
    node_data: Path | None = None
    annotate: Path | None = None
    budget_s: float | None = None
    budget_by: str = "upper"
    exceeded: bool = False
    _rows: list[tuple[Any, ...]] = field(default_factory=list)
    _networks: list[dict[str, Any]] = field(default_factory=list)
    _documents: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def chosen(cls, options: dict[str, Any]) -> Exports:
        """Takes the options of ``export_options``, ``html_option`` and ``budget_options`` out of a command's."""
        return cls(**{name: options.pop(name) for name in _OPTIONS})

    def check(self, *, one: bool, as_json: bool) -> None:
        """Refuses what does not go together.

        Args:
            one: Whether there is one network.
            as_json: Whether JSON is printed.

        Raises:
            OptionError: There are several networks, and what was asked for lies over the graph of one; or JSON and the
                table of networks are both to be printed.
        """
        if self.printed and as_json:
            raise OptionError("--json and --csv - would both be printed: give --csv a file")
        if not one:
            for name in _ONE_FILE:
                if getattr(self, name) is not None:
                    raise OptionError(f"--{name.replace('_', '-')} is about one network, not about several or a folder")

    @property
    def of_kernels(self) -> dict[str, bool]:
        """Options whose files hold kernels, and whether each was given."""
        names = ("kernels", "trace", "node_data", "annotate")
        return {f"--{name.replace('_', '-')}": getattr(self, name) is not None for name in names}

    @property
    def whole(self) -> bool:
        """Whether whole documents are needed, with their kernels and intervals."""
        return any(wanted is not None for wanted in (self.csv, self.kernels, self.trace, self.html, self.budget_s))

    @property
    def printed(self) -> bool:
        """Whether the table is printed, and nothing else."""
        return str(self.csv) == STANDARD_OUTPUT

    def refuse(self, document: dict[str, Any]) -> None:
        """Takes in why a network has no estimate: a row of the table of networks says so."""
        self._networks.append(document)

    def add(self, document: dict[str, Any]) -> None:
        """Takes an estimate in, for the files that hold all of them, and holds it against the budget."""
        from annette.estimation.frame import kernel_rows
        from annette.estimation.latency_budget import judge_latency

        if self.csv is not None:
            self._networks.append({**document, "kernels": []})
        if self.kernels is not None:
            self._rows += kernel_rows(document["network"], document["platform"], document["kernels"])
        if self.trace is not None or self.html is not None:
            self._documents.append(document)
        if self.budget_s is not None:
            verdict = judge_latency(
                f"{document['network']} on {document['platform']}",
                document["latency_s"],
                document["interval_s"],
                budget_s=self.budget_s,
                by=self.budget_by,
                confidence=document["confidence"],
            )
            if not verdict.kept:
                self.exceeded = True
                announce(verdict.reason)

    def lay_over(self, estimate: Estimate, source: str) -> None:
        """Writes what lies over the graph of one network.

        Args:
            estimate: The estimate.
            source: File or name of the network, as the user gave it.

        Raises:
            OptionError: A file cannot be written, or the network is no ONNX file.
        """
        if self.node_data is not None:
            self._write_node_data(estimate, self.node_data)
        if self.annotate is not None:
            self._write_annotated(estimate, self.annotate, source)

    def write(self) -> None:
        """Writes what holds all estimates that were taken in.

        Raises:
            OptionError: A file cannot be written.
        """
        from annette.estimation.frame import columns_of, write_table
        from annette.report.estimate_page import estimate_page
        from annette.report.html import write_page
        from annette.report.trace import trace_document

        write_csv(self.csv, self._networks)
        if self.kernels is not None:
            write_table(self.kernels, columns_of(self._rows))
        if self.trace is not None:
            _write_json(self.trace, trace_document(self._documents))
        if self.html is not None and self._documents:
            write_page(self.html, estimate_page(self._documents))

    @staticmethod
    def _write_node_data(estimate: Estimate, folder: Path) -> None:
        from annette.report.overlay import node_data_documents

        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OptionError(f"cannot make folder {str(folder)!r}: {error.strerror or error}") from error
        for name, document in node_data_documents(estimate).items():
            _write_json(folder / f"{name}.json", document)

    @staticmethod
    def _write_annotated(estimate: Estimate, target: Path, source: str) -> None:
        from annette.network.writers.onnx_metadata import annotate_onnx
        from annette.report.overlay import node_facts

        if Path(source).suffix.lower() != ".onnx":
            raise OptionError(f"--annotate copies an ONNX file, and {source!r} is none; --node-data takes any file")
        annotate_onnx(source, target, node_facts(estimate))


def announce(reason: str) -> None:
    """Says on standard error that a budget is exceeded; on GitHub as an annotation, which stands beside the change.

    The form of the annotation is that of GitHub's *workflow commands*.
    """
    if os.environ.get("GITHUB_ACTIONS") == "true":
        escaped = reason.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        click.echo(f"::error title=annette::{escaped}", err=True)
    else:
        complain(reason)


def _write_json(path: Path, document: object) -> None:
    from annette.atomic import write_whole

    try:
        write_whole(path, json.dumps(document, ensure_ascii=False, allow_nan=False))
    except OSError as error:
        raise OptionError(f"cannot write {str(path)!r}: {error.strerror or error}") from error
