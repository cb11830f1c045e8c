"""Spaces that one process has compiled and another takes over as bytes."""

import msgspec
import numpy as np
import pytest

from annette.platforms import load_platform
from annette.spaces.compiled import CompiledSpace, CompiledState, compile_space
from tests.unit.spaces.samples import widths


@pytest.fixture(scope="module")
def platform():
    return load_platform("epyc-onnxruntime")


@pytest.fixture(scope="module")
def sent(platform):
    """A space of which a part was learned, as bytes, and what it says of candidates that were learned."""
    space = widths()
    compiled = compile_space(space, platform, training=16)
    assert compiled.compiled
    known = space.sample(16, np.random.default_rng(0))
    data = msgspec.msgpack.encode(compiled.state())
    return data, known, compiled.price(known).latency_s


def resumed(data, platform, space=None):
    state = msgspec.msgpack.decode(data, type=CompiledState)
    return CompiledSpace.resumed(state, space or widths(), platform, None, "error")


def test_what_was_learned_is_known_there(sent, platform):
    data, known, latency_s = sent
    again = resumed(data, platform)
    mapped = again.mapped
    assert again.price(known).latency_s == pytest.approx(latency_s, rel=1e-12)
    assert again.mapped == mapped, "nothing is mapped that was mapped before"


def test_what_was_not_learned_is_learned_there(sent, platform):
    again = resumed(sent[0], platform)
    rows = again.space.numbered(0, again.space.size)
    mapped = again.mapped
    expected = compile_space(widths(), platform).price(rows)
    for ours, theirs in zip(again.price(rows), expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-9)
    assert again.mapped > mapped
    assert msgspec.msgpack.encode(resumed(msgspec.msgpack.encode(again.state()), platform).state()) == (
        msgspec.msgpack.encode(again.state())
    )


def _with_learned(state, **changed):
    return {**state, "learned": {**state["learned"], **changed}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: {**state, "coarser": 1}, "not cut coarser 1 times"),
        (lambda state: {**state, "models": {"conv": ["conv", "none"]}}, "has no model"),
        (lambda state: {**state, "learned": {**state["learned"], "rows": []}}, "kernels that do not exist"),
        (
            lambda state: {
                **state,
                "learned": {**state["learned"], "book": {**state["learned"]["book"], "states": []}},
            },
            "that it does not have",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused(sent, platform, change, message):
    state = change(msgspec.msgpack.decode(sent[0]))
    with pytest.raises(ValueError, match=message):
        resumed(msgspec.msgpack.encode(state), platform)
