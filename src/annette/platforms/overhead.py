"""What a run costs beside its kernels, and what it carries between host and device."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from annette.documents import OPTIONAL, Duration, check_fields
from annette.errors import PlatformFormatError
from annette.network.loop import BRANCH

if TYPE_CHECKING:
    from annette.mapping.kernel import Precision
    from annette.network import Network

__all__ = ["HostTraffic", "Overhead", "host_traffic"]

_HOST = ("per_run_s", "per_input_byte_s", "per_output_byte_s")


class HostTraffic(NamedTuple):
    """What one run carries between host and device.

    Attributes:
        input_bytes: Bytes of all network inputs at the platform's precision.
        output_bytes: Bytes of all network outputs at the platform's precision.
        inputs: How many inputs there are.
        outputs: How many outputs.
    """

    input_bytes: float
    output_bytes: float
    inputs: int
    outputs: int


@dataclass(frozen=True, slots=True)
class Overhead:
    """Costs of a run that no layer model contains.

    The host's three terms are known together or not at all: with one of them missing there is no end-to-end time.

    Attributes:
        per_kernel_s: Time between two kernels on the device, seconds, at least 0.
        per_run_s: What the host adds to every run, seconds, at least 0; None where it is not known.
        per_input_byte_s: What each byte of the network's inputs costs on its way in, seconds per byte; None as above.
        per_output_byte_s: What each byte of the network's outputs costs on its way out, likewise.
        per_input_s: What each of the network's inputs costs however few bytes it has, seconds.
        per_output_s: What each of its outputs costs, likewise.
        spread_s: By how much all this varies from network to network: standard deviation, seconds.
        several_s: What a run of more than one kernel costs on the device however many they are, seconds.
        per_round_s: What the runtime takes to begin a round of a loop, seconds; None where it is not known.
        per_round_value_s: What it takes for each value that a round is handed or gives, seconds; None as above.
        per_branch_s: What it takes to choose and enter a branch, seconds; None as above.
        per_size_node_s: What it takes for a node that computes with sizes which a file leaves open, seconds; None
            where it is not known, or the runtime computes sizes once.

    Raises:
        PlatformFormatError: A term is negative or not finite, or only some of the host's terms or of those of a
            round are stated.
    """

    per_kernel_s: Duration = 0.0
    per_run_s: Duration | None = None
    per_input_byte_s: Duration | None = None
    per_output_byte_s: Duration | None = None
    per_input_s: Duration = field(default=0.0, metadata=OPTIONAL)
    per_output_s: Duration = field(default=0.0, metadata=OPTIONAL)
    spread_s: Duration = field(default=0.0, metadata=OPTIONAL)
    several_s: Duration = field(default=0.0, metadata=OPTIONAL)
    per_round_s: Duration | None = field(default=None, metadata=OPTIONAL)
    per_round_value_s: Duration | None = field(default=None, metadata=OPTIONAL)
    per_branch_s: Duration | None = field(default=None, metadata=OPTIONAL)
    per_size_node_s: Duration | None = field(default=None, metadata=OPTIONAL)

    def __post_init__(self) -> None:
        check_fields(self, error=PlatformFormatError)
        missing = [name for name in _HOST if getattr(self, name) is None]
        if 0 < len(missing) < len(_HOST):
            raise PlatformFormatError(f"$.{missing[0]} is missing: state all of {', '.join(_HOST)} or none")
        if (self.per_round_s is None) != (self.per_round_value_s is None):
            raise PlatformFormatError("$.per_round_s and $.per_round_value_s go together: state both or none")

    def device_s(self, kernels: int) -> float:
        """What the device adds to the sum of its kernels, in seconds.

        Args:
            kernels: Number of kernels that run.
        """
        return self.per_kernel_s * kernels + (self.several_s if kernels > 1 else 0.0)

    def nested_s(self, network: Network) -> float | None:
        """What loops and branches add to the sum of the kernels in them, and sizes that are computed; in seconds.

        Args:
            network: What runs; without loops, branches and sizes that its file leaves open nothing is added.

        Returns:
            None where that is not known.
        """
        total_s = (self.per_size_node_s or 0.0) * network.size_nodes
        for loop in network.loops:
            once_s = self.per_branch_s if loop.operator == BRANCH else self.per_round_s
            if once_s is None:
                return None
            total_s += loop.rounds * once_s
            if loop.operator != BRANCH:
                total_s += loop.rounds * loop.values * (self.per_round_value_s or 0.0)
        return total_s

    def host_s(self, traffic: HostTraffic) -> float | None:
        """What the host adds to the device's time, in seconds; None where the platform does not know.

        Args:
            traffic: What the network carries in and out.
        """
        if self.per_run_s is None or self.per_input_byte_s is None or self.per_output_byte_s is None:
            return None
        bytes_s = self.per_input_byte_s * traffic.input_bytes + self.per_output_byte_s * traffic.output_bytes
        return self.per_run_s + bytes_s + self.per_input_s * traffic.inputs + self.per_output_s * traffic.outputs


def host_traffic(network: Network, precision: Precision) -> HostTraffic:
    """What one run carries between host and device.

    All network inputs come in; those outputs go out that depend on an input. What follows from shapes alone (the prior
    boxes of a detector) is known before the first run and is not carried.

    Args:
        network: Any network.
        precision: Width of the platform's numbers.
    """
    outputs = network.outputs
    if not all(network.links.reads):  # Something follows from constants alone.
        outputs = _computed_outputs(network)
    read, written = (
        sum(network.tensors[tensor].elements for tensor in names) * precision.activation_bits / 8
        for names in (network.inputs, outputs)
    )
    return HostTraffic(read, written, len(network.inputs), len(outputs))


def _computed_outputs(network: Network) -> tuple[str, ...]:
    """The outputs that depend on an input, by one walk through the layers in their topological order."""
    moving = set(network.inputs)
    for layer in network.layers:
        if not moving.isdisjoint(layer.inputs):
            moving.update(layer.outputs)
    return tuple(name for name in network.outputs if name in moving)
