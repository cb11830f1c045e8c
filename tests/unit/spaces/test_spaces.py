"""Spaces by name, from files, and what they refuse; lookup tables; the parts of compiled prices."""

import csv
import json

import numpy as np
import pytest

from annette.errors import OptionError
from annette.mapping.model import MappingModel
from annette.platforms import load_platform
from annette.spaces.asked import Asked
from annette.spaces.blocks import Block, BlockSpace, space_from_json
from annette.spaces.compiled import CompiledSpace, compile_space
from annette.spaces.forest_grid import Axis, grid_sums
from annette.spaces.full_road import FullRoad
from annette.spaces.keys import KeyTable, face_keys
from annette.spaces.load import SPACES, load_space
from annette.spaces.lookup_tables import lookup_table
from annette.spaces.nasbench201 import NasBench201
from annette.spaces.observation import OPEN
from annette.spaces.space import OUTSIDE, Pieces
from annette.spaces.tensor_states import TensorStates
from tests.unit.spaces.samples import DESCRIBED, chain, described

DRAW = np.random.default_rng


def test_spaces_are_found_by_name_file_and_reference(tmp_path):
    assert [load_space(name).name for name in SPACES] == list(SPACES)
    path = tmp_path / "space.json"
    path.write_text(json.dumps(DESCRIBED), encoding="utf-8")
    assert load_space(path).label((1, 2)) == described().label((1, 2)) == "block1=wide,block2=none"
    assert load_space("tests.unit.spaces.samples:chain", batch=2).batch == 2


@pytest.mark.parametrize("name", ["nasbench102", "missing.json", "tests.unit.spaces.samples:DESCRIBED"])
def test_spaces_that_do_not_exist(name):
    with pytest.raises(OptionError):
        load_space(name)


@pytest.mark.parametrize("space", [*SPACES, "chain"])
def test_layers_belong_to_pieces_and_wrong_rows_are_refused(space):
    loaded = chain() if space == "chain" else load_space(space)
    for row in loaded.sample(5, DRAW(0)).tolist():
        built, pieces = loaded.build(row), loaded.pieces(np.array([row]))
        present = [slot for slot, code in enumerate(pieces.codes) if np.max(code) != 0]
        assert sorted(set(built.owners)) == present
        assert len(built.owners) == len(built.network.layers)
    for row in ((0,) * (len(loaded.options) + 1), (99,) * len(loaded.options)):
        with pytest.raises(OptionError, match="is no candidate"):
            loaded.build(row)
    with pytest.raises(OptionError):
        loaded.parse("nothing like it")


def test_nasbench201_has_as_many_candidates_as_published():
    space = load_space("nasbench201")
    assert space.size == 15_625
    assert len(space.decision_names()) == len(space.options) == 6


def _with_rules(*conditions, pattern="anchor first = conv > second = add"):
    rules = [{"name": "it", "description": "x", "pattern": pattern, "conditions": list(conditions), "action": "fuse"}]
    return MappingModel.from_json({"schema": "annette/mapping/1", "name": "m", "rules": rules})


def _asked(*conditions, kinds=("add", "conv", "transpose"), **pattern):
    return Asked.by(_with_rules(*conditions, **pattern), frozenset(kinds))


def test_states_tell_apart_what_rules_ask_for():
    assert _asked() == (frozenset(), (), frozenset({"conv"}))
    assert _asked("second.origins lacks input").seen(("conv", "input")) == ("input",)
    whole = _asked("second.origins == first.origins")
    assert whole.seen(("conv", "input")) == ("conv", "input")
    none = _asked("second.origins == first.origins", kinds=("conv",))
    assert none.seen(("conv", "input")) == (), "a rule that cannot apply asks nothing"
    assert none.joined == frozenset()


def test_states_tell_kinds_apart_that_rules_look_at_from_outside():
    beside = ["context other = conv|relu", "anchor first = conv", "second = add(first, other)"]
    kinds = ("add", "conv", "relu", "max_pool", "transpose")
    asked = _asked("other.output_shape == first.output_shape", pattern=beside, kinds=kinds)
    assert asked.writer("conv") == asked.writer("relu") != asked.writer("max_pool") == asked.writer("add")
    assert asked.writer("transpose") == "transpose", "layouts ask for it"
    detailed = _asked("other.out_channels == 16", pattern=beside, kinds=kinds)
    assert detailed.writer("conv") != detailed.writer("relu")
    chain = ["first = conv", "second = add(first, y)"]
    assert _asked("y.written_by == relu", pattern=chain, kinds=kinds).writer("add") == "add"
    assert _asked(kinds=(*kinds, "softmax")).writer("add") == "add", "masks are looked for behind anything"


