"""Recurrent layers, sequences of sound and text, tables of numbers.

A recurrent layer fetches the weights of its state in every step: few steps of a wide layer and many steps of a narrow
one, of as many operations, live in different caches.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.bench.generate.rare_convolutions import frames, transposed_1d
from annette.bench.generate.recipe import Recipe, micro
from annette.bench.records import Purpose

if TYPE_CHECKING:
    from annette.bench.generate.recipe import CaseBuilder, Sampler
    from annette.network import Tensor

__all__ = ["recipes"]

_chain = partial(Recipe, Purpose.CHAIN, most_ops=600_000_000, most_bytes=16_000_000)
_MOST_RECURRENT_OPS: Final = 200_000_000
"""A product of one row does some ten operations a nanosecond at the most."""

_BATCHED: Final = (("lstm", 14), ("gru", 14), ("rnn", 16))
_LINE_WINDOWS: Final = ((3, 3), (3, 3), (1, 5), (5, 1), (3, 1))
_LINE_STRIDES: Final = ((1, 1), (2, 2), (2, 1), (2, 1))

_recurrent = partial(micro, most_ops=_MOST_RECURRENT_OPS, most_bytes=40_000_000)


def recipes() -> list[Recipe]:
    """Recipes for sequences."""
    return [
        *(
            _recurrent(f"{kind}/{name}", round(count * weight), partial(_layer, kind, steps, widths))
            for kind, weight in (("lstm", 1.0), ("gru", 0.7), ("rnn", 0.5))
            for name, count, steps, widths in (
                ("many-steps", 14, (60, 1000), (4, 128)),
                ("wide", 15, (1, 100), (128, 1024)),
                ("any", 10, (1, 300), (2, 600)),
            )
        ),
        *(
            micro(f"{kind}/long", count, partial(_long, kind), most_ops=1_500_000_000)
            for kind, count in (("lstm", 14), ("gru", 8), ("rnn", 8))
        ),
        *(_recurrent(f"{kind}/batched", count, partial(_batched, kind)) for kind, count in _BATCHED),
        _chain("recurrent-encoder", 14, _encoder),
        _chain("spectrum", 14, _spectrum),
        _chain("wave-decoder", 10, _wave_decoder),
        _chain("characters", 12, _characters),
        _chain("table", 18, _table),
    ]


def _layer(kind: str, steps: tuple[int, int], widths: tuple[int, int], s: Sampler, net: CaseBuilder) -> None:
    hidden = s.pick((s.log_integer(*widths), 16 * max(1, round(s.log_integer(*widths) / 16))))
    both = s.chance(0.4)
    count = s.log_integer(*steps)
    features = s.log_integer(max(2, hidden // 4), min(1024, 3 * hidden))
    x = net.input("steps", (count, net.batch * s.pick((1, 1, 1, 1, 2, 8)), features))
    getattr(net, kind)(x, hidden, bidirectional=both)


def _long(kind: str, s: Sampler, net: CaseBuilder) -> None:
    """Many steps of a wide layer, as separators and recognisers of speech have them."""
    hidden, features = s.pick((96, 128, 160, 192, 200, 256, 320, 384, 512)), s.log_integer(32, 1280)
    x = net.input("steps", (s.log_integer(50, 500), net.batch, features))
    getattr(net, kind)(x, hidden, bidirectional=s.chance(0.6))


def _batched(kind: str, s: Sampler, net: CaseBuilder) -> None:
    """Several sequences at once, which share each fetch of the weights."""
    hidden = s.pick((32, 64, 128, 200, 256, 300, 384, 512))
    x = net.input("steps", (s.log_integer(2, 120), net.batch * s.pick((2, 4, 8, 16, 32)), s.log_integer(16, 512)))
    getattr(net, kind)(x, hidden, bidirectional=s.chance(0.5))


def _stacked(s: Sampler, net: CaseBuilder, x: Tensor, hidden: int) -> Tensor:
    """One to three recurrent layers over [steps, batch, features]; two directions are joined."""
    kind, both = s.pick(("lstm", "lstm", "gru")), s.chance(0.5)
    for _ in range(s.pick((1, 2, 2, 3))):
        y = getattr(net, kind)(x, hidden, bidirectional=both)
        steps, _, batch, _ = y.shape
        x = net.reshape(net.transpose(y, (0, 2, 1, 3)), (steps, batch, (2 if both else 1) * hidden))
    return x


def _encoder(s: Sampler, net: CaseBuilder) -> None:
    """Convolutions along a sequence, recurrent layers, a projection."""
    x = net.feed((s.log_integer(1, 128), s.log_integer(8, 600)))
    for _ in range(s.pick((1, 2, 3))):
        y = net.conv1d(x, s.channels(16, 256), s.pick((3, 3, 5)), stride=s.pick((1, 1, 2)), padding="half")
        x = net.activation(y, s.pick(("relu", "relu", "gelu")))
    y = _stacked(s, net, net.transpose(x, (2, 0, 1)), s.pick((32, 64, 96, 128, 128, 256)))
    net.fully_connected(y, s.pick((1, 10, 29, 80, 128)))


def _spectrum(s: Sampler, net: CaseBuilder) -> None:
    """From a wave to its spectrum, its magnitude or logarithm, and the first convolutions on it."""
    y = frames(s, net)
    half = y.shape[1] // 2
    real, imaginary = net.slice(y, [0], [half], [1]), net.slice(y, [half], [2 * half], [1])
    power = net.add(net.pow(real, 2.0), net.pow(imaginary, 2.0))
    z = net.unary("sqrt", power) if s.chance(0.6) else net.unary("log", net.add(power, 1e-6))
    if s.chance(0.5):
        z = net.sub(z, net.reduce("reduce_mean", z, s.pick(((2,), (1,), (1, 2)))))
    if s.chance(0.5):
        for _ in range(s.pick((1, 2, 3))):
            z = net.relu(net.conv1d(z, s.channels(16, 256), 3, padding="half", stride=s.pick((1, 2))))
    else:
        z = net.reshape(z, (z.shape[0], 1, *z.shape[1:]))
        for _ in range(s.pick((1, 2))):
            z = net.relu(net.conv(z, s.log_integer(4, 64), s.pick((3, 5)), padding="half", stride=s.pick((1, 2))))


def _wave_decoder(s: Sampler, net: CaseBuilder) -> None:
    """From features to a wave: transposed convolutions, dilated ones between them."""
    x = net.feed((s.channels(32, 512), s.log_integer(8, 120)))
    for _ in range(s.pick((1, 2, 3))):
        stride = s.pick((2, 4, 5, 8))
        x = transposed_1d(net, net.leaky_relu(x), max(8, x.shape[1] // 2), 2 * stride, stride)
        for dilation in s.pick(((1,), (1, 3), (1, 3, 5))):
            y = net.conv1d(net.leaky_relu(x), x.shape[1], s.pick((3, 7)), dilation=dilation, padding="half")
            x = net.add(x, y)
    net.activation(net.conv1d(x, 1, 7, padding="half"), "tanh")


def _characters(s: Sampler, net: CaseBuilder) -> None:
    """A line of text as a flat map: convolutions that shrink its height, then products or recurrence along it."""
    x = net.feed((s.pick((1, 3, 16, 32)), s.pick((32, 48, 64)), s.log_integer(64, 400)))
    for _ in range(s.pick((2, 3, 4))):
        kernel, stride = s.pick(_LINE_WINDOWS), s.pick(_LINE_STRIDES)
        y = net.conv_norm(x, s.channels(16, 192), kernel, stride=stride, activation=s.pick(("relu", "hard_swish")))
        x = y
    flat = (
        net.reduce("reduce_mean", x, (2,), keep=False)
        if s.chance(0.5)
        else net.reshape(
            net.average_pool(x, (x.shape[2], 1), stride=(x.shape[2], 1)), (x.shape[0], x.shape[1], x.shape[3])
        )
    )
    y = net.transpose(flat, (2, 0, 1))
    if s.chance(0.5):
        y = _stacked(s, net, y, s.pick((48, 64, 96, 128)))
    net.softmax(net.fully_connected(y, s.log_integer(37, 6600)))


def _table(s: Sampler, net: CaseBuilder) -> None:
    """Rows of a table through a few small products, perhaps of several columns joined, normalized or gated."""
    rows = net.batch * s.pick((1, 1, 1, 4, 32))
    parts = [net.input(f"column{n}", (rows, s.log_integer(1, 64))) for n in range(s.pick((1, 1, 2, 5, 12)))]
    x = net.concat(parts) if len(parts) > 1 else parts[0]
    for _ in range(s.pick((2, 3, 4, 6))):
        y = net.fully_connected(x, s.log_integer(2, 256))
        y = net.activation(y, s.pick(("relu", "relu", "tanh", "sigmoid", "gelu", "elu")))
        x = net.add(x, y) if y.shape == x.shape else y
    z = net.fully_connected(x, s.pick((1, 1, 2, 3, 10)))
    net.activation(z, "sigmoid") if z.shape[1] == 1 else net.softmax(z)
