"""Makes plans: the same seed gives the same cases, and the quick plan is part of the full one."""

from __future__ import annotations

import math
import zlib
from itertools import count
from typing import TYPE_CHECKING, Final

from annette.bench.generate import (
    axes,
    census_regions,
    chains,
    convolutions,
    detection_audio,
    einstein_sums,
    fusion_probes,
    inner_loops,
    integer,
    large_tensors,
    loops,
    movement,
    pointwise,
    products,
    quantised,
    rare_convolutions,
    rare_layers,
    sequences,
    short_loops,
    size_sweeps,
    tiny_kernels,
    unfolded_convolutions,
    whole_networks,
)
from annette.bench.generate.recipe import CaseBuilder, Sampler
from annette.bench.measurement import Settings
from annette.bench.plan import Case, Plan
from annette.bench.records import Purpose
from annette.errors import NetworkError, OptionError
from annette.network import Category
from annette.network.graph_json import graph_digest
from annette.network.kinds import kinds_in
from annette.network.quantization import is_quantizable, quantized

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from annette.bench.generate.recipe import Recipe
    from annette.network import Network

__all__ = [
    "BYTES_PER_S",
    "LAYER_S",
    "OPS_PER_S",
    "draw_network",
    "expected_compilation_s",
    "expected_s",
    "generate_plan",
]

_PRESETS: Final[dict[str, dict[Purpose, float]]] = {
    "full": {Purpose.MICRO_KERNEL: 1.0, Purpose.CHAIN: 0.5, Purpose.COLD_WEIGHTS: 1.0, Purpose.FUSION_PROBE: 1.0},
    "quick": {Purpose.MICRO_KERNEL: 0.28, Purpose.CHAIN: 0.15, Purpose.COLD_WEIGHTS: 0.16, Purpose.FUSION_PROBE: 0.36},
}
"""Share of each recipe's cases in a preset; of sweeps, which are whole or absent, the share of the sweeps. With all
chains a full benchmark is planned at 444 s and took 554 s in an hour in which ten programs shared two processors: it
has so few of them that it stays below eight minutes in such an hour, too. Half of them instead of 0.6 made room for
whole networks: of the time of convolutions in 272 networks that may be looked at, estimates were off by 8.56 instead of
8.53 % then. Chains show again what micro-kernels of many kinds show; rare kinds have few cases, and models of these
were four times off without an eighth of the micro-kernels.
"""

_MOST_ATTEMPTS: Final = 400
_FIRST_LAYERS: Final = ("conv-stem/3-channels", "conv-patches/3-channels")
_EVICTIONS: Final = tuple(
    (size << 20, round(ops * 1e9)) for size, ops in ((64, 4), (12, 0.2), (24, 0.6), (40, 1.5), (12, 1.5), (24, 0.2))
)
"""Bytes and operations of the networks that a case stands in, from past a core's own caches to past all: who shares the
last one does not know how much of it is his, nor for how long. Networks do 5 (AlexNet) to 300 operations for each byte
of their weights."""

_BATCHES: Final = (2, 16, 4, 64, 8, 32, 3, 24, 6, 48, 12, 64, 5, 20)
"""Batches of the cases that stand for more than one sample, in turn: any few of them are spread over the octaves."""
_EVERY: Final = 4
"""One case in so many stands for more than one sample."""
_MOST_BATCHED_S: Final = 0.02
"""Time of one run of such a case, at the most: where nothing so small is drawn, it has fewer samples."""
_MOST_BATCHED_BYTES: Final = 100_000_000
_ATTEMPTS_A_BATCH: Final = 15

