"""Files of a vendor's zoo, where they are at hand: whatever Vela compiles gets an estimate."""

import os
from pathlib import Path

import pytest

from annette.estimation import estimate_network
from annette.network.load import load_network
from annette.platforms import load_platform

FOLDER = Path(os.environ.get("ANNETTE_VENDOR_FILES", ""))
FILES = sorted(FOLDER.glob("*.tflite")) if os.environ.get("ANNETTE_VENDOR_FILES") else []


@pytest.mark.skipif(not FILES, reason="no vendor's files: ANNETTE_VENDOR_FILES names their folder")
@pytest.mark.parametrize("platform", ["ethos-u55-128", "ethos-u65-512", "ethos-u65-512-sram", "ethos-u85-512"])
def test_every_file_gets_an_estimate(platform):
    loaded = load_platform(platform)
    for file in FILES:
        estimate = estimate_network(load_network(file), loaded)
        assert estimate.latency_s > 0
