"""Language models that write token by token as plain data, as tables, and as a page with one plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from annette.number_text import bytes_text, confidence_text, interval_text, percent_text, seconds_text, words_text
from annette.report.curves import Curve, curves_page
from annette.report.page import Page, name_text
from annette.report.runs import RUN_COLUMNS, is_about_range, range_notes, run_cells, run_part, trust_texts
from annette.report.schemas.base import part
from annette.report.schemas.sweeps import DecodeStepPart, GenerationDocument, GenerationPart

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from annette.estimation.generation import Generation

__all__ = ["generation_columns", "generation_document", "generation_page", "print_generations"]

_RUNS: Final = ("run", "tokens read", "cached", "latency", "interval", "memory", "fitted", "out of range")


def generation_document(generations: Sequence[Generation]) -> dict[str, Any]:
    """Generations of one network on one platform as plain data, schema ``annette/generation/1``.

    Args:
        generations: At least one.
    """
    first = generations[0]
    return part(
        GenerationDocument,
        first,
        model=first.prefill.model,
        latency_is=first.prefill.latency_is,
        confidence=first.prefill.confidence,
        generations=[
            part(
                GenerationPart,
                each,
                prefill=run_part(each.prefill),
                steps=[DecodeStepPart(step.cached, run_part(step.estimate)) for step in each.steps],
            )
            for each in generations
        ],
    ).plain()


def print_generations(document: dict[str, Any], page: Page | None = None) -> None:
    """Prints generations: figures and runs of one, or a line for each of several; then what is to be known."""
    page = page or Page()
    generations = document["generations"]
    page.line(
        bold=f"{name_text(document['network'])} on {document['platform']}",
        plain=f": {words_text(document['latency_is'])} time, {document['model']}; intervals at "
        f"{confidence_text(document['confidence'])} confidence",
    )
    if len(generations) == 1:
        _print_one(generations[0], page)
    else:
        page.table(_header(), [_row(each) for each in generations])
    page.notes(_notes(document))


def generation_columns(document: dict[str, Any]) -> dict[str, list[Any]]:
    """Every run of every generation as columns of numbers by their names; None where something is not known."""
    header = ["batch", "prompt", "new", "run", "tokens_read", "cached", *RUN_COLUMNS]
    whole = not document["has_cache"]
    rows = [
        [each["batch"], each["prompt"], each["new"], name, read, cached, *run_cells(run)]
        for each in document["generations"]
        for name, read, cached, run in _runs(each, whole=whole)
    ]
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def generation_page(document: dict[str, Any]) -> str:
    """The text of a page: the figures, and the time of decode steps over the tokens before them."""
    curves = [
        Curve.of_runs(_name(each), [(step["cached"], step["run"]) for step in each["steps"]])
        for each in document["generations"]
        if each["steps"]
    ]
    return curves_page(
        f"{document['network']} on {document['platform']}: tokens behind a prompt",
        notes=_notes(document),
        across="tokens before",
        up="time per token",
        curves=curves,
        table="Prompts and batches",
        header=_header(),
        rows=[_row(each) for each in document["generations"]],
    )


def _print_one(each: dict[str, Any], page: Page) -> None:
    for name, text in _facts(each):
        page.line(bold=f"{name}: ", plain=text)
    rows = []
    for name, read, cached, run in _runs(each, whole=each["cache_bytes"] is None):
        cells = (seconds_text(run["latency_s"]), interval_text(run["interval_s"]), *trust_texts(run))
        rows.append((name, str(read), str(cached), *cells))
    page.table(_RUNS, rows)


def _facts(each: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The figures of one generation, by their titles."""
    beside = f", {each['batch']} sequences" if each["batch"] > 1 else ""
    yield (
        "time to first token",
        f"{seconds_text(each['time_to_first_token_s'])} for a prompt of {each['prompt']}{beside} "
        f"({_rate_text(each['prompt_tokens_per_s'])})",
    )
    if each["steps"]:
        yield (
            "time per token",
            f"{seconds_text(each['mean_token_s'])} in the mean, {seconds_text(each['first_token_s'])} at first, "
            f"{seconds_text(each['last_token_s'])} at last ({_rate_text(each['decoded_tokens_per_s'])})",
        )
    yield (
        "total",
        f"{seconds_text(each['total_s'])} ({interval_text(each['total_interval_s'])}) for {each['new']} new tokens"
        f"{beside} ({_rate_text(each['tokens_per_s'])})",
    )
    cache = "no cache" if each["cache_bytes"] is None else f"cache {bytes_text(each['cache_bytes'])} at the end"
    yield "memory", f"{cache}, weights {bytes_text(each['weights_bytes'])}"


def _header() -> tuple[str, ...]:
    return (
        "batch", "prompt", "new", "first token", "per token", "at first", "at last", "total", "interval", "tokens/s",
        "cache", "weights", "fitted", "out of range",
    )  # fmt: skip


def _row(each: dict[str, Any]) -> tuple[str, ...]:
    runs = [run for *_, run in _runs(each)]
    strange = max(run["outside_share"] for run in runs)
    return (
        *(str(each[name]) for name in ("batch", "prompt", "new")),
        *(
            "-" if each[name] is None else seconds_text(each[name])
            for name in ("time_to_first_token_s", "mean_token_s", "first_token_s", "last_token_s", "total_s")
        ),
        interval_text(each["total_interval_s"]),
        _rate_text(each["tokens_per_s"]).removesuffix(" tokens/s"),
        "-" if each["cache_bytes"] is None else bytes_text(each["cache_bytes"]),
        bytes_text(each["weights_bytes"]),
        percent_text(min(run["coverage"] for run in runs)),
        percent_text(strange) if strange else "-",
    )


def _rate_text(tokens_per_s: float) -> str:
    return f"{tokens_per_s:,.0f} tokens/s" if tokens_per_s >= 100 else f"{tokens_per_s:.3g} tokens/s"


def _name(each: dict[str, Any]) -> str:
    return f"prompt {each['prompt']}" + (f", batch {each['batch']}" if each["batch"] > 1 else "")


def _runs(each: dict[str, Any], *, whole: bool = False) -> Iterator[tuple[str, int, int, dict[str, Any]]]:
    """Name, tokens read, tokens cached and estimate of each run that was priced.

    Args:
        each: A generation.
        whole: Whether each step reads the whole sequence.
    """
    yield "prefill", each["prompt"], 0, each["prefill"]
    for step in each["steps"]:
        yield "decode", step["cached"] + 1 if whole else 1, 0 if whole else step["cached"], step["run"]


def _notes(document: dict[str, Any]) -> list[str]:
    """Each sentence once; where there are several generations, of which it is."""
    found: dict[str, list[str]] = {}
    generations = document["generations"]
    for each in generations:
        for note in each["notes"]:
            if not is_about_range(note):
                found.setdefault(note, []).append(_name(each))
    places = [
        (f"the {name} of {_name(each)}" + f" behind {cached} tokens" * (cached > 0), run)
        for each in generations
        for name, _, cached, run in _runs(each)
    ]
    return [
        *(
            note
            if len(names) == len(generations)
            else f"{names[0]}{f' and {len(names) - 1} more' * (len(names) > 1)}: {note}"
            for note, names in found.items()
        ),
        *range_notes(places),
    ]
