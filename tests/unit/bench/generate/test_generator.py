from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from annette.bench.generate import generate_plan
from annette.bench.generate.recipe import ALIGNED, ODD, VECTOR, Sampler
from annette.bench.plan import Plan
from annette.bench.records import Purpose
from annette.errors import OptionError
from annette.network import zoo
from annette.network.graph_json import graph_digest


@pytest.fixture(scope="module")
def quick():
    return generate_plan("quick")


@pytest.fixture(scope="module")
def full():
    return generate_plan("full")


def test_is_deterministic_and_a_seed_makes_another(quick):
    assert generate_plan("quick").digest() == quick.digest()
    other = generate_plan("quick", seed=1)
    assert not {case.id for case in other.cases} & {case.id for case in quick.cases}
    random = [case for case in other.cases if case.purpose is not Purpose.FUSION_PROBE and "sweep" not in case.group]
    known = {graph_digest(case.network) for case in quick.cases}
    assert sum(graph_digest(case.network) in known for case in random) < 0.05 * len(random)


def test_quick_is_part_of_full(quick, full):
    cases = {case.id: case for case in full.cases}
    assert all(graph_digest(cases[case.id].network) == graph_digest(case.network) for case in quick.cases)


def test_the_whole_plan_of_integers_has_what_can_be_quantised_of_the_other(full):
    groups = {case.group for case in generate_plan("full", target="cpu-int8").cases}
    shared = groups & {case.group for case in full.cases}
    assert len(shared) > 200
    assert shared > {"conv-3x3/strided", "fully-connected/many-tokens", "lstm/wide"}


def test_presets_take_the_time_they_promise(quick, full):
    assert 60 < quick.expected_s < 200
    assert 240 < full.expected_s < 800


def test_no_network_is_measured_twice_within_a_group(full):
    counts = Counter((case.group, graph_digest(case.network), case.evicted_bytes) for case in full.cases)
    assert max(counts.values()) == 1


def test_every_purpose_and_alignment_has_its_share(full):
    purposes = Counter(case.purpose for case in full.cases)
    assert purposes[Purpose.MICRO_KERNEL] >= 700
    assert purposes[Purpose.CHAIN] >= 400
    assert purposes[Purpose.COLD_WEIGHTS] >= 150
    assert purposes[Purpose.FUSION_PROBE] >= 300
    for alignment in (ALIGNED, VECTOR, ODD):
        assert sum(case.group.endswith(alignment) for case in full.cases) >= 40


def test_chains_stand_in_quick_networks_too_whose_weights_a_last_cache_holds(full):
    cases = [case for case in full.cases if case.group.endswith("/quick-network")]
    assert len(cases) > 50
    assert {case.purpose for case in cases} == {Purpose.COLD_WEIGHTS}
    others = [case for case in full.cases if case.evicted_bytes and case not in cases]
    assert max(case.evicted_bytes for case in cases) < min(case.evicted_bytes for case in others)
    assert len({case.evicted_ops for case in cases}) == 6


@pytest.mark.parametrize(
    ("kind", "least"),
    [
        ("conv", 1500), ("depthwise_conv", 300), ("grouped_conv", 100), ("conv_transpose", 40),
        ("fully_connected", 400), ("matmul", 150), ("softmax", 100), ("layer_norm", 150), ("batch_norm", 50),
        ("max_pool", 60), ("average_pool", 40), ("global_average_pool", 100), ("add", 400), ("mul", 300),
        ("concat", 150), ("split", 60), ("slice", 40), ("pad", 10), ("transpose", 300), ("resize_nearest", 20),
        ("resize_linear", 15), ("gather", 60),
        ("lstm", 60), ("gru", 40), ("rnn", 15), ("reduce_mean", 50), ("where", 15), ("instance_norm", 12),
        ("depth_to_space", 3), ("log_softmax", 8), ("tile", 8), ("expand", 30), ("global_max_pool", 5),
    ],
)  # fmt: skip
def test_every_kind_that_networks_have_is_in_it(full, kind, least):
    kinds = Counter(layer.kind for case in full.cases for layer in case.network.layers)
    assert kinds[kind] >= least


