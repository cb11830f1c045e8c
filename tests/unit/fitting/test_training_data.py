"""What datasets hold that can be fitted on."""

import numpy as np
import pytest

from annette.bench.dataset import Dataset
from annette.bench.records import Purpose
from annette.errors import FitError
from annette.fitting.training_data import read_training_data
from annette.mapping.rules import preset
from tests.unit.fitting.synthetic import ENVIRONMENT, chain, dataset, run


def test_whole_networks_are_counted_and_not_fitted_on(tmp_path):
    dataset(tmp_path / "d.sqlite", 4).close()
    random = np.random.default_rng(1)
    with Dataset.open(tmp_path / "d.sqlite") as opened:
        before = read_training_data([opened])
    with Dataset.create(tmp_path / "networks.sqlite") as made:
        made.add(run(chain("net", random), random, purpose=Purpose.NETWORK))
        with pytest.raises(FitError, match="anything but whole networks"):
            read_training_data([made])
        with Dataset.open(tmp_path / "d.sqlite") as opened:
            both = read_training_data([opened, made])
    assert (before.whole_networks, both.whole_networks) == (0, 1)
    assert len(before.runs) == len(both.runs) == 4
    assert len(both.everything) == 5
    assert dict(both.environment) == ENVIRONMENT
    assert len(both.sources) == 2


def test_time_of_the_profiler_is_taken_off_as_told_or_as_found(tmp_path):
    with dataset(tmp_path / "d.sqlite", 4) as opened:
        data = read_training_data([opened])
    found, told = (data.kernels(preset("generic"), profiler_s=added_s) for added_s in (None, 1e-6))
    assert data.overheads.profiler_s == 0
    assert found.measurement["profiler_s"] == 0
    assert told.measurement["profiler_s"] == 1e-6
    assert found.paired.latency_s - told.paired.latency_s == pytest.approx(np.full(len(found.paired), 1e-6))
    assert found.paired_share == pytest.approx(1)
    assert len(found.samples) <= len(found.paired)
