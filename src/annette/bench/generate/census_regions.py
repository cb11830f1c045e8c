"""Micro-kernels of the regions in which networks spend time and the other recipes have little.

The regions are those that ``tools/plan_census.py`` found over some hundred public architectures, none of them held out
(docs/results/census.md): each recipe draws around what was seen there, an octave to either side.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.bench.generate.recipe import micro
from annette.network.tensor import DType

if TYPE_CHECKING:
    from annette.bench.generate.recipe import CaseBuilder, Recipe, Sampler

__all__ = ["recipes"]

_MOST_OPS: Final = 2_600_000_000
"""Of the heaviest cases: some 40 ms on one core."""

_heavy = partial(micro, most_ops=_MOST_OPS, most_bytes=40_000_000)


def recipes() -> list[Recipe]:
    """Recipes for what a census of networks found far from all other cases."""
    return [*_convolutions(), *_products(), *_movements(), *_waves()]


def _convolutions() -> list[Recipe]:
    return [
        _heavy("conv-3x3/large-maps", 7, _large_maps),
        _heavy("conv-3x3/strided", 8, _strided),
        micro("conv-1x1/strided", 6, _strided_shortcut),
        _heavy("conv-patches/wide", 4, _patches),
        _heavy("conv-dilated/wide", 4, _atrous),
        micro("conv-grouped/strided", 7, partial(_grouped, 2)),
        micro("conv-grouped/many-groups", 6, partial(_grouped, 1)),
        _heavy("conv-large-kernel/large-maps", 4, _notes),
        _heavy("conv-1d/long-frames", 6, _long_frames),
        micro("conv-1d/resampling", 4, _resampling, most_bytes=40_000_000),
        micro("conv-1d/streaming", 5, _streaming),
        _heavy("conv-1d/long-features", 3, _long_features),
    ]


def _products() -> list[Recipe]:
    return [
        _heavy("fully-connected/many-tokens", 5, _many_tokens),
        micro("fully-connected/vast", 2, _vast, most_bytes=160_000_000),
        micro("fully-connected/vocabulary", 3, _vocabulary, most_ops=_MOST_OPS, most_bytes=40_000_000),
        _heavy("matmul/long-sequences", 5, _long_scores),
        micro("matmul/few-keys", 4, _few_keys),
        micro("softmax/long-sequences", 3, _long_softmax, most_bytes=70_000_000),
        micro("softmax/few-keys", 2, _short_softmax),
    ]


def _movements() -> list[Recipe]:
    return [
        micro("split/leading", 4, _leading_split),
        micro("slice/blocks", 4, _block_slice),
        micro("concat/halves", 4, _halves),
        micro("concat/many", 4, _many_parts),
        micro("resize-cubic/images", 3, partial(_image_resize, "cubic")),
        micro("resize-linear/images", 3, partial(_image_resize, "linear")),
        micro("transpose/large", 3, _large_transpose),
        micro("lrn/large-maps", 3, _large_normalization),
    ]


def _waves() -> list[Recipe]:
    return [
        micro("fourier-transform/long", 3, _long_spectrum),
        *(micro(f"{kind}/wave", 2, partial(_wave, kind)) for kind in ("compare", "where", "sub", "pad", "slice")),
        *(micro(f"{kind}/spectrum", 2, partial(_spectrum, kind)) for kind in ("log", "pow", "sqrt")),
        micro("reduce-norm/pairs", 4, _magnitude),
        micro("reduce-mean/large-maps", 2, _large_mean),
        micro("lstm/one-step", 3, _one_step),
        micro("gather/states", 2, partial(_states, "gather")),
        micro("concat/states", 2, partial(_states, "concat")),
    ]


def _large_maps(s: Sampler, net: CaseBuilder) -> None:
    """Images and spectrograms at full resolution: the outermost layers of networks that give an image back."""
    height = s.log_integer(180, 900)
    x = net.feed((s.log_integer(4, 128), height, s.log_integer(120, max(121, 160_000 // height))))
    y = net.conv(x, s.log_integer(8, 128), 3, padding="half", name="conv")
    if s.chance(0.5):
        net.relu(y)


def _strided(s: Sampler, net: CaseBuilder) -> None:
    """The first convolution of a stage, which halves the map and widens it."""
    depth = s.channels(32, 512)
    x = net.feed((depth, *(2 * s.pick((7, 10, 14, 20, 28, 40, 56)),) * 2))
    net.conv(x, s.pick((1, 2, 2, 4)) * depth, 3, stride=2, padding="half")


def _strided_shortcut(s: Sampler, net: CaseBuilder) -> None:
    depth = s.channels(128, 1024)
    x = net.feed((depth, *(2 * s.pick((4, 7, 7, 14, 28)),) * 2))
    net.conv(x, 2 * depth, 1, stride=2)


def _patches(s: Sampler, net: CaseBuilder) -> None:
    """An image cut into patches, one product each."""
    side = s.pick((14, 16, 32))
    net.conv(net.feed((3, *(side * s.pick((7, 10, 14, 16)),) * 2)), s.pick((384, 512, 768)), side, stride=side)


def _atrous(s: Sampler, net: CaseBuilder) -> None:
    x = net.feed((s.channels(320, 1024), *(s.pick((14, 16, 20, 28)),) * 2))
    net.conv(x, s.pick((128, 256)), 3, dilation=s.pick((6, 12, 18, 24)), padding="half")


def _grouped(stride: int, s: Sampler, net: CaseBuilder) -> None:
    """Groups of a few channels, at a stage's start and within it."""
    width, groups = s.pick((4, 8, 8, 16, 24)), s.pick((2, 4, 8, 16, 32) if stride > 1 else (16, 32, 32, 48))
    x = net.feed((width * groups, *(stride * s.pick((7, 14, 14, 28, 56)),) * 2))
    net.conv(x, width * groups, 3, groups=groups, stride=stride, padding="half")


