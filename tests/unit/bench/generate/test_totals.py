"""Plans for totals: sums and differences that tell kernels apart."""

from collections import Counter, defaultdict

import pytest

from annette.bench.generate.totals import generate_totals_plan, work_s
from annette.bench.plan import Plan
from annette.errors import OptionError
from annette.network import zoo
from annette.network.graph_json import graph_digest


@pytest.fixture(scope="module", params=["cpu", "npu"])
def made(request):
    return generate_totals_plan(request.param)


def kinds(network):
    return Counter((layer.kind, layer.workload.dimensions) for layer in network.layers)


def test_a_block_is_repeated_twice_and_eight_times_at_the_same_sizes(made):
    pairs = defaultdict(dict)
    for case in made.cases:
        if case.group.startswith("repeat/"):
            number = int(case.id.rsplit("/", 1)[1])
            pairs[case.group, number // 2][number % 2] = case.network
    complete = [pair for pair in pairs.values() if len(pair) == 2]
    assert len(complete) > 0.9 * len(pairs)
    for pair in complete:
        few, many = kinds(pair[0]), kinds(pair[1])
        assert few.keys() <= many.keys()
        differing = [many[key] - few[key] for key in few if many[key] != few[key]]
        assert differing
        assert all(more % 3 == 0 for more in differing)  # 2 and 8 times, 1 and 4 times


def test_operators_are_measured_alone_and_in_pairs_on_one_shape(made):
    company = [case.network for case in made.cases if case.group == "company/conv"]
    seen = defaultdict(set)
    for network in company:
        anchor = network.layers[0].workload.dimensions
        seen[anchor].add(frozenset(layer.kind for layer in network.layers[2:]))
    assert any(
        {frozenset({"conv"}), frozenset({"relu"}), frozenset({"conv", "relu"})} <= found for found in seen.values()
    )


def test_no_network_is_one_of_the_zoo(made):
    known = {graph_digest(zoo.build(name)) for name in ("resnet18", "mobilenet_v2", "squeezenet1_1", "alexnet")}
    assert not known & {graph_digest(case.network) for case in made.cases}


def test_any_part_has_some_of_every_sort(made):
    part = made.within(made.expected_s / 6)
    sorts = {case.group.partition("/")[0] for case in part.cases}
    assert {"repeat", "company", "network"} <= sorts
    assert part.expected_s <= made.expected_s / 6


def test_the_whole_fits_half_an_hour_of_a_slow_board(made):
    start_s, inferences = 0.7, 20
    assert sum(start_s + inferences * work_s(case.network) for case in made.cases) < 1800


def test_heavy_layers_of_integers_are_as_heavy_as_those_of_large_networks():
    cases = [case for case in generate_totals_plan("npu").cases if case.group.startswith("heavy/")]
    networks = {
        group: [c.network for c in cases if c.group == f"heavy/{group}"] for group in ("conv", "rows", "attention")
    }
    heaviest = max(layer.workload.ops for network in networks["conv"] for layer in network.layers)
    assert heaviest > max(layer.workload.ops for layer in zoo.build("resnet50").layers)
    assert all(network.ops > 4e8 for network in networks["conv"])
    products = [layer for network in networks["rows"] for layer in network.layers if layer.kind == "fully_connected"]
    assert max(layer.workload.weight_bytes for layer in products) > max(
        layer.workload.weight_bytes for layer in zoo.build("resnet50").layers
    )
    scores = [layer.workload.dimensions for n in networks["attention"] for layer in n.layers if layer.kind == "matmul"]
    assert max(each.out_channels for each in scores) > 197


def test_seeds_and_documents():
    first = generate_totals_plan("npu")
    assert Plan.from_text(first.to_text()).digest() == first.digest()
    assert first.digest() == generate_totals_plan("npu").digest()
    assert first.digest() != generate_totals_plan("npu", seed=1).digest()


def test_bad_requests_are_refused():
    with pytest.raises(OptionError, match="batch"):
        generate_totals_plan(batch=(0,))
    with pytest.raises(OptionError, match="'gpu'"):
        generate_totals_plan("gpu")