OPS_PER_S: Final = 65e9
BYTES_PER_S: Final = 10e9
LAYER_S: Final = 3e-6
_CASE_S: Final = 0.009
"""Of a visit beside its runs. With 0.007 a plan was thought to take 384 s that took 482 s in a busy hour."""
_WARMUP: Final = 2
"""Runs with which backends warm up their profiles."""
_WEIGHT_BYTES_PER_S: Final = 4e8
"""Weights are drawn, written, read and packed twice."""
_FLUSH_BYTES_PER_S: Final = 8e9
_BUSY_OPS_PER_S: Final = 100e9
"""Of the reference workload, whose speed sets how long a wait is."""
_COMPILATION_S: Final = 0.03
_COMPILED_LAYER_S: Final = 0.005
_COMPILED_WEIGHTS_PER_S: Final = 3e6
"""Of a compiler that encodes weights, as those of integer accelerators do."""


def generate_plan(
    preset: str,
    *,
    target: str = "cpu",
    seed: int = 0,
    batch: Sequence[int] | None = None,
    settings: Settings | None = None,
) -> Plan:
    """Makes a plan of micro-kernels, chains, cold weights and fusion probes.

    Args:
        preset: ``quick`` or ``full``.
        target: What kind of runtime it is for: ``cpu`` are those that compute in floating point, ``npu`` those that
            compile for integers; ``cpu-int8`` has the networks of ``cpu``, quantised in all ways, in turn.
        seed: Equal seeds give equal plans; cases keep their identities between presets.
        batch: Batch sizes to sweep, each at least 1; cases take turns, sweeps of other sizes have the first. Where
            absent, a quarter of the cases for ``cpu`` have 2 to 64 samples, within the time that a case may take, and
            all others one.
        settings: How the cases will be measured, for their expected times; the defaults where absent.

    Returns:
        The plan; cases of all groups are mixed, so that an interrupted campaign has some of everything.

    Raises:
        OptionError: A batch size is less than 1, or there is no such preset or target.
    """
    if batch is not None and (not batch or min(batch) < 1):
        raise OptionError(f"batch sizes {tuple(batch)} are not all at least 1")
    if preset not in _PRESETS:
        raise OptionError(f"no preset {preset!r}; known: {', '.join(_PRESETS)}")
    if target not in _TARGETS:
        raise OptionError(f"no plans for target {target!r}; known: {', '.join(_TARGETS)}")
    shares = _PRESETS[preset]
    settings = settings or Settings()
    ranked: list[tuple[float, int, Case]] = []
    recipes = _TARGETS[target]()
    swept = [recipe.group for recipe in recipes if recipe.sweep]
    left_out = swept[math.ceil(len(swept) * shares[Purpose.MICRO_KERNEL]) :]
    for rank, recipe in enumerate(recipes):
        wanted = recipe.count if recipe.sweep else max(1, math.ceil(recipe.count * shares[recipe.purpose]))
        if recipe.group in left_out:
            continue
        for position, case in zip(range(wanted), _cases(recipe, target, seed, batch, settings), strict=False):
            ranked.append(((position + 0.5) / wanted, rank, case))
    ranked.sort(key=lambda entry: entry[:2])
    return Plan(f"{preset}-{target}-{seed}", tuple(case for _, _, case in ranked))


def _cpu_recipes() -> list[Recipe]:
    return [
        *size_sweeps.floating_point_sweeps(),
        *convolutions.recipes(),
        *products.recipes(),
        *pointwise.recipes(),
        *movement.recipes(),
        *rare_convolutions.recipes(),
        *unfolded_convolutions.recipes(),
        *rare_layers.recipes(),
        *sequences.recipes(),
        *chains.recipes(),
        *products.cold_weights(),
        *chains.in_quick_networks(),
        *fusion_probes.recipes(),
        *detection_audio.recipes(),
        *tiny_kernels.recipes(),
        *axes.recipes(),
        *census_regions.recipes(),
        *einstein_sums.recipes(),
        *inner_loops.recipes(),
        *large_tensors.recipes(),
        *short_loops.recipes(),
        *loops.recipes(),
        *whole_networks.recipes(),
    ]


