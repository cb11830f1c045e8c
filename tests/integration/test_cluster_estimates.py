"""Estimates on a real cluster of two worker processes, one of which is killed in the middle."""

import os
import random

import pytest

import annette
from annette.network.builder import NetworkBuilder
from annette.network.writers.onnx import write_onnx
from annette.report.estimates import estimate_document
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
