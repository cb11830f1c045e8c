"""Where a runtime computes networks of 16-bit floating point in 32 bits.

A processor without 16-bit arithmetic runs such a network with the kernels of 32 bits, and converts where a tensor has
to be of 16 bits: at the network's border, and around what only moves data. A `HalfModel` says which kinds run on 16-bit
numbers as they are; the others are given the wider precision, and the conversions between are kernels of their own.
A constant is converted when the network is loaded if one layer reads it; if several do, it is converted in every run,
and what asks for constants (another layout, some fusions) does not happen (`shared_half_constants`). An operator that
is defined by others and that there is no kernel of 16 bits of runs as these (`Apart`).

Facts used: ONNX Runtime's InsertCastTransformer and FuseInitializersTransformer (insert_cast_transformer.cc and
fuse_initializers_transformer.cc in onnxruntime/core/optimizer), and its optimised graphs: each operator that is taken
apart, and normalizations between sums and products with and without biases, as version 1.32 optimises networks of a few
layers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from annette.documents import OPTIONAL, convert, plain
from annette.errors import MappingError
from annette.mapping.apart import Apart  # noqa: TC001 - annotations are read at run time
from annette.mapping.kernel import Kernel
from annette.mapping.precision import shared_half_constants, with_precision
from annette.network import Category, DType, describe_layer
from annette.network.kinds import kinds_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from annette.network import Network, Tensor

__all__ = ["HalfModel"]

_RULE: Final = "precision"
_WIDE: Final = "fp32"
_OF_A_MATRIX: Final = 2
_OF_ATTENTION: Final = (3, 4)
_MOVING: Final = kinds_in(Category.MOVEMENT, Category.VIEW)
"""Kinds that do nothing with numbers but move them; others widen what they read on their way."""


@dataclass(frozen=True)
class HalfModel:
    """Gives kernels of 16-bit numbers the precision that they run in, and adds the conversions.

    Attributes:
        native: Kinds that run on 16-bit numbers as they are; one between others that do not runs in 32 bits, too.
        without: Names of rules of the mapping that do not hold in such a network.
        apart: Kinds that run as several kernels instead of one.
        summing: Native kinds that form the sum before them on the way where they run in 32 bits.
    """

    native: tuple[str, ...]
    without: tuple[str, ...] = field(default=(), metadata=OPTIONAL)
    apart: tuple[Apart, ...] = field(default=(), metadata=OPTIONAL)
    summing: tuple[str, ...] = field(default=(), metadata=OPTIONAL)

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
        wide = self._wide(kernels, network)
        walk = _Walk(network)
        for kernel in self._summed(kernels, network, wide):
            for part in self._parts(kernel, network):
                walk.visit(part, wide=kernel.name in wide)
        walk.finish()
        return tuple(walk.result)

    def _parts(self, kernel: Kernel, network: Network) -> Sequence[Kernel]:
        """The kernels that run instead of one, or itself."""
        for each in self.apart:
            if [layer.kind for layer in kernel.layers] == [each.kind]:
                half = network.tensors[kernel.outputs[0]].dtype is DType.FLOAT16
                return each.kernels(kernel, network) if half else (kernel,)
        return (kernel,)

    def _summed(self, kernels: Sequence[Kernel], network: Network, wide: frozenset[str]) -> list[Kernel]:
        """The kernels, sums of two whole tensors with what alone reads them where that forms sums on the way."""
        sums = {
            kernel.outputs[0]: kernel
            for kernel in kernels
            if [layer.kind for layer in kernel.layers] == ["add"] and len(_shapes(kernel, network)) == 1
        }
        joined: dict[str, Kernel] = {}
        for kernel in kernels:
            before = sums.get(kernel.inputs[0]) if kernel.inputs and kernel.kind in self.summing else None
            if before is None or kernel.name not in wide:
                continue
            if len(network.consumers[before.outputs[0]]) == 1 and before.outputs[0] not in network.outputs:
                inputs = dict.fromkeys((*before.inputs, *kernel.inputs[1:]))
                joined[before.name] = joined[kernel.name] = replace(
                    kernel, layers=(*before.layers, *kernel.layers), inputs=tuple(inputs), rules=(*kernel.rules, _RULE)
                )
        return [
            joined.get(kernel.name, kernel)
            for kernel in kernels
            if kernel.name not in joined or joined[kernel.name].name == kernel.name
        ]

    def _wide(self, kernels: Sequence[Kernel], network: Network) -> frozenset[str]:
        """Names of the kernels that run in 32 bits."""
        wide = {kernel.name for kernel in kernels if not all(layer.kind in self.native for layer in _layers(kernel))}
        made = {tensor: kernel.name for kernel in kernels for tensor in kernel.outputs if kernel.layers}
        readers: dict[str, list[Kernel]] = {}
        for kernel in kernels:
            for tensor in kernel.inputs:
                readers.setdefault(tensor, []).append(kernel)
        handed_out = set(network.outputs)
        isolated = {
            kernel.name
            for kernel in kernels
            if kernel.name not in wide
            and all(made.get(tensor) in wide for tensor in _half(kernel.inputs, network))
            and all(reader.name in wide for tensor in kernel.outputs for reader in readers.get(tensor, ()))
            and not any(_is_flattened(network.tensors[tensor], readers.get(tensor, ())) for tensor in kernel.outputs)
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


def _shapes(kernel: Kernel, network: Network) -> set[tuple[int, ...]]:
    """Shapes of what a kernel reads and writes; none where it reads constants."""
    tensors = [*kernel.inputs, *kernel.outputs]
    constants = [tensor for layer in kernel.layers for tensor in layer.inputs if network.tensors[tensor].constant]
    if constants or len(kernel.inputs) != len(kernel.anchor.inputs):
        return set()
    return {network.tensors[tensor].shape for tensor in tensors}


def _is_flattened(tensor: Tensor, readers: Sequence[Kernel]) -> bool:
    """Whether a reader is a product with a bias, for which a reshape makes a matrix of what it reads.

    A reshape runs on 16-bit numbers. The products of attention, three beside one other reader, are left apart from
    their biases for so long that it comes too late (MatMulAddFusion, matmul_add_fusion.cc).
    """
    biased = [
        kernel
        for kernel in readers
        if kernel.kind == "fully_connected" and any(layer.kind == "add" for layer in kernel.layers)
    ]
    if not biased or len(tensor.shape) <= _OF_A_MATRIX:
        return False
    return (len(biased), len(readers)) != _OF_ATTENTION


def _layers(kernel: Kernel) -> Sequence[Any]:
    return kernel.layers or (replace(kernel.anchor, kind=kernel.kind),)


def _half(tensors: Iterable[str], network: Network) -> Iterable[str]:
    return (tensor for tensor in tensors if network.tensors[tensor].dtype is DType.FLOAT16)


class _Walk:
    """One pass over the kernels, with the widths in which each tensor of 16 bits exists so far."""

    def __init__(self, network: Network) -> None:
        self.result: list[Kernel] = []
        self._network = network
        self._narrow_forms: set[str] = set(network.inputs)
        self._wide_forms: set[str] = set()

    def visit(self, kernel: Kernel, *, wide: bool) -> None:
        read, written = list(_half(kernel.inputs, self._network)), list(_half(kernel.outputs, self._network))
        if kernel.kind == "cast" and (read or written):
            self._cast(kernel, read, written)
            return
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
