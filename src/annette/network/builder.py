"""Networks built in code.

Example:
    >>> net = NetworkBuilder("tiny")
    >>> x = net.input("image", (1, 3, 32, 32))
    >>> x = net.relu(net.conv(x, 16, 3, padding=1))
    >>> x = net.fully_connected(net.flatten(net.global_average_pool(x)), 10, name="classifier")
    >>> net.build(x)
    Network('tiny', 5 layers, 0.000443 GMACs, batch 1)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from annette.errors import NetworkShapeError
from annette.network.building.convolution import ConvolutionOperators
from annette.network.building.elementwise import ElementwiseOperators
from annette.network.building.graph import check_rank
from annette.network.building.movement import MovementOperators
from annette.network.building.selection import SelectionOperators
from annette.network.kinds.matrix import contraction_sizes, product_dimensions

if TYPE_CHECKING:
    from collections.abc import Callable

    from annette.network.tensor import Tensor

__all__ = ["NetworkBuilder"]


class NetworkBuilder(ConvolutionOperators, ElementwiseOperators, MovementOperators, SelectionOperators):
    """Builds a `annette.network.Network` operator by operator, with every attribute needed to write it as a file.

    Every operator is a method that takes tensors and returns the tensor it writes; shapes are checked as they are
    called. Layers are named after their kind unless a name is given; `scope` prefixes names. Feature maps are
    N, C, H, W. The operators of this class are matrix products and what is made of them.

    Args:
        name: The network's name.
        batch: Number of samples; recorded on the network, the shapes of the inputs must agree with it.
        source_format: What `Network.source_format` says.
    """

    def fully_connected(self, x: Tensor, units: int, *, bias: bool = True, name: str = "") -> Tensor:
        """A product of the last dimension with constant weights.

        A matrix [N, K] is multiplied in one layer with its bias (an ONNX Gemm); a higher rank takes a second layer
        that adds the bias, as exported files do.
        """
        if len(x.shape) == 2:
            attributes = {"transposed_weights": 1}
            return self.apply("fully_connected", x, attributes=attributes, features=units, bias=bias, name=name)
        y = self.apply("fully_connected", x, features=units, bias=False, name=name)
        return self.add_constant(y, (units,), name=f"{name or 'fully_connected'}/bias") if bias else y

    def matmul(self, x: Tensor, y: Tensor, *, name: str = "") -> Tensor:
        """The product of two activations over their last two dimensions, the leading ones broadcast.

        Raises:
            NetworkShapeError: The inner dimensions differ.
        """
        return self.apply("matmul", x, y, name=name)

    def einsum(self, equation: str, x: Tensor, y: Tensor, *, name: str = "") -> Tensor:
        """An Einstein sum of two operands with every label written out: ``bqd,bkd->bqk``.

        Raises:
            NetworkShapeError: The equation does not fit the operands.
        """
        terms, _, result = equation.partition("->")
        left, _, right = terms.partition(",")
        if (len(left), len(right)) != (len(x.shape), len(y.shape)):
            raise NetworkShapeError(f"equation {equation!r} does not fit {x.shape} and {y.shape}")
        sizes = dict(zip(left + right, x.shape + y.shape, strict=True))
        batch, rows, depth, columns = contraction_sizes(set(left), set(right), set(result), sizes)
        if x.constant and not y.constant:  # The rows are those of what is computed, as everywhere.
            rows, columns = columns, rows
        count = len({tensor.name for tensor in (x, y) if not tensor.constant})
        return self.layer(
            "fully_connected" if x.constant or y.constant else "matmul", [x, y], name=name or "einsum",
            attributes={"equation": equation}, shapes=[tuple(sizes[label] for label in result)],
            dimensions=product_dimensions(batch, rows, depth, columns, input_count=count),
        )[0]  # fmt: skip

    def embedding(self, indices: Tensor, rows: int, width: int, *, name: str = "") -> Tensor:
        """Rows of a learned table picked by index."""
        full = self.unique_name(name or "embedding")
        table = self.weight("weight", (rows, width), owner=full)
        return self.layer("gather", [table, indices], full_name=full, attributes={"axis": 0}, dtype=table.dtype)[0]

    def split_heads(self, x: Tensor, heads: int, *, keys: bool = False, name: str = "") -> Tensor:
        """[batch, tokens, width] to [batch, heads, tokens, width / heads]; keys come out transposed.

        Raises:
            NetworkShapeError: The heads do not divide the width.
        """
        check_rank(x, 3)
        batch, tokens, width = x.shape
        if heads < 1 or width % heads:
            raise NetworkShapeError(f"{heads} heads do not divide a width of {width}")
        y = self.reshape(x, (batch, tokens, heads, width // heads), name=f"{name}reshape")
        return self.transpose(y, (0, 2, 3, 1) if keys else (0, 2, 1, 3), name=f"{name}transpose")

    def attention(
        self,
        query: Tensor,
        keys: Tensor,
        values: Tensor,
        heads: int,
        *,
        scale: float | None = None,
        scores: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """Scaled dot-product attention of [batch, tokens, width] operands, decomposed as exported files are.

        Args:
            query: Queries.
            keys: Keys.
            values: Values.
            heads: Number of heads.
            scale: What the scores are multiplied by; 1/√(width of a head) where absent.
            scores: Applied to the scaled scores before softmax (masks, position bias).

        Returns:
            [batch, tokens, width].

        Raises:
            NetworkShapeError: The heads do not divide the width, or the operands do not fit.
        """
        check_rank(query, 3)
        batch, tokens, width = query.shape
        q = self.split_heads(query, heads, name="query_")
        k = self.split_heads(keys, heads, keys=True, name="key_")
        v = self.split_heads(values, heads, name="value_")
        factor = scale if scale is not None else 1 / math.sqrt(width // heads)
        s = self.mul(self.matmul(q, k, name="scores"), factor, name="scale")
        p = self.softmax(scores(s) if scores else s)
        y = self.transpose(self.matmul(p, v, name="context"), (0, 2, 1, 3))
        return self.reshape(y, (batch, tokens, width))

    def lstm(self, x: Tensor, hidden: int, *, bidirectional: bool = False, name: str = "") -> Tensor:
        """A long short-term memory layer over [steps, batch, features].

        Returns:
            [steps, directions, batch, hidden].
        """
        return self._recurrent("lstm", x, hidden, bidirectional, name)

    def gru(self, x: Tensor, hidden: int, *, bidirectional: bool = False, name: str = "") -> Tensor:
        """A gated recurrent unit over [steps, batch, features], the reset gate applied after the product.

        Returns:
            [steps, directions, batch, hidden].
        """
        return self._recurrent("gru", x, hidden, bidirectional, name)

    def rnn(self, x: Tensor, hidden: int, *, bidirectional: bool = False, name: str = "") -> Tensor:
        """A plain recurrent layer with tanh over [steps, batch, features].

        Returns:
            [steps, directions, batch, hidden].
        """
        return self._recurrent("rnn", x, hidden, bidirectional, name)

    def _recurrent(self, kind: str, x: Tensor, hidden: int, bidirectional: bool, name: str) -> Tensor:
        attributes = {"hidden_size": hidden, "directions": 2 if bidirectional else 1}
        return self.apply(kind, x, attributes=attributes, name=name)
