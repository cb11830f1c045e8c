"""Plans for devices that tell only the total of each run.

Nothing in such a run can be seen but its length, so that what is measured must be told apart by sums and differences:
blocks twice and eight times in a row, operators alone and in pairs, and many small networks whose totals are fitted
together (`annette.fitting.totals`). Kinds that only some networks have are measured alone, too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from annette.bench.generate import chains, convolutions, integer, movement, pointwise, products
from annette.bench.generate.generator import draw_network
from annette.bench.generate.heavy import heavy
from annette.bench.generate.repeats import companies, repeats
from annette.bench.generate.small_networks import small_networks
from annette.bench.plan import Case, Plan
from annette.bench.records import Purpose
from annette.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.bench.generate.recipe import Recipe
    from annette.network import Network

__all__ = ["generate_totals_plan", "taught_recipes", "work_s"]

_ALONE: Final = {"cpu": 0.12, "npu": 0.4}
_CHAINS: Final = 0.25
"""Share of the cases of a full plan that measure one layer, and that measure a few blocks.

Compilers for integers have steps and edges that only many single layers show.
"""

_MOST_TAUGHT_OPS: Final = 50_000_000_000
_MOST_TAUGHT_BYTES: Final = 64_000_000

_RUN_S: Final = 0.5
_RUNS: Final = 20
"""What one run of a program is taken to cost before one was seen: its start, and as many inferences."""

_OPS_PER_S: Final = 20e9
_BYTES_PER_S: Final = 5e9
_LAYER_S: Final = 5e-6


def generate_totals_plan(target: str = "cpu", *, seed: int = 0, batch: Sequence[int] = (1,)) -> Plan:
    """Makes a plan of networks whose totals can be told apart.

    Args:
        target: ``cpu`` or ``npu``, as `annette.bench.generate.generator.generate_plan` has it.
        seed: Equal seeds give equal plans.
        batch: Batch sizes; cases take turns.

    Raises:
        OptionError: A batch size is less than 1, or there is no such target.
    """
    if not batch or min(batch) < 1:
        raise OptionError(f"batch sizes {tuple(batch)} are not all at least 1")
    if target not in ("cpu", "npu"):
        raise OptionError(f"no plans for target {target!r}; known: cpu, npu")
    ranked: list[tuple[float, int, Case]] = []
    for rank, recipe in enumerate(_recipes(target)):
        seen: set[str] = set()
        for index in range(recipe.count):
            network = draw_network(recipe, seed, index, batch[index % len(batch)], seen)
            if network is None:
                break
            case = Case(network.name, recipe.purpose, recipe.group, network, _RUN_S + _RUNS * work_s(network))
            ranked.append(((index + 0.5) / recipe.count, rank, case))
    ranked.sort(key=lambda entry: entry[:2])
    return Plan(f"totals-{target}-{seed}", tuple(case for _, _, case in ranked))


def work_s(network: Network) -> float:
    """Time of one inference on a core of no great speed, a guess by operations, bytes and layers, seconds."""
    return sum(
        max(layer.workload.ops / _OPS_PER_S, layer.workload.bytes / _BYTES_PER_S) + _LAYER_S for layer in network.layers
    )


def _recipes(target: str) -> list[Recipe]:
    single = [
        *convolutions.recipes(),
        *products.recipes(),
        *pointwise.recipes(),
        *movement.recipes(),
    ]
    few = [*chains.recipes(), *products.cold_weights()]
    if target == "npu":
        single = [r for r in integer.recipes() if r.purpose is Purpose.MICRO_KERNEL and not r.sweep]
        few = [r for r in integer.recipes() if r.purpose is Purpose.CHAIN]
    return [
        *repeats(target),
        *companies(),
        *small_networks(target),
        *(heavy() if target == "npu" else ()),
        *(replace(recipe, count=max(1, round(_ALONE[target] * recipe.count))) for recipe in single),
        *(replace(recipe, count=max(1, round(_CHAINS * recipe.count))) for recipe in few),
    ]


def taught_recipes(target: str) -> list[Recipe]:
    """Recipes of networks that models fitted to totals are taught on without being measured.

    They are like those of the plan, and of up to the sizes that networks have.

    Args:
        target: ``cpu`` or ``npu``.
    """
    large = [
        replace(recipe, most_ops=_MOST_TAUGHT_OPS, most_bytes=_MOST_TAUGHT_BYTES) for recipe in small_networks(target)
    ]
    rows = [recipe for recipe in repeats(target) if recipe.group in ("repeat/products", "repeat/attention")]
    if target == "npu":
        few = [recipe for recipe in integer.recipes() if recipe.purpose is Purpose.CHAIN]
        few = [replace(recipe, count=max(1, round(_CHAINS * recipe.count))) for recipe in few]
        return [*large, *few, *heavy(), *rows]
    few = [replace(recipe, count=max(1, round(_CHAINS * recipe.count))) for recipe in chains.recipes()]
    products_of_many = [recipe for recipe in products.recipes() if recipe.group.endswith("/heavy")]
    return [*large, *few, *products.cold_weights(), *rows, *products_of_many]
