"""The plain data behind the output: against its schemas, and what people read of it."""

import json
import re

import click
import jsonschema
import pytest

from annette.errors import NetworkError, OptionError
from annette.estimation import estimate_network
from annette.estimation.comparison import Comparison, compare_platforms
from annette.estimation.difference import compare_networks
from annette.mapping.rules import preset
from annette.network.builder import NetworkBuilder
from annette.number_text import bytes_text, count_text, percent_text, seconds_text
from annette.platforms import Overhead, list_platforms
from annette.report.differences import difference_document, print_difference
from annette.report.estimates import (
    comparison_document,
    error_document,
    estimate_document,
    network_document,
    print_comparison,
    print_estimate,
    print_network,
)
from annette.report.page import Page
from annette.report.platforms import platform_document, platform_list_document, print_platform, print_platform_list
from annette.report.schema import DOCUMENTS, schema
from tests.unit.samples import platform, small_network, with_intervals


def check(document, name):
    text = json.dumps(document, allow_nan=False)
    jsonschema.validate(json.loads(text), schema(name))


def printed(function, document, **options):
    lines = []
    function(document, page=Page(width=200, write=lines.append), **options)
    return "\n".join(lines)


@pytest.mark.parametrize("target", [platform(), with_intervals()])
def test_estimate_document_follows_its_schema(target):
    estimate = estimate_network(small_network(), target)
    document = estimate_document(estimate)
    check(document, "estimate")
    assert document["latency_s"] == estimate.latency_s
    assert [kernel["name"] for kernel in document["kernels"]] == [kernel.name for kernel in estimate.kernels]


def test_comparison_document_ranks_the_fastest_first():
    network = small_network()
    slow = platform(name="slow", overhead=type(platform().overhead)(per_kernel_s=1.0))
    document = comparison_document(compare_platforms(network, [slow, platform()]))
    check(document, "comparison")
    assert [entry["platform"] for entry in document["platforms"]] == ["toy", "slow"]
    assert document["platforms"][0]["times_fastest"] == 1
    assert document["platforms"][1]["times_fastest"] > 100


def test_network_document_totals_are_the_sums_of_its_layers():
    network = small_network()
    document = network_document(network, preset("generic").apply(network))
    check(document, "network")
    assert document["ops"] == sum(layer["ops"] for layer in document["layers"])
    assert document["macs"] == 32 * 32 * 16 * 27 + 4096 * 10
    assert document["params"] == 16 * 27 + 16 + 4096 * 10 + 10
    assert sum(kernel["ops"] for kernel in document["kernels"]) == document["ops"]
    check(network_document(network), "network")


def test_platform_list_follows_its_schema_and_names_what_is_shipped():
    document = platform_list_document(list_platforms())
    check(document, "platforms")
    text = printed(print_platform_list, document)
    assert all(entry["name"] in text for entry in document["platforms"])


def test_platforms_of_processors_name_them():
    devices = {entry["name"]: entry["device"] for entry in platform_list_document(list_platforms())["platforms"]}
    assert "CPU" not in devices.values()
    assert devices["epyc-openvino-fp32"] == devices["epyc-onnxruntime"]


def test_a_platform_states_times_and_errors_with_their_units():
    overhead = Overhead(per_kernel_s=2e-6, per_run_s=1e-29, per_input_byte_s=0.0, per_output_byte_s=0.0)
    accuracy = ({"kind": "conv", "rows": 9, "roofline MAPE": 5.37},)
    text = printed(print_platform, platform_document(platform(overhead=overhead, accuracy=accuracy)))
    facts = dict(line.split("  ", 1) for line in text.splitlines() if line.startswith("overhead"))
    assert (facts["overhead per kernel"].strip(), facts["overhead per run"].strip()) == ("2.00 µs", "0 s")
    assert "537.0 %" in text


@pytest.mark.parametrize(("device_s", "said"), [(0.9999999, False), (0.5, True)])
def test_the_other_time_is_stated_where_it_differs(device_s, said):
    document = estimate_document(estimate_network(small_network(), platform()))
    document |= {"latency_is": "end_to_end", "device_latency_s": device_s * document["latency_s"]}
    assert ("; device " in printed(print_estimate, document)) == said


def test_one_kernel_out_of_range_is_one():
    document = estimate_document(estimate_network(small_network(), with_intervals()))
    (note,) = (note for note in document["notes"] if "outside" in note)
    assert note.startswith("1 kernel (")
    assert "lies outside the range that its model was fitted on, 'stem', by out_channels 16" in note


def test_one_of_something_is_no_plural_and_nothing_has_a_unit():
    net = NetworkBuilder("one", source_format="test")
    network = net.build(net.reshape(net.input("x", (1, 4)), (4,)))
    headline = printed(print_network, network_document(network)).splitlines()[0]
    assert "0 MACs, 0 ops, 0 parameters" in headline
    assert "1 layer, batch" in headline


def test_the_estimate_table_shows_heaviest_first_and_all_on_demand():
    document = estimate_document(estimate_network(small_network(), with_intervals()))
    text = printed(print_estimate, document)
    assert text.index("stem") < text.index("pool")
    assert "(out of range: out_channels 16" in text
    assert "note: " in text
    assert seconds_text(document["latency_s"]) in text
    assert "free" in printed(print_estimate, document, everything=True)


def test_kernels_that_are_alike_share_a_row_with_the_share_of_all():
    document = estimate_document(estimate_network(small_network(), with_intervals()))
    first = max(document["kernels"], key=lambda kernel: kernel["latency_s"])
    document["kernels"] += [{**first, "name": f"again{number}"} for number in range(2)]
    total_s = sum(kernel["latency_s"] for kernel in document["kernels"])
    text = printed(print_estimate, document)
    row = next(line for line in text.splitlines() if line.startswith(first["name"]))
    assert f"3 x {seconds_text(first['latency_s'])}" in row
    assert percent_text(3 * first["latency_s"] / total_s) in row
    assert "again0" not in text
    assert "again0" in printed(print_estimate, document, everything=True)


