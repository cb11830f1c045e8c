"""Candidates on a cluster: what a worker does; no cluster is needed for it."""

import json

import msgspec
import numpy as np
import pytest

from annette.errors import ClusterError, OptionError
from annette.platforms import load_platform
from annette.spaces import remote
from annette.spaces.compiled import compile_space
from annette.spaces.load import load_space
from annette.spaces.remote import price_on_cluster, serve_candidates

PLATFORM = "zcu102-dnndk"
HOW = {"scheduler": "tcp://x", "fallback": "roofline"}
SPACE = {
    "schema": "annette/space/1",
    "name": "toy",
    "input": [3, 32, 32],
    "blocks": [
        {
            "name": "block",
            "repeat": 4,
            "choices": {
                "narrow": [{"op": "conv_norm", "filters": 16, "kernel": 3}],
                "wide": [{"op": "conv_norm", "filters": 32, "kernel": 3}],
            },
        }
    ],
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "toy.json"
    path.write_text(json.dumps(SPACE))
    return path


@pytest.mark.usefixtures("here")
def test_prices_are_those_of_one_machine_in_order(file, monkeypatch):
    monkeypatch.setattr(remote, "_TOGETHER", 7)
    space = load_space(file)
    rows = space.numbered(0, space.size)
    found = list(price_on_cluster(file, PLATFORM, [rows[:5], rows[5:]], **HOW))
    assert [len(part) for part, _ in found] == [5, 7, 4]
    assert (np.concatenate([part for part, _ in found]) == rows).all()
    known = compile_space(space, load_platform(PLATFORM), fallback="roofline").price(rows)
    for ours, theirs in zip(known, zip(*(priced for _, priced in found), strict=True), strict=True):
        assert (np.concatenate(theirs) == ours).all()


def test_code_is_not_sent():
    with pytest.raises(OptionError, match="written in Python, which workers are not sent"):
        price_on_cluster("os:system", PLATFORM, [], **HOW)
    with pytest.raises(OptionError, match="there is no space 'nasbench20'"):
        price_on_cluster("nasbench20", PLATFORM, [], **HOW)
    answer = msgspec.msgpack.decode(serve_candidates(b"", b'{"version":"1","space":"os:system"}'))
    assert "ValidationError" in answer["error"]


@pytest.mark.usefixtures("here")
def test_what_a_worker_cannot_do_is_said(file):
    with pytest.raises(ClusterError, match="cannot price candidates: ValueError: cannot reshape"):
        list(price_on_cluster(file, PLATFORM, [np.zeros((1, 3), dtype=np.int64)], **HOW))


@pytest.mark.parametrize("answer", [b"\xc1", msgspec.msgpack.encode({"latency_s": b"123"})])
@pytest.mark.usefixtures("here")
def test_an_answer_that_is_none_is_an_error(file, answer, monkeypatch):
    monkeypatch.setattr(remote, "serve_candidates", lambda *_: answer)
    with pytest.raises(ClusterError, match="cannot be read"):
        list(price_on_cluster(file, PLATFORM, [np.zeros((1, 4), dtype=np.int64)], **HOW))
