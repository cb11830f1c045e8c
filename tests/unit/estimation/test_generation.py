"""Tokens written behind a prompt: which runs are priced, and what they sum up to."""

import numpy as np
import pytest

import annette
from annette.errors import OptionError
from annette.estimation.estimator import estimate_network
from annette.estimation.generation import estimate_generation, estimate_generations
from annette.network.zoo import build
from annette.platforms import load_platform

PLATFORM = "epyc-onnxruntime-fp32"


@pytest.fixture(scope="module")
def target():
    return load_platform(PLATFORM)


@pytest.fixture(scope="module")
def made(target):
    return estimate_generation("gpt2", target, prompt=16, new=12)


def test_the_first_token_costs_the_prompt_and_each_further_one_a_step(made, target):
    assert made.time_to_first_token_s == estimate_network(build("gpt2", sequence=16, past=0), target).latency_s
    assert made.steps[0].cached == 16
    assert made.steps[-1].cached == 16 + 12 - 2
    assert made.first_token_s == estimate_network(build("gpt2", sequence=1, past=16), target).latency_s
    assert made.last_token_s == estimate_network(build("gpt2", sequence=1, past=26), target).latency_s


def test_figures_fit_together(made):
    steps = np.interp(range(16, 27), [s.cached for s in made.steps], [s.estimate.latency_s for s in made.steps])
    assert len(steps) == 11
    assert made.decode_s == pytest.approx(steps.sum())
    assert made.total_s == pytest.approx(made.time_to_first_token_s + made.decode_s)
    assert made.mean_token_s == pytest.approx(made.decode_s / 11)
    assert made.tokens_per_s == pytest.approx(12 / made.total_s)
    assert made.decoded_tokens_per_s == pytest.approx(11 / made.decode_s)
    assert made.prompt_tokens_per_s == pytest.approx(16 / made.time_to_first_token_s)
    lower, upper = made.total_interval_s
    assert lower < made.total_s < upper


def test_the_cache_holds_all_tokens_but_the_last(made):
    assert made.cache_bytes == 2 * 12 * 768 * (16 + 12 - 1) * 4
    assert made.weights_bytes >= 4 * 163_037_184


def test_one_token_takes_no_step(target):
    one = estimate_generation("gpt2", target, prompt=8, new=1)
    assert one.steps == ()
    assert one.decode_s == 0
    assert one.total_s == one.time_to_first_token_s
    assert one.first_token_s is one.last_token_s is one.mean_token_s is one.decoded_tokens_per_s is None
    assert one.total_interval_s == one.prefill.interval_s


def test_prompts_and_batches_are_combined(target):
    found = estimate_generations("gpt2", target, prompts=(4, 8), new=2, batches=(1, 2))
    assert [(each.batch, each.prompt) for each in found] == [(1, 4), (1, 8), (2, 4), (2, 8)]
    assert found[2].cache_bytes == 2 * found[0].cache_bytes
    assert found[2].tokens_per_s == pytest.approx(2 * 2 / found[2].total_s)


@pytest.mark.parametrize("wrong", [{"prompt": 0}, {"new": 0}, {"batch": 0}])
def test_numbers_below_one_are_refused(target, wrong):
    with pytest.raises(OptionError, match="at least 1"):
        estimate_generation("gpt2", target, **{"prompt": 4, "new": 4, **wrong})


def test_it_is_offered_at_the_top():
    assert annette.estimate_generation is estimate_generation
