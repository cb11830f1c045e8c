"""Where a runtime computes networks of 16-bit floating point in 32 bits.

A processor without 16-bit arithmetic runs such a network with the kernels of 32 bits, and converts where a tensor has
to be of 16 bits: at the network's border, and around what only moves data. A `HalfModel` says which kinds run on 16-bit
numbers as they are; the others are given the wider precision, and the conversions between are kernels of their own.
A constant is converted when the network is loaded if one layer reads it; if several do, it is converted in every run,
and what asks for constants (another layout, some fusions) does not happen (`shared_half_constants`).

Facts used: ONNX Runtime's InsertCastTransformer and FuseInitializersTransformer (insert_cast_transformer.cc and
fuse_initializers_transformer.cc in onnxruntime/core/optimizer), and its optimised graphs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from annette.documents import OPTIONAL, convert, plain
from annette.errors import MappingError
from annette.mapping.kernel import Kernel
from annette.mapping.precision import shared_half_constants, with_precision
from annette.network import Category, DType, describe_layer
from annette.network.kinds import kinds_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from annette.network import Network

__all__ = ["HalfModel"]

_RULE: Final = "precision"
_WIDE: Final = "fp32"
_MOVING: Final = kinds_in(Category.MOVEMENT, Category.VIEW)
"""Kinds that do nothing with numbers but move them; others widen what they read on their way."""


@dataclass(frozen=True)
class HalfModel:
    """Gives kernels of 16-bit numbers the precision that they run in, and adds the conversions.

    Attributes:
        native: Kinds that run on 16-bit numbers as they are; one between others that do not runs in 32 bits, too.
        without: Names of rules of the mapping that do not hold in such a network.
    """

    native: tuple[str, ...]
    without: tuple[str, ...] = field(default=(), metadata=OPTIONAL)

    def concerns(self, network: Network) -> bool:
        """Whether a network has activations of 16-bit floating point."""
        return DType.FLOAT16 in network.activation_dtypes

    def apply(self, kernels: Sequence[Kernel], network: Network) -> tuple[Kernel, ...]:
        """Sets precisions and adds conversions.

        Args:
            kernels: Kernels of the network, in topological order.
            network: Where their tensors are described.

        Returns:
            The kernels with the conversions, each before its first reader.
        """
        if not self.concerns(network):
            return tuple(kernels)
        walk = _Walk(network, self._wide(kernels, network))
        for kernel in kernels:
            walk.visit(kernel)
        walk.finish()
        return tuple(walk.result)

    def _wide(self, kernels: Sequence[Kernel], network: Network) -> frozenset[str]:
        """Names of the kernels that run in 32 bits."""
        wide = {kernel.name for kernel in kernels if not all(layer.kind in self.native for layer in _layers(kernel))}
        made = {tensor: kernel.name for kernel in kernels for tensor in kernel.outputs if kernel.layers}
        readers: dict[str, set[str]] = {}
        for kernel in kernels:
            for tensor in kernel.inputs:
                readers.setdefault(tensor, set()).add(kernel.name)
        handed_out = set(network.outputs)
        isolated = {
            kernel.name
            for kernel in kernels
            if kernel.name not in wide
            and all(made.get(tensor) in wide for tensor in _half(kernel.inputs, network))
            and all(readers.get(tensor, set()) <= wide for tensor in kernel.outputs)
            and handed_out.isdisjoint(kernel.outputs)
            and any(True for _ in _half(kernel.inputs, network))
        }
        return frozenset(wide | isolated)

    def to_json(self) -> dict[str, Any]:
        """The model as plain JSON values."""
        document: dict[str, Any] = plain(self)
        return document

    @classmethod
    def from_json(cls, data: Any) -> HalfModel:
        """Reads a model.

        Raises:
            MappingError: It is ill-formed.
        """
        return convert(data, cls, error=MappingError)


def _layers(kernel: Kernel) -> Sequence[Any]:
    return kernel.layers or (replace(kernel.anchor, kind=kernel.kind),)


def _half(tensors: Iterable[str], network: Network) -> Iterable[str]:
    return (tensor for tensor in tensors if network.tensors[tensor].dtype is DType.FLOAT16)


class _Walk:
    """One pass over the kernels, with the widths in which each tensor of 16 bits exists so far."""

    def __init__(self, network: Network, wide: frozenset[str]) -> None:
        self.result: list[Kernel] = []
        self._network = network
        self._wide = wide
        self._narrow_forms: set[str] = set(network.inputs)
        self._wide_forms: set[str] = set()

    def visit(self, kernel: Kernel) -> None:
        read, written = list(_half(kernel.inputs, self._network)), list(_half(kernel.outputs, self._network))
        if kernel.kind == "cast" and (read or written):
            self._cast(kernel, read, written)
            return
        wide = kernel.name in self._wide
        for tensor in read:
            self._provide(tensor, wide=wide)
        if wide:
            self._provide_constants(kernel)
        if (read or written) and (wide or kernel.anchor.kind not in _MOVING):
            kernel = replace(kernel, precision=_WIDE, rules=(*kernel.rules, _RULE))
        self.result.append(kernel)
        (self._wide_forms if wide else self._narrow_forms).update(written)

    def _cast(self, kernel: Kernel, read: Sequence[str], written: Sequence[str]) -> None:
        """A conversion of the network's own does nothing where the tensor is there in that width already."""
        if written or self._wide_forms.issuperset(read):
            self.result.append(replace(kernel, free=True, rules=(*kernel.rules, _RULE)))
            self._wide_forms.update(written)
        else:
            self.result.append(kernel)
            self._wide_forms.update(read)

    def finish(self) -> None:
        """The network hands its outputs out as they are described."""
        for tensor in _half(self._network.outputs, self._network):
            self._provide(tensor, wide=False)

    def _provide_constants(self, kernel: Kernel) -> None:
        """Those that several layers read are converted once in every run; a folded normalization's are gone by then."""
        for layer in kernel.layers:
            if layer.kind != "batch_norm":
                shared = shared_half_constants(layer, self._network)
                for tensor in [name for name in shared if name not in self._wide_forms]:
                    self._narrow_forms.add(tensor)
                    self._provide(tensor, wide=True)

    def _provide(self, tensor: str, *, wide: bool) -> None:
        have, other = (self._wide_forms, self._narrow_forms) if wide else (self._narrow_forms, self._wide_forms)
        if tensor in have or tensor not in other:
            return
        have.add(tensor)
        name = f"{tensor}:to_{'fp32' if wide else 'fp16'}"
        half = replace(self._network.tensors[tensor], constant=False)
        full = replace(half, name=name, dtype=DType.FLOAT32)
        layer = describe_layer(
            "cast",
            name,
            inputs=[half if wide else full],
            outputs=[full if wide else half],
            attributes={"to": "float32" if wide else "float16"},
        )
        self.result.append(Kernel(name, with_precision("cast", "fp16"), layer, (), (tensor,), (tensor,), (_RULE,)))
