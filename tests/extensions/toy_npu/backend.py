"""The backend: works out how long the device takes, layer by layer, without the mapping and the models of annette."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from annette.bench.backend import (
    Availability,
    Backend,
    BackendOptions,
    CompiledNetwork,
    Profile,
    ProfileEntry,
    Subject,
)
from annette.errors import BackendRunError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annette.network import Layer, Network

_ARRAY: Final = ("conv", "grouped_conv", "depthwise_conv", "fully_connected", "matmul")
_VIEWS: Final = ("identity", "reshape")
_CLOCK_HZ: Final = 650e6
_BUS_BYTES_PER_S: Final = 6.4e9
_VECTOR_BYTES_PER_S: Final = 2.5e9
_DMA_BYTES_PER_S: Final = 1.2e9
_ARRAY_START_S, _VECTOR_START_S, _DMA_START_S = 2e-6, 1e-6, 3e-6
_BUFFER_BYTES: Final = 128 * 1024


@dataclass(frozen=True)
class ToyOptions(BackendOptions):
    """Options of the toy backend.

    Attributes:
        runtime: What it calls itself in the environment; another name makes an unknown device of it.
    """

    runtime: str = field(default="toy", metadata={"help": "name of the runtime in datasets"})


class ToyBackend(Backend):
    """The Toy NPU, worked out."""

    name = "toy"
    options_type = ToyOptions
    deterministic = True
    estimates = True
    plan_target = "npu"

    def __init__(self, options: BackendOptions) -> None:
        super().__init__(options)
        self._own = options if isinstance(options, ToyOptions) else ToyOptions()

    @classmethod
    def available(cls) -> Availability:
        return Availability(usable=True, reason="toy 1.0")

    def environment(self) -> Mapping[str, str]:
        return {"runtime": self._own.runtime, "runtime_version": "1.0", "device": "toy-npu-16", "precision": "int8"}

    def compile(self, subject: Subject) -> CompiledNetwork:
        unsupported = [layer.name for layer in subject.network.layers if layer.kind == "unsupported"]
        if unsupported:
            raise BackendRunError(f"the Toy NPU cannot run layer {unsupported[0]!r}")
        return _Compiled(subject.network)


class _Compiled(CompiledNetwork):
    def __init__(self, network: Network) -> None:
        self._entries = _copies(network) + _kernels(network)

    def run(self, repeats: int, *, before: Callable[[], None] | None = None) -> tuple[float, ...]:
        del before  # nothing runs, so nothing is in a cache
        return (math.fsum(entry.latency_s[0] for entry in self._entries),) * repeats

    def profile(self, repeats: int, *, before: Callable[[], None] | None = None, within_s: float = math.inf) -> Profile:
        del repeats, before, within_s  # one reading is all there is to know
        return Profile(tuple(self._entries))


def _copies(network: Network) -> list[ProfileEntry]:
    """The DMA transfers of the network's inputs: no layer of the network, so they are marked as added."""
    return [
        ProfileEntry(
            f"dma {name}",
            "dma",
            (_DMA_START_S + 2 * network.tensors[name].elements / _DMA_BYTES_PER_S,),
            info={"added": "1", "kind": "dma", "tensor": name},
        )
        for name in network.inputs
    ]


def _kernels(network: Network) -> list[ProfileEntry]:
    entries = []
    done: set[str] = set()
    for layer in network.layers:
        if layer.kind in _VIEWS or layer.name in done:
            continue
        on_array = layer.kind in _ARRAY
        behind = _activation_behind(layer, network) if on_array else []
        done.update(behind)
        time_s = _array_s(layer, network) if on_array else _vector_s(layer)
        entries.append(ProfileEntry(layer.name, layer.kind, (time_s,), layers=(layer.name, *behind)))
    return entries


def _activation_behind(layer: Layer, network: Network) -> list[str]:
    """The ReLU or ReLU6 that alone reads what the layer writes."""
    readers = network.consumers.get(layer.outputs[0], ())
    alone = len(readers) == 1 and layer.outputs[0] not in network.outputs
    return [readers[0].name] if alone and readers[0].kind in ("relu", "clip") else []


def _array_s(layer: Layer, network: Network) -> float:
    size, work = layer.workload.dimensions, layer.workload
    across = math.ceil(size.in_channels / size.groups / 16) * math.ceil(size.out_channels / size.groups / 16)
    positions = size.batch * size.out_depth * size.out_height * size.out_width
    taps = size.kernel_depth * size.kernel_height * size.kernel_width
    cycles = positions * taps * size.groups * across
    read = sum(network.tensors[name].elements for name in network.activations[layer.name])
    in_dram = read > _BUFFER_BYTES
    moved = work.input_elements * (4 if in_dram else 1) + work.weight_elements + work.output_elements
    return _ARRAY_START_S + max(cycles / _CLOCK_HZ, moved / _BUS_BYTES_PER_S)


def _vector_s(layer: Layer) -> float:
    work = layer.workload
    moved = work.input_elements + work.weight_elements + work.output_elements
    return _VECTOR_START_S + moved / _VECTOR_BYTES_PER_S
