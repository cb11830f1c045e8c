"""Estimates of ResNet-50: warm by family, from the file, and the steps they consist of."""

import numpy as np
import pytest

import annette
from annette.estimation import estimate_network
from annette.mapping.rules import preset
from annette.models.forest import Forest
from annette.network.load import load_network
from annette.platforms import dumps_platform, loads_platform

PLATFORM = "zcu102-dnndk"


def grown(rng, *, trees, depth, columns):
    """Complete trees of random comparisons, each tree's nodes level by level."""
    inner, nodes = 2**depth - 1, 2 ** (depth + 1) - 1
    number = np.arange(nodes)
    first = np.arange(trees)[:, None] * nodes
    return Forest(
        roots=first.ravel().astype(np.int32),
        feature=np.where(number < inner, rng.integers(0, columns, (trees, nodes)), -1).ravel().astype(np.int16),
        threshold=rng.random(trees * nodes).astype(np.float32),
        left=(np.where(number < inner, 2 * number + 1, 0) + first).ravel().astype(np.int32),
        value=rng.random(trees * nodes).astype(np.float32),
    )


@pytest.mark.parametrize("family", ["roofline", "refined-roofline"])
def test_warm_estimate(benchmark, target, resnet50, family):
    target(2e-3)
    platform = annette.load_platform(PLATFORM)
    result = benchmark(lambda: estimate_network(resnet50, platform, model=family, fallback="roofline"))
    assert result.latency_s > 0


def test_file_to_estimate(benchmark, target, resnet50_file):
    target(60e-3)
    platform = annette.load_platform(PLATFORM)
    result = benchmark(lambda: annette.estimate(resnet50_file, platform, fallback="roofline"))
    assert result.latency_s > 0


def test_read_file(benchmark, resnet50_file):
    assert benchmark(lambda: load_network(resnet50_file)).macs > 4e9


@pytest.mark.parametrize("name", ["generic", "onnxruntime-cpu"])
def test_mapping(benchmark, target, resnet50, name):
    target(0.7e-3)
    mapping = preset(name)
    assert len(benchmark(lambda: mapping.apply(resnet50))) > 50


@pytest.mark.parametrize("entry", annette.list_platforms(), ids=lambda entry: entry.name)
def test_load_platform_file(benchmark, entry):
    text = dumps_platform(entry.load()).encode()
    assert benchmark(lambda: loads_platform(text, source="benchmark")).name == entry.name


@pytest.mark.parametrize("rows", [60, 60_000])
def test_forest(benchmark, rows):
    """Trees as fitting makes them, grown at random."""
    rng = np.random.default_rng(1)
    model = grown(rng, trees=300, depth=6, columns=20)
    values = rng.random((rows, 20))
    assert benchmark(lambda: model.predict(values)).shape == (rows,)
