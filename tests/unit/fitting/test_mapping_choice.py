"""The choice of a mapping: known rules where they agree as well, learned ones where they do not."""

import pytest

from annette.errors import FitError, OptionError
from annette.fitting.mapping_choice import choose_mapping
from annette.mapping.model import MappingModel
from annette.mapping.rule import Rule
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder
from tests.unit.fitting.watched import watched

NARROW = MappingModel(
    "narrow",
    (
        Rule.parse(
            "conv-act", "anchor conv = conv > act = relu|sigmoid", "conv.out_channels <= 20", description="small ones"
        ),
    ),
)


def runs(device):
    found = []
    for number, channels in enumerate(range(4, 44, 1)):
        net = NetworkBuilder(f"n{number}", source_format="test")
        y = net.conv(net.input("x", (1, 8, 8, 8)), channels, 3, padding=1, name="conv")
        y = net.activation(y, "relu" if number % 2 else "sigmoid", name="act")
        found.append(watched(net.build(net.max_pool(y, 2, stride=2, name="pool")), device))
    return found


def test_a_runtime_without_a_preset_gets_learned_rules_and_is_told_how_good_they_are():
    choice = choose_mapping(runs(NARROW), {"runtime": "somebody's"})
    assert choice.mapping.name == "learned"
    assert "no rules are known for somebody's" in choice.reason
    learned, generic = choice.candidates
    assert (learned.name, generic.name) == ("learned", "generic")
    assert learned.quality.pairs.matthews > 0.9 > generic.quality.pairs.matthews
    assert choice.networks == 40
    assert "Matthews correlation" in choice.notes[0]


def test_known_rules_are_taken_where_they_agree_as_well():
    choice = choose_mapping(runs(preset("onnxruntime-cpu")), {"runtime": "onnxruntime"})
    assert choice.mapping.name == "onnxruntime-cpu"
    assert choice.candidates[0].quality.pairs.matthews == 1.0


def test_known_rules_that_do_not_agree_are_replaced():
    choice = choose_mapping(runs(NARROW), {"runtime": "onnxruntime"})
    assert choice.mapping.name == "learned"
    assert [entry.name for entry in choice.candidates] == ["learned", "onnxruntime-cpu"]


def test_what_is_asked_for_is_taken_and_judged_all_the_same():
    choice = choose_mapping(runs(NARROW), {"runtime": "onnxruntime"}, request="generic")
    assert choice.mapping.name == "generic"
    assert choice.candidates[0].quality.pairs.precision < 1
    assert choose_mapping(runs(NARROW), {}, request="learned").mapping.name == "learned"


def test_without_measured_kernels_known_rules_remain():
    assert choose_mapping([], {"runtime": "onnxruntime"}).mapping.name == "onnxruntime-cpu"
    choice = choose_mapping([], {"runtime": "somebody's"})
    assert choice.mapping.name == "generic"
    assert not choice.candidates
    with pytest.raises(FitError, match="cannot be learned"):
        choose_mapping([], {}, request="learned")


def test_a_mapping_that_does_not_exist_is_named():
    with pytest.raises(OptionError, match=r"no mapping 'learnt'.*learned"):
        choose_mapping([], {}, request="learnt")


def test_the_same_runs_give_the_same_rules():
    first, second = (choose_mapping(runs(NARROW), {}).mapping for _ in range(2))
    assert first.to_json() == second.to_json()