def test_who_reads_a_tensor_is_told_by_looks_and_order():
    """Slots 1 and 2 read slot 0; what stands in slot 2 is of two codes."""
    codes, sources = (5, 7, np.array([8, 9])), ((OUTSIDE,), (0,), (0,))
    every = range(2**62)
    own, later = face_keys(Pieces(codes, sources), 2, every, every)
    assert (own == 0).all()
    assert later[1][0][0] != later[1][0][1]
    assert later[2] == [], "nobody reads it later"
    _, alike = face_keys(Pieces(codes, sources, (5, 7, np.array([8, 8]))), 2, every, every)
    assert alike[1][0][0] == alike[1][0][1] != 0
    _, some = face_keys(Pieces(codes, sources), 2, {8}, every)
    assert (some[1][0] != 0).tolist() == [True, False], "only who makes copies counts"
    _, none = face_keys(Pieces(codes, sources), 2, every, {8, 9})
    assert none[1] == [], "and only for those whose kernel may run later"
    alone, _ = face_keys(Pieces(codes, ((OUTSIDE,), (0,), (1,))), 2, every, every)
    assert (alone[0] != 0).all()
    assert alone[1][0] != alone[1][1]


def test_cells_are_cut_into_operations_or_not_at_all():
    space = NasBench201()
    whole, small = space.coarser(), space.smaller()
    assert whole.coarser() is None
    assert small.smaller().smaller() is None
    candidates = space.sample(20, DRAW(3))
    for row in candidates.tolist():
        assert space.label(row) == whole.label(row) == small.label(row)
        assert len(small.build(row).network.layers) <= len(space.build(row).network.layers)
        assert set(whole.build(row).owners) <= set(range(19))
    assert len(space.pieces(candidates).codes) == 3 + 15 * 12 + 1
    assert len(whole.pieces(candidates).codes) == 3 + 15 + 1


@pytest.mark.parametrize("platform", ["zcu102-dnndk", "epyc-onnxruntime"])
def test_whole_cells_cost_what_their_operations_do(platform):
    fine = NasBench201(cells=1)
    candidates = fine.sample(12, DRAW(4))
    loaded = load_platform(platform)
    prices = [compile_space(each, loaded, training=8) for each in (fine, fine.coarser())]
    first, second = (each.price(candidates).latency_s for each in prices)
    np.testing.assert_allclose(first, second, rtol=1e-9)
    assert all(each.compiled for each in prices)


@pytest.mark.parametrize("name", SPACES)
def test_networks_of_known_pieces_are_those_of_their_decisions(name):
    space = load_space(name)
    for row in space.sample(3, DRAW(6)).tolist():
        codes = [int(np.max(code)) for code in space.pieces(np.array([row])).codes]
        known, built = space.build_from(row, codes), space.build(row)
        assert known.owners == built.owners
        assert [layer.name for layer in known.network.layers] == [layer.name for layer in built.network.layers]


def test_candidates_that_cover_nasbench201_are_those_that_differ():
    """Of 6,466 that compute something else, as published, some are built in several ways."""
    covering = NasBench201().covering()
    assert len(covering) == 11_365
    assert len(NasBench201(whole_cells=True).covering()) == 0


def test_states_say_whether_others_copy_what_a_kernel_reads():
    states = TensorStates()
    closed = states.number(("", (1, 8)), ())
    alone = states.number(((OPEN, (1, 8)), 3, 0, ((("", (1, 8)), (), 0), None)), ())
    shared = states.number(((OPEN, (1, 8)), 3, 0, ((("", (1, 8)), (), 7), None)), ())
    joined = states.number(((OPEN, (1, 8)), 4, 0, ((shared, 0),)), ())
    assert states.crowded[[closed, alone, shared, joined]].tolist() == [False, False, True, True]
    assert states.copied(closed, ("to_blocked",)) == states.number(("", (1, 8)), ("to_blocked",))
    assert states[states.copied(closed, ())] == states[closed]


def test_nasbench101_knows_its_limits():
    space = load_space("nasbench101")
    whole = np.array([[1] * 21 + [0] * 5, [0] * 21 + [0] * 5, [*([0] * 5), 1, *([0] * 15), *([0] * 5)]])
    assert space.valid(whole).tolist() == [False, False, True]
    assert space.label(whole[2]) == "01.00:"


@pytest.mark.parametrize(
    "blocks",
    [[], [Block("a", {})], [Block("a", {"x": None}), Block("a", {"x": None})]],
)
def test_spaces_without_sense_are_refused(blocks):
    with pytest.raises(OptionError):
        BlockSpace("odd", (3, 8, 8), blocks)


@pytest.mark.parametrize(
    ("place", "value", "complaint"),
    [
        ("schema", "annette/space/9", "reads spaces of schema"),
        ("blocks", [{"name": "a", "choices": {"x": [{"op": "convolve"}]}}], "no operator 'convolve'"),
        ("input", [0], "input"),
    ],
)
def test_descriptions_that_are_refused(place, value, complaint):
    with pytest.raises(OptionError, match=complaint):
        space_from_json({**DESCRIBED, place: value})


