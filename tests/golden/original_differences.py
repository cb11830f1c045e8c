"""Where annette deliberately differs from the original program; one table for the cross-check and for the docs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from annette.estimation import KernelEstimate
    from annette.network import Network

SHAPE_ARITHMETIC = ("Shape", "Gather", "Unsqueeze", "Concat")


@dataclass(frozen=True)
class Row:
    """One layer of the original's results, with what annette makes of it.

    Attributes:
        layer: Name of the layer.
        operator: The original's type after its mapping.
        values: All columns of the results.
        network: The network as annette reads it.
        stored: The type that the description stores for each layer.
        kernel: The kernel that holds the layer, or None where annette has none.
        device: ``dnndk`` or ``ncs2``.
        refined: Whether the refined roofline was asked for.
    """

    layer: str
    operator: str
    values: dict[str, str]
    network: Network
    stored: dict[str, str]
    kernel: KernelEstimate | None
    device: str
    refined: bool

    @property
    def activations(self) -> int:
        """How many activations the layer reads."""
        return len(self.network.activations.get(self.layer, ()))

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of all activations that it reads or writes."""
        layer = self.network.producers[self.layer]
        names = (*self.network.activations[self.layer], *layer.outputs)
        return [self.network.tensors[name].shape for name in names]

    def holds(self, *operators: str) -> bool:
        """Whether a layer of one of these stored types runs in the same kernel."""
        return self.kernel is not None and any(self.stored[layer] in operators for layer in self.kernel.layers)


@dataclass(frozen=True)
class Difference:
    """One deliberate difference.

    Attributes:
        what: Layers concerned.
        original: What the original does.
        annette: What annette does instead.
        reason: Why.
        applies: Whether a row of the original's results is concerned; decided by structure, never by the figures.
    """

    what: str
    original: str
    annette: str
    reason: str
    applies: Callable[[Row], Any]


VIEWS = Difference(
    "`Reshape`, `Flatten`, `Squeeze`, `Dropout`, padding by nothing",
    "charges bytes read and written",
    "costs nothing",
    "views are new names for the same memory",
    lambda row: row.kernel is not None and row.kernel.method == "free",
)

DIFFERENCES = (
    Difference(
        "`Shape`, `Gather`, `Unsqueeze`, `Concat` of shapes",
        "charges the bytes of the tensor whose shape is asked",
        "leaves them out and says so",
        "shapes are known before the network runs",
        lambda row: row.kernel is None and row.stored.get(row.layer) in SHAPE_ARITHMETIC,
    ),
    Difference(
        "layers stored as `DataInput` although they read another layer",
        "charges the bytes written, as for an input",
        "restores the layer that the shapes prove (ReLU6, upsampling, reorganisation, permutation, prior boxes)",
        "the type was lost in conversion; the layer reads its operand too",
        lambda row: row.operator == "DataInput" and row.layer not in row.network.inputs,
    ),
    VIEWS,
    Difference(
        "`Concat`",
        "counts the bytes of the first operand only",
        "counts all operands",
        "all of them are read",
        lambda row: row.operator == "Concat",
    ),
    Difference(
        "`Add` on the ZCU102; `Mul`, `Sub`, `Div` of two activations on both",
        "counts the bytes of one operand",
        "counts both, each at its own size",
        "both are read; in a squeeze-excite one is small",
        lambda row: (
            row.operator in ("Add", "Mul", "Sub", "Div")
            and row.activations > 1
            and not (row.operator == "Add" and row.device == "ncs2")
        ),
    ),
    Difference(
        "`Add` of a constant on the NCS2",
        "counts two full operands",
        "counts the activation alone",
        "a constant of one number is not a second feature map",
        lambda row: row.operator == "Add" and row.device == "ncs2" and row.activations < 2,
    ),
    Difference(
        "`Slice`",
        "counts the bytes of the whole operand",
        "counts the part that is copied",
        "the rest is not touched",
        lambda row: row.operator == "Slice",
    ),
    Difference(
        "layers whose tensors hold several samples (between `SpaceToBatchND` and `BatchToSpaceND`)",
        "ignores the leading dimension of every tensor",
        "counts all samples",
        "they are computed and moved",
        lambda row: row.kernel is not None and any(shape[0] != row.network.batch for shape in row.shapes),
    ),
    Difference(
        "`ConvTranspose`",
        "counts the kernel once per output position",
        "counts it once per input position",
        "a stride of 2 leaves a quarter of the products",
        lambda row: row.operator == "ConvTranspose",
    ),
    Difference(
        "`Clip` behind a convolution, and a pool behind that",
        "keeps them as layers of their own",
        "fuses them as it fuses `Relu6`",
        "`Clip` to [0, 6] is the same layer under another exporter's name",
        lambda row: row.operator == "Clip" or (row.holds("Clip") and row.holds("Pool")),
    ),
    Difference(
        "depthwise convolutions on the ZCU102",
        "`DepthwiseConv`: bytes only, no operations; stored as `Conv`: priced as a dense convolution",
        "has no model: an error, or a marked fallback",
        "no parameters were published; nothing is silently priced at zero operations",
        lambda row: row.device == "dnndk" and row.kernel is not None and row.kernel.kind == "depthwise_conv",
    ),
    Difference(
        "`ConvPool` on the NCS2",
        "has no model of that type and charges bytes only, no operations",
        "prices it as the convolution it is",
        "nothing is silently priced at zero operations",
        lambda row: row.operator == "ConvPool" and row.device == "ncs2",
    ),
    Difference(
        "`ConvPool` on the ZCU102, refined roofline",
        "unrolls the height instead of the width, and charges channels below the unroll size in full",
        "treats the convolution as any other",
        "an RGB stem became 5.3 times slower by having a pool behind it",
        lambda row: row.operator == "ConvPool" and row.device == "dnndk" and row.refined,
    ),
    Difference(
        "`Pool` behind padding by nothing (DenseNet)",
        "counts no bytes read, because the padding's shape is stored as `[0]`",
        "counts them",
        "the shape is the padding's operand's",
        lambda row: row.operator == "Pool" and math.isclose(float(row.values["num_inputs"]), 0.0),
    ),
)


def reason(row: Row) -> Difference | None:
    """The first difference that concerns a row, or None where the original is sound."""
    return next((difference for difference in DIFFERENCES if difference.applies(row)), None)


def table() -> str:
    """The differences as a Markdown table."""
    lines = ["| Layers | The original | annette | Reason |", "|---|---|---|---|"]
    lines += [f"| {d.what} | {d.original} | {d.annette} | {d.reason} |" for d in DIFFERENCES]
    return "\n".join(lines)
