import json

import pytest

from annette.devices.command.reports import read_report
from annette.errors import BackendRunError


@pytest.mark.parametrize(
    ("text", "latency_s"),
    [
        ("12.5 ms", 0.0125),
        ("12.5ms\n", 0.0125),
        ("loading\nmean latency: 830 us", 830e-6),
        ("830µs", 830e-6),
        ("1e-3 s", 1e-3),
        ("took 5 runs of 2 ms", 2e-3),
        (".5 s", 0.5),
    ],
)
def test_a_number_with_a_unit(text, latency_s):
    report = read_report(text)
    assert report.latency_s == (pytest.approx(latency_s),)
    assert report.entries is None


@pytest.mark.parametrize(
    "text", ["", "  \n", "done", "12.5", "12.5 parsecs", "-3 ms", "3 ms later", "nan ms", "1e999 s"]
)
def test_anything_else_is_no_latency(text):
    with pytest.raises(BackendRunError) as caught:
        read_report(text)
    assert "\n" not in str(caught.value)


def test_json_with_samples_and_kernels():
    kernels = [
        {"name": "a", "operator": "Conv", "latency_us": [10, 12], "layers": ["conv", "relu"], "unit": "npu"},
        {"name": "b", "latency_ms": 0.5, "layers": "x; y"},
    ]
    report = read_report(json.dumps({"latency_ms": [1.0, 2.0], "kernels": kernels}))
    assert report.latency_s == pytest.approx((0.001, 0.002))
    first, second = report.entries
    assert (first.name, first.operator, first.layers) == ("a", "Conv", ("conv", "relu"))
    assert first.latency_s == pytest.approx((10e-6, 12e-6))
    assert first.info == {"unit": "npu"}
    assert second.layers == ("x", "y")


def test_json_without_a_total_is_the_sum_of_its_kernels():
    report = read_report('log line\n{"kernels": [{"name": "a", "latency_s": 1}, {"name": "b", "latency_s": 2}]}')
    assert report.latency_s == (3.0,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"latency_ms": 1', "truncated"),
        ('{"kernels": [{"name": "a", "latency_us": 1}, {"na', "truncated"),
        ('{"time": 1}', "must have one of"),
        ('{"latency_s": 1, "latency_ms": 1}', "must have one of"),
        ('{"latency_s": []}', "empty list"),
        ('{"latency_s": "fast"}', "'fast': it must be a number of 1e-09 to 1e"),
        ('{"latency_s": null}', "null: it must be a number"),
        ('{"latency_s": -1}', "-1"),
        ('{"latency_s": NaN}', "NaN is not a JSON number"),
        ('{"latency_s": true}', "True: it must be a number"),
        ('{"latency_s": 0}', "0: it must be a number"),
        ('{"latency_s": 1e300}', "1e\\+300: it must be a number"),
        ('{"latency_s": 1e999}', "inf: it must be a number"),
        (f'{{"latency_s": 1{"0" * 400}}}', "a whole number of"),
        ('{"latency_s": 1e-310}', "1e-310: it must be a number"),
        (f'{{"latency_ms": {"[" * 200000}{"]" * 200000}}}', "nested too deeply"),
        ('{"latency_s": 1, "latency_s": 2}', "occurs twice"),
        ('{"kernels": [{"name": "a", "latency_ms": 1, "layers": 5}]}', r"kernel 0 .*\.layers is 5: it must be"),
        ('{"kernels": [{"name": "a", "latency_ms": 1, "layers": [[]]}]}', r"layers\[0\] is a list: it must be"),
        ('{"kernels": [{"name": ["a"], "latency_ms": 1}]}', r"\.name is a list"),
        ('{"kernels": [{"name": "\\ud800", "latency_ms": 1}]}', "surrogate"),
        ('{"kernels": [{"name": "a", "latency_ms": 1, "note": "\\ud800"}]}', "surrogate"),
        ('{"kernels": [{"name": "a", "latency_ms": 0}]}', "sum over the kernels"),
        ('{"latency_s": 1, "kernels": {"a": 1}}', "not a list"),
        ('{"latency_s": 1, "kernels": [{"latency_s": 1}]}', "kernel 0 .* no name"),
        ('{"latency_s": 1, "kernels": [{"name": "a"}]}', r"kernel 0 \(a\)"),
    ],
)
def test_broken_json_is_refused(text, message):
    with pytest.raises(BackendRunError, match=message):
        read_report(text)


def test_a_table_of_layers():
    report = read_report(
        "name, operator, latency_us, layers, cluster\na, Conv, 10, conv;relu, 1\nb, Pool, 5, pool, 2\n"
    )
    assert report.latency_s == pytest.approx((15e-6,))
    assert [entry.layers for entry in report.entries] == [("conv", "relu"), ("pool",)]
    assert report.entries[1].info == {"cluster": "2"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,time\na,1", "needs 'name' and one of"),
        ("layer,latency_us\na,1", "needs 'name' and one of"),
        ("name,latency_us", "no rows"),
        ("name,latency_us\na", "row 1"),
        ("name,latency_us\na,1,2", "row 1"),
        ("name,latency_us\na,fast", r"row 1 \(a\)"),
        ("name,latency_us\n,1", "row 1 .* no name"),
    ],
)
def test_broken_tables_are_refused(text, message):
    with pytest.raises(BackendRunError, match=message):
        read_report(text)
