"""Fronts, strategies, objectives, and what they refuse."""

import numpy as np
import pytest

import annette
from annette.errors import OptionError
from annette.platforms import load_platform
from annette.spaces.objectives import load_objective
from annette.spaces.search import search
from annette.spaces.survey import Front
from tests.unit.spaces.samples import chain

KIRIN, SNAPDRAGON = "kirin970-tvm", "snapdragon835-tvm"


def names_of_layers(labels):
    """An objective that likes blocks that are there."""
    return [label.count("large") + 0.5 * label.count("small") for label in labels]


def dominated(front):
    return [a for a in front for b in front if b.latency_s < a.latency_s and b.score >= a.score]


def test_an_exhaustive_front_is_what_nothing_beats():
    space = chain()
    result = search(space, KIRIN, strategy="exhaustive")
    assert result.candidates == space.size == 128
    assert not dominated(result.front)
    everything = space.numbered(0, space.size)
    networks = [space.build(row).network for row in everything.tolist()]
    # Sums in another order differ in their last digits.
    latency_s = np.array([float(f"{annette.estimate(network, KIRIN).latency_s:.9e}") for network in networks])
    scores = np.array([network.ops for network in networks])
    beaten = [
        ((latency_s < t) & (scores >= s)).any() or ((latency_s <= t) & (scores > s)).any()
        for t, s in zip(latency_s, scores, strict=True)
    ]
    best = {(float(t), float(s)) for t, s, worse in zip(latency_s, scores, beaten, strict=True) if not worse}
    # A candidate that is beaten in those digits alone may stay.
    assert best <= {(float(f"{each.latency_s:.9e}"), each.score) for each in result.front}
    assert [each.latency_s for each in result.front] == sorted(each.latency_s for each in result.front)


def test_slow_candidates_are_left_out_and_counted():
    free = search(chain(), KIRIN, strategy="exhaustive")
    limit_s = free.front[len(free.front) // 2].latency_s
    limited = search(chain(), KIRIN, strategy="exhaustive", max_latency_s=limit_s)
    assert limited.too_slow > 0
    assert max(each.latency_s for each in limited.front) <= limit_s
    assert limited.front == free.front[: len(limited.front)]


def test_several_platforms_have_the_front_of_the_slowest_or_one_each():
    slowest = search(chain(), [KIRIN, SNAPDRAGON], strategy="exhaustive")
    assert all(each.platform is None and each.latency_s == max(each.by_platform_s.values()) for each in slowest.front)
    each_ = search(chain(), [KIRIN, SNAPDRAGON], strategy="exhaustive", jointly="each")
    alone = search(chain(), SNAPDRAGON, strategy="exhaustive")
    of_one = [each for each in each_.front if each.platform == SNAPDRAGON]
    assert [(each.candidate, each.latency_s) for each in of_one] == [
        (each.candidate, each.latency_s) for each in alone.front
    ]


@pytest.mark.parametrize("strategy", ["random", "evolutionary"])
def test_the_same_seed_finds_the_same(strategy):
    first, second = (search(chain(), KIRIN, strategy=strategy, count=600, seed=3) for _ in range(2))
    assert first.front == second.front
    assert first.candidates == 600


def test_descendants_find_what_draws_miss():
    space = chain(length=8)
    scores = {"random": 0.0, "evolutionary": 0.0}
    for strategy in scores:
        result = search(
            space,
            KIRIN,
            strategy=strategy,
            count=1000,
            objective=lambda _, rows, __: -np.abs(rows[:, 1:] - 2.0).sum(axis=1),
        )
        scores[strategy] = max(each.score for each in result.front)
    assert scores["evolutionary"] > scores["random"]


@pytest.mark.parametrize("kind", ["csv", "npz"])
def test_scores_from_files(tmp_path, kind):
    space = chain()
    rows = space.numbered(0, 5)
    path = tmp_path / f"scores.{kind}"
    if kind == "npz":
        np.savez(path, candidates=rows, scores=np.arange(5.0))
    else:
        lines = ["candidate,score", *(f'"{space.label(row)}",{place}' for place, row in enumerate(rows.tolist()))]
        path.write_text("\n".join(lines), encoding="utf-8")
    result = search(space, KIRIN, strategy="exhaustive", objective=str(path))
    assert result.unscored == space.size - 5
    assert {each.score for each in result.front} <= set(range(5))


def test_a_function_scores_labels():
    result = search(chain(), KIRIN, strategy="exhaustive", objective=f"{__name__}:names_of_layers")
    assert result.front[-1].score == 3.0
    assert result.front[-1].candidate.count("large") == 3


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"strategy": "greedy"}, "no strategy 'greedy'"),
        ({"strategy": "exhaustive", "count": 3}, "takes no count"),
        ({"count": 0}, "at least 1"),
        ({"objective": "accuracy"}, "no objective 'accuracy'"),
        ({"objective": "missing.csv"}, "cannot be read"),
        ({"max_latency_s": 0.0}, "leaves nothing"),
        ({"jointly": "both"}, "not 'both'"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, complaint):
    with pytest.raises(OptionError, match=complaint):
        search(chain(), KIRIN, **{"count": 3, **arguments} if "strategy" not in arguments else arguments)


