import pytest

from annette.bench.backend import Subject
from annette.bench.campaign import run_campaign
from annette.bench.dataset import Dataset
from annette.bench.plan import Plan
from annette.devices.replay.backend import ReplayBackend, ReplayOptions
from annette.errors import BackendRunError, DatasetError, OptionError
from tests.unit.bench.scripted import SETTINGS, case, network, plan


@pytest.fixture
def recorded(tmp_path, scripted):  # noqa: ARG001 - makes the backend known
    with Dataset.create(tmp_path / "recorded.sqlite") as dataset:
        cases = Plan("p", (*plan(count=3).cases, case("refuse:x", width=9)))
        run_campaign(cases, dataset, backend="scripted", options={}, settings=SETTINGS)
    return dataset.path


def test_a_replayed_campaign_equals_the_recorded_one(recorded, tmp_path):
    with Dataset.open(recorded) as first, Dataset.create(tmp_path / "again.sqlite") as second:
        cases = Plan("p", (*plan(count=3).cases, case("refuse:x", width=9)))
        options = {"dataset": str(recorded)}
        outcome = run_campaign(cases, second, backend="replay", options=options, settings=SETTINGS)
        assert outcome.failed == 1
        assert second.digest() == first.digest()
        assert [run.kernels for run in second.runs()] == [run.kernels for run in first.runs()]


def test_finds_a_network_by_structure_where_the_name_is_another(recorded):
    backend = ReplayBackend(ReplayOptions(dataset=str(recorded)))
    with Dataset.open(recorded) as dataset:
        expected = next(run.latency_s for run in dataset.runs() if run.case == "case001")
    with backend.compile(Subject(network("other name", 5))) as compiled:
        assert compiled.run(1) == (expected,)
        assert len(compiled.run(4)) == 4


def test_failures_and_unknown_networks_are_refused(recorded):
    backend = ReplayBackend(ReplayOptions(dataset=str(recorded)))
    with pytest.raises(BackendRunError, match="it says no"):
        backend.compile(Subject(network("refuse:x", 9)))
    with pytest.raises(BackendRunError, match="no run of network 'new'"):
        backend.compile(Subject(network("new", 31)))


def test_needs_a_dataset_of_one_environment(tmp_path):
    with pytest.raises(OptionError, match="dataset=PATH"):
        ReplayBackend(ReplayOptions())
    with pytest.raises(DatasetError, match="no dataset at"):
        ReplayBackend(ReplayOptions(dataset=str(tmp_path / "none")))
    Dataset.create(tmp_path / "empty").close()
    with pytest.raises(DatasetError, match="0 environments"):
        ReplayBackend(ReplayOptions(dataset=str(tmp_path / "empty")))
