"""A device that runs kernels by known rules, watched: what a profile of it would say."""

import math

from annette.bench.records import KernelRecord, Purpose, Run, Status


def watched(network, device):
    """A run of a network on a device that does what the mapping model ``device`` says."""
    kernels = tuple(
        KernelRecord(
            kernel.name, kernel.kind, tuple(layer.name for layer in kernel.layers), 1e-5, (1e-5,),
            added=not kernel.layers,
            info={} if kernel.layers else {"kind": kernel.kind, "tensor": kernel.inputs[0]},
        )
        for kernel in device.apply(network)
        if not kernel.free
    )  # fmt: skip
    return Run(
        case=network.name, round=0, purpose=Purpose.FUSION_PROBE, network=network, environment={}, details={},
        status=Status.OK, reason="", started_unix_s=0.0, duration_s=0.0, latency_s=math.nan, samples_s=(),
        reference_s=(), kernels=kernels, matched_share=1.0,
    )  # fmt: skip
