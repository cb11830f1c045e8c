import math
from types import SimpleNamespace

import pytest

from annette.bench import backend, session
from annette.bench.dataset import Dataset
from annette.bench.host import default_cpus
from annette.bench.records import Status
from annette.bench.session import benchmark, measure_networks, network_case, rounds_left
from annette.errors import BackendUnavailableError, DatasetError, OptionError
from tests.unit.bench.scripted import SETTINGS, network, plan

pytestmark = pytest.mark.usefixtures("scripted")


def measure(path, names, **options):
    with Dataset.open(path, write=True) if path.exists() else Dataset.create(path) as dataset:
        cases = [network_case(name, network(name), backend="scripted") for name in names]
        return measure_networks(cases, dataset, backend="scripted", options={}, settings=SETTINGS, **options)


def test_a_benchmark_keeps_its_plan(tmp_path):
    out = tmp_path / "d.sqlite"
    outcome = benchmark(plan(count=2), out, backend="scripted", options={}, settings=SETTINGS)
    assert outcome.measured == 2
    with Dataset.open(out) as dataset:
        assert dataset.plans() == [plan(count=2).to_text()]
    with pytest.raises(DatasetError, match="--resume"):
        benchmark(plan(count=2), out, backend="scripted", options={}, settings=SETTINGS)
    again = benchmark(plan(count=3), out, backend="scripted", options={}, settings=SETTINGS, resume=True)
    assert (again.measured, again.skipped) == (1, 2)


def test_what_cannot_start_leaves_no_file(tmp_path):
    out = tmp_path / "d.sqlite"
    with pytest.raises(OptionError, match="'speed'"):
        benchmark(plan(count=1), out, backend="scripted", options={"speed": 1}, settings=SETTINGS)
    assert not out.exists()


def test_networks_are_measured_in_rounds_that_count_on(tmp_path):
    path = tmp_path / "d.sqlite"
    first, second = measure(path, ["one", "two"])
    assert [run.round for run in first.rounds] == [0, 1, 2]
    assert first.latency_s == pytest.approx(second.latency_s)
    assert first.remeasurement_spread == 0
    (again,) = measure(path, ["one"], rounds=1)
    assert [run.round for run in again.rounds] == [3]
    assert math.isnan(again.remeasurement_spread)


def test_an_interrupted_measurement_goes_on_where_it_was(tmp_path):
    path = tmp_path / "d.sqlite"
    measure(path, ["one", "two"], rounds=1)
    measure(path, ["one"], rounds=1)
    one, two, bad = measure(path, ["one", "two", "refuse:x"], rounds=3, resume=True)
    assert [run.round for run in one.rounds] == [2]
    assert [run.round for run in two.rounds] == [1, 2]
    assert len(bad.rounds) == 1
    one, two = measure(path, ["one", "two"], rounds=3, resume=True)
    assert (one.rounds, two.rounds) == ((), ())


def test_a_name_stands_for_one_network(tmp_path):
    path = tmp_path / "d.sqlite"
    measure(path, ["one"], rounds=1)
    with Dataset.open(path, write=True) as dataset:
        other = network_case("one", network("other", width=9), backend="scripted")
        with pytest.raises(DatasetError, match="another network called 'one'"):
            rounds_left([other], dataset, 3)


def test_a_network_that_fails_has_no_latency(tmp_path):
    good, bad = measure(tmp_path / "d.sqlite", ["good", "refuse:x"], rounds=1)
    assert good.usable
    assert not bad.usable
    assert math.isnan(bad.latency_s)
    assert "it says no" in bad.rounds[0].reason


def test_rounds_are_at_least_one(tmp_path):
    with pytest.raises(OptionError, match="0 rounds"):
        measure(tmp_path / "d.sqlite", ["one"], rounds=0)


def test_files_are_measured_as_they_are_only_where_the_backend_takes_them(tmp_path):
    file = tmp_path / "net.onnx"
    assert network_case("n", network("n"), backend="onnxruntime", path=file).path == str(file)
    assert network_case("n", network("n"), backend="onnxruntime", path=tmp_path / "net.json").path == ""
    assert network_case("n", network("n"), backend="scripted", path=file).path == ""


def test_a_missing_runtime_is_named_with_its_install_line(tmp_path, monkeypatch):
    def missing(name):
        raise backend.PackageNotFoundError(name)

        raise backend.PackageNotFoundError(name)

    monkeypatch.setattr(backend, "version", missing)
    with pytest.raises(BackendUnavailableError, match="pip install onnxruntime"):
        benchmark(plan(count=1), tmp_path / "d", backend="onnxruntime", options={}, settings=SETTINGS)
    assert not (tmp_path / "d").exists()


def test_processors_are_the_last_ones_allowed(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 2, 5}, raising=False)
    assert default_cpus(1) == (5,)
    assert default_cpus(2) == (2, 5)
    assert default_cpus(4) == ()


def scripted_rounds(monkeypatch, tmp_path, times_s, **options):
    """Measures a network whose rounds take the given times; returns it and the rounds that were made."""
    times = iter(times_s)

    def campaign(part, dataset, *, progress, round_, **_):
        del dataset
        for case in part.cases:
            time_s = next(times)
            facts = {"case": case.id, "round": round_, "status": Status.OK, "latency_s": time_s, "samples_s": (time_s,)}
            progress(case, SimpleNamespace(**facts, board=""))

    monkeypatch.setattr(session, "run_campaign", campaign)
    (measured,) = measure(tmp_path / "d.sqlite", ["one"], **options)
    return measured


def test_rounds_of_the_board_with_most_of_them_count():
    seen = [("b", 1.0), ("a", 2.0), ("a", 2.2)]
    rounds = [SimpleNamespace(status=Status.OK, samples_s=(s,), latency_s=s, board=board) for board, s in seen]
    network = session.MeasuredNetwork("one", tuple(rounds))
    assert [run.latency_s for run in network.usable] == [2.0, 2.2]
    assert network.latency_s == 2.0
    assert session.MeasuredNetwork("none", ()).usable == ()


@pytest.mark.parametrize(
    ("times_s", "precision", "rounds", "known"),
    [
        ((1.0, 1.0, 1.0), 0.01, 3, 0.005),
        ((1.0, 1.1, 1.2, 1.01), 0.01, 4, 0.0086),
        ((1.0, 1.1, 1.2), None, 3, 0.0702),
        ((1.0, *(1.0 + 0.1 * number for number in range(1, 12))), 0.01, 12, 0.0585),
    ],
)
def test_rounds_go_on_until_the_time_is_known(monkeypatch, tmp_path, times_s, precision, rounds, known):
    measured = scripted_rounds(monkeypatch, tmp_path, times_s, precision=precision)
    assert len(measured.rounds) == rounds
    assert measured.standard_error == pytest.approx(known, abs=1e-4)


def test_what_is_asked_for_in_one_round_has_three_where_it_is_to_be_known(monkeypatch, tmp_path):
    assert len(scripted_rounds(monkeypatch, tmp_path, [1.0] * 9, rounds=1, precision=0.02).rounds) == 3
    with pytest.raises(OptionError, match="precision"):
        measure(tmp_path / "d.sqlite", ["one"], precision=0.0)


def test_rounds_of_before_count_for_the_precision(tmp_path):
    path = tmp_path / "d.sqlite"
    measure(path, ["one"], rounds=3)
    (one,) = measure(path, ["one"], rounds=3, resume=True, precision=0.02)
    assert one.rounds == ()
