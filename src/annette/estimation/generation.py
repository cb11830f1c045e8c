"""Language models that write token by token: time to the first token, time per token, and the memory of the cache."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final

import numpy as np

from annette.errors import OptionError
from annette.estimation.estimator import estimate_network
from annette.mapping.memory import width_of
from annette.network.decoder import open_decoder
from annette.platforms import Platform, load_platform

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from annette.estimation.estimate import Estimate
    from annette.network import Network
    from annette.network.decoder import Decoder
    from annette.network.inputs import Given

__all__ = ["DecodeStep", "Generation", "estimate_generation", "estimate_generations"]

_PRICED: Final = 5
"""Decode steps that are priced of those behind one prompt; between them, times are interpolated."""


@dataclass(frozen=True, eq=False)
class DecodeStep:
    """The run that reads one token.

    Attributes:
        cached: Tokens that were read before.
        estimate: Its estimate.
    """

    cached: int
    estimate: Estimate


@dataclass(frozen=True, eq=False)
class Generation:
    """Writing tokens behind a prompt.

    The first of the new tokens follows from the run that reads the prompt, each further one from a decode step, which
    reads the one before.

    Attributes:
        network: Name of the network.
        platform: Name of the platform.
        batch: Sequences that are written side by side.
        prompt: Tokens that the prompt has, in each sequence.
        new: Tokens that are written, in each sequence.
        has_cache: Whether keys and values of earlier tokens are kept; else each step reads the whole sequence.
        prefill: The run that reads the prompt.
        steps: The decode steps that were priced, the shortest first, among them the first and the last; none where only
            one token is written.
        cache_bytes: Keys and values of all tokens that the last step leaves, at the platform's precision; None where
            there is no cache.
    """

    network: str
    platform: str
    batch: int
    prompt: int
    new: int
    has_cache: bool
    prefill: Estimate
    steps: tuple[DecodeStep, ...]
    cache_bytes: int | None

    def __repr__(self) -> str:
        return (
            f"<Generation of {self.new} tokens behind {self.prompt} by {self.network!r} on {self.platform!r}: "
            f"{self.total_s:.4g} s>"
        )

    @property
    def time_to_first_token_s(self) -> float:
        """Time of the prefill, seconds."""
        return self.prefill.latency_s

    @cached_property
    def decode_s(self) -> float:
        """Time of all decode steps, seconds."""
        return self._summed(lambda estimate: estimate.latency_s)

    @property
    def total_s(self) -> float:
        """Time of all runs, seconds."""
        return self.time_to_first_token_s + self.decode_s

    @property
    def total_interval_s(self) -> tuple[float, float] | None:
        """Lower and upper end of the total: the sums of those of the runs, whose errors are taken to go together."""
        runs = [self.prefill, *(step.estimate for step in self.steps)]
        if any(run.interval_s is None for run in runs):
            return None
        lower, upper = (self._end(self.prefill, side) + self._summed(partial(self._end, side=side)) for side in (0, 1))
        return lower, upper

    @property
    def first_token_s(self) -> float | None:
        """Time of the first decode step, seconds; None where there is none."""
        return self.steps[0].estimate.latency_s if self.steps else None

    @property
    def last_token_s(self) -> float | None:
        """Time of the last decode step, seconds; None where there is none."""
        return self.steps[-1].estimate.latency_s if self.steps else None

    @property
    def mean_token_s(self) -> float | None:
        """Mean time of a decode step, seconds; None where there is none."""
        return self.decode_s / (self.new - 1) if self.steps else None

    @property
    def decoded_tokens_per_s(self) -> float | None:
        """Tokens of all sequences that the decode steps write in a second; None where there is none."""
        return self.batch * (self.new - 1) / self.decode_s if self.steps else None

    @property
    def tokens_per_s(self) -> float:
        """New tokens of all sequences in a second, the prefill counted in."""
        return self.batch * self.new / self.total_s

    @property
    def prompt_tokens_per_s(self) -> float:
        """Tokens of the prompts that are read in a second."""
        return self.batch * self.prompt / self.time_to_first_token_s

    @property
    def weights_bytes(self) -> int:
        """All constants at the platform's precision, of the run that has more of them."""
        return max(run.memory.weights_bytes for run in (self.prefill, *(step.estimate for step in self.steps)))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the runs, each sentence once, and which runs say it."""
        found: dict[str, list[str]] = {}
        runs = [("prefill", self.prefill), *(("decode", step.estimate) for step in self.steps[-1:])]
        for name, run in runs:
            for note in run.notes:
                found.setdefault(note, []).append(name)
        own = [] if self.has_cache else ["the network has no cache: each token costs a run over the whole sequence"]
        return (*own, *(f"{' and '.join(names)}: {note}" for note, names in found.items()))

    @staticmethod
    def _end(estimate: Estimate, side: int) -> float:
        return (estimate.interval_s or (0.0, 0.0))[side]

    def _summed(self, figure: Callable[[Estimate], float]) -> float:
        """The sum of a figure over all decode steps, those between priced ones interpolated."""
        if not self.steps:
            return 0.0
        cached = np.arange(self.prompt, self.prompt + self.new - 1)
        known = [figure(step.estimate) for step in self.steps]
        return float(np.interp(cached, [step.cached for step in self.steps], known).sum())


def estimate_generation(
    network: str | Path,
    platform: Platform | str | Path,
    *,
    prompt: int,
    new: int,
    batch: int = 1,
    with_past: str | Path | None = None,
    inputs: Mapping[str, Given] | None = None,
    lenient: bool = False,
    model: str | None = None,
    fallback: str = "error",
    confidence: float = 0.9,
) -> Generation:
    """Estimates how long a language model takes to write tokens behind a prompt.

    Args:
        network: An ONNX file that reads tokens and, as a rule, a cache (``past_key_values``), or a decoder of the zoo.
        platform: A loaded platform, a platform file, or the name of a known platform.
        prompt: Tokens of the prompt, at least 1.
        new: Tokens that are written, at least 1.
        batch: Sequences that are written side by side.
        with_past: The file of decode steps, where another one than ``network``, which then is the prefill.
        inputs: What is given of inputs, or of symbols, that are neither tokens nor cache.
        lenient: As for `annette.estimate`.
        model: As for `annette.estimate`.
        fallback: As for `annette.estimate`.
        confidence: As for `annette.estimate`.

    Raises:
        AnnetteError: As for `annette.estimate`.
        OptionError: The network reads no tokens, or a number is less than 1.

    Example:
        >>> import annette
        >>> made = annette.estimate_generation("gpt2", "epyc-onnxruntime-fp32", prompt=32, new=8)
        >>> made.time_to_first_token_s > made.mean_token_s
        True
    """
    how = {"model": model, "fallback": fallback, "confidence": confidence}
    (made,) = estimate_generations(
        network, platform, prompts=(prompt,), new=new, batches=(batch,), with_past=with_past, inputs=inputs,
        lenient=lenient, **how,
    )  # fmt: skip
    return made


def estimate_generations(
    network: str | Path,
    platform: Platform | str | Path,
    *,
    prompts: Sequence[int],
    new: int,
    batches: Sequence[int] = (1,),
    with_past: str | Path | None = None,
    inputs: Mapping[str, Given] | None = None,
    lenient: bool = False,
    **how: str | float | None,
) -> list[Generation]:
    """The same for several prompts and batches, of a network that is opened once: each prompt with each batch.

    Args:
        network: As for `estimate_generation`.
        platform: As for ``estimate_generation``.
        prompts: Tokens of the prompts.
        new: Tokens that are written behind each.
        batches: Numbers of sequences side by side.
        with_past: As for ``estimate_generation``.
        inputs: As for ``estimate_generation``.
        lenient: As for ``estimate_generation``.
        **how: ``model``, ``fallback`` and ``confidence``, as for `annette.estimate`.

    Raises:
        AnnetteError: As for ``estimate_generation``.
    """
    for what, numbers in (("prompt", prompts), ("new", (new,)), ("batch", batches)):
        if not numbers or min(numbers) < 1:
            raise OptionError(f"{what} {', '.join(map(str, numbers)) or 'of no size'}: it takes numbers of at least 1")
    target = platform if isinstance(platform, Platform) else load_platform(platform)
    decoder = open_decoder(network, with_past=with_past, inputs=inputs, lenient=lenient)
    priced: Callable[[Network], Estimate] = partial(estimate_network, platform=target, **how)  # type: ignore[arg-type]
    runs = _Runs(decoder, priced)
    return [_generation(runs, target, prompt, new, batch) for batch in batches for prompt in prompts]


class _Runs:
    """Runs of a decoder, each priced once: prompts that follow on each other share decode steps."""

    def __init__(self, decoder: Decoder, price: Callable[[Network], Estimate]) -> None:
        self.decoder = decoder
        self._price = price
        self._steps: dict[tuple[int, int], Estimate] = {}

    def prefill(self, prompt: int, batch: int) -> Estimate:
        return self._price(self.decoder.prefill(prompt, batch))

    def step(self, cached: int, batch: int) -> Estimate:
        if (cached, batch) not in self._steps:
            self._steps[cached, batch] = self._price(self.decoder.step(cached, batch))
        return self._steps[cached, batch]


def _generation(runs: _Runs, platform: Platform, prompt: int, new: int, batch: int) -> Generation:
    prefill = runs.prefill(prompt, batch)
    last = prompt + new - 2
    lengths = sorted({round(length) for length in np.linspace(prompt, last, _PRICED)}) if new > 1 else []
    return Generation(
        network=prefill.network,
        platform=platform.name,
        batch=batch,
        prompt=prompt,
        new=new,
        has_cache=runs.decoder.has_cache,
        prefill=prefill,
        steps=tuple(DecodeStep(length, runs.step(length, batch)) for length in lengths),
        cache_bytes=_cache_bytes(runs.decoder, prompt + new - 1, batch, platform) if runs.decoder.has_cache else None,
    )


def _cache_bytes(decoder: Decoder, tokens: int, batch: int, platform: Platform) -> int:
    """Keys and values of so many tokens, at the precision that the network runs with on the platform."""
    step = decoder.step(tokens, batch)
    return sum(map(width_of(step, platform.precision), decoder.caches_of(step)))