def test_integer_accelerators_have_a_plan_of_their_own():
    quick, full = generate_plan("quick", target="npu"), generate_plan("full", target="npu")
    assert {case.id for case in quick.cases} < {case.id for case in full.cases}
    assert {case.purpose for case in full.cases} == {Purpose.MICRO_KERNEL, Purpose.CHAIN}
    kinds = Counter(layer.kind for case in full.cases for layer in case.network.layers)
    assert kinds["conv"] > 2000
    assert kinds["depthwise_conv"] > 300
    assert not {"layer_norm", "erf", "matmul"} & kinds.keys()
    assert not any(case.evicted_bytes for case in full.cases)


@pytest.mark.parametrize("target", ["cpu", "npu"])
def test_sweeps_are_whole_and_fine_in_every_preset_and_budget(target):
    quick, full = (sweeps(generate_plan(preset, target=target)) for preset in ("quick", "full"))
    assert quick.keys() < full.keys()
    assert all(quick[group] == full[group] for group in quick)
    cut = sweeps(generate_plan("quick", target=target).within(60.0))
    channels = cut["sweep/conv-3x3/out-channels"]
    assert channels == full["sweep/conv-3x3/out-channels"]
    steps = [after - before for before, after in pairwise(channels) if after <= 64]
    assert max(steps) <= 4
    assert max(channels) == 128


def sweeps(plan):
    """The swept sizes of every sweep, ascending."""
    found = {}
    for case in plan.cases:
        if case.sweep:
            size = getattr(case.network.layers_by_name["swept"].workload.dimensions, case.sweep)
            found.setdefault(case.group, []).append(size)
    assert all(len(set(sizes)) == len(sizes) for sizes in found.values())
    return {group: sorted(sizes) for group, sizes in found.items()}


def test_stems_of_three_channels_have_real_counts(full):
    stems = [
        layer.workload.dimensions
        for case in full.cases
        for layer in case.network.layers
        if layer.kind == "conv" and layer.workload.dimensions.in_channels == 3
    ]
    assert len(stems) >= 60
    assert {(d.kernel_height, d.stride_height) for d in stems} >= {(3, 2), (7, 2), (16, 16), (4, 4)}


def test_what_runtimes_do_one_after_the_other_is_in_it(full):
    """Batches of sequences and windows, weights that are computed, deep volumes, windows as large as the map."""
    layers = [layer for case in full.cases for layer in case.network.layers]
    sizes = [(layer.kind, layer.workload.dimensions) for layer in layers]
    for kind in ("lstm", "gru", "rnn"):
        assert sum(each == kind and d.batch >= 8 and d.out_channels >= 64 for each, d in sizes) >= 4, kind
    convolutions = [d for kind, d in sizes if kind == "conv"]
    assert sum(d.input_count == 2 for d in convolutions) >= 10
    assert sum(d.batch >= 8 and d.in_height == 1 and d.out_width <= 32 for d in convolutions) >= 10
    assert sum(d.in_depth > 1 and d.in_channels >= 128 for d in convolutions) >= 6
    assert sum(kind == "depthwise_conv" and d.kernel_width >= d.in_width > 1 for kind, d in sizes) >= 4
    assert sum(kind == "conv_transpose" and d.in_width == 1 for kind, d in sizes) >= 3


def test_no_network_of_the_zoo_is_in_it_and_few_whole_ones_are(full):
    known = {graph_digest(zoo.build(name)) for name in ("resnet18", "mobilenet_v2", "squeezenet1_1", "alexnet")}
    assert not known & {graph_digest(case.network) for case in full.cases}
    whole = [case for case in full.cases if case.group.startswith("network/")]
    assert 80 <= len(whole) <= 100
    assert max(len(case.network.layers) for case in whole) < 600
    apart = ("split/", "network/")  # a split has a layer for each part
    blocks = [case for case in full.cases if not case.group.startswith(apart)]
    assert max(len(case.network.layers) for case in blocks) < 120


def test_a_plan_is_a_file(quick):
    part = Plan(quick.name, quick.cases[::50])
    assert Plan.from_text(part.to_text()).digest() == part.digest()


def test_batches_take_turns():
    plan = generate_plan("quick", batch=(1, 4))
    batches = Counter(case.network.batch for case in plan.cases)
    assert set(batches) == {1, 4}
    assert 0.5 < batches[1] / batches[4] < 2.5