_TARGETS: Final[dict[str, Callable[[], list[Recipe]]]] = {
    "cpu": _cpu_recipes,
    "cpu-int8": lambda: [*_cpu_recipes(), *products.shared_operands(), *quantised.recipes()],
    "npu": integer.recipes,
}
_QUANTISED: Final = "cpu-int8"
_WAYS: Final = ("static-uint8", "dynamic-unsigned", "static-uint8", "static-int8")
_WAYS_OF_PRODUCTS: Final = ("dynamic", "static-uint8", "dynamic", "static-int8")
"""Ways of quantising, in turn: half of the time that which is commonest, with convolutions and without. Weights of
convolutions whose activations are quantised as they come are unsigned, as ONNX Runtime's documentation advises."""


def _cases(recipe: Recipe, target: str, seed: int, batch: Sequence[int] | None, settings: Settings) -> Iterator[Case]:
    """Any number of different cases of one recipe; ends early where a recipe has no more to give."""
    seen: set[str] = set()
    for index in range(recipe.count) if recipe.sweep else count():
        several = batch is None and target == "cpu" and _has_several(recipe, index)
        if several:
            network = _draw_several(recipe, seed, index, seen)
        else:
            sizes = batch or (1,)
            network = draw_network(recipe, seed, index, sizes[0 if recipe.sweep else index % len(sizes)], seen)
        if network is not None and target == _QUANTISED:
            network = _quantised(network, recipe, index)
        if network is None:
            return
        for evicted_bytes, evicted_ops in ((0, 0),) if target == "npu" else _evictions(recipe, index, several):
            if target != "npu":
                seconds = expected_s(network, recipe.purpose, settings, evicted_bytes, evicted_ops)
            else:
                seconds = expected_compilation_s(network)
            yield Case(
                id=f"{network.name}/evicted-{evicted_bytes >> 20}M-{evicted_ops // 10**6}Mops"
                if evicted_bytes
                else network.name,
                purpose=recipe.purpose,
                group=recipe.group,
                network=network,
                expected_s=seconds,
                evicted_bytes=evicted_bytes,
                evicted_ops=evicted_ops,
                sweep=recipe.sweep,
            )


def _has_several(recipe: Recipe, index: int) -> bool:
    """Whether a case stands for several samples; in a quarter of the groups the first does, for short campaigns.

    Probes only show what runs together.
    """
    if recipe.sweep or recipe.purpose is Purpose.FUSION_PROBE:
        return False
    return (index + zlib.crc32(recipe.group.encode())) % _EVERY == 0


