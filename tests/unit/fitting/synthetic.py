"""Devices that are known exactly, and datasets measured on them."""

import numpy as np

from annette.bench.dataset import Dataset
from annette.bench.records import KernelRecord, Purpose, Run, Status
from annette.fitting.samples import Samples
from annette.mapping.kernel import COLUMNS, KernelTable, Precision
from annette.mapping.rules import preset
from annette.models.roofline import RefinedRoofline, Roofline, Unroll
from annette.network.builder import NetworkBuilder
from annette.platforms import Platform, Provenance

ENVIRONMENT = {"runtime": "synthetic", "runtime_version": "1", "precision": "fp32", "threads": "1", "cpu": "none"}
DEVICE = {
    "conv": RefinedRoofline(1e11, 1e10, 5e-6, {"out_channels": Unroll(16, 1.0)}),
    "max_pool": Roofline(1e10, 5e9, 2e-6),
}


def starting_platform(models, intervals, *, preferred, **changes):
    """A platform to start from: one model a kind, intervals, everything else as little as a platform can have."""
    return Platform(
        name="start",
        description="a device of the tests",
        device="none",
        runtime="synthetic",
        precision=Precision(),
        threads=1,
        latency_is="device",
        mapping=preset("generic"),
        models={kind: {model.family: model} for kind, model in models.items()},
        preferred_family=preferred,
        intervals=intervals,
        provenance=Provenance("test"),
        **changes,
    )


def convolutions(rows, seed=1):
    """Random convolutions as a table."""
    random = np.random.default_rng(seed)
    values = np.ones((rows, len(COLUMNS)))
    column = {name: values[:, index] for index, name in enumerate(COLUMNS)}
    for name, most in (("out_height", 64), ("out_width", 64), ("in_channels", 256), ("out_channels", 256)):
        column[name][:] = np.floor(2 ** random.uniform(0, np.log2(most + 1), rows))
    column["kernel_height"][:] = column["kernel_width"][:] = kernel = random.choice([1, 3, 5], rows)
    column["in_height"][:], column["in_width"][:] = column["out_height"], column["out_width"]
    positions = column["out_height"] * column["out_width"]
    column["macs"][:] = positions * column["in_channels"] * column["out_channels"] * kernel**2
    column["ops"][:] = 2 * column["macs"]
    column["input_bytes"][:] = positions * column["in_channels"]
    column["output_bytes"][:] = positions * column["out_channels"]
    column["weight_bytes"][:] = kernel**2 * column["in_channels"] * column["out_channels"]
    return KernelTable(np.full(rows, "conv"), values)


def samples(table, latency_s, groups=None):
    """Rows as measured; each its own group unless told."""
    names = np.array([f"case{row}" for row in range(len(table))])
    return Samples(table, np.asarray(latency_s), names if groups is None else groups, names)


def chain(name, random, length=3):
    """A few convolutions and a pooling."""
    net = NetworkBuilder(name, source_format="test")
    size = int(random.integers(8, 40))
    x = net.input("x", (1, int(random.integers(1, 96)), size, size))
    for _ in range(length):
        x = net.conv(x, int(random.integers(4, 128)), int(random.choice([1, 3])), padding="half")
    return net.build(net.max_pool(x, 2, stride=2))


def run(network, random, *, noise=0.02, shared=0.02, purpose=Purpose.CHAIN, round_=0, environment=ENVIRONMENT):
    """A network as the device would report it: each kernel off by its own noise, all of them by a shared one."""
    kernels = [kernel for kernel in preset("generic").apply(network) if not kernel.free]
    table = KernelTable.from_kernels(kernels, network, Precision())
    common = random.normal(0, shared)
    records = []
    for row, kernel in enumerate(kernels):
        exact_s = float(DEVICE[kernel.kind].predict_s(table.select(np.array([row])))[0])
        time_s = exact_s * float(np.exp(random.normal(0, noise) + common))
        records.append(KernelRecord(kernel.name, kernel.kind, tuple(x.name for x in kernel.layers), time_s, (time_s,)))
    total_s = sum(record.latency_s for record in records)
    return Run(
        case=network.name,
        round=round_,
        purpose=purpose,
        network=network,
        environment=environment,
        details={},
        status=Status.OK,
        reason="",
        started_unix_s=0.0,
        duration_s=1.0,
        latency_s=total_s,
        samples_s=(total_s, total_s),
        reference_s=(1e-3, 1e-3, 1e-3),
        kernels=tuple(records),
        matched_share=1.0,
    )


def dataset(path, cases=50, *, seed=0, **options):
    """A file of measured chains; open for reading."""
    random = np.random.default_rng(seed)
    with Dataset.create(path) as made:
        for index in range(cases):
            made.add(run(chain(f"chain/{index:03d}", random), random, **options))
    return Dataset.open(path)
