"""``annette generate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from annette.cli.options import (
    FILE,
    input_option,
    json_option,
    lenient_option,
    model_options,
)
from annette.cli.output import print_json
from annette.cli.sizes import parse_sizes

if TYPE_CHECKING:
    from pathlib import Path

    from annette.network.inputs import Given

__all__ = ["command"]


@click.command("generate", short_help="How long a language model takes to write tokens.")
@click.argument("network", metavar="NETWORK")
@click.option("--platform", required=True, metavar="P", help="Name of a platform (annette platforms), or its file.")
@click.option(
    "--prompt", "prompts", required=True, callback=parse_sizes, metavar="TOKENS",
    help="Tokens of the prompt; several as 32,128 or {32..512}.",
)  # fmt: skip
@click.option("--new", type=click.IntRange(min=1), required=True, metavar="TOKENS", help="Tokens that are written.")
@click.option(
    "--batch", "batches", default="1", show_default=True, callback=parse_sizes, metavar="N",
    help="Sequences that are written side by side; several as 1,2,4.",
)  # fmt: skip
@click.option(
    "--with-past", type=FILE, metavar="FILE", help="The file of decode steps, where NETWORK is the prefill alone."
)
@input_option
@model_options
@lenient_option
@click.option("--csv", "table", type=FILE, metavar="FILE", help="Write all runs as .csv or .parquet.")
@click.option("--html", "page", type=FILE, metavar="FILE", help="Write a page with a plot.")
@json_option
def command(
    network: str,
    platform: str,
    prompts: tuple[int, ...],
    new: int,
    batches: tuple[int, ...],
    with_past: Path | None,
    inputs: dict[str, Given],
    lenient: bool,
    table: Path | None,
    page: Path | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Estimates how long a language model takes to write tokens behind a prompt.

    NETWORK is an ONNX file as optimum, transformers.js or GenAI's builder export it, with a cache (past_key_values) or
    without one, or a decoder built in (gpt2). Time to the first token is the run that reads the prompt; time per token
    that of a decode step, which reads one token and the cache.

    \b
    Examples:
      annette generate gpt2 --platform epyc-onnxruntime --prompt 128 --new 64
      annette generate model.onnx --platform epyc-onnxruntime --prompt '{32..512}' --new 128 --batch 1,4 --html lm.html
      annette generate decoder_model.onnx --with-past decoder_with_past_model.onnx --platform P --prompt 32 --new 32
    """
    from annette.estimation.generation import estimate_generations
    from annette.report.generations import generation_document, print_generations

    made = estimate_generations(
        network, platform, prompts=prompts, new=new, batches=batches, with_past=with_past, inputs=inputs,
        lenient=lenient, **how,
    )  # fmt: skip
    document = generation_document(made)
    _write(document, table, page)
    print_json(document) if as_json else print_generations(document)


def _write(document: dict[str, Any], table: Path | None, page: Path | None) -> None:
    from annette.estimation.frame import write_table
    from annette.report.generations import generation_columns, generation_page
    from annette.report.html import write_page

    if table is not None:
        write_table(table, generation_columns(document))
    if page is not None:
        write_page(page, generation_page(document))
