"""The networks of Once-for-All on MobileNet v3 (Cai et al., arXiv:1908.09791)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

import numpy as np

from annette.errors import OptionError
from annette.network.zoo.folding import FoldingBuilder, make_divisible
from annette.network.zoo.mobile import inverted_residual
from annette.spaces.space import ABSENT, Built, IntArray, Pieces, SearchSpace, chained

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from annette.network.tensor import Tensor

__all__ = ["OnceForAll"]


class _Stage(NamedTuple):
    filters: int
    stride: int
    activation: str
    excited: bool


_STAGES: Final = (
    _Stage(24, 2, "relu", excited=False),
    _Stage(40, 2, "relu", excited=True),
    _Stage(80, 2, "hard_swish", excited=False),
    _Stage(112, 1, "hard_swish", excited=True),
    _Stage(160, 2, "hard_swish", excited=True),
)
"""Stages behind the first block at width 1.0: those of MobileNet v3 large (``ofa_mbv3.py`` of the authors)."""

_RESOLUTIONS: Final = tuple(range(128, 225, 4))
_DEPTHS: Final = (2, 3, 4)
_KERNELS: Final = (3, 5, 7)
_EXPANSIONS: Final = (3, 4, 6)
_FIRST, _LAST, _HIDDEN = 16, 960, 1280
_DEEPEST: Final = _DEPTHS[-1]
_HEAD, _BLOCKS = 1, 2
"""Codes of pieces: those of blocks count on, and behind them those of stems by their resolution."""


class OnceForAll(SearchSpace):
    """Decisions: the resolution, the depth of each stage, and for each of its four blocks the window and the expansion.

    Blocks beyond a stage's depth do not exist; their decisions make no difference.

    Args:
        batch: Samples that are processed together.
        resolutions: Sides of the image to choose from, pixels.
        classes: Classes told apart.
    """

    name: ClassVar[str] = "once-for-all"

    def __init__(self, *, batch: int = 1, resolutions: Sequence[int] = _RESOLUTIONS, classes: int = 1000) -> None:
        self.batch, self._resolutions, self._classes = batch, tuple(resolutions), classes
        blocks = len(_STAGES) * _DEEPEST
        self.options = (
            len(self._resolutions),
            *(len(_DEPTHS),) * len(_STAGES),
            *(len(_KERNELS), len(_EXPANSIONS)) * blocks,
        )

    def decision_names(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The resolution, the depths, and window and expansion of each block."""
        names = [("resolution", tuple(map(str, self._resolutions)))]
        names += [(f"stage{stage}/depth", tuple(map(str, _DEPTHS))) for stage in range(len(_STAGES))]
        for stage in range(len(_STAGES)):
            for index in range(_DEEPEST):
                names.append((f"stage{stage}/block{index}/kernel", tuple(map(str, _KERNELS))))
                names.append((f"stage{stage}/block{index}/expansion", tuple(map(str, _EXPANSIONS))))
        return tuple(names)

    def label(self, candidate: Sequence[int]) -> str:
        """Such as ``r160-d2:k3e4,k5e6-d3:…``: resolution, and for each stage its depth and blocks."""
        row = self.checked(candidate)
        stages = []
        for stage in range(len(_STAGES)):
            depth = _DEPTHS[row[1 + stage]]
            blocks = (_block_options(row, stage, index) for index in range(depth))
            stages.append(f"d{depth}:" + ",".join(f"k{_KERNELS[k]}e{_EXPANSIONS[e]}" for k, e in blocks))
        return "-".join([f"r{self._resolutions[row[0]]}", *stages])

    def parse(self, label: str) -> tuple[int, ...]:
        """The candidate of a label; decisions of blocks that do not exist are 0.

        Raises:
            OptionError: It is not such a label.
        """
        match = re.fullmatch(r"r(\d+)" + r"-d\d:((?:k\de\d,?)+)" * len(_STAGES), label)
        given = [] if match is None else [re.findall(r"k(\d)e(\d)", each) for each in match.groups()[1:]]
        blocks = [pair for stage in given for pair in (*stage, *[("3", "3")] * (_DEEPEST - len(stage)))]
        row = [
            _place(self._resolutions, match[1] if match else ""),
            *(_place(_DEPTHS, str(len(stage))) for stage in given),
            *(
                _place(sizes, text)
                for pair in blocks
                for sizes, text in zip((_KERNELS, _EXPANSIONS), pair, strict=True)
            ),
        ]
        if min(row) < 0 or len(row) != len(self.options) or self.label(row) != label:
            known = self.label((0,) * len(self.options))
            raise OptionError(f"{label[:200]!r} is no candidate of space {self.name!r}: write it like {known!r}")
        return tuple(row)

    def build(self, candidate: Sequence[int]) -> Built:
        """The network, batch normalization folded."""
        row = self.checked(candidate)
        net = FoldingBuilder(f"{self.name}:{self.label(row)}", self.batch)
        counts: list[tuple[int, int]] = []
        image = net.image(self._resolutions[row[0]])
        x = net.conv_norm(image, _FIRST, 3, stride=2, activation="hard_swish", name="stem")
        with net.scope("first"):
            x = inverted_residual(net, x, _FIRST, _FIRST, 3, 1, activation="relu")
        counts.append((0, net.layer_count))
        for stage in range(len(_STAGES)):
            for index in range(_DEPTHS[row[1 + stage]]):
                with net.scope(f"stage{stage}/block{index}"):
                    x = _block(net, x, stage, index, *_block_options(row, stage, index))
                counts.append((1 + stage * _DEEPEST + index, net.layer_count))
        x = net.conv_norm(x, _LAST, activation="hard_swish", name="last")
        x = net.conv_norm(net.global_average_pool(x), _HIDDEN, activation="hard_swish", name="mix")
        network = net.build(net.fully_connected(net.flatten(x), self._classes, name="classifier"))
        counts.append((1 + len(_STAGES) * _DEEPEST, len(network.layers)))
        owners: list[int] = []
        for slot, count in counts:
            owners += [slot] * (count - len(owners))
        return Built(network, tuple(owners))

    def covering(self) -> IntArray:
        """At each resolution each block in each form; stages are deep where their feature maps have a new size.

        Neighbouring resolutions share the sizes of late stages, which need no deeper blocks to be seen once more.
        """
        forms = [(k, e) for k in range(len(_KERNELS)) for e in range(len(_EXPANSIONS))]
        blocks = len(_STAGES) * _DEEPEST
        rows: list[tuple[int, ...]] = []
        seen: set[tuple[int, int]] = set()
        for resolution, side in enumerate(self._resolutions):
            sizes = list(enumerate(_stage_sizes(side)))
            depths = [0 if each in seen else len(_DEPTHS) - 1 for each in sizes]
            seen.update(sizes)
            rows += [
                (resolution, *depths, *sum((forms[(turn + b) % len(forms)] for b in range(blocks)), ()))
                for turn in range(len(forms))
            ]
        return np.array(rows, dtype=np.int64)

    def pieces(self, candidates: IntArray) -> Pieces:
        """A slot for stem and first block, for each block, and for the head."""
        codes: list[IntArray | int] = [_BLOCKS + len(_STAGES) * _DEEPEST * 9 + candidates[:, 0]]
        for stage in range(len(_STAGES)):
            depth = np.array(_DEPTHS)[candidates[:, 1 + stage]]
            for index in range(_DEEPEST):
                kernel, expansion = _block_options(candidates.T, stage, index)
                own = (stage * _DEEPEST + index) * len(_KERNELS) + kernel
                code = _BLOCKS + own * len(_EXPANSIONS) + expansion
                codes.append(np.where(index < depth, code, ABSENT))
        return chained([*codes, _HEAD])


def _stage_sizes(side: int) -> Iterator[int]:
    """Side of the feature maps of each stage, for an image of a side: windows are padded by half, strides round up."""
    side = -(-side // 2)
    for stage in _STAGES:
        side = -(-side // stage.stride)
        yield side


def _place(sizes: Sequence[int], text: str) -> int:
    """Which of the sizes a text is, -1 for none."""
    return next((place for place, size in enumerate(sizes) if str(size) == text), -1)


def _block_options(row: Sequence[int] | IntArray, stage: int, index: int) -> tuple[int, int]:
    """Which window and expansion a block has."""
    place = 1 + len(_STAGES) + 2 * (stage * _DEEPEST + index)
    return row[place], row[place + 1]


def _block(net: FoldingBuilder, x: Tensor, stage: int, index: int, kernel: int, expansion: int) -> Tensor:
    filters, stride, activation, excited = _STAGES[stage]
    expanded = make_divisible(x.shape[1] * _EXPANSIONS[expansion])
    return inverted_residual(
        net,
        x,
        expanded,
        filters,
        _KERNELS[kernel],
        1 if index else stride,
        activation=activation,
        squeezed=make_divisible(expanded / 4) if excited else 0,
        gate="hard_sigmoid",
    )
