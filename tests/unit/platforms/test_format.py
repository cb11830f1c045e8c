"""The platform file: round trips, versions, and everything a stranger could write into one."""

import copy
import json
import stat
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annette.errors import PlatformError, PlatformFormatError
from annette.platforms import VERSION, dump_platform, dumps_platform, loads_platform
from tests.unit.platforms.examples import example

DOCUMENT = json.loads(dumps_platform(example()))


def load(document):
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    return loads_platform(text, source="'x.json'")


def changed(path, value):
    document = copy.deepcopy(DOCUMENT)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return document


def test_networks_that_the_benchmark_was_made_for_are_kept_and_not_written_where_there_are_none():
    assert "made_for" not in DOCUMENT["provenance"]
    read = load(changed(("provenance", "made_for"), [["mine.onnx", "0123"]]))
    assert read.provenance.made_for == (("mine.onnx", "0123"),)
    assert json.loads(dumps_platform(read))["provenance"]["made_for"] == [["mine.onnx", "0123"]]
    with pytest.raises(PlatformFormatError, match="made_for"):
        load(changed(("provenance", "made_for"), ["mine.onnx"]))


def test_a_round_trip_gives_the_same_bytes():
    text = dumps_platform(example())
    again = loads_platform(text.encode(), source="'x.json'")
    assert dumps_platform(again) == text
    assert again.description == example().description
    assert again.models == example().models
    assert again.intervals == example().intervals
    assert again.provenance == example().provenance
    assert again.overhead == example().overhead
    assert dict(again.ranges["conv"]) == {"in_channels": (3.0, 512.0), "ops": (1e3, 1e9)}


def test_bytes_do_not_depend_on_the_order_of_kinds():
    models = example().models
    assert dumps_platform(example(models=dict(reversed(models.items())))) == dumps_platform(example())


def test_older_files_without_optional_parts_load():
    assert load(changed(("plain_roofline",), ...)).plain_roofline is None


def test_files_are_written_whole_or_not_at_all(tmp_path):
    file = tmp_path / "bench-board.json"
    file.write_text("old")
    dump_platform(example(), file)
    assert file.read_text() == dumps_platform(example())
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    broken = example(accuracy=({"mape": float("nan")},))
    with pytest.raises(ValueError, match="JSON compliant"):
        dump_platform(broken, file)
    assert file.read_text() == dumps_platform(example())
    assert [path.name for path in tmp_path.iterdir()] == ["bench-board.json"]
    with pytest.raises(PlatformError, match="cannot write platform file"):
        dump_platform(example(), tmp_path / "missing" / "file.json")


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("format",), "annette/network", "this is not a platform file"),
        (("format",), ..., "this is not a platform file"),
        (("version",), VERSION + 1, "newer than 1, .*upgrade annette"),
        (("version",), 0, "older than 1"),
        (("version",), ..., r"\$\.version is missing"),
        (("version",), "1", r"\$\.version is '1': it must be a whole number"),
        (("version",), True, r"\$\.version is True: it must be a whole number"),
    ],
)
def test_versions_are_told_apart(path, value, complaint):
    with pytest.raises(PlatformFormatError, match=complaint):
        load(changed(path, value))


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (
            ("models", "conv", "roofline", "bytes_per_s"),
            -5,
            r"\$\.models\.conv\.roofline\.bytes_per_s is -5: it must be a number greater than 0",
        ),
        (("models", "conv", "roofline", "bytes_per_s"), 0, "greater than 0"),
        (("models", "conv", "roofline", "ops_per_s"), "fast", "ops_per_s is 'fast': it must be a number"),
        (("models", "conv", "roofline", "offset_s"), ..., r"offset_s is missing"),
        (("models", "conv", "roofline", "ofset_s"), 0, r"\$\.models\.conv\.roofline\.ofset_s is not known"),
        (
            ("models", "conv", "refined-roofline", "unroll", "out_channels", "size"),
            0,
            r"\['refined-roofline'\]\.unroll\.out_",
        ),
        (("models", "conv", "refined-roofline", "unroll", "out_channels", "alpha"), 2, "at most 1"),
        (
            ("models", "conv", "refined-roofline", "unroll", "depth"),
            {"size": 1, "alpha": 0},
            r"unroll: dimension 'depth' is not known here; known: out_height",
        ),
        (("models", "conv", "magic"), {}, "unknown model family 'magic'"),
        (("models", "conv"), [], r"\$\.models\.conv is a list: it must be an object"),
        (("models", "conv"), {}, "without layer models"),
        (("models",), {}, "no models at all"),
        (("mapping",), {}, r"\$\.mapping: this version reads mappings"),
        (("mapping", "rules"), 3, r"\$\.mapping\.rules is 3: it must be a list"),
        (("mapping",), None, r"\$\.mapping is null: it must be an object"),
        (("name",), "a/b", "letters and digits"),
        (("name",), "", "letters and digits"),
        (("threads",), 0, "at least 1"),
        (("precision", "activation_bits"), 65, "at most 64"),
        (("latency_is",), "wall", "one of device, end_to_end"),
        (("overhead", "per_run_s"), -1, "at least 0"),
        (("overhead", "per_run_s"), None, "per_run_s is missing: state all"),
        (("ranges", "conv", "in_chanels"), [1, 2], "in_chanels is not known"),
        (("ranges", "conv", "in_channels"), [2, 1], "smallest and the largest"),
        (("ranges", "conv", "in_channels"), [1], "smallest and the largest"),
        (("intervals", "extrapolation_widening"), 0.5, "at least 1"),
        (("intervals", "networks", "levels"), [0.9, 0.1], r"\$\.intervals\.networks: residual levels must increase"),
        (("accuracy",), [3], r"\$\.accuracy\[0\] is 3: it must be an object"),
        (("provenance", "sources"), [{}], r"\$\.provenance\.sources\[0\]\.title is missing"),
        (("provenance", "notes"), [3], r"\$\.provenance\.notes\[0\] is 3: it must be text"),
        (("plain_roofline", "ops_per_s"), 0, r"\$\.plain_roofline\.ops_per_s is 0"),
        (("plain_roofline", "offset_s"), 0, r"\$\.plain_roofline\.offset_s is not known"),
        (("host_kinds",), ["relu", 1], r"\$\.host_kinds\[1\] is 1: it must be text"),
        (("host_kinds",), "relu", r"\$\.host_kinds is 'relu': it must be a list"),
        (("surprise",), 1, r"\$\.surprise is not known here"),
        (("device",), ..., r"\$\.device is missing"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(path, value, complaint):
    with pytest.raises(PlatformFormatError, match=complaint) as caught:
        load(changed(path, value))
    assert str(caught.value).startswith("platform file 'x.json'")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(wrong):
    text = dumps_platform(example()).replace("10000000000.0", wrong, 1)
    assert wrong in text
    with pytest.raises(PlatformFormatError):
        load(text.encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"3", b"null", b"\x80", b"{" * 10_000, b'{"format": 1, "format": 2}'])
def test_what_is_no_platform_at_all_is_refused(data):
    with pytest.raises(PlatformFormatError):
        load(data)


def places(value, path=()):
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


@settings(max_examples=150, deadline=None)
@given(
    path=st.sampled_from(list(places(DOCUMENT))),
    value=st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just([]) | st.just({}),
)
def test_any_changed_value_gives_a_platform_or_an_error_of_ours(path, value):
    try:
        platform = load(json.dumps(changed(path, value)).encode())
    except PlatformFormatError:
        return
    assert all(number >= 0 for number in asdict(platform.overhead).values() if number is not None)
