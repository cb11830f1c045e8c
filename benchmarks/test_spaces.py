"""How fast candidates of search spaces are priced: compiling, and candidates a second, for one platform each.

Times are those of the processor, beside a fixed workload (`benchmarks.test_rates.reference`).
"""

import time

import numpy as np
import pytest

from annette.platforms import load_platform
from annette.spaces.compiled import compile_space
from annette.spaces.nasbench101 import NasBench101
from annette.spaces.nasbench201 import NasBench201
from annette.spaces.once_for_all import OnceForAll
from benchmarks.test_rates import in_turns

PLATFORMS = ("epyc-onnxruntime", "epyc-openvino-fp32", "zcu102-dnndk")
SPACES = {"nasbench101": (NasBench101, 8192), "once-for-all": (OnceForAll, 32768)}


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("space", SPACES)
def test_candidates_of_a_compiled_space(benchmark, space, platform):
    make, count = SPACES[space]
    start = time.process_time()
    prices = compile_space(make(), load_platform(platform))
    compile_s = time.process_time() - start
    candidates = prices.space.sample(count, np.random.default_rng(1))
    in_turns(benchmark, lambda: prices.price(candidates), count=count, rounds=3)
    benchmark.extra_info["lines"].append(
        f"compiled in {compile_s:.2f} s of processor time, {prices.mapped} candidates mapped"
    )


def test_cost_grows_with_the_number_of_candidates(benchmark):
    prices = compile_space(OnceForAll(resolutions=(160, 192, 224)), load_platform("epyc-onnxruntime"))
    candidates = prices.space.sample(10**6, np.random.default_rng(1))
    prices.price(candidates[:1000])
    lines = []

    def all_counts():
        lines.clear()
        for power in range(2, 7):
            start = time.process_time()
            prices.price(candidates[: 10**power])
            took_s = time.process_time() - start
            lines.append(f"10^{power} candidates: {took_s:.3f} s, {10**power / took_s:.0f}/s")

    benchmark.pedantic(all_counts, rounds=1)
    benchmark.extra_info["lines"] = lines


@pytest.mark.parametrize("platform", ["epyc-onnxruntime", "xeon-onnxruntime", "zcu102-dnndk"])
def test_all_of_nasbench201(benchmark, platform):
    start = time.process_time()
    prices = compile_space(NasBench201(), load_platform(platform))
    compile_s = time.process_time() - start
    candidates = prices.space.numbered(0, prices.space.size)
    start = time.process_time()
    prices.price(candidates)
    all_s = time.process_time() - start
    in_turns(benchmark, lambda: prices.price(candidates), count=len(candidates), rounds=3)
    benchmark.extra_info["lines"].append(
        f"compiled in {compile_s:.2f} s of processor time, all candidates in {all_s:.2f} s for the first time, "
        f"{prices.mapped} candidates mapped"
    )
