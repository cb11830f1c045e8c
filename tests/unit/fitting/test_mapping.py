"""Learned mappings: devices with known rules, and what is learned from watching them."""

import itertools
import math
from dataclasses import replace
from random import Random

import pytest

from annette.errors import FitError
from annette.evaluation.mapping_quality import mapping_quality
from annette.fitting.mapping import learn_mapping
from annette.fitting.mapping_choice import choose_layout
from annette.mapping.condition_fields import layout_condition
from annette.mapping.layout import Layout, LayoutModel, LayoutRule
from annette.mapping.model import MappingModel
from annette.mapping.rule import Action, Rule
from annette.network.builder import NetworkBuilder
from tests.unit.fitting.watched import watched

BASE = MappingModel("base")
DEVICE = MappingModel(
    "device",
    (
        Rule.parse("conv-relu", "anchor first = conv > second = relu", description="always"),
        Rule.parse(
            "conv-pool", "anchor first = conv > second = max_pool", "first.out_channels <= 48", description="small"
        ),
    ),
)
RESIDUALS = MappingModel(
    "residuals",
    (
        Rule.parse(
            "conv-add", ["anchor first = conv", "second = add(first, other)"],
            "other.shape == first.output_shape", "other.origins lacks input", description="from the same layout",
        ),
    ),
)  # fmt: skip
LAYOUTS = LayoutModel(
    (
        LayoutRule(("conv",), Layout.BLOCKED, Layout.BLOCKED, (layout_condition("kernel.out_channels % 8 == 0"),)),
        LayoutRule(("max_pool",), Layout.BLOCKED, Layout.BLOCKED),
        LayoutRule(("relu",), Layout.SAME, Layout.SAME),
    ),
    to_blocked="pack",
    to_plain="unpack",
    transposes=False,
    copies_residuals=True,
)


def run(channels, side, follower, number):
    net = NetworkBuilder(f"n{number}", source_format="test")
    y = net.conv(net.input("x", (1, 8, side, side)), channels, 3, padding=1, name="conv")
    y = net.relu(y, name="after") if follower == "relu" else net.max_pool(y, 2, stride=2, name="after")
    return watched(net.build(net.activation(y, "sigmoid", name="end")), DEVICE)


def runs(widths, side):
    return [
        run(channels, side, follower, number)
        for number, (channels, follower) in enumerate((c, f) for c in widths for f in ("relu", "pool"))
    ]


def residual(other, channels, first, number):
    """A convolution whose result is added to something else, as the first or the second operand of the sum."""
    net = NetworkBuilder(f"{other}{number}", source_format="test")
    x = net.input("x", (1, 16, 8, 8))
    y = net.conv(x, channels, 3, padding=1, name="conv")
    z = {
        "input": lambda: net.input("z", (1, channels, 8, 8)),
        "shifted input": lambda: net.relu(net.input("z", (1, channels, 8, 8)), name="z/relu"),
        "pool": lambda: net.max_pool(net.conv(x, channels, 1, name="z/conv"), 3, stride=1, padding=1, name="z/pool"),
        "vector": lambda: net.max_pool(net.conv(x, channels, 1, name="z/conv"), 8, stride=8, name="z/pool"),
    }[other]()
    total = net.add(y, z, name="sum") if first else net.add(z, y, name="sum")
    return net.build(net.activation(total, "sigmoid", name="end"))


OTHERS = ("input", "shifted input", "pool", "vector")


def residuals(widths, device=RESIDUALS):
    cases = itertools.product(OTHERS, widths, (True, False))
    return [watched(residual(*case, number), device) for number, case in enumerate(cases)]


def layouts(widths, device):
    found = []
    for number, (channels, width) in enumerate(itertools.product(widths, (8, 12, 16))):
        net = NetworkBuilder(f"l{number}", source_format="test")
        y = net.relu(net.conv(net.input("x", (1, 6, 16, 16)), channels, 3, padding=1, name="c1"), name="r1")
        y = net.conv(net.max_pool(y, 2, stride=2, name="p"), width, 1, name="c2")
        found.append(watched(net.build(net.activation(net.activation(y, "tanh", name="t"), "relu", name="r2")), device))
    return found


