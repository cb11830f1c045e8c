"""Advice as a whole: what is tried, what is kept, what is applied."""

import json

import jsonschema
import pytest

import annette
from annette.advice.advice import advise
from annette.advice.precision import precision_changes
from annette.advice.together import Together
from annette.errors import NetworkError, OptionError
from annette.report.advice import advice_document, print_advice, write_advice_html
from annette.report.page import Page
from annette.report.schema import schema
from tests.unit.advice import samples
from tests.unit.samples import with_intervals


@pytest.fixture(scope="module")
def advice():
    return advise(samples.branched(), "ethos-u55-128")


def test_the_gain_is_that_of_the_changed_network(advice):
    assert advice.hints
    for hint in advice.hints:
        again = annette.estimate(hint.change.apply(advice.network), advice.platform)
        assert hint.gain_s == pytest.approx(advice.estimate.latency_s - again.latency_s)
        assert 0 < hint.interval_s[0] <= hint.gain_s <= hint.interval_s[1]
        assert hint.gain >= 0.005
    assert [hint.gain_s for hint in advice.hints] == sorted((hint.gain_s for hint in advice.hints), reverse=True)


def test_hints_are_applied_one_after_the_other(advice):
    (number,) = [place for place, hint in enumerate(advice.hints, 1) if hint.change.what == "branches"]
    assert len(advice.apply([number]).layers) == 6
    with pytest.raises(OptionError, match="there is no hint 99"):
        advice.apply([99])
    with pytest.raises(OptionError, match="named twice"):
        advice.apply([number, number])


def test_hints_that_exclude_each_other_are_told(advice):
    (number,) = [place for place, hint in enumerate(advice.hints, 1) if hint.change.what == "branches"]
    doubled = type(advice)(**{**vars(advice), "hints": (advice.hints[number - 1],) * 2})
    with pytest.raises(NetworkError, match="hint 2 cannot be applied after the others"):
        doubled.apply([1, 2])


def test_hints_of_one_kind_are_also_given_together():
    found = advise(samples.branched(blocks=2), "ethos-u55-128")
    together, *singles = (hint for hint in found.hints if hint.change.what == "branches")
    assert isinstance(together.change, Together)
    assert together.gain_s > max(hint.gain_s for hint in singles)
    assert len(together.network.layers) == 8
    assert together.change.retraining == "none"
    assert together.interval_s is not None


def test_without_known_errors_nothing_is_certain():
    target = with_intervals()
    unknown = type(target)(
        **{**{name: getattr(target, name) for name in target.__dataclass_fields__}, "intervals": None}
    )
    found = advise(samples.branched(), unknown, fallback="roofline")
    assert found.hints == ()
    assert found.uncertain > 0


@pytest.mark.parametrize("least", [-0.1, 1.0])
def test_a_least_gain_is_a_share(least):
    with pytest.raises(OptionError, match="not a share"):
        advise(samples.branched(), "ethos-u55-128", least=least)


def test_integers_are_tried_where_the_platform_knows_them():
    network = samples.inception()
    found = precision_changes(network, annette.load_platform("epyc-onnxruntime"))
    assert [change.scheme for change in found] == ["static-uint8", "static-int8", "dynamic"]
    assert {layer.kind for layer in found[0].apply(network).layers} > {"quantize", "dequantize", "conv"}
    assert precision_changes(network, annette.load_platform("ethos-u55-128")) == []


def test_the_document_follows_its_schema_and_is_printed(advice, tmp_path):
    applied = [1], advice.difference(advice.apply([1]))
    document = advice_document(advice, applied=applied, file=tmp_path / "changed.onnx")
    jsonschema.validate(json.loads(json.dumps(document, allow_nan=False)), schema("advice"))
    assert document["applied"]["gain_s"] == pytest.approx(document["hints"][0]["gain_s"])
    assert "applied" not in advice_document(advice)
    lines = []
    print_advice(document, everything=True, page=Page(width=200, write=lines.append))
    text = "\n".join(lines)
    assert document["hints"][0]["title"] in text
    assert "not possible:" in text
    assert "with 1: " in text
    write_advice_html(document, tmp_path / "advice.html")
    assert "Changes that make it faster" in (tmp_path / "advice.html").read_text()
