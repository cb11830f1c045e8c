"""What detectors, audio front ends and learners of tables are made of: selection, sampling, transforms, trees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annette.errors import NetworkShapeError
from annette.network.building.graph import Graph, check_rank
from annette.network.kinds.matrix import attention_dimensions
from annette.network.kinds.shapes import broadcast_shapes, normalize_axis
from annette.network.kinds.tabular import NUMBERS_PER_NODE
from annette.network.tensor import DType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.network.layer import AttributeValue
    from annette.network.tensor import Tensor

__all__ = ["SelectionOperators"]


class SelectionOperators(Graph):
    """Operators whose results depend on what is in their operands, counted at their largest size."""

    def top_k(self, x: Tensor, count: int, *, axis: int = -1, name: str = "") -> tuple[Tensor, Tensor]:
        """The largest elements along an axis, and their positions.

        Raises:
            NetworkShapeError: There are not so many.
        """
        number = normalize_axis(axis, len(x.shape))
        if not 1 <= count <= x.shape[number]:
            raise NetworkShapeError(f"{count} of {x.shape[number]} elements cannot be the largest")
        shape = (*x.shape[:number], count, *x.shape[number + 1 :])
        values, positions = self.layer(
            "top_k", [x], name=name, attributes={"axis": number, "k": count}, shapes=[shape, shape],
            dtypes=[x.dtype, DType.INT64],
        )  # fmt: skip
        return values, positions

    def non_max_suppression(self, boxes: Tensor, scores: Tensor, most: int, *, name: str = "") -> Tensor:
        """Boxes that do not overlap better ones: ``[batch x classes x most, 3]`` of their places.

        Args:
            boxes: ``[batch, boxes, 4]``.
            scores: ``[batch, classes, boxes]``.
            most: How many are kept of a class.
            name: The layer's name.
        """
        check_rank(boxes, 3)
        check_rank(scores, 3)
        kept = min(most, boxes.shape[1])
        return self.layer(
            "non_max_suppression", [boxes, scores], name=name, attributes={"max_boxes": kept},
            shapes=[(scores.shape[0] * scores.shape[1] * kept, 3)], dtype=DType.INT64,
        )[0]  # fmt: skip

    def roi_align(
        self, x: Tensor, regions: Tensor, images: Tensor, size: int, *, samples: int = 2, name: str = ""
    ) -> Tensor:
        """Regions of a feature map sampled onto a grid of ``size`` by ``size``.

        Args:
            x: The feature map.
            regions: ``[regions, 4]``, corners.
            images: ``[regions]``, which image of the batch each lies in.
            size: Side of the grid.
            samples: Points along each side of a place of the grid.
            name: The layer's name.
        """
        check_rank(x, 4)
        shape = (regions.shape[0], x.shape[1], size, size)
        attributes = {"sampling_ratio": samples}
        return self.layer("roi_align", [x, regions, images], name=name, attributes=attributes, shapes=[shape])[0]

    def grid_sample(
        self,
        x: Tensor,
        grid: Tensor,
        *,
        mode: str = "linear",
        outside: str = "zeros",
        corners: bool = False,
        name: str = "",
    ) -> Tensor:
        """A feature map at the positions of a grid ``[batch, height, width, 2]``.

        Args:
            x: The map.
            grid: Positions from -1 to 1.
            mode: ``linear``, ``nearest`` or ``cubic``.
            outside: What positions outside read: ``zeros``, ``border`` or ``reflection``.
            corners: Whether -1 and 1 are the middles of the outermost elements instead of their outer edges.
            name: The layer's name.

        Raises:
            NetworkShapeError: The grid has another rank than the feature map.
        """
        check_rank(grid, len(x.shape))
        shape = (*x.shape[:2], *grid.shape[1:-1])
        attributes: dict[str, AttributeValue] = {"mode": mode}
        if outside != "zeros":
            attributes["padding_mode"] = outside
        if corners:
            attributes["align_corners"] = 1
        return self.layer("grid_sample", [x, grid], name=name, attributes=attributes, shapes=[shape])[0]

    def scatter(self, x: Tensor, indices: Tensor, updates: Tensor, *, name: str = "") -> Tensor:
        """A copy with the rows of ``updates`` written where ``indices`` ``[…, depth]`` say."""
        return self.apply("scatter", x, indices, updates, name=name)

    def non_zero(self, x: Tensor, *, name: str = "") -> Tensor:
        """Positions of all elements that are not 0, ``[rank, elements]`` where all are such."""
        shape = (len(x.shape), x.elements)
        return self.layer("non_zero", [x], name=name, shapes=[shape], dtype=DType.INT64)[0]

    def compare(self, x: Tensor, y: Tensor, *, name: str = "") -> Tensor:
        """Whether elements are less than others, with broadcasting."""
        shape = broadcast_shapes(x.shape, y.shape)
        return self.layer("compare", [x, y], name=name, shapes=[shape], dtype=DType.BOOL)[0]

    def cumulative_sum(self, x: Tensor, *, axis: int = -1, name: str = "") -> Tensor:
        """Running sums along an axis."""
        attributes = {"axis": normalize_axis(axis, len(x.shape))}
        return self.apply("cumulative_sum", x, attributes=attributes, name=name)

    def short_time_fourier(self, x: Tensor, length: int, hop: int, *, name: str = "") -> Tensor:
        """Spectra of the frames of a signal ``[batch, samples, 1]``: ``[batch, frames, length / 2 + 1, 2]``."""
        attributes = {"length": length, "hop": hop, "onesided": True}
        return self.apply("fourier_transform", x, attributes=attributes, name=name)

    def fourier(self, x: Tensor, *, axis: int = -2, name: str = "") -> Tensor:
        """Spectra along an axis; the last dimension holds the parts of complex numbers, or the real one."""
        number = normalize_axis(axis, len(x.shape))
        attributes: dict[str, AttributeValue] = {
            "length": x.shape[number],
            "axis": number,
            "onesided": x.shape[-1] == 1,
            "inverse": False,
        }
        return self.apply("fourier_transform", x, attributes=attributes, name=name)

    def tree_ensemble(self, x: Tensor, trees: int, depth: int, *, targets: int = 1, name: str = "") -> Tensor:
        """Complete binary decision trees over the features of a table."""
        nodes = trees * (2 ** (depth + 1) - 1)
        attributes = {"trees": trees, "nodes": nodes, "depth": depth, "targets": targets}
        return self.apply("tree_ensemble", x, attributes=attributes, name=name)

    def tree_classifier(self, x: Tensor, trees: int, depth: int, classes: int, *, name: str = "") -> list[Tensor]:
        """Trees as `tree_ensemble` has them, whose results are the scores of classes: the label of each row first."""
        nodes = trees * (2 ** (depth + 1) - 1)
        attributes = {"trees": trees, "nodes": nodes, "depth": depth, "targets": classes}
        weights = {"nodes": (nodes, NUMBERS_PER_NODE)}
        return self._classifier("tree_ensemble", x, classes, attributes, weights, name)

    def support_vectors(self, x: Tensor, vectors: int, *, kernel: str = "rbf", name: str = "") -> Tensor:
        """A support vector machine over the features of a table, with one result."""
        attributes: dict[str, AttributeValue] = {"kernel": kernel, "vectors": vectors, "targets": 1}
        return self.apply(_vector_kind(kernel), x, attributes=attributes, name=name)

    def vector_classifier(self, x: Tensor, vectors: int, *, kernel: str = "rbf", name: str = "") -> list[Tensor]:
        """A support vector machine that tells two classes apart: the label of each row, and two scores."""
        attributes: dict[str, AttributeValue] = {"kernel": kernel, "vectors": vectors, "targets": 1}
        weights = {"vectors": (vectors, x.shape[-1]), "coefficients": (1, vectors)}
        return self._classifier(_vector_kind(kernel), x, 2, attributes, weights, name)

    def _classifier(
        self,
        kind: str,
        x: Tensor,
        classes: int,
        attributes: Mapping[str, AttributeValue],
        weights: Mapping[str, Sequence[int]],
        name: str,
    ) -> list[Tensor]:
        rows = x.shape[0]
        return self.layer(
            kind, [x], name=name, attributes=attributes, weights=weights, shapes=[(rows,), (rows, classes)],
            dtypes=[DType.INT64, DType.FLOAT32],
        )  # fmt: skip

    def fused_attention(self, query: Tensor, keys: Tensor, values: Tensor, heads: int, *, name: str = "") -> Tensor:
        """Scaled dot-product attention of ``[batch, tokens, width]`` operands as one operator.

        Raises:
            NetworkShapeError: The heads do not divide the width, or keys and values are not alike.
        """
        check_rank(query, 3)
        width, tokens = query.shape[2], keys.shape[1]
        if heads < 1 or width % heads or keys.shape != values.shape or keys.shape[::2] != query.shape[::2]:
            raise NetworkShapeError(f"{heads} heads cannot attend over {query.shape}, {keys.shape} and {values.shape}")
        count = len({tensor.name for tensor in (query, keys, values)})
        size = width // heads
        dimensions, macs = attention_dimensions(
            query.shape[0], heads, query.shape[1], tokens, size, size, input_count=count
        )
        attributes = {"heads": heads, "kv_heads": heads}
        return self.layer(
            "attention", [query, keys, values], name=name, attributes=attributes, shapes=[query.shape],
            dimensions=dimensions, macs=macs,
        )[0]  # fmt: skip


def _vector_kind(kernel: str) -> str:
    return "rbf_support_vectors" if kernel == "rbf" else "support_vectors"