def _notes(s: Sampler, net: CaseBuilder) -> None:
    """Windows over many bins of a spectrogram, few channels."""
    kernel = s.pick(((3, 39), (5, 39), (3, 39), (7, 3), (5, 5)))
    x = net.feed((s.pick((1, 8, 8, 32)), s.log_integer(120, 240), s.log_integer(88, 360)))
    net.conv(x, s.pick((1, 8, 8, 32)), kernel, padding="half", stride=s.pick(((1, 1), (1, 1), (1, 3))))


def _long_frames(s: Sampler, net: CaseBuilder) -> None:
    """Five to thirty seconds of sound, a Fourier transform as a convolution."""
    window = s.pick((256, 320, 400, 512))
    stride = s.pick((100, 128, 160, 160, 256))
    x = net.feed((1, window + stride * s.log_integer(400, 2000)))
    net.conv1d(x, s.pick((160, 258, 322, 402, 514)), window, stride=stride, bias=False)


def _resampling(s: Sampler, net: CaseBuilder) -> None:
    """A wave at another rate: one filter for each phase."""
    x = net.feed((1, s.log_integer(40_000, 320_000)))
    net.conv1d(x, s.pick((1, 2, 2, 3)), s.pick((15, 23, 41, 63)), stride=s.pick((1, 1, 3)), bias=False, padding="half")


def _streaming(s: Sampler, net: CaseBuilder) -> None:
    """One piece of sound at a time, or several: its spectrum, and convolutions over the few frames that it has."""
    pieces = net.batch * s.pick((1, 1, 32))
    if s.chance(0.4):
        wave = net.input("wave", (pieces, 1, 256 + 128 * s.pick((2, 3, 4, 4))))
        net.conv1d(wave, s.pick((128, 258)), 256, stride=128, bias=False)
    else:
        x = net.input("frames", (pieces, s.pick((64, 128, 129, 258)), s.pick((2, 4, 4, 8))))
        net.relu(net.conv1d(x, s.pick((64, 64, 128, 128, 256)), 3, stride=s.pick((1, 2)), padding="half"))


def _long_features(s: Sampler, net: CaseBuilder) -> None:
    x = net.feed((s.pick((80, 384, 384, 512)), s.log_integer(1000, 3000)))
    net.conv1d(x, s.pick((256, 384, 512)), 3, stride=s.pick((1, 2)), padding="half")