def test_choices_that_build_nothing_or_take_other_arguments():
    with pytest.raises(OptionError, match="builds no layer"):
        BlockSpace("odd", (3, 8, 8), [Block("a", {"x": lambda _, x: x, "y": None})]).build((0,))
    wrong = {**DESCRIBED, "blocks": [{"name": "a", "choices": {"x": [{"op": "relu", "slope": 1}]}}]}
    with pytest.raises(OptionError, match="does not take"):
        space_from_json(wrong).build(())


def without_batch():
    return chain()


def test_functions_that_take_no_batch_make_no_space():
    with pytest.raises(OptionError, match="cannot be called with batch=2"):
        load_space("tests.unit.spaces.test_spaces:without_batch", batch=2)


def test_no_candidate_of_a_small_space_differs_from_its_network():
    """With all blocks left out, a stem without a rectifier meets that of the head: only one candidate shows it."""
    space, platform = chain(), load_platform("epyc-onnxruntime")
    rows = space.numbered(0, space.size)
    compiled = compile_space(space, platform, training=16)
    assert compiled.compiled
    assert compiled.price(rows).latency_s == pytest.approx(FullRoad(space, platform).price(rows).latency_s, rel=1e-9)


def test_compilers_of_whole_networks_are_not_compiled():
    prices = compile_space(chain(), load_platform("ncs2-openvino"), fallback="roofline")
    assert isinstance(prices, FullRoad)
    assert "whole network" in prices.reason


def test_what_turns_out_to_lie_farther_away_takes_the_full_road(monkeypatch):
    platform = load_platform("kirin970-tvm")
    prices = compile_space(chain(), platform)
    assert isinstance(prices, CompiledSpace)
    candidates = chain().sample(5, DRAW(1))
    expected = prices.price(candidates).latency_s

    def far(_):
        from annette.spaces.walk import NotLocal

        raise NotLocal

    monkeypatch.setattr(prices._learner, "entries", far)
    np.testing.assert_allclose(prices.price(candidates).latency_s, expected, rtol=1e-9)
    assert not prices.compiled
    assert prices.reason


@pytest.mark.parametrize("kind", ["json", "csv", "npz"])
def test_lookup_tables_add_up(tmp_path, kind):
    space = chain()
    table = lookup_table(compile_space(space, load_platform("kirin970-tvm")), count=512)
    rows = space.sample(20, DRAW(2))
    truth = FullRoad(space, load_platform("kirin970-tvm")).price(rows).latency_s
    assert np.abs(table.of(rows) / truth - 1).max() <= max(2 * table.worst, 1e-6) < 0.5
    assert all(min(each) == 0 for each in table.latency_s)
    path = tmp_path / f"table.{kind}"
    table.write(path)
    row = rows[0].tolist()
    if kind == "json":
        read = json.loads(path.read_text(encoding="utf-8"))
        total = read["base_s"] + sum(
            list(each.values())[option] for each, option in zip(read["latency_s"].values(), row, strict=True)
        )
    elif kind == "csv":
        lines = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
        chosen = [(name, options[option]) for (name, options), option in zip(table.decisions, row, strict=True)]
        total = sum(
            float(each["latency_s"]) for each in lines if (each["decision"], each["option"]) in [("", ""), *chosen]
        )
    else:
        arrays = np.load(path)
        total = float(arrays["base_s"]) + sum(arrays["latency_s"][place, option] for place, option in enumerate(row))
    assert total == pytest.approx(table.of(rows)[0], rel=1e-12)
    with pytest.raises(OptionError, match=r"\.json"):
        table.write(tmp_path / "table.txt")


def test_forests_over_a_grid_say_what_they_say_at_each_point():
    model = load_platform("epyc-onnxruntime").models["conv"]["mixed"]
    names, forest = model.features.names, model.forest
    columns = [place for place, name in enumerate(names) if name.startswith("log2:held_")]
    assert len(columns) == 2
    limits = [(19.0, 24.0), (25.0, 30.0)]
    axes = [
        Axis(forest.threshold[forest.feature == column].astype(float), *ends)
        for column, ends in zip(columns, limits, strict=True)
    ]
    axis_of = [columns.index(place) if place in columns else -1 for place in range(len(names))]
    draw = DRAW(0)
    rows = draw.uniform(0, 12, size=(8, len(names))).astype(np.float32).astype(np.float64)
    sums = grid_sums(forest, rows, axes, axis_of)
    for _ in range(50):
        at = [float(np.float32(draw.uniform(*ends))) for ends in limits]
        rows[:, columns] = at
        steps = [int(axis.steps(np.array([value]))[0]) for axis, value in zip(axes, at, strict=True)]
        expected = forest.predict(rows) - forest.base
        np.testing.assert_allclose(sums[:, steps[0] * len(axes[1]) + steps[1]], expected, rtol=1e-12, atol=1e-12)


def test_key_tables_find_what_was_added():
    table, keys = KeyTable(), DRAW(0).integers(1, 2**63, size=3000).astype(np.uint64)
    for number, key in enumerate(keys.tolist()):
        table.add(key, number)
    assert table.find(keys).tolist() == list(range(3000))
    assert table.find(keys + np.uint64(1)).max() == -1
    assert len(table) == 3000
