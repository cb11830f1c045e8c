"""Short cuts for tests of rules: build a network, map it by a few rules, look at the kernels."""

from annette.mapping.model import MappingModel
from annette.mapping.rules import known_rules
from annette.network.builder import NetworkBuilder


def image(shape=(1, 8, 6, 6)):
    """A builder and its input, a small feature map."""
    net = NetworkBuilder("test", source_format="test")
    return net, net.input("x", shape)


def mapped(network, *names):
    """Kernels after the named built-in rules, in this order."""
    rules = tuple(rule for name in names for rule in known_rules()[name])
    return MappingModel("test", rules).apply(network)


def costly(network, *names):
    """Kinds of the kernels that cost something, in order."""
    return [kernel.kind for kernel in mapped(network, *names) if not kernel.free]
