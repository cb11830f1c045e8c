"""Reading and writing rules; what is wrong is said with the rule's name and the field."""

import json

import pytest

from annette.errors import MappingError
from annette.mapping.condition import Condition
from annette.mapping.model import MappingModel
from annette.mapping.pattern import Node, Role, parse_pattern
from annette.mapping.rule import Rule

GOOD = {
    "name": "good",
    "description": "A sentence.",
    "pattern": ["anchor conv = conv|grouped_conv", "act = @activation(conv)"],
    "conditions": ["conv.out_channels <= 64", "act.kind not in [prelu, elu]"],
    "action": "fuse",
}


def test_a_rule_reads_back_as_it_was_written():
    rule = Rule.from_json(GOOD)
    assert rule.to_json() == GOOD
    assert Rule.from_json(json.loads(json.dumps(rule.to_json()))) == rule
    assert hash(rule) == hash(Rule.from_json(GOOD))


def test_chains_are_a_short_form_of_lines():
    nodes = parse_pattern("anchor conv = conv|grouped_conv > batch_norm > shared act = @activation > conv")
    assert [str(node) for node in nodes] == [
        "anchor conv = conv|grouped_conv",
        "batch_norm = batch_norm(conv)",
        "shared act = @activation(batch_norm)",
        "n4 = conv(act)",
    ]


def test_a_line_holds_role_name_kinds_and_operands():
    node = Node.parse("shared total = add|mul(x, $scale, _, parts:1)")
    assert node == Node("total", ("add", "mul"), ("x", "$scale", "_", "parts:1"), Role.SHARED)
    assert Node.parse(str(node)) == node


@pytest.mark.parametrize(
    "line",
    [
        "conv.out_channels % 16 == 0",
        "act.attributes.mode == 'two words'",
        "a.x in [1, 2.5, word, 'two, words', true, b.y]",
        "a.attributes.x is missing",
        "$scale.elements == conv.out_channels",
        "a.layer_kinds lacks relu",
        "a.x != 'true'",
        "a.x > -1e-05",
    ],
)
def test_a_condition_reads_back_as_it_was_written(line):
    condition = Condition.parse(line)
    assert str(condition) == line
    assert Condition.parse(str(condition)) == condition


