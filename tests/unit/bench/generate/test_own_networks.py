"""What is made of a user's networks, and what it may not be."""

import math

import pytest

from annette.bench.generate import generate_plan
from annette.bench.generate.own_networks import known_mapping, with_own_networks
from annette.bench.measurement import Settings
from annette.bench.plan import Plan
from annette.bench.records import Purpose
from annette.errors import OptionError
from annette.mapping.kernel import KernelTable, Precision
from annette.mapping.rules import preset
from annette.network import zoo
from annette.network.builder import NetworkBuilder
from annette.network.graph_json import graph_digest

MAPPING = preset("onnxruntime-cpu")


def narrow():
    """A network with a kernel that no plan has: 37 taps along one side of a map of 3 channels."""
    net = NetworkBuilder("narrow")
    x = net.relu(net.conv(net.input("x", (1, 3, 90, 200)), 5, (1, 37), padding="half", name="odd"))
    y = net.relu(net.conv(x, 24, 3, stride=2, padding="half", name="usual"))
    return net.build(net.softmax(net.fully_connected(net.flatten(net.global_average_pool(y)), 10)))


def single():
    net = NetworkBuilder("single")
    return net.build(net.relu(net.conv(net.input("x", (1, 16, 20, 20)), 32, 3)))


@pytest.fixture(scope="module")
def general():
    plan = generate_plan("quick")
    return Plan(plan.name, plan.cases[::3])


def planned(general, networks, *, share=0.3, budget_s=20.0, target="cpu"):
    return with_own_networks(
        general, networks, mapping=MAPPING, target=target, share=share, budget_s=budget_s, settings=Settings()
    )


@pytest.fixture(scope="module")
def resnet(general):
    return planned(general, {"mine": zoo.build("resnet18")})


def own(plan):
    return [case for case in plan.cases if case.made_for]


def test_a_share_of_the_budget_is_for_the_networks_and_all_is_within_it(general, resnet):
    spent_s = sum(case.expected_s for case in own(resnet))
    assert 0.2 * 20 < spent_s <= 0.3 * 20
    assert 0.9 * 20 < resnet.expected_s <= 20
    assert {case.id for case in resnet.cases if not case.made_for} <= {case.id for case in general.cases}
    assert resnet.name.startswith("quick-")  # others may still take its place on devices that tell totals only


def test_without_a_budget_the_plan_stays_whole_and_they_come_on_top(general):
    plan = planned(general, {"mine": zoo.build("resnet18")}, budget_s=None, share=0.1)
    assert {case.id for case in general.cases} <= {case.id for case in plan.cases}
    assert 0.05 < sum(case.expected_s for case in own(plan)) / plan.expected_s <= 0.1


def test_kernels_come_alone_in_company_and_at_other_sizes_spread_over_the_campaign(resnet):
    cases = own(resnet)
    forms = {case.id.rpartition("/")[2] for case in cases}
    assert forms == {"alone", "company", "varied0", "varied1"}
    assert all(case.purpose is (Purpose.CHAIN if "company" in case.id else Purpose.MICRO_KERNEL) for case in cases)
    company = [case for case in cases if case.purpose is Purpose.CHAIN]
    assert all(case.evicted_bytes > 0 for case in company)
    assert all(case.evicted_ops >= zoo.build("resnet18").ops for case in company)  # what moves data takes time, too
    assert all(case.group.startswith("for/") for case in cases)
    places = [place for place, case in enumerate(resnet.cases) if case.made_for]
    assert min(places) < len(resnet.cases) / 10
    assert max(places) > len(resnet.cases) * 0.9


def test_the_like_of_each_is_the_kernel_that_it_was_made_for(resnet):
    for case in own(resnet):
        table = KernelTable.from_kernels(MAPPING.apply(case.network), case.network, Precision())
        assert case.group.partition("/")[2] in table.kinds.tolist()


def test_what_no_plan_has_comes_first(general):
    plan = planned(general, {"narrow": narrow()}, share=0.05)
    first = min(own(plan), key=lambda case: case.id.split("/")[2])
    assert {layer.name for layer in first.network.layers} & {"odd"}


def test_it_says_which_networks_have_the_kernel(general):
    network = zoo.build("resnet18")
    plan = planned(general, {"a": network, "b": zoo.build("resnet18"), "c": narrow()}, share=0.5)
    digest = graph_digest(network)
    stated = {case.made_for for case in own(plan)}
    assert (("a", digest), ("b", digest)) in stated
    assert any(names == (("c", graph_digest(narrow())),) for names in stated)


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_no_case_is_a_whole_network(general, share):
    networks = {"narrow": narrow(), "alexnet": zoo.build("alexnet"), "single": single()}
    plan = planned(general, networks, share=share, budget_s=60.0)
    whole = {graph_digest(network) for network in networks.values()}
    assert not whole & {graph_digest(case.network) for case in plan.cases}
    runs = {name: layers_that_run(network) for name, network in networks.items()}
    for case in own(plan):
        if "varied" not in case.id:
            layers = {layer.name for layer in case.network.layers}
            assert not any(layers >= runs[name] for name, _ in case.made_for)


def layers_that_run(network):
    return {layer.name for kernel in MAPPING.apply(network) if not kernel.free for layer in kernel.layers}


def test_of_a_network_of_one_kernel_there_are_only_others_like_it(general):
    plan = planned(general, {"single": single()})
    assert {case.id.rpartition("/")[2] for case in own(plan)} == {"varied0", "varied1"}


def test_where_nothing_can_be_cut_out_it_says_so(general):
    net = NetworkBuilder("view")
    network = net.build(net.transpose(net.input("x", (1, 8, 8)), (0, 2, 1)))
    with pytest.raises(OptionError, match="nothing can be cut out of view"):
        planned(general, {"view": network})


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, math.nan])
def test_a_share_is_between_0_and_1(general, share):
    with pytest.raises(OptionError, match="not between 0 and 1"):
        planned(general, {"mine": single()}, share=share)


def test_plans_of_integers_have_them_quantised(general):
    plan = planned(general, {"mine": zoo.build("squeezenet1_1")}, target="cpu-int8", share=0.5)
    kinds = {layer.kind for case in own(plan) for layer in case.network.layers}
    assert kinds & {"quantize", "dequantize"}
    assert {"dynamic_quantize"} & kinds
    assert any(case.group == "for/conv@int8" for case in own(plan))


def test_compilers_for_accelerators_see_kernels_in_company_only():
    general = generate_plan("quick", target="npu")
    plan = with_own_networks(
        general, {"mine": zoo.build("mobilenet_v2")}, mapping=preset("generic"), target="npu", share=0.1,
        budget_s=20.0, settings=Settings(),
    )  # fmt: skip
    assert {case.id.rpartition("/")[2] for case in own(plan)} == {"company"}
    assert not any(case.evicted_bytes for case in own(plan))


def test_it_is_the_same_every_time_and_survives_as_a_file(general, resnet):
    again = planned(general, {"mine": zoo.build("resnet18")})
    assert again.digest() == resnet.digest()
    assert Plan.from_text(resnet.to_text()).digest() == resnet.digest()


def test_the_mapping_is_that_of_the_device_family_or_the_generic_one():
    assert known_mapping("onnxruntime", {}).name == "onnxruntime-cpu"
    assert known_mapping("openvino", {}).name == "generic"
    with pytest.raises(OptionError, match="known"):
        known_mapping("onnxruntime", {"colour": "red"})
