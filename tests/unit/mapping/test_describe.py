"""What a mapping says about itself."""

import json

from annette.mapping.describe import describe, rule_use
from annette.mapping.kernel import ACTIVATION_CODES, KernelTable, Precision
from tests.unit.mapping.helpers import image, mapped


def _network():
    net, x = image()
    y = net.activation(net.batch_norm(net.conv(x, 8, 1, bias=False)), "silu")
    return net.build(net.flatten(net.add(net.conv(y, 8, 1), x)))


RULES = ("silu", "batch-norm-into-convolution", "residual-into-convolution", "activation-into-convolution", "reshape")


def test_kernels_say_what_they_hold_and_why():
    described = describe(mapped(_network(), *RULES))
    assert json.loads(json.dumps(described)) == described
    first, second, last = described
    assert [layer["kind"] for layer in first["layers"]] == ["conv", "batch_norm", "sigmoid", "mul"]
    assert first["rules"] == ["batch-norm-into-convolution", "silu", "activation-into-convolution"]
    assert first["followers"] == ["batch_norm", "silu"]
    assert second["followers"] == ["add"]
    assert (last["kind"], last["free"], last["rules"]) == ("reshape", True, ["reshape"])
    assert sum(kernel["ops"] for kernel in described) == _network().ops


def test_use_of_rules_is_counted():
    assert rule_use(mapped(_network(), *RULES)) == dict.fromkeys(sorted(RULES), 1)


def test_models_see_the_recognised_activation_and_the_residual():
    network = _network()
    table = KernelTable.from_kernels(mapped(network, *RULES), network, Precision())
    assert table["activation"].tolist() == [ACTIVATION_CODES["silu"], 0, 0]
    assert table["residual"].tolist() == [0, 1, 0]
    assert table["ops"].sum() == network.ops
