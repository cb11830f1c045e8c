"""Whatever the network and the rules: no layer is lost, no operation, no order."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annette.mapping.model import MappingModel
from annette.mapping.pattern import unknown_kinds
from annette.mapping.rule import Rule
from annette.mapping.rules import known_rules, preset, presets
from annette.testing.networks import networks, reordered

_KINDS = (
    "conv|depthwise_conv|grouped_conv", "@activation", "@binary", "add", "mul", "@normalization", "@movement", "@view",
    "@pooling|@global_pooling", "reduce_mean", "concat", "split", "@unary",
)  # fmt: skip
_FAST = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def _chains(draw):
    """Rules that fuse chains of two to four nodes, some shared or mere context: far wilder than any runtime's."""
    length = draw(st.integers(2, 4))
    roles = [draw(st.sampled_from(("", "", "shared", "context"))) for _ in range(length)]
    lines = []
    for index, role in enumerate(roles):
        operand = f"(n{index - 1})" if index else ""
        operand = f"({draw(st.sampled_from(('_', '$')))}, n{index - 1})" if index and draw(st.booleans()) else operand
        lines.append(f"{role} n{index} = {draw(st.sampled_from(_KINDS))}{operand}".strip())
    if sum(role != "context" for role in roles) < 2:
        lines = [line.removeprefix("context ") for line in lines]
    return lines


@st.composite
def _models(draw):
    rules = []
    for index in range(draw(st.integers(1, 4))):
        conditions = draw(st.sampled_from(([], ["n1.out_channels <= 4"], ["n0.out_width % 4 == 2"])))
        kind = draw(st.sampled_from((None, None, "fused_pair")))
        pattern = draw(_chains())
        taken = [line for line in pattern if not line.startswith("context")]
        loose = len({line.split(" = ")[0].split()[-1] for line in taken})
        assert loose >= 2
        rules.append(Rule.parse(f"r{index}", pattern, *conditions, description="random", kind=kind))
    return MappingModel("random", (*rules, *preset("generic").rules) if draw(st.booleans()) else tuple(rules))


def _check(network, kernels):
    mapped = [layer.name for kernel in kernels for layer in kernel.layers]
    assert sorted(mapped) == sorted(layer.name for layer in network.layers)
    assert sum(kernel.ops for kernel in kernels) == network.ops
    available = set(network.inputs)
    for kernel in kernels:
        assert set(kernel.inputs) <= available, "a kernel reads what no earlier kernel has written"
        assert len(set(kernel.inputs)) == len(kernel.inputs)
        available |= set(kernel.outputs)
        if not kernel.layers:  # a copy into another layout: the same tensor once more
            assert kernel.inputs == kernel.outputs
            continue
        inside = {tensor for layer in kernel.layers for tensor in layer.outputs}
        assert set(kernel.outputs) <= inside
        assert not set(kernel.inputs) & inside
    assert set(network.outputs) <= available
    assert len({kernel.name for kernel in kernels}) == len(kernels)


@pytest.mark.parametrize("name", presets())
@_FAST
@given(network=networks())
def test_presets_conserve_layers_operations_and_order(name, network):
    _check(network, preset(name).apply(network))


@_FAST
@given(network=networks(), model=_models())
def test_any_rules_conserve_layers_operations_and_order(network, model):
    _check(network, model.apply(network))


@_FAST
@given(network=networks(), more=st.sets(st.sampled_from(sorted(known_rules())), max_size=4))
def test_more_rules_stay_valid_and_never_split_kernels_of_the_first_pass(network, more):
    base = preset("generic")
    known = {rule.name for rule in base.rules}
    extra = [rule for name in sorted(more) for rule in known_rules()[name] if rule.name not in known]
    made = frozenset(rule.kind for rule in (*base.rules, *extra) if rule.kind is not None)
    usable = [rule for rule in extra if not unknown_kinds(rule.nodes, made)]  # others lean on rules that are not drawn
    kernels = MappingModel("more", (*base.rules, *usable)).apply(network)
    _check(network, kernels)


@_FAST
@given(network=networks(), data=st.data(), name=st.sampled_from(("generic", "onnxruntime-cpu", "original-ov")))
def test_names_and_order_of_layers_do_not_matter(network, data, name):
    order = data.draw(st.permutations(range(len(network.layers))))
    one = preset(name).apply(network)
    other = preset(name).apply(reordered(network, order, "z_"))
    found = {(k.kind, k.free, k.rules, frozenset(layer.name for layer in k.layers)) for k in one}
    assert found == {
        (k.kind, k.free, k.rules, frozenset(layer.name.removeprefix("z_") for layer in k.layers)) for k in other
    }


@_FAST
@given(network=networks(), model=_models())
def test_a_model_read_back_is_the_same(network, model):
    again = MappingModel.from_json(json.loads(json.dumps(model.to_json())))
    assert again == model
    assert again.apply(network) == model.apply(network)