def _many_tokens(s: Sampler, net: CaseBuilder) -> None:
    """Sentences of sound and images in fine patches."""
    width, factor = s.pick((192, 256, 384, 512, 768)), s.pick((1, 1, 2, 4, 4))
    units, depth = (factor * width, width) if s.chance(0.5) else (width, factor * width)
    net.fully_connected(net.feed((s.log_integer(150, 1600), depth)), units)


def _vast(s: Sampler, net: CaseBuilder) -> None:
    """What stands behind the flattened map of the first image classifiers."""
    net.fully_connected(net.input("flat", (1, s.pick((6400, 9216)))), s.pick((2048, 4096)))


def _vocabulary(s: Sampler, net: CaseBuilder) -> None:
    steps, depth = s.log_integer(8, 80), s.pick((384, 512, 1024))
    x = net.feed((steps, depth)) if s.chance(0.5) else net.input("steps", (steps, net.batch, depth))
    net.fully_connected(x, s.log_integer(6000, 12_000))


def _long_scores(s: Sampler, net: CaseBuilder) -> None:
    """Scores of long sequences, and what is read by them."""
    heads, count, depth = s.pick((1, 3, 6, 6, 8)), s.log_integer(700, 1600), s.pick((32, 64))
    if s.chance(0.5):
        net.matmul(net.feed((heads, count, depth)), net.feed((heads, depth, count)))
    else:
        net.matmul(net.feed((heads, count, count)), net.feed((heads, count, depth)))


def _few_keys(s: Sampler, net: CaseBuilder) -> None:
    """Attention of all positions to a few: keys of a smaller map, or a product of keys and values first."""
    heads, rows = s.pick((1, 1, 2, 5, 8)), s.pick((196, 784, 3136))
    depth, columns = s.pick(((32, 49), (49, 32), (64, 49), (16, 17), (16, 16)))
    net.matmul(net.feed((heads, rows, depth)), net.feed((heads, depth, columns)))


def _long_softmax(s: Sampler, net: CaseBuilder) -> None:
    """Rows of scores: a thousand long ones for each head."""
    count = s.log_integer(600, 1600)
    net.softmax(net.feed((s.pick((1, 3, 6)), count, count)))


def _short_softmax(s: Sampler, net: CaseBuilder) -> None:
    """Rows of scores: thousands of 49."""
    net.softmax(net.feed((s.pick((1, 2, 5)), s.pick((784, 3136)), s.pick((49, 49, 64)))))


def _leading_split(s: Sampler, net: CaseBuilder) -> None:
    """Queries, keys and values that lie behind each other."""
    x = net.input("joined", (3, net.batch, s.pick((3, 6, 8)), s.log_integer(49, 600), s.pick((16, 32, 64))))
    net.split(x, 3, axis=0)