def figures(agreement):
    return agreement.precision, agreement.recall, agreement.matthews


def test_known_rules_are_recovered_and_hold_on_networks_that_were_not_watched():
    learned = learn_mapping(runs(range(8, 97, 8), 16), base=BASE)
    assert figures(mapping_quality(learned, runs(range(6, 120, 12), 24)).pairs) == (1.0, 1.0, 1.0)
    assert MappingModel.from_json(learned.to_json()) == learned
    conditions = [str(condition) for rule in learned.rules for condition in rule.conditions]
    assert any("out_channels <= 52" in condition for condition in conditions)


def test_what_the_other_operand_of_a_sum_must_be_is_recovered():
    learned = learn_mapping(residuals((8, 16, 24)), base=BASE)
    assert figures(mapping_quality(learned, residuals((12, 40))).pairs) == (1.0, 1.0, 1.0)
    (rule,) = (rule for rule in learned.rules if "add" in rule.name)
    assert "add(first, other)" in str(rule.nodes[-1])
    assert {reference.field for condition in rule.conditions for reference in condition.references} & {
        "origins", "output_shape", "shape", "broadcasts",
    }  # fmt: skip


def test_layers_that_never_run_are_recovered():
    device = MappingModel(
        "device", (Rule.parse("t", "node = tanh", "node.in_channels <= 12", description="gone", action=Action.FREE),)
    )
    learned = learn_mapping(layouts(range(4, 33, 4), device), base=BASE)
    found = mapping_quality(learned, layouts((10, 20), device)).removed
    assert figures(found) == (1.0, 1.0, 1.0)
    assert found.both > 0


def test_copies_between_layouts_are_recovered():
    device = replace(BASE, layout=LAYOUTS)
    plain = learn_mapping(layouts(range(4, 49, 4), device), base=BASE)
    learned = replace(plain, layout=choose_layout(plain, layouts(range(4, 49, 4), device)))
    found = mapping_quality(learned, layouts((20, 56), device)).copies
    assert figures(found) == (1.0, 1.0, 1.0)
    assert found.both > 0
    assert MappingModel.from_json(learned.to_json()) == learned


def test_a_runtime_without_copies_gets_no_layouts():
    watched_runs = layouts(range(4, 49, 4), BASE)
    assert choose_layout(learn_mapping(watched_runs, base=BASE), watched_runs) is None


def test_recognised_subgraphs_are_kept_only_where_they_ran_as_one():
    def gelu(device):
        net = NetworkBuilder("g", source_format="test")
        return watched(net.build(net.activation(net.input("x", (1, 8, 8, 8)), "mish", name="act")), device)

    known = MappingModel(
        "known",
        (Rule.parse("mish", "soft = softplus > bent = tanh", description="m", action=Action.RECOGNISE, kind="mish"),),
    )
    assert learn_mapping([gelu(BASE)], base=known).rules == ()
    assert learn_mapping([gelu(known)], base=known).rules == known.rules


def test_known_rules_are_believed_about_pairs_that_were_never_measured():
    known = MappingModel(
        "known", (Rule.parse("act", "anchor conv = conv > act = relu|max_pool|tanh", description="all activations"),)
    )
    learned = learn_mapping(runs(range(8, 97, 8), 16), base=BASE, otherwise=known)
    believed = {kind for rule in learned.rules if rule.name == "act.conv" for kind in rule.nodes[-1].kinds}
    assert believed == {"tanh"}


def test_known_rules_that_are_wrong_about_what_was_measured_are_not_believed_about_the_rest():
    known = MappingModel(
        "known", (Rule.parse("act", "anchor conv = conv > act = relu|max_pool|tanh", description="all activations"),)
    )
    apart = [replace(one, kernels=watched(one.network, BASE).kernels) for one in runs(range(8, 97, 8), 16)]
    assert learn_mapping(apart, base=BASE, otherwise=known).rules == ()


