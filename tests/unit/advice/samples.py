"""Networks that tests of advice change."""

from annette.network.builder import NetworkBuilder


def residual(channels=20):
    """Two convolutions beside a shortcut, and a classifier."""
    net = NetworkBuilder("residual")
    x = net.input("image", (1, 3, 16, 16))
    x = net.relu(net.conv(x, channels, 3, padding=1, name="stem"))
    y = net.relu(net.conv(x, 2 * channels, 1, name="expand"))
    y = net.relu(net.depthwise_conv(y, 3, name="depthwise"))
    y = net.conv(y, channels, 1, name="project")
    x = net.add(x, y, name="total")
    x = net.flatten(net.global_average_pool(x))
    return net.build(net.fully_connected(x, 10, name="classifier"))


def inception(*, stem=16):
    """Two convolutions of one map, concatenated and read by a third."""
    net = NetworkBuilder("inception")
    x = net.conv(net.input("image", (1, 3, 16, 16)), stem, 3, name="stem")
    left, right = net.relu(net.conv(x, 12, 1, name="left")), net.relu(net.conv(x, 8, 1, name="right"))
    x = net.conv(net.concat([left, right], axis=1), 24, 1, name="last")
    return net.build(net.global_average_pool(x))


def shuffled(channels=24):
    """Halves of a map, one of them convolved, put together and shuffled."""
    net = NetworkBuilder("shuffled")
    x = net.conv(net.input("image", (1, 3, 8, 8)), channels, 1, name="stem")
    left, right = net.split(x, 2, axis=1)
    right = net.conv(right, channels // 2, 1, name="right")
    x = net.concat([left, right], axis=1)
    x = net.reshape(x, (1, 2, channels // 2, 8, 8))
    x = net.reshape(net.transpose(x, (0, 2, 1, 3, 4)), (1, channels, 8, 8))
    return net.build(net.global_average_pool(net.conv(x, 32, 1, name="last")), net.conv(x, 4, 1, name="head"))


def normalized(*, shared):
    """A normalization before a convolution, behind a pooling or behind a convolution that others read."""
    net = NetworkBuilder("normalized")
    x = net.conv(net.input("image", (1, 3, 16, 16)), 16, 3, padding=1, name="stem")
    read = x if shared else net.max_pool(x, 2, stride=2)
    y = net.conv(net.relu(net.batch_norm(read, name="norm")), 16, 1, name="behind")
    return net.build(net.global_average_pool(net.add(read, y) if shared else y))


def gated():
    """A sigmoid times what it reads, twice, and a lone ReLU."""
    net = NetworkBuilder("gated")
    x = net.conv(net.input("image", (1, 3, 16, 16)), 16, 3, name="stem")
    for number in range(2):
        x = net.mul(x, net.unary("sigmoid", x))
        x = net.conv(x, 16, 3, name=f"conv{number}")
    return net.build(net.global_average_pool(net.relu(x)))


def turned():
    """Channels brought to the end for a product and back."""
    net = NetworkBuilder("turned")
    x = net.conv(net.input("image", (1, 3, 16, 16)), 16, 3, name="stem")
    x = net.transpose(x, (0, 2, 3, 1), name="there")
    x = net.activation(net.fully_connected(x, 32, bias=False, name="product"), "gelu")
    x = net.transpose(x, (0, 3, 1, 2), name="back")
    return net.build(net.conv(x, 8, 1, name="last"))


def branched(blocks=1):
    """A convolution of 3x3, one of 1x1 and the map itself, added, as RepVGG is trained."""
    net = NetworkBuilder("branched")
    x = net.relu(net.conv(net.input("image", (1, 3, 16, 16)), 16, 3, name="stem"))
    for number in range(blocks):
        wide = net.batch_norm(net.conv(x, 16, 3, padding=1, bias=False, name="wide" if not number else ""))
        point = net.conv(x, 16, 1, name="point" if not number else "")
        x = net.relu(net.add(net.add(wide, point), x, name="total" if not number else ""))
    return net.build(net.global_average_pool(net.conv(x, 8, 1, name="last")))
