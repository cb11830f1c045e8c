"""Candidates on a cluster: what a worker does; no cluster is needed for it."""

import json

import msgspec
import numpy as np
import pytest

from annette.errors import ClusterError, OptionError
from annette.platforms import load_platform
from annette.spaces import remote, remote_search, strategies
from annette.spaces.compiled import compile_space
from annette.spaces.load import load_space
from annette.spaces.remote import prepare_candidates, price_on_cluster, serve_candidates
from annette.spaces.remote_search import prepare_search, serve_part
from annette.spaces.search import search

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
    answer = msgspec.msgpack.decode(serve_candidates(b"", prepare_candidates(b'{"version":"1","space":"os:system"}')))
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


@pytest.mark.parametrize("strategy", ["random", "exhaustive"])
@pytest.mark.usefixtures("here")
def test_a_search_on_a_cluster_finds_what_one_machine_finds(file, monkeypatch, strategy):
    monkeypatch.setattr(strategies, "_TOGETHER", 7)
    how = {"strategy": strategy, "fallback": "roofline", "seed": 5, "jointly": "each"}
    how |= {"count": 300} if strategy == "random" else {}
    told = []
    here = search(file, [PLATFORM, "kirin970-tvm"], **how)
    there = search(file, [PLATFORM, "kirin970-tvm"], scheduler="tcp://x", progress=told.append, **how)
    assert there.front == here.front
    assert (there.candidates, there.front_size) == (here.candidates, here.front_size)
    assert sum(told) == there.candidates
    assert max(told) <= 7
    assert [each.compiled for each in there.platforms] == [True, True]


@pytest.mark.usefixtures("here")
def test_an_evolution_on_a_cluster_is_several_whose_fronts_are_joined(file, monkeypatch):
    monkeypatch.setattr(strategies, "_TOGETHER", 40)
    how = {"strategy": "evolutionary", "count": 100, "fallback": "roofline", "scheduler": "tcp://x"}
    first, second = (search(file, PLATFORM, **how) for _ in range(2))
    assert first.front == second.front
    assert first.candidates == 100
    scores = [each.score for each in first.front]
    assert scores == sorted(set(scores))


@pytest.mark.usefixtures("here")
def test_scores_are_found_by_path_and_limits_hold_on_a_cluster(file, tmp_path):
    space = load_space(file)
    scores = tmp_path / "scores.npz"
    np.savez(scores, candidates=space.numbered(0, 9), scores=np.arange(9.0))
    how = {"strategy": "exhaustive", "fallback": "roofline", "objective": str(scores)}
    free = search(file, PLATFORM, **how)
    limit_s = free.front[0].latency_s
    limited = search(file, PLATFORM, scheduler="tcp://x", max_latency_s=limit_s, **how)
    assert limited.unscored == free.unscored == space.size - 9
    assert limited.too_slow > 0
    assert [each.candidate for each in limited.front] == [free.front[0].candidate]


def test_code_of_others_is_not_sent_for_a_search(file):
    with pytest.raises(OptionError, match="not as an object"):
        search(load_space(file), PLATFORM, count=3, scheduler="tcp://x")
    for objective in ("os:system", lambda *_: []):
        with pytest.raises(OptionError, match="nobody's code but annette's"):
            search(file, PLATFORM, count=3, objective=objective, scheduler="tcp://x")
    answer = msgspec.msgpack.decode(serve_part(b"[0,1]", prepare_search(b'{"version":"1"}')))
    assert "ValidationError" in answer["error"]


@pytest.mark.parametrize("answer", [b"\xc1", msgspec.msgpack.encode({"candidates": 3})])
@pytest.mark.usefixtures("here")
def test_a_survey_that_is_none_is_an_error(file, answer, monkeypatch):
    monkeypatch.setattr(remote_search, "serve_part", lambda *_: answer)
    with pytest.raises(ClusterError, match="cannot be read"):
        search(file, PLATFORM, count=3, fallback="roofline", scheduler="tcp://x")


@pytest.mark.usefixtures("here")
def test_what_a_worker_cannot_search_is_said(file):
    with pytest.raises(ClusterError, match=r"cannot search: OptionError: scores .*missing\.csv' cannot be read"):
        search(file, PLATFORM, count=3, objective="missing.csv", scheduler="tcp://x")
