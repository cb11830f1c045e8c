"""Estimates on a real cluster of two worker processes, one of which is killed in the middle."""

import json
import os
import random

import numpy as np
import pytest

import annette
from annette.network.builder import NetworkBuilder
from annette.network.writers.onnx import write_onnx
from annette.platforms import load_platform
from annette.report.estimates import estimate_document
from annette.spaces import remote, strategies
from annette.spaces.compiled import compile_space
from annette.spaces.load import load_space
from tests.integration.cluster import RealCluster

pytest.importorskip("distributed", reason="distributed is not installed: pip install 'annette[cluster]'")

PLATFORM = "zcu102-dnndk"
COUNT = 400


@pytest.fixture
def cluster(tmp_path):
    folder = tmp_path / "cluster"
    folder.mkdir()
    with RealCluster(folder, dict(os.environ)) as started:
        yield started


def networks():
    """Small ones, each of its own sizes."""
    dice = random.Random(0)
    for number in range(COUNT):
        net = NetworkBuilder(f"small{number}")
        x = net.input("x", (1, 8, 8 + number % 50, 16))
        for _ in range(dice.randrange(1, 6)):
            x = net.relu(net.conv(x, dice.randrange(8, 64), 3, padding=1))
        yield net.build(x)


def test_two_workers_and_one_that_is_killed_give_what_one_machine_gives(cluster, tmp_path):
    cluster.worker()
    doomed = cluster.worker()
    file = tmp_path / "own.onnx"
    write_onnx(next(networks()), file)
    taken = 0

    def counted():
        nonlocal taken
        for each in (*networks(), file, "resnet81"):
            taken += 1
            yield each

    values, ahead = [], 0
    found = annette.estimate_on_cluster(counted(), PLATFORM, scheduler=cluster.address)
    for each in found:
        assert each.number == len(values)
        values.append(each)
        ahead = max(ahead, taken - len(values))
        if len(values) == COUNT // 4:
            doomed.kill()
    assert len(values) == COUNT + 2
    assert ahead <= 3 * 2 * 16, "three requests of 16 for each thread"
    for network, each in zip(networks(), values[:COUNT], strict=True):
        assert each.get() == estimate_document(annette.estimate(network, PLATFORM))
    assert values[COUNT].get()["latency_s"] == values[0].get()["latency_s"]
    assert "resnet81" in str(values[COUNT + 1].error)


def described(folder):
    """A space of 1,024 candidates, as a file."""
    convolution = {"op": "conv_norm", "kernel": 3}
    choices = {"narrow": [{**convolution, "filters": 16}], "wide": [{**convolution, "filters": 32}]}
    block = {"name": "block", "repeat": 10, "choices": choices}
    file = folder / "space.json"
    file.write_text(json.dumps({"schema": "annette/space/1", "name": "own", "input": [3, 32, 32], "blocks": [block]}))
    return file


def test_candidates_of_a_space_survive_a_killed_worker(cluster, tmp_path, monkeypatch):
    file = described(tmp_path)
    space = load_space(file)
    rows = space.numbered(0, space.size)
    cluster.worker()
    doomed = cluster.worker()
    monkeypatch.setattr(remote, "_TOGETHER", 16)
    latencies_s, asked = [], []
    for part, priced in remote.price_on_cluster(file, PLATFORM, [rows], scheduler=cluster.address, fallback="roofline"):
        asked.append(part)
        latencies_s.append(priced.latency_s)
        if len(asked) == 12:
            doomed.kill()
    assert (np.concatenate(asked) == rows).all()
    known = compile_space(space, load_platform(PLATFORM), fallback="roofline").price(rows)
    assert np.concatenate(latencies_s) == pytest.approx(known.latency_s, rel=1e-9)


def test_a_search_survives_a_killed_worker(cluster, tmp_path, monkeypatch):
    file = described(tmp_path)
    how = {"count": 6400, "fallback": "roofline", "seed": 4}
    monkeypatch.setattr(strategies, "_TOGETHER", 100)
    cluster.worker()
    doomed = cluster.worker()
    told = []

    def watch(count):
        told.append(count)
        if len(told) == 12:
            doomed.kill()

    there = annette.search(file, PLATFORM, scheduler=cluster.address, progress=watch, **how)
    here = annette.search(file, PLATFORM, **how)
    assert doomed.wait() != 0
    assert told == [100] * 64
    assert there.candidates == here.candidates == 6400
    assert [(each.candidate, each.score) for each in there.front] == [
        (each.candidate, each.score) for each in here.front
    ]
    assert [each.latency_s for each in there.front] == pytest.approx([each.latency_s for each in here.front], rel=1e-9)