def _draw_several(recipe: Recipe, seed: int, index: int, seen: set[str]) -> Network | None:
    """Draws a case of the batch whose turn it is, or of half as many samples until one is light enough."""
    batch = _BATCHES[(index // _EVERY + zlib.crc32(recipe.group.encode()) // _EVERY) % len(_BATCHES)]
    while batch > 1:
        network = draw_network(recipe, seed, index, batch, seen, _ATTEMPTS_A_BATCH, _is_light)
        if network is not None:
            return network
        batch //= 2
    return draw_network(recipe, seed, index, 1, seen)


def _is_light(network: Network, recipe: Recipe) -> bool:
    """Whether a case of several samples takes no longer than a case may."""
    largest = max(tensor.size_bytes for tensor in network.tensors.values())
    return _one_s(network) <= _MOST_BATCHED_S and largest <= max(_MOST_BATCHED_BYTES, recipe.most_bytes)


def _evictions(recipe: Recipe, index: int, several: bool) -> tuple[tuple[int, int], ...]:
    """What is between runs, bytes and operations: chains are measured hot, and again as parts of larger networks.

    So is what stands at the start of networks, whose input was last touched a whole run ago. Of several samples, which
    leave little in caches themselves, one of both is enough; so it is of large tensors.
    """
    around = recipe.around or _EVICTIONS
    evicted = around[index % len(around)]
    if recipe.purpose is Purpose.COLD_WEIGHTS:
        return (evicted,)
    if recipe.purpose is Purpose.CHAIN or recipe.group in _FIRST_LAYERS:
        both = ((0, 0), evicted)
        return (both[index // _EVERY % 2],) if several else both
    return (evicted,) if recipe.alternates and index % 2 else ((0, 0),)


def draw_network(
    recipe: Recipe,
    seed: int,
    index: int,
    batch: int,
    seen: set[str],
    attempts: int = _MOST_ATTEMPTS,
    fits: Callable[[Network, Recipe], bool] | None = None,
) -> Network | None:
    """Draws until a network is well formed, not too heavy and new; None where that does not happen.

    Args:
        recipe: What is drawn.
        seed: The plan's seed.
        index: The case's number within its group.
        batch: Samples processed together.
        seen: Digests of the networks drawn so far; the new one's is added.
        attempts: How often it is tried.
        fits: Whether a network is not too heavy; by the recipe's limits where absent.
    """
    name = f"{recipe.purpose}/{recipe.group}/{index:03d}" + (f"-s{seed}" if seed else "")
    for attempt in range(attempts):
        builder = CaseBuilder(name, batch)
        sampler = Sampler(seed, f"{recipe.purpose}/{recipe.group}", index, attempt)
        try:
            recipe.draw(sampler, builder)
            network = builder.build()
        except NetworkError:
            continue
        if not (fits or _fits)(network, recipe):
            continue
        digest = graph_digest(network)
        if digest in seen:
            continue
        seen.add(digest)
        return network
    return None


def _quantised(network: Network, recipe: Recipe, index: int) -> Network | None:
    """A network in one of the ways of quantising that suit it; a sweep is of one way. None where none does."""
    convolutions = kinds_in(Category.CONVOLUTION)
    turns = _WAYS if any(layer.kind in convolutions for layer in network.layers) else _WAYS_OF_PRODUCTS
    ways = [way for way in recipe.ways or turns if is_quantizable(network, way)]
    return quantized(network, ways[0 if recipe.sweep else index % len(ways)]) if ways else None


def _fits(network: Network, recipe: Recipe) -> bool:
    largest = max(tensor.elements * tensor.dtype.bits // 8 for tensor in network.tensors.values())
    return network.ops <= recipe.most_ops * network.batch and largest <= recipe.most_bytes * network.batch


def expected_s(
    network: Network, purpose: Purpose, settings: Settings, evicted_bytes: int = 0, evicted_ops: int = 0
) -> float:
    """Device time of a whole measurement, guessed for one core of a current processor.

    Args:
        network: What is measured.
        purpose: Why.
        settings: How.
        evicted_bytes: Memory touched before each run.
        evicted_ops: Operations whose time passes before each run.
    """
    one_s = _one_s(network)
    profiled = settings.visit_runs(one_s, evicted=evicted_bytes > 0)
    runs = _WARMUP + profiled
    if purpose is Purpose.CHAIN and not evicted_bytes:
        runs += settings.warmup + max(1, profiled // 2)
    flush_s = max(evicted_bytes / _FLUSH_BYTES_PER_S, evicted_ops / _BUSY_OPS_PER_S)
    weight_bytes = sum(layer.workload.weight_bytes for layer in network.layers)
    visit_s = _CASE_S + weight_bytes / _WEIGHT_BYTES_PER_S + runs * one_s + profiled * flush_s
    return settings.visits * visit_s


def _one_s(network: Network) -> float:
    """Time of one run, guessed for one core of a current processor."""
    return sum(
        max(layer.workload.ops / OPS_PER_S, layer.workload.bytes / BYTES_PER_S) + LAYER_S for layer in network.layers
    )


def expected_compilation_s(network: Network) -> float:
    """Time that a compiler takes which estimates instead of running."""
    weights = sum(layer.workload.weight_elements for layer in network.layers)
    return _COMPILATION_S + _COMPILED_LAYER_S * len(network.layers) + weights / _COMPILED_WEIGHTS_PER_S
