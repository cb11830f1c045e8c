"""Which layers run as one kernel, told by totals alone: pairs that take less than the sum of the two run as one.

No total says which layers ran together. But under a wrong mapping no kernel times explain all totals at once: where a
convolution, an activation and the two in a row were measured, and the pair costs no more than the convolution, they are
one kernel.

So mappings are compared by how likely they make the totals (their marginal likelihood,
`annette.fitting.totals.attribution`): those that are known for any runtime, then the best of these without single
rules. Wess et al. (*Conformal Prediction Based Confidence for Latency Estimation of DNN Accelerators*, IEEE Access 12,
2024) find fused layers of black boxes by such pairs, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.errors import FitError, MappingError, OptionError
from annette.fitting.mapping_choice import check_request
from annette.fitting.request import AUTO, LEARNED, MappingChoice
from annette.fitting.totals.decomposition import evidence_of
from annette.fitting.totals.observations import Observations
from annette.mapping.rules import preset, presets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from annette.fitting.totals.observations import Total
    from annette.mapping.kernel import Precision
    from annette.mapping.model import MappingModel
    from annette.mapping.rule import Rule

__all__ = ["choose_by_totals"]

_FIRST_TOTALS: Final = 80
_MOST_TOTALS: Final = 240
"""All mappings are compared on the former number of totals, the best few on the latter."""

_FEW: Final = 4

_CLEAR: Final = 6.0
"""Logarithm of a likelihood ratio above which a rule is left out: odds of 400 to 1."""

_NOT_FOR_DEVICES: Final = ("original-",)
"""Presets that imitate a program instead of a runtime."""

_FUSING: Final = "-into-"
"""In the names of rules that make one kernel of several layers that stand for themselves."""


@dataclass(frozen=True, eq=False)
class _Judge:
    """Compares mappings by the same totals."""

    totals: Sequence[Total]
    precision: Precision

    def evidence(self, mapping: MappingModel) -> float:
        """How likely a mapping makes the totals; minus infinity where it cannot be applied to all of them."""
        try:
            return evidence_of(Observations.of(self.totals, mapping, self.precision))
        except MappingError:
            return -np.inf


def choose_by_totals(
    totals: Sequence[Total],
    precision: Precision,
    *,
    request: str = AUTO,
    progress: Callable[[str, int], None] | None = None,
) -> MappingChoice:
    """Chooses the mapping under which totals are most likely.

    Args:
        totals: What was measured.
        precision: Width of the platform's numbers.
        request: ``auto`` or the name of a preset.
        progress: Told about each mapping that is tried, with the number of totals it is tried on.

    Raises:
        FitError: ``learned`` is asked for: rules cannot be learned from totals.
        OptionError: There is no such mapping.
    """
    check_request(request)
    if request == LEARNED:
        raise FitError(
            "the datasets tell totals only, and rules are learned from kernels: leave --mapping away, or name a preset"
        )
    if request != AUTO:
        return MappingChoice(preset(request), "as asked for")
    names = [name for name in presets() if not name.startswith(_NOT_FOR_DEVICES)]
    found: dict[str, float] = {}
    for count, most in ((_FIRST_TOTALS, len(names)), (_MOST_TOTALS, _FEW)):
        part = totals[:: max(1, len(totals) // count)]
        judge = _Judge(part, precision)
        for name in names[:most]:
            if progress is not None:
                progress(f"mapping {name}", len(part))
            found[name] = judge.evidence(preset(name))
        names[:most] = sorted(names[:most], key=lambda name: -found[name])
    best = max(names[:_FEW], key=lambda name: found[name])
    if found[best] == -np.inf:
        raise OptionError("no mapping can be applied to all networks of the datasets: name one with --mapping")
    mapping, left_out = _without_rules(preset(best), found[best], judge, progress)
    beside = ", ".join(f"{name} by {found[best] - found[name]:.0f}" for name in names[:_FEW] if name != best)
    reason = f"of {len(found)} known mappings it makes the totals most likely (by its logarithm, ahead of {beside})"
    if left_out:
        reason += f"; without {', '.join(left_out)}, against which pairs of layers speak"
    return MappingChoice(mapping, reason, networks=len(part))


def _without_rules(
    mapping: MappingModel, evidence: float, judge: _Judge, progress: Callable[[str, int], None] | None
) -> tuple[MappingModel, list[str]]:
    """The mapping without fusing rules that make the totals clearly less likely."""
    left_out = []
    made = (mapping.apply(total.network) for total in judge.totals)
    used = {_entry_name(rule) for kernels in made for kernel in kernels for rule in kernel.rules}
    for name in dict.fromkeys(_entry(rule) for rule in mapping.rules if _FUSING in rule.name):
        without = replace(mapping, rules=tuple(rule for rule in mapping.rules if _entry(rule) != name))
        if name not in used:
            continue
        if progress is not None:
            progress(f"mapping {mapping.name} without {name}", len(judge.totals))
        found = judge.evidence(without)
        if found > evidence + _CLEAR:
            mapping, evidence = without, found
            left_out.append(name)
    return (replace(mapping, name=f"{mapping.name}-by-totals") if left_out else mapping), left_out


def _entry(rule: Rule) -> str:
    """Name of the table entry that a rule was made from."""
    return _entry_name(rule.name)


def _entry_name(rule: str) -> str:
    return rule.partition(".")[0]