def test_layers_that_never_run_are_not_joined_by_known_rules():
    known = MappingModel(
        "known", (Rule.parse("act", "anchor conv = conv > act = relu|tanh|mish", description="all activations"),)
    )
    gone = Rule.parse("gone", "node = tanh", description="gone", action=Action.FREE)

    device = MappingModel("device", (gone, Rule.parse("r", "anchor c = conv > a = relu", description="r")))

    def lost(act, number):
        net = NetworkBuilder(f"f{number}", source_format="test")
        y = net.conv(net.input("x", (1, 8, 8, 8)), 8 + number, 1, name="conv")
        return watched(net.build(net.max_pool(net.activation(y, act, name="act"), 2, stride=2, name="pool")), device)

    seen = [lost(act, number) for number, act in enumerate(("relu", "tanh") * 6)]
    learned = learn_mapping(seen, base=BASE, otherwise=known)
    found = mapping_quality(learned, [lost(act, number) for number, act in enumerate(("relu", "tanh") * 3, start=40)])
    assert figures(found.removed) == figures(found.pairs) == (1.0, 1.0, 1.0)


ACTIVATIONS = ("relu", "sigmoid", "tanh", "leaky_relu", "hard_swish", "elu")


def random_rules(random):
    """Some activations behind convolutions, of some widths; perhaps normalizations, sums and pools."""
    acts = "|".join(random.sample(ACTIVATIONS, random.randint(1, 4)))
    condition = random.choice(
        [[], ["conv.out_channels <= 40"], ["conv.kernel_height == 1"], ["conv.out_channels % 8 == 0"]]
    )
    chosen = [
        Rule.parse("norm", "anchor conv = conv > norm = batch_norm", description="norm"),
        Rule.parse("sum", ["anchor conv = conv", "total = add(conv, other)"], description="sum"),
        Rule.parse("pool", "anchor conv = conv > pool = max_pool", "pool.kernel_height == 2", description="pool"),
    ]
    chosen = [rule for rule in chosen if random.random() < 0.6]
    return MappingModel(
        "device", (*chosen, Rule.parse("act", f"anchor conv = conv > act = {acts}", *condition, description="act"))
    )


def random_network(random, number):
    net = NetworkBuilder(f"r{number}", source_format="test")
    x = net.input("x", (1, 8, 16, 16))
    for _ in range(4):
        y = net.conv(x, 4 * random.randint(1, 20), random.choice([1, 3]), padding="half")
        y = net.batch_norm(y) if random.random() < 0.5 else y
        if random.random() < 0.3:
            y = net.add(y, net.conv(x, y.shape[1], 1))
        y = net.activation(y, random.choice(ACTIVATIONS)) if random.random() < 0.8 else y
        x = (
            net.max_pool(y, kernel := random.choice([2, 3]), stride=1, padding=kernel // 2)
            if random.random() < 0.3
            else y
        )
    return net.build(x)


@pytest.mark.parametrize("seed", range(6))
def test_random_rules_are_recovered(seed):
    random = Random(seed)
    device = random_rules(random)
    networks = [random_network(random, number) for number in range(400)]
    learned = learn_mapping([watched(net, device) for net in networks[:300]], base=BASE)
    quality = mapping_quality(learned, [watched(net, device) for net in networks[300:]])
    assert figures(quality.pairs) == (1.0, 1.0, 1.0)


def test_a_mapping_that_joins_nothing_has_no_recall():
    pairs = mapping_quality(BASE, runs((16, 64), 16)).pairs
    assert pairs.recall == 0
    assert math.isnan(pairs.precision)


def test_nothing_can_be_learned_from_nothing():
    with pytest.raises(FitError, match="which layers ran in which kernel"):
        learn_mapping([], base=BASE)