def test_a_quarter_of_what_is_drawn_for_processors_has_several_samples(full):
    drawn = [case for case in full.cases if not case.sweep and case.purpose is not Purpose.FUSION_PROBE]
    batches = Counter(case.network.batch for case in drawn)
    several = sum(count for batch, count in batches.items() if batch > 1)
    assert 0.12 < several / len(drawn) < 0.3
    for low, high in ((2, 3), (4, 7), (8, 15), (16, 31), (32, 64)):
        assert sum(count for batch, count in batches.items() if low <= batch <= high) > several / 10
    assert max(case.expected_s for case in drawn if case.network.batch > 1) < 3.0
    assert all(case.network.batch == 1 for case in full.cases if case not in drawn)
    assert all(case.network.batch == 1 for case in generate_plan("quick", target="npu").cases)


def _convolutions(full):
    kinds = ("conv", "depthwise_conv")
    return [x.workload.dimensions for case in full.cases for x in case.network.layers if x.kind in kinds]


def test_convolutions_of_rare_shapes_are_in_it(full):
    found = _convolutions(full)
    assert sum(d.kernel_depth > 1 for d in found) >= 10
    assert sum(max(d.kernel_height, d.kernel_width) >= 9 for d in found) >= 80
    assert sum(d.kernel_width >= 100 and d.stride_width >= 40 for d in found) >= 15
    one_sided = [d for d in found if min(d.kernel_height, d.kernel_width) == 1 < max(d.kernel_height, d.kernel_width)]
    assert sum(d.in_channels >= 256 for d in one_sided) >= 10
    assert sum(d.dilation_width > 1 and d.in_height == 1 for d in one_sided) >= 15


def test_recurrent_layers_have_many_steps_and_large_states(full):
    found = [
        x.workload.dimensions for case in full.cases for x in case.network.layers if x.kind in ("lstm", "gru", "rnn")
    ]
    assert sum(d.out_width >= 200 for d in found) >= 10
    assert sum(d.out_channels >= 384 for d in found) >= 10
    assert {d.groups for d in found} == {1, 2}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preset": "tiny"}, "'tiny'"),
        ({"preset": "quick", "target": "gpu"}, "'gpu'"),
        ({"preset": "quick", "batch": (0,)}, r"\(0,\)"),
        ({"preset": "quick", "batch": ()}, "batch sizes"),
    ],
)
def test_refuses_what_makes_no_sense(arguments, message):
    with pytest.raises(OptionError, match=message):
        generate_plan(**arguments)


@pytest.mark.parametrize(
    ("alignment", "right"),
    [(ALIGNED, lambda c: c % 16 == 0), (VECTOR, lambda c: c % 4 == 0 and c % 16), (ODD, lambda c: c % 4)],
)
def test_channels_have_the_alignment_asked_for(alignment, right):
    counts = [Sampler(0, "g", index).channels(4, 600, alignment) for index in range(300)]
    assert all(map(right, counts))
    assert min(counts) < 40
    assert max(counts) > 400


def test_first_draws_are_spread_more_evenly_than_random_ones():
    even = np.sort([Sampler(0, "g", index).unit() for index in range(64)])
    assert np.diff(even).max() < 0.05


@pytest.mark.parametrize("index", range(40))
def test_feature_maps_keep_their_limits(index):
    channels, height, width = Sampler(3, "maps", index).feature_map((8, 512), sizes=(4, 100), most=1 << 18)
    assert channels * height * width <= 1 << 18
    assert min(height, width) >= 1
    assert 8 <= channels <= 528


def test_plans_of_quantised_networks_have_all_ways_in_turn(quick):
    plan = generate_plan("quick", target="cpu-int8")
    assert generate_plan("quick", target="cpu-int8").digest() == plan.digest()
    ways = Counter(
        case.network.name.partition("-")[2].rpartition("static-")[2].rpartition("-")[2] for case in plan.cases
    )
    assert ways["uint8"] > ways["int8"] > 0
    assert ways["dynamic"] > 0
    kinds = {layer.kind for case in plan.cases for layer in case.network.layers}
    assert {"quantize", "dequantize", "dynamic_quantize"} <= kinds
    assert not {case.id for case in plan.cases} & {case.id for case in quick.cases}
