"""Small platforms and networks that several tests share."""

from annette.mapping.kernel import Precision
from annette.mapping.rules import preset
from annette.models.roofline import RefinedRoofline, Roofline, Unroll
from annette.network.builder import NetworkBuilder
from annette.platforms import Intervals, LogResiduals, Overhead, Platform, Provenance

QUARTILES = LogResiduals((0.05, 0.5, 0.95), (-0.1, 0.0, 0.2))


def small_network(name="small", batch=1):
    """A convolution with a ReLU, a pooling, a classifier."""
    net = NetworkBuilder(name, batch=batch, source_format="test")
    x = net.input("image", (batch, 3, 32, 32))
    x = net.relu(net.conv(x, 16, 3, padding=1, name="stem"))
    x = net.max_pool(x, 2, stride=2, name="pool")
    x = net.fully_connected(net.flatten(x), 10, name="classifier")
    return net.build(x)


def platform(**changes):
    """A platform with simple numbers: 1e9 ops/s and 1e8 bytes/s, 10 µs a kernel."""
    roofline = Roofline(ops_per_s=1e9, bytes_per_s=1e8, offset_s=0.0)
    refined = RefinedRoofline(ops_per_s=1e9, bytes_per_s=1e8, offset_s=0.0, unroll={"out_channels": Unroll(32, 1.0)})
    values = {
        "name": "toy",
        "description": "for tests",
        "device": "none",
        "runtime": "none",
        "precision": Precision(32, 32),
        "threads": 1,
        "latency_is": "device",
        "mapping": preset("generic"),
        "models": {
            "conv": {"roofline": roofline, "refined-roofline": refined},
            "max_pool": {"roofline": roofline},
            "fully_connected": {"roofline": roofline},
        },
        "preferred_family": "refined-roofline",
        "overhead": Overhead(per_kernel_s=1e-5),
        "provenance": Provenance(created_by="a test"),
    }
    return Platform(**{**values, **changes})


def with_intervals():
    """The same, knowing its errors: each kind is 10 % low to 20 % high in log, doubled when extrapolating."""
    kernels = {kind: {"roofline": QUARTILES, "refined-roofline": QUARTILES} for kind in ("conv", "max_pool")}
    return platform(
        intervals=Intervals(kernels=kernels, networks=QUARTILES, extrapolation_widening=2.0),
        ranges={"conv": {"out_channels": (32.0, 64.0)}},
    )