def test_platforms_are_named_once_and_at_least_one():
    for platforms in ([], [KIRIN, load_platform(KIRIN)]):
        with pytest.raises(OptionError):
            search(chain(), platforms, count=3)


def test_a_front_is_thinned_out_evenly_with_its_ends():
    whole = search(chain(), KIRIN, strategy="exhaustive")
    few = search(chain(), KIRIN, strategy="exhaustive", most=3)
    assert few.front_size == whole.front_size == len(whole.front) > 3
    assert (few.front[0], few.front[-1]) == (whole.front[0], whole.front[-1])
    assert len(few.front) == 3
    assert abs(whole.front.index(few.front[1]) - (len(whole.front) - 1) / 2) < 1
    with pytest.raises(OptionError, match="at least 2"):
        search(chain(), KIRIN, count=3, most=1)


def test_a_front_says_what_its_candidates_need_of_memory():
    space = chain()
    found = search(space, KIRIN, strategy="exhaustive", most=2).front[-1]
    expected = annette.estimate(space.build(found.decisions).network, KIRIN).memory.peak_activation_bytes
    assert found.peak_activation_bytes == {KIRIN: expected}
    assert expected > 0


def test_fronts_made_in_parts_are_the_front_of_all():
    draw = np.random.default_rng(1)
    rows = np.arange(4000).reshape(-1, 1)
    latency_s, score = draw.integers(1, 60, size=(2, 4000)).astype(float)
    latency_s[::7] = draw.uniform(1, 60, size=len(latency_s[::7]))
    at_once, in_parts = Front(1), Front(1)
    at_once.add(rows, latency_s, score)
    for start in range(0, 4000, 37):
        some = slice(start, start + 37)
        in_parts.add(rows[some], latency_s[some], score[some])
    beaten = np.array(
        [
            ((latency_s < t) & (score >= s) | (latency_s <= t) & (score > s)).any()
            for t, s in zip(latency_s, score, strict=True)
        ]
    )
    best = {(t, s) for t, s in zip(latency_s[~beaten].tolist(), score[~beaten].tolist(), strict=True)}
    for front in (at_once, in_parts):
        assert set(zip(front.latency_s.tolist(), front.score.tolist(), strict=True)) == best
    assert in_parts.rows.tolist() == at_once.rows.tolist()


def test_an_objective_with_too_few_scores_is_refused(monkeypatch):
    monkeypatch.setitem(globals(), "names_of_layers", lambda _: [1.0])
    with pytest.raises(OptionError, match="scores for 3 candidates"):
        search(chain(), KIRIN, count=3, objective=load_objective(f"{__name__}:names_of_layers"))