def test_modules_stand_beside_names_that_do_not_hold_them():
    document = estimate_document(estimate_network(small_network(), platform()))
    assert "module" not in printed(print_estimate, document)
    document["kernels"][0] |= {"name": "node_Conv_1", "module": ["features", "0"]}
    header, row = map(click.unstyle, printed(print_estimate, document, everything=True).splitlines()[2:4])
    assert header.split()[:2] == ["kernel", "module"]
    assert row.split()[:2] == ["node_Conv_1", "features.0"]


def test_differences_that_are_alike_share_a_row():
    document = difference_document(compare_networks(small_network(), small_network(name="other"), with_intervals()))
    change = {"what": "new", "kind": "conv", "before": None, "before_s": 0.0, "after_s": 2e-3, "change_s": 2e-3}
    document["kernels"] = [{**change, "after": f"conv{number}"} for number in range(3)]
    text = printed(print_difference, document)
    assert "3 x +2.00 ms" in text
    assert "conv1" not in text
    assert "conv1" in printed(print_difference, document, everything=True)


def test_comparison_and_network_tables_hold_their_figures():
    network = small_network()
    estimate = estimate_network(network, platform())
    assert "1.00x" in printed(print_comparison, comparison_document(Comparison("small", (estimate,))))
    assert "classifier" in printed(print_network, network_document(network))
    assert "activation" in printed(print_network, network_document(network, preset("generic").apply(network)))


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        (seconds_text, 0, "0 s"),
        (seconds_text, 1.5, "1.50 s"),
        (seconds_text, 0.01294, "12.9 ms"),
        (seconds_text, 849e-6, "849 µs"),
        (seconds_text, 0.9998, "1.00 s"),
        (seconds_text, 1234.5, "1234 s"),
        (count_text, 999_800, "1.00 M"),
        (bytes_text, 999_499, "999 kB"),
        (seconds_text, 5e-12, "0.00500 ns"),
        (count_text, 999, "999"),
        (count_text, 4089184256, "4.09 G"),
        (count_text, 239e6, "239 M"),
        (bytes_text, 12, "12 B"),
        (bytes_text, 2408448, "2.41 MB"),
        (percent_text, 0.987, "98.7 %"),
    ],
)
def test_units_keep_three_digits(function, value, text):
    assert function(value) == text


@pytest.mark.parametrize("name", DOCUMENTS)
def test_schemas_are_sound_and_refuse_fields_that_are_not_described(name):
    stated = schema(name)
    jsonschema.Draft202012Validator.check_schema(stated)
    assert re.fullmatch(rf"annette/{name}/\d+", stated["properties"]["schema"]["const"])
    assert stated["additionalProperties"] is False
    assert stated["required"][0] == "schema"
    assert "$ref" not in json.dumps(stated)


def test_an_unknown_document_is_refused_with_the_nearest():
    with pytest.raises(OptionError, match="did you mean 'estimate'"):
        schema("estimat")


def test_a_wrong_document_does_not_follow_its_schema():
    document = estimate_document(estimate_network(small_network(), platform()))
    for change in ({"latency_s": -1}, {"coverage": 1.5}, {"latency_is": "wall"}, {"more": 1}, {"interval_s": [1]}):
        with pytest.raises(jsonschema.ValidationError):
            check({**document, **change}, "estimate")


def test_shares_of_time_and_samples_are_told_apart():
    network = small_network(batch=4)
    estimate = estimate_network(network, platform(assumed={"conv": "a test"}))
    document = estimate_document(estimate)
    check(document, "estimate")
    assert document["sample_latency_s"] == pytest.approx(document["latency_s"] / 4)
    conv_s = next(kernel["latency_s"] for kernel in document["kernels"] if kernel["kind"] == "conv")
    total_s = sum(kernel["latency_s"] for kernel in document["kernels"])
    assert document["coverage_latency"] == pytest.approx(1 - conv_s / total_s)
    assert document["coverage"] == min(document[f"coverage_{share}"] for share in ("ops", "kernels", "latency"))
    text = printed(print_estimate, document)
    assert f"batch 4 ({seconds_text(document['sample_latency_s'])} per sample)" in text
    assert f"{percent_text(document['coverage_latency'])} of the time" in text


def test_a_comparison_names_what_was_skipped():
    estimate = estimate_network(small_network(), platform())
    document = comparison_document(Comparison("small", (estimate,), (("board", "no model for kind 'conv'"),)))
    check(document, "comparison")
    assert document["skipped"] == [{"platform": "board", "reason": "no model for kind 'conv'"}]
    assert "skipped board: no model for kind 'conv'" in printed(print_comparison, document)


def test_a_network_without_an_estimate_is_a_document_too():
    document = error_document("a.onnx", NetworkError("a.onnx is broken"))
    check(document, "error")
    assert document["error"] == "a.onnx is broken"


def test_names_of_hundreds_of_characters_are_cut_in_the_middle():
    document = estimate_document(estimate_network(small_network(), platform()))
    name = "first/" + "merged;" * 60 + "last"
    document["kernels"][0]["name"] = name
    text = printed(print_estimate, document, everything=True)
    assert name not in text
    assert re.search(r"first/merged;\S*…\S*;last", text)


def test_difference_document_follows_its_schema_and_is_printed():
    document = difference_document(compare_networks(small_network(), small_network(name="other"), with_intervals()))
    check(document, "diff")
    assert "other against" in printed(print_difference, document)
