"""Comparisons rank like with like, and skip what does not fit with its reason."""

import pytest

from annette.errors import NetworkError, UnsupportedKernelError
from annette.estimation.comparison import compare_platforms
from annette.models.roofline import Roofline
from annette.platforms import Overhead, dump_platform
from tests.unit.samples import platform, small_network

END_TO_END = {"latency_is": "end_to_end", "overhead": Overhead(1e-5, 1e-9, 0.0, 0.0)}
POOL_ONLY = {"models": {"max_pool": {"roofline": Roofline(1e9, 1e8, 0.0)}}, "preferred_family": "roofline"}


def shelf(tmp_path, monkeypatch, *platforms):
    """Makes these the only known platforms."""
    for each in platforms:
        dump_platform(each, tmp_path / f"{each.name}.json")
    monkeypatch.setenv("ANNETTE_PLATFORM_PATH", str(tmp_path))
    monkeypatch.setattr("annette.platforms.store._CATALOGUE", tmp_path)


def test_device_and_end_to_end_times_are_not_mixed():
    slow = platform(name="slow", overhead=Overhead(per_kernel_s=1.0))
    comparison = compare_platforms(small_network(), [platform(name="whole", **END_TO_END), slow, platform(name="fast")])
    assert [estimate.platform for estimate in comparison.ranked] == ["fast", "slow", "whole"]


def test_without_names_what_does_not_fit_is_skipped_and_reproductions_are_left_out(tmp_path, monkeypatch):
    shelf(tmp_path, monkeypatch, platform(), platform(name="pools", **POOL_ONLY), platform(name="toy-original"))
    (tmp_path / "broken.json").write_text("{")
    comparison = compare_platforms(small_network())
    assert [estimate.platform for estimate in comparison.ranked] == ["toy"]
    reasons = dict(comparison.skipped)
    assert set(reasons) == {"pools", "broken"}
    assert "no model for kind 'conv'" in reasons["pools"]
    assert "broken.json" in reasons["broken"]
    named = compare_platforms(small_network(), ["toy-original"])
    assert [estimate.platform for estimate in named.ranked] == ["toy-original"]


def test_a_named_platform_that_does_not_fit_is_an_error(tmp_path, monkeypatch):
    shelf(tmp_path, monkeypatch, platform(name="pools", **POOL_ONLY))
    with pytest.raises(UnsupportedKernelError, match="pools"):
        compare_platforms(small_network(), ["pools"])
    with pytest.raises(NetworkError, match="no known platform has an estimate of network 'small'; pools: "):
        compare_platforms(small_network())