def _block_slice(s: Sampler, net: CaseBuilder) -> None:
    """Half of the channels, or every head's part of the last axis."""
    if s.chance(0.5):
        depth, side = s.channels(64, 512), s.pick((14, 28, 56))
        net.slice(net.feed((depth, side, side)), [0], [depth // s.pick((2, 2, 3))], [1])
    else:
        width = s.pick((8, 16, 32))
        x = net.feed((s.pick((4, 8, 16)), s.pick((196, 784, 3136)), 3 * width))
        start = width * s.pick((0, 1, 2))
        net.slice(x, [start], [start + width], [3])


def _halves(s: Sampler, net: CaseBuilder) -> None:
    """A cheap half of a map put behind the other, on large maps."""
    shape = (s.pick((8, 12, 24, 40)), *(s.pick((56, 112, 112)),) * 2)
    net.concat([net.feed(shape), net.feed(shape)])


def _many_parts(s: Sampler, net: CaseBuilder) -> None:
    """All that a dense block has written so far."""
    side, width = s.pick((7, 14, 28)), s.pick((24, 32, 48))
    parts = [net.feed((width * s.pick((1, 2, 4)), side, side))]
    net.concat([*parts, *(net.feed((width, side, side)) for _ in range(s.integer(6, 24)))])


def _image_resize(mode: str, s: Sampler, net: CaseBuilder) -> None:
    """Images, and maps of classes brought to an image's size. One at a time: cubic ones take 0.5 us a position."""
    depth, side = (s.pick((3, 3, 19, 21)), s.log_integer(16, 256)) if mode == "linear" else (3, s.log_integer(60, 260))
    size = s.pick((128, 192, 224, 240))
    net.resize(net.input("image", (1, depth, side, side)), (size, size), mode=mode)  # type: ignore[arg-type]


def _large_transpose(s: Sampler, net: CaseBuilder) -> None:
    """A map's positions and channels, exchanged."""
    net.transpose(net.feed((s.pick((784, 1024, 3136)), s.pick((32, 64, 128, 256)))), (0, 2, 1))


def _large_normalization(s: Sampler, net: CaseBuilder) -> None:
    net.local_response_norm(net.feed((s.pick((64, 96, 192)), *(s.log_integer(50, 112),) * 2)))


def _long_spectrum(s: Sampler, net: CaseBuilder) -> None:
    length, hop = s.pick((400, 512, 512)), 160
    net.short_time_fourier(net.feed((length + hop * s.log_integer(500, 1200), 1)), length, hop)


def _wave(kind: str, s: Sampler, net: CaseBuilder) -> None:
    """Each of a wave's samples: padding marked, mirrored at its ends, differences of neighbours."""
    count = s.log_integer(60_000, 400_000)
    if kind == "where":
        shape = s.pick(((count,), (80, count // 160), (128, count // 160)))
        mask = net.input("mask", (net.batch, *(1,) * (len(shape) - 1), shape[-1]), DType.BOOL)
        net.layer("where", [mask, net.feed(shape)], attributes={"scalar_false": 0.0}, dtype=DType.FLOAT32)
        return
    x = net.feed((count,))
    if kind == "compare":
        net.compare(x, net.input("length", (1, 1)))
    elif kind == "sub":
        net.sub(x, net.feed((count,)))
    elif kind == "pad":
        side = s.pick((128, 200, 256))
        net.pad(x, (0, side, 0, side), mode=s.pick(("constant", "reflect")))
    else:
        net.slice(x, [1], [count], [1])


def _spectrum(kind: str, s: Sampler, net: CaseBuilder) -> None:
    """Each number of a spectrum of several seconds."""
    x = net.feed((s.pick((80, 128, 129, 257)), s.log_integer(4, 1000)))
    if kind == "pow":
        net.pow(x, 2.0)
    else:
        net.unary(kind, x)


def _magnitude(s: Sampler, net: CaseBuilder) -> None:
    """Of complex numbers whose parts lie beside each other, or behind all the others; of vectors along long axes."""
    frames, bins = s.log_integer(4, 1000), s.pick((129, 201, 257))
    form = s.pick(("beside", "behind", "along"))
    shape = {"beside": (frames, bins, 2), "behind": (2, frames, bins), "along": (4, 48, s.pick((196, 784)))}[form]
    net.reduce("reduce_norm", net.feed(shape), (1,) if form == "behind" else (3,), keep=form == "along")


def _large_mean(s: Sampler, net: CaseBuilder) -> None:
    net.reduce("reduce_mean", net.feed((s.pick((16, 32, 64)), *(s.pick((96, 112, 128)),) * 2)), (2, 3))


def _one_step(s: Sampler, net: CaseBuilder) -> None:
    """A recurrent layer that is called for every piece of sound anew."""
    width = s.pick((64, 128, 128, 256))
    net.lstm(net.input("step", (1, net.batch, width)), width)


def _states(kind: str, s: Sampler, net: CaseBuilder) -> None:
    """The two states of such a layer, taken from one tensor and put back."""
    shape = (1, net.batch, s.pick((64, 128, 256)))
    if kind == "gather":
        net.gather(net.input("states", (2, *shape[1:])), s.pick((0, 1)), axis=0)
    else:
        net.concat([net.input("hidden", shape), net.input("cell", shape)], axis=0)
