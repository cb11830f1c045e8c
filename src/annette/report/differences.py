"""Differences of two networks as plain data and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from annette.number_text import change_text, confidence_text, counted_text, seconds_text, words_text
from annette.report.page import Page, name_text
from annette.report.schemas import estimates as schemas
from annette.report.schemas.base import part

if TYPE_CHECKING:
    from annette.estimation import Estimate
    from annette.estimation.difference import Difference, KernelChange

__all__ = ["difference_document", "print_difference"]

_SHOWN_BY_DEFAULT: Final = 15


def difference_document(difference: Difference) -> dict[str, Any]:
    """A difference as plain data, schema ``annette/diff/1``."""
    before, after = difference.before, difference.after
    changed = [change for change in difference.kernels if change.what != "same"]
    return schemas.DiffDocument(
        platform=before.platform,
        latency_is=before.latency_is,  # type: ignore[arg-type]
        confidence=before.confidence,
        before=_side(before),
        after=_side(after),
        change_s=difference.change_s,
        change=difference.change_s / before.latency_s if before.latency_s > 0 else None,
        interval_s=None if difference.interval_s is None else list(difference.interval_s),
        certain=difference.certain,
        same=len(difference.kernels) - len(changed),
        kernels=[_kernel(change) for change in changed],
    ).plain()


def print_difference(document: dict[str, Any], *, everything: bool = False, page: Page | None = None) -> None:
    """Prints a difference: what it comes to, then the kernels that differ, the largest differences first.

    Args:
        document: What `difference_document` gives.
        everything: All kernels that differ, in order of execution, instead of the largest differences.
        page: Where to; standard output by default.
    """
    page = page or Page()
    before, after = document["before"], document["after"]
    page.line(
        bold=f"{after['network']} against {before['network']} on {document['platform']}: "
        f"{_signed(document['change_s'])} ({change_text(document['change'])})",
        plain=f"; {words_text(document['latency_is'])} time {seconds_text(before['latency_s'])}, "
        f"then {seconds_text(after['latency_s'])}",
    )
    if document["interval_s"] is not None and document["change_s"]:
        ends = " to ".join(map(_signed, document["interval_s"]))
        side = ("slower" if document["change_s"] > 0 else "faster") if document["certain"] else "faster or slower"
        page.line(plain=f"{ends} at {confidence_text(document['confidence'])} confidence: {side}")
    kernels = document["kernels"]
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for number, kernel in enumerate(kernels):
        alike.setdefault((str(number),) if everything else _figures(kernel), []).append(kernel)
    groups = list(alike.values())
    if not everything:
        groups = sorted(groups, key=lambda group: -len(group) * abs(group[0]["change_s"]))[:_SHOWN_BY_DEFAULT]
    rows = []
    for group in groups:
        what, kind, before, after, change = _figures(group[0])
        times = f"{len(group)} x " if len(group) > 1 else ""
        rows.append((what, name_text(group[0]["after"] or group[0]["before"]), kind, before, after, times + change))
    if rows:
        page.table(("", "kernel", "kind", "before", "after", "change"), rows, left=(0, 1, 2))
    rest = len(kernels) - sum(map(len, groups))
    if rest:
        page.line(plain=f"… and {rest} smaller difference{'s' * (rest > 1)} (--all shows each)")
    same = document["same"]
    page.line(plain=f"{counted_text(same, 'kernel')} {'is' if same == 1 else 'are'} the same in both")
    for side in ("before", "after"):
        page.notes(f"{document[side]['network']}: {note}" for note in document[side]["notes"])


def _figures(kernel: dict[str, Any]) -> tuple[str, ...]:
    """What a row shows of a kernel beside its name: those that are alike in all of it share a row."""
    before, after = seconds_text(kernel["before_s"]), seconds_text(kernel["after_s"])
    return kernel["what"], kernel["kind"], before, after, _signed(kernel["change_s"])


def _side(estimate: Estimate) -> schemas.DiffSide:
    return part(schemas.DiffSide, estimate, kernels=len(estimate.mapped))


def _kernel(change: KernelChange) -> schemas.ChangedKernel:
    before, after = change.before, change.after
    either = after or before
    return schemas.ChangedKernel(
        what=change.what,  # type: ignore[arg-type]
        kind=either.kind if either else "",
        before=before.name if before else None,
        after=after.name if after else None,
        before_s=before.latency_s if before else 0.0,
        after_s=after.latency_s if after else 0.0,
        change_s=change.change_s,
    )


def _signed(time_s: float) -> str:
    """A difference of times with its sign."""
    return seconds_text(time_s) if time_s == 0 else f"{'+' if time_s > 0 else '-'}{seconds_text(abs(time_s))}"
