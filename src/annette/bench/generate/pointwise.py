"""Micro-kernels: activations, arithmetic, normalization, pooling and reductions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from annette.bench.generate.products import heads_and_width, tokens
from annette.bench.generate.recipe import ALIGNED, ODD, VECTOR, Recipe, micro
from annette.network.tensor import DType

if TYPE_CHECKING:
    from annette.bench.generate.recipe import CaseBuilder, Sampler
    from annette.network import Tensor

__all__ = ["data", "recipes"]

_SIMPLE: Final = (
    ("relu", 12), ("relu6", 12), ("leaky_relu", 12), ("sigmoid", 12), ("tanh", 10), ("hard_sigmoid", 12),
    ("hard_swish", 12), ("elu", 10), ("softplus", 6), ("gelu", 10), ("gelu_tanh", 5), ("silu", 12), ("mish", 6),
)  # fmt: skip
_UNARY: Final = (("erf", 16), ("exp", 16), ("sqrt", 16), ("abs", 16), ("neg", 16), ("log", 16), ("reciprocal", 16))
_BLOCKED_ACTIVATIONS: Final = (("hard_swish", 4), ("silu", 5), ("gelu", 2), ("mish", 2), ("sigmoid", 2))


def recipes() -> list[Recipe]:
    """Recipes for layers that compute little and move much."""
    return [
        *(micro(f"activation-{name}/plain", count, partial(_activation, name)) for name, count in _SIMPLE),
        *(micro(f"unary-{name}/plain", count, partial(_unary, name)) for name, count in _UNARY),
        *(
            micro(f"activation-{name}/blocked", count, partial(_blocked_activation, name))
            for name, count in _BLOCKED_ACTIVATIONS
        ),
        micro("cast/plain", 12, lambda s, net: net.cast(_integers(s, net), DType.FLOAT32)),
        *(
            micro(f"{kind}-same/plain", count, partial(_same, kind))
            for kind, count in (("add", 16), ("mul", 8), ("sub", 18), ("div", 16))
        ),
        *(
            micro(f"{name}/blocked/{alignment}", count, partial(draw, alignment))
            for alignment, count in ((ALIGNED, 10), (VECTOR, 4), (ODD, 2))
            for name, draw in (("add-same", _blocked_add), ("mul-channels", _excite))
        ),
        micro("mul-channels/plain", 6, _scale_channels),
        micro("add-bias/tokens", 8, _token_bias),
        micro("add-table/plain", 8, _table),
        micro("mul-layer-scale/plain", 12, _layer_scale),
        micro("scalar/plain", 10, _scalar),
        micro("pow/plain", 16, lambda s, net: net.pow(data(s, net, most=1 << 18), s.pick((2.0, 3.0, 0.5)))),
        micro("maximum/plain", 18, _maximum),
        micro("where-causal/plain", 18, _causal),
        micro("layer-norm/tokens", 16, lambda s, net: net.layer_norm(net.feed((tokens(s, 1), s.channels(32, 1536))))),
        micro("layer-norm/channels-last", 6, _layer_norm_on_map),
        micro("instance-norm/plain", 12, lambda s, net: net.instance_norm(_map(s, net, (16, 512), (4, 128)))),
        micro("instance-norm/groups", 14, _group_norm),
        micro("batch-norm/plain", 12, lambda s, net: net.relu(net.batch_norm(_map(s, net, (16, 1024), (4, 112))))),
        micro("batch-norm/blocked", 12, _blocked_batch_norm),
        micro("local-response-norm/plain", 12, _local_response_norm),
        *(
            micro(f"{kind}-pool/blocked/{alignment}", count, partial(_blocked_pool, kind, alignment))
            for alignment, count in ((ALIGNED, 8), (VECTOR, 3), (ODD, 2))
            for kind in ("max", "average", "global")
        ),
        *(
            micro(f"{kind}-pool/plain", count, partial(_plain_pool, kind))
            for kind, count in (("max", 7), ("average", 6), ("global", 6))
        ),
        micro("average-pool/one-column", 12, partial(_pooled_column, "average")),
        micro("max-pool/one-column", 6, partial(_pooled_column, "max")),
        micro("reduce-mean/spatial", 7, _mean_of_positions),
        micro("reduce-mean/last", 5, lambda s, net: net.reduce("reduce_mean", _words(s, net), (-1,))),
        micro("reduce-mean/tokens", 4, lambda s, net: net.reduce("reduce_mean", _words(s, net), (1,), keep=False)),
        micro("reduce-other/plain", 42, _other_reduction),
        micro("reduce-norm/last", 10, _norm_of_rows),
        micro("arg-max/plain", 12, _arg_max),
    ]


def data(s: Sampler, net: CaseBuilder, *, most: int = 1 << 20) -> Tensor:
    """An input as layers of few operations read it: feature maps, tokens, attention scores, rows."""
    form = s.pick(("map", "tokens", "scores", "last", "row"), (10, 6, 2, 2, 2))
    if form == "map":
        return net.feed(s.feature_map((4, 1536), most=most))
    if form == "tokens":
        return net.feed((tokens(s), s.channels(32, 1024)))
    if form == "scores":
        count = tokens(s, 16, 256)
        return net.feed((s.log_integer(1, 12), count, count))
    if form == "last":
        side = s.size(4, 56)
        return net.feed((side, side, s.channels(24, min(1024, max(32, most // side**2)))))
    return net.input("rows", (net.batch, s.log_integer(16, 4096)))


def _activation(name: str, s: Sampler, net: CaseBuilder) -> None:
    net.activation(data(s, net), name)


def _unary(name: str, s: Sampler, net: CaseBuilder) -> None:
    net.unary(name, data(s, net))


def _blocked_activation(name: str, s: Sampler, net: CaseBuilder) -> None:
    y = net.activation(net.host(s.feature_map((16, 960), sizes=(4, 112)), ""), name)
    net.conv(y, 16, 1)


def _integers(s: Sampler, net: CaseBuilder) -> Tensor:
    return net.input("ids", (net.batch, s.log_integer(16, 200_000)), DType.INT64)


def _same(kind: str, s: Sampler, net: CaseBuilder) -> None:
    x = data(s, net)
    y = net.input("other", x.shape)
    z = net.layer(kind, [x, y])[0]
    if kind == "add" and s.chance(0.3):
        net.relu(z)


def _blocked_add(alignment: str, s: Sampler, net: CaseBuilder) -> None:
    """The sum of two maps that are in the convolutions' layout and were activated before: nothing fuses."""
    shape = s.feature_map((16, 1024), alignment=alignment, sizes=(4, 112), most=1 << 19)
    y = net.add(net.host(shape), net.host(shape))
    net.conv(net.relu(y) if s.chance(0.5) else y, 16, 1)


