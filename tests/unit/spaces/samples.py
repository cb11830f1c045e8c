"""Small spaces for tests."""

from annette.spaces.blocks import Block, BlockSpace, space_from_json


def residual(filters, kernel):
    def build(net, x):
        y = net.conv_norm(x, filters, kernel, activation="relu")
        return net.relu(net.add(net.conv_norm(y, filters, 1), x))

    return build


def chain(batch=1, length=3):
    """Residual blocks between a stem and a head, some of which may be left out; sums end in a rectifier."""
    stem = {
        "plain": lambda net, x: net.conv_norm(x, 32, 3, stride=2, activation="relu"),
        "bare": lambda net, x: net.conv_norm(x, 32, 3, stride=2),
    }
    middle = {
        "small": residual(32, 1),
        "large": residual(32, 3),
        "pool": lambda net, x: net.average_pool(x, 3, stride=1, padding=1),
        "none": None,
    }
    head = {"classifier": lambda net, x: net.classifier(net.relu(x), 10)}
    blocks = [Block("stem", stem), *(Block(f"block{number}", middle) for number in range(length)), Block("head", head)]
    return BlockSpace("chain", (3, 32, 32), blocks, batch=batch)


def widths(count=20):
    """Two convolutions, each with one of many numbers of filters: hardly any two networks have the second in common."""

    def conv(filters):
        return lambda net, x: net.conv_norm(x, filters, 3, activation="relu")

    choices = {f"of{8 * number}": conv(8 * number) for number in range(1, count + 1)}
    head = {"classifier": lambda net, x: net.classifier(x, 10)}
    return BlockSpace("widths", (3, 32, 32), [Block("first", choices), Block("second", choices), Block("head", head)])


DESCRIBED = {
    "schema": "annette/space/1",
    "name": "described",
    "input": [3, 32, 32],
    "blocks": [
        {"name": "stem", "choices": {"conv": [{"op": "conv_norm", "filters": 16, "kernel": 3, "activation": "relu"}]}},
        {
            "name": "block",
            "repeat": 2,
            "choices": {
                "narrow": [{"op": "conv_norm", "filters": 16, "kernel": 1}],
                "wide": [{"residual": [{"op": "conv_norm", "filters": 16, "kernel": 5, "activation": "relu"}]}],
                "none": None,
            },
        },
        {"name": "head", "choices": {"classifier": [{"op": "classifier", "classes": 10}]}},
    ],
}


def described():
    return space_from_json(DESCRIBED)
