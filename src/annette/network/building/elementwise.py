"""Activations, arithmetic with broadcasting, and normalization."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from annette.errors import OptionError, nearest
from annette.network.building.graph import Graph
from annette.network.kinds.shapes import normalize_axis
from annette.network.tensor import DType, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annette.network.layer import AttributeValue

__all__ = ["ElementwiseOperators"]

_SIMPLE: Final[dict[str, tuple[str, dict[str, AttributeValue]]]] = {
    "relu": ("relu", {}),
    "relu6": ("clip", {"min": 0.0, "max": 6.0}),
    "leaky_relu": ("leaky_relu", {"alpha": 0.1}),
    "elu": ("elu", {"alpha": 1.0}),
    "selu": ("selu", {}),
    "sigmoid": ("sigmoid", {}),
    "tanh": ("tanh", {}),
    "softplus": ("softplus", {}),
    "softsign": ("softsign", {}),
    "hard_sigmoid": ("hard_sigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "hard_swish": ("hard_swish", {}),
}
_COMPOUND: Final = ("silu", "gelu", "gelu_tanh", "mish")


class ElementwiseOperators(Graph):
    """Everything that works element by element, and normalization."""

    def activation(self, x: Tensor, function: str, *, name: str = "") -> Tensor:
        """An activation by its name: one layer, or several where deployed files hold several.

        Args:
            x: The operand.
            function: ``relu``, ``relu6``, ``leaky_relu`` (slope 0.1), ``elu``, ``selu``, ``sigmoid``, ``tanh``,
                ``softplus``, ``softsign``, ``hard_sigmoid`` (slope 1/6), ``hard_swish``; of several layers are
                ``silu`` (sigmoid, mul), ``gelu`` (div, erf, add, mul, mul), ``gelu_tanh`` (its approximation by
                tanh) and ``mish`` (softplus, tanh, mul).
            name: The layer's name; the function's where absent.

        Returns:
            The result.

        Raises:
            OptionError: There is no such activation.
        """
        if function in _SIMPLE:
            kind, attributes = _SIMPLE[function]
            return self.apply(kind, x, attributes=attributes, name=name or function)
        if function not in _COMPOUND:
            known = [*_SIMPLE, *_COMPOUND]
            raise OptionError(f"{function!r} is not an activation{nearest(function, known)}; known are {known}")
        with self.scope(name or function):
            if function == "silu":
                return self.mul(x, self.unary("sigmoid", x))
            if function == "mish":
                return self.mul(x, self.unary("tanh", self.unary("softplus", x)))
            return self._gelu(x) if function == "gelu" else self._gelu_tanh(x)

    def relu(self, x: Tensor, *, name: str = "") -> Tensor:
        """max(x, 0)."""
        return self.apply("relu", x, name=name)

    def leaky_relu(self, x: Tensor, alpha: float = 0.1, *, name: str = "") -> Tensor:
        """x, or alpha x where x is negative."""
        return self.apply("leaky_relu", x, attributes={"alpha": alpha}, name=name)

    def clip(self, x: Tensor, low: float, high: float, *, name: str = "") -> Tensor:
        """Limits to [low, high]."""
        return self.apply("clip", x, attributes={"min": float(low), "max": float(high)}, name=name)

    def prelu(self, x: Tensor, *, name: str = "") -> Tensor:
        """x, or a learned multiple of x per channel where x is negative."""
        return self.apply("prelu", x, name=name)

    def unary(self, kind: str, x: Tensor, *, name: str = "") -> Tensor:
        """Any kind of one operand without attributes: ``sigmoid``, ``exp``, ``sqrt``, ``erf``, ``abs``, …."""
        return self.apply(kind, x, name=name)

    def cast(self, x: Tensor, dtype: DType, *, name: str = "") -> Tensor:
        """Converts the element type."""
        return self.layer("cast", [x], name=name, attributes={"to": dtype.label}, dtype=dtype)[0]

    def add(self, x: Tensor, *others: Tensor | float, name: str = "") -> Tensor:
        """The sum, with broadcasting; several operands are added one after the other."""
        for other in others:
            x = self._arithmetic("add", x, other, name)
        return x

    def sub(self, x: Tensor | float, y: Tensor | float, *, name: str = "") -> Tensor:
        """The difference, with broadcasting."""
        return self._arithmetic("sub", x, y, name)

    def mul(self, x: Tensor | float, y: Tensor | float, *, name: str = "") -> Tensor:
        """The product, with broadcasting."""
        return self._arithmetic("mul", x, y, name)

    def div(self, x: Tensor | float, y: Tensor | float, *, name: str = "") -> Tensor:
        """The quotient, with broadcasting."""
        return self._arithmetic("div", x, y, name)

    def pow(self, x: Tensor | float, y: Tensor | float, *, name: str = "") -> Tensor:
        """The power, with broadcasting."""
        return self._arithmetic("pow", x, y, name)

    def maximum(self, x: Tensor, *others: Tensor, name: str = "") -> Tensor:
        """The largest of the operands, with broadcasting."""
        return self.apply("max", x, *others, name=name)

    def minimum(self, x: Tensor, *others: Tensor, name: str = "") -> Tensor:
        """The smallest of the operands, with broadcasting."""
        return self.apply("min", x, *others, name=name)

    def add_constant(self, x: Tensor, shape: Sequence[int], *, name: str = "", pattern: str = "") -> Tensor:
        """Adds a constant of its own: learned, or by a rule of `annette.network.writers.weights`.

        Args:
            x: The operand.
            shape: The constant's shape, which broadcasts with ``x``.
            name: The layer's name.
            pattern: How its values come about, such as ``causal``; random (learned) where absent.
        """
        key, attributes = ("constant", {"constant_pattern": pattern}) if pattern else ("bias", {})
        return self.layer("add", [x], name=name, attributes=attributes, weights={key: shape})[0]

    def scale_by_constant(self, x: Tensor, shape: Sequence[int], *, name: str = "") -> Tensor:
        """Multiplies by a learned constant (layer scale)."""
        return self.layer("mul", [x], name=name or "scale", weights={"scale": shape})[0]

    def where_mask(self, x: Tensor, shape: Sequence[int], *, pattern: str, value: float, name: str = "") -> Tensor:
        """Keeps ``x`` where a constant mask is true and writes ``value`` elsewhere.

        Args:
            x: The operand.
            shape: The mask's shape, which broadcasts with ``x``.
            pattern: The rule of `annette.network.writers.weights` that makes the mask.
            value: What is written elsewhere.
            name: The layer's name.
        """
        full = self.unique_name(name or "where")
        mask = self.weight("mask", shape, DType.BOOL, owner=full, learned=False)
        attributes: dict[str, AttributeValue] = {"constant_pattern": pattern, "scalar_false": value}
        return self.layer("where", [mask, x], full_name=full, attributes=attributes)[0]

    def batch_norm(self, x: Tensor, *, epsilon: float = 1e-5, name: str = "") -> Tensor:
        """Scale and shift per channel by learned values and running statistics."""
        return self.apply("batch_norm", x, attributes={"epsilon": epsilon}, name=name)

    def layer_norm(self, x: Tensor, *, axis: int = -1, epsilon: float = 1e-5, name: str = "") -> Tensor:
        """Normalization over the axes from ``axis`` on."""
        first = normalize_axis(axis, len(x.shape))
        attributes: dict[str, AttributeValue] = {"axes": tuple(range(first, len(x.shape))), "epsilon": epsilon}
        return self.apply("layer_norm", x, attributes=attributes, name=name)

    def instance_norm(self, x: Tensor, *, epsilon: float = 1e-5, name: str = "") -> Tensor:
        """Normalization of each channel over its positions."""
        attributes: dict[str, AttributeValue] = {"axes": tuple(range(2, len(x.shape))), "epsilon": epsilon}
        return self.apply("instance_norm", x, attributes=attributes, name=name)

    def local_response_norm(
        self, x: Tensor, size: int = 5, *, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0, name: str = ""
    ) -> Tensor:
        """Local response normalization across ``size`` neighbouring channels."""
        attributes: dict[str, AttributeValue] = {"size": size, "alpha": alpha, "beta": beta, "bias": bias}
        return self.apply("lrn", x, attributes=attributes, name=name)

    def softmax(self, x: Tensor, *, axis: int = -1, name: str = "") -> Tensor:
        """Exponentials normalized along an axis."""
        return self.apply("softmax", x, attributes={"axis": normalize_axis(axis, len(x.shape))}, name=name)

    def reduce(self, kind: str, x: Tensor, axes: Sequence[int], *, keep: bool = True, name: str = "") -> Tensor:
        """A reduction (``reduce_mean``, ``reduce_sum``, ``reduce_max``, …) along axes."""
        numbers = tuple(sorted(normalize_axis(axis, len(x.shape)) for axis in axes))
        return self.apply(kind, x, attributes={"axes": numbers, "keepdims": int(keep)}, name=name)

    def _arithmetic(self, kind: str, x: Tensor | float, y: Tensor | float, name: str) -> Tensor:
        """Two operands; a number is no operand but an attribute, as the readers have it."""
        if isinstance(x, Tensor) and isinstance(y, Tensor):
            return self.apply(kind, x, y, name=name)
        operands = [operand for operand in (x, y) if isinstance(operand, Tensor)]
        numbers = [operand for operand in (x, y) if not isinstance(operand, Tensor)]
        if operands:
            first = not isinstance(x, Tensor)
            attributes = {"scalar": float(numbers[0]), "scalar_first": first}
            return self.apply(kind, *operands, attributes=attributes, name=name)
        raise OptionError(f"{kind} of the numbers {x} and {y} is no layer: one operand must be a tensor")

    def _gelu(self, x: Tensor) -> Tensor:
        error = self.unary("erf", self.div(x, math.sqrt(2)))
        return self.mul(self.mul(x, self.add(error, 1.0)), 0.5)

    def _gelu_tanh(self, x: Tensor) -> Tensor:
        inner = self.add(x, self.mul(self.pow(x, 3.0), 0.044715))
        curve = self.unary("tanh", self.mul(inner, math.sqrt(2 / math.pi)))
        return self.mul(self.mul(x, 0.5), self.add(curve, 1.0))