@pytest.mark.parametrize(
    ("change", "field", "what"),
    [
        ({"name": "Bad Name"}, "name", "lower-case"),
        ({"description": " "}, "description", "empty"),
        ({"description": 3}, "description", "is 3: it must be text"),
        ({"pattern": []}, "pattern", "no nodes"),
        ({"pattern": 7}, "pattern", "is 7: it must be text or a list"),
        ({"pattern": ["conv"]}, "pattern", "no name"),
        ({"pattern": ["conv = conv(("]}, "pattern", "not of the form"),
        ({"pattern": ["a = conv(X!)"]}, "pattern", "no name, '$' or '_'"),
        ({"pattern": ["a = conv", "a = relu(a)"]}, "pattern", "two nodes 'a'"),
        ({"pattern": ["a = conv", "b = relu"]}, "pattern", "'a' does not feed"),
        ({"pattern": ["a = conv(b)", "b = relu(a)"]}, "pattern", "not above it"),
        ({"pattern": ["a = conv(b:1)", "b = relu(a)"]}, "pattern", "no such node is above"),
        ({"pattern": ["a = @activations", "b = relu(a)"]}, "pattern", "did you mean 'activation'"),
        ({"pattern": ["anchor a = conv", "anchor b = relu(a)"]}, "pattern", "two nodes as anchor"),
        ({"pattern": ["context a = conv", "context b = relu(a)"]}, "pattern", "only context"),
        ({"pattern": ["a = conv", "b = relu(a)", "context c = add(a, b)"]}, None, ""),
        ({"pattern": ["a = conv", "b = relu", "context c = add(a, b)"]}, "pattern", "last that is taken"),
        ({"pattern": " > ".join(["relu"] * 65)}, "pattern", "64 are the limit"),
        ({"pattern": ["a = conv", "b = concat(a, _, _, _, _)"]}, "pattern", "more than 4 operands"),
        ({"pattern": "conv > relu(x)"}, "pattern", "the chain does"),
        ({"pattern": ["a = conv"]}, "action", "two nodes"),
        ({"action": "melt"}, "action", "is 'melt': it must be one of fuse, recognise, free"),
        ({"action": "free"}, "action", "needs one node"),
        ({"action": "free", "pattern": "conv", "kind": "relu"}, "kind", "does not go"),
        ({"action": "recognise"}, "kind", "must be a kind of layer"),
        ({"action": "recognise", "kind": "layer_nrom"}, "kind", "did you mean 'layer_norm'"),
        ({"action": "recognise", "kind": "attention", "pattern": "conv > relu"}, "pattern", "must mark an anchor"),
        ({"kind": "No Kind"}, "kind", "lower-case"),
        ({"kind": 3}, "kind", "is 3: it must be text"),
        ({"attributes": {"axis": 1}}, "attributes", "belong to"),
        (
            {"action": "recognise", "kind": "gelu", "attributes": {"a": {"from": "nobody.x"}}},
            "attributes",
            "no attribute",
        ),
        ({"action": "recognise", "kind": "gelu", "attributes": {"a": None}}, "attributes.a", "is null: it must be"),
        ({"attributes": []}, "attributes", "is a list: it must be an object"),
        ({"conditions": "conv.out_channels == 1"}, "conditions", "it must be a list"),
        ({"conditions": ["conv.out_chanels == 1"]}, "conditions", "did you mean 'out_channels'"),
        ({"conditions": ["cnv.out_channels == 1"]}, "conditions", "did you mean 'conv'"),
        ({"conditions": ["conv.out_channels ~ 1"]}, "conditions", "not of the form"),
        ({"conditions": ["conv.out_channels < word"]}, "conditions", "compares numbers"),
        ({"conditions": ["conv.out_channels in 3"]}, "conditions", "a list"),
        ({"conditions": ["conv.out_channels > [3]"]}, "conditions", "one value"),
        ({"conditions": ["conv.out_channels % 1 == 0"]}, "conditions", "2 or more"),
        ({"conditions": ["conv.out_channels is large"]}, "conditions", "'present' or 'missing'"),
        ({"conditions": ["conv.out_channels == a b"]}, "conditions", "no number"),
        ({"colour": "red"}, "colour", "is not known here; known: name, description"),
    ],
)
def test_what_is_wrong_is_said_with_rule_and_field(change, field, what):
    data = GOOD | {"conditions": []} | change
    if field is None:
        assert Rule.from_json(data).name == "good"
        return
    with pytest.raises(MappingError) as caught:
        Rule.from_json(data)
    message = str(caught.value)
    assert "\n" not in message
    assert repr(data["name"]) in message
    assert repr(field) in message or f"$.{field} " in message
    assert what in message


@pytest.mark.parametrize("data", [None, [], "rule", {}, {"name": 3}])
def test_what_is_no_rule_is_refused(data):
    with pytest.raises(MappingError, match="a rule"):
        Rule.from_json(data)


def test_a_tensor_has_other_fields_than_a_node():
    data = GOOD | {"pattern": ["conv = conv(x)", "act = relu(conv)"], "conditions": ["x.out_channels == 3"]}
    with pytest.raises(MappingError, match="a tensor has no field 'out_channels'"):
        Rule.from_json(data)


def test_models_read_back_and_refuse_what_they_cannot_mean():
    rule = Rule.from_json(GOOD)
    model = MappingModel("m", (rule,))
    assert MappingModel.from_json(json.loads(json.dumps(model.to_json()))) == model
    with pytest.raises(MappingError, match="two rules named 'good'"):
        MappingModel("m", (rule, rule))
    pooled = Rule.parse("after", "conv_pol > relu", description="x")
    maker = Rule.parse("maker", "conv > max_pool", description="x", kind="conv_pool")
    with pytest.raises(MappingError, match=r"rule 'after'.*'conv_pol'.*did you mean 'conv_pool'"):
        MappingModel("m", (maker, pooled))
    for data, what in (
        ([], "an object"),
        ({"schema": "annette/mapping/2"}, "annette/mapping/2"),
        ({"schema": "annette/mapping/1"}, r"\$\.name is missing"),
        ({"schema": "annette/mapping/1", "name": "m", "rules": {}}, "a list"),
        ({"schema": "annette/mapping/1", "name": "m", "rules": [], "rule": []}, "did you mean 'rules'"),
    ):
        with pytest.raises(MappingError, match=what):
            MappingModel.from_json(data)