def _excite(alignment: str, s: Sampler, net: CaseBuilder) -> None:
    x = net.host(s.feature_map((16, 1152), alignment=alignment, sizes=(4, 112), most=1 << 19))
    gate = s.pick(("sigmoid", "hard_sigmoid"))
    y = net.squeeze_excite(x, max(4, x.shape[1] // s.pick((4, 8, 16))), gate=gate)
    net.conv(y, 16, 1)


def _scale_channels(s: Sampler, net: CaseBuilder) -> None:
    x = net.feed(s.feature_map((8, 1152), sizes=(4, 112)))
    net.mul(x, net.feed((x.shape[1], 1, 1)))


def _token_bias(s: Sampler, net: CaseBuilder) -> None:
    x = net.feed((tokens(s), s.channels(32, 2048)))
    net.add_constant(x, (x.shape[-1],))


def _table(s: Sampler, net: CaseBuilder) -> None:
    """Position tables: one for all samples, or one for all heads."""
    if s.chance(0.5):
        x = net.feed((tokens(s), s.channels(32, 1024)))
        net.add_constant(x, (1, *x.shape[1:]))
    else:
        count = s.pick((36, 49, 64, 100, 144))
        x = net.input("scores", (s.log_integer(1, 64), s.log_integer(2, 16), count, count))
        net.add_constant(x, (1, *x.shape[1:]))


def _layer_scale(s: Sampler, net: CaseBuilder) -> None:
    form = s.pick(("first", "last", "tokens"))
    channels, height, width = s.feature_map((32, 768), sizes=(4, 72))
    if form == "first":
        net.scale_by_constant(net.feed((channels, height, width)), (channels, 1, 1))
    elif form == "last":
        net.scale_by_constant(net.feed((height, width, channels)), (channels,))
    else:
        x = net.feed((tokens(s), s.channels(32, 1024)))
        net.scale_by_constant(x, (x.shape[-1],))


def _scalar(s: Sampler, net: CaseBuilder) -> None:
    x = data(s, net)
    net.div(x, 0.7) if s.chance(0.3) else net.mul(x, 0.7) if s.chance(0.6) else net.add(x, 0.7)


def _maximum(s: Sampler, net: CaseBuilder) -> None:
    x = data(s, net)
    net.maximum(x, net.input("other", x.shape))


def _causal(s: Sampler, net: CaseBuilder) -> None:
    count = tokens(s, 8, 384)
    x = net.feed((s.log_integer(1, 16), count, count))
    net.where_mask(x, (1, 1, count, count), pattern="causal", value=-1e9)


def _map(s: Sampler, net: CaseBuilder, channels: tuple[int, int], sizes: tuple[int, int]) -> Tensor:
    return net.feed(s.feature_map(channels, sizes=sizes))


def _layer_norm_on_map(s: Sampler, net: CaseBuilder) -> None:
    channels, height, width = s.feature_map((32, 1024), sizes=(4, 80))
    net.layer_norm(net.feed((height, width, channels)))


def _group_norm(s: Sampler, net: CaseBuilder) -> None:
    """Group normalization, as it is exported: few long rows."""
    net.instance_norm(net.input("groups", (net.batch, s.pick((1, 1, 1, 8, 16, 32)), s.log_integer(2000, 250_000))))


def _local_response_norm(s: Sampler, net: CaseBuilder) -> None:
    net.local_response_norm(net.feed(s.feature_map((32, 256), sizes=(7, 64), most=1 << 20)))


def _blocked_batch_norm(s: Sampler, net: CaseBuilder) -> None:
    """Normalization before convolution, behind something that it cannot be folded into."""
    shape = s.feature_map((16, 768), sizes=(4, 56), most=1 << 18)
    net.conv(net.relu(net.batch_norm(net.concat([net.host(shape), net.host(shape)]))), 32, 1)


def _pool(kind: str, s: Sampler, net: CaseBuilder, x: Tensor) -> Tensor:
    if kind == "global":
        return net.global_average_pool(x)
    kernel, stride = s.pick(((3, 2), (2, 2), (3, 1), (5, 1), (13, 1), (5, 3)), (8, 6, 6, 2, 1, 1))
    padding = (kernel - 1) // 2 if kernel % 2 and s.chance(0.8) else 0
    pool = net.max_pool if kind == "max" else net.average_pool
    return pool(x, kernel, stride=stride, padding=padding, ceil=padding == 0 and s.chance(0.3))


def _blocked_pool(kind: str, alignment: str, s: Sampler, net: CaseBuilder) -> None:
    x = net.host(s.feature_map((16, 1024), alignment=alignment, sizes=(5, 112), most=1 << 19))
    net.conv(_pool(kind, s, net, x), 16, 1)


def _plain_pool(kind: str, s: Sampler, net: CaseBuilder) -> None:
    _pool(kind, s, net, _map(s, net, (8, 1024), (5, 112)))


def _pooled_column(kind: str, s: Sampler, net: CaseBuilder) -> None:
    """A sequence as a map of one column, through windows of many rows: signals of electrodes, waves."""
    taps = s.pick((2, 4, 8, 16, 50, 75, 100))
    x = net.feed((s.pick((1, 4, 16, 20, 32, 40)), taps + s.log_integer(16, 1000), 1))
    getattr(net, f"{kind}_pool")(x, (taps, 1), stride=(max(1, taps // s.pick((1, 1, 2, 5))), 1))


def _words(s: Sampler, net: CaseBuilder) -> Tensor:
    return net.feed((tokens(s), s.channels(32, 1024)))


def _mean_of_positions(s: Sampler, net: CaseBuilder) -> None:
    net.reduce("reduce_mean", _map(s, net, (16, 1280), (4, 80)), (2, 3), keep=s.chance(0.5))


def _other_reduction(s: Sampler, net: CaseBuilder) -> None:
    kind = s.pick(("reduce_sum", "reduce_max", "reduce_min"))
    net.reduce(kind, net.feed(s.feature_map((16, 512), sizes=(4, 56))), s.pick(((1,), (2, 3), (3,))))


def _norm_of_rows(s: Sampler, net: CaseBuilder) -> None:
    """What cosine attention divides its queries and keys by."""
    heads, width = heads_and_width(s, 32, 768)
    net.reduce("reduce_norm", net.feed((heads, tokens(s, 16, 784), width // heads)), (-1,))


def _arg_max(s: Sampler, net: CaseBuilder) -> None:
    x = net.feed(s.feature_map((4, 32), sizes=(16, 128)))
    net.layer("arg_max", [x], attributes={"axis": 1, "keepdims": 1}, dtype=DType.INT64)
