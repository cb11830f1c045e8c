"""Networks of which data choose what runs: the dearest way counts, the interval spans all."""

import pytest

from annette.estimation import estimate_network
from annette.estimation.comparison import compare_platforms
from annette.evaluation.pricing import price_network
from annette.network.builder import NetworkBuilder
from annette.report.estimates import comparison_document, estimate_document, network_document
from tests.unit.samples import platform, with_intervals


def way(filters, taken, variants=()):
    net = NetworkBuilder("net")
    x = net.conv(net.input("x", (1, 3, 16, 16)), filters, 3, padding=1)
    return net.build(x).replaced(branches=[("if", taken)], variants=variants, notes=["read"])


def test_the_dearest_way_counts_whichever_was_read_first():
    cheap, dear = way(8, "else"), way(64, "then")
    alone = {each: estimate_network(each, platform()) for each in (cheap, dear)}
    for network in (way(8, "else", [dear]), way(64, "then", [cheap])):
        estimate = estimate_network(network, platform())
        assert estimate.latency_s == alone[dear].latency_s > alone[cheap].latency_s
        assert estimate.kernels == alone[dear].kernels
        assert {branch.taken["if"]: branch.latency_s for branch in estimate.branches} == {
            "then": alone[dear].latency_s,
            "else": alone[cheap].latency_s,
        }
        assert "2 ways through the network were estimated: the dearest, 'then' of 'if', counts" in estimate.notes[-1]


def test_the_interval_reaches_over_all_ways():
    target = with_intervals()
    network = way(64, "then", [way(8, "else")])
    estimate = estimate_network(network, target)
    ends = [branch.interval_s for branch in estimate.branches]
    assert estimate.interval_s == (min(lower for lower, _ in ends), max(upper for _, upper in ends))
    assert estimate.interval_s[0] < min(branch.latency_s for branch in estimate.branches)
    assert estimate_network(network, platform()).interval_s is None


def test_a_network_without_choices_has_no_branches():
    net = NetworkBuilder("net")
    network = net.build(net.conv(net.input("x", (1, 3, 16, 16)), 8, 3))
    assert estimate_network(network, platform()).branches == ()
    assert network_document(network)["branches"] == []


def test_documents_say_which_branches():
    network = way(64, "then", [way(8, "else")])
    document = estimate_document(estimate_network(network, platform()))
    assert [entry["taken"] for entry in document["branches"]] == [{"if": "then"}, {"if": "else"}]
    read = network_document(network)["branches"]
    assert [entry["taken"] for entry in read] == [{"if": "then"}, {"if": "else"}]
    assert read[0]["macs"] == pytest.approx(8 * read[1]["macs"])
    (compared,) = comparison_document(compare_platforms(network, [platform()]))["platforms"]
    assert compared["latency_s"] == document["latency_s"]


def test_the_interval_reaches_from_the_least_to_the_largest_of_what_data_select():
    target = with_intervals()
    least, half, largest = (way(filters, "then").replaced(branches=()) for filters in (8, 32, 64))
    alone = [estimate_network(each, target) for each in (least, half, largest)]
    estimate = estimate_network(half.replaced(extremes=[least, largest]), target)
    assert estimate.latency_s == alone[1].latency_s
    assert estimate.interval_s == (alone[0].interval_s[0], alone[2].interval_s[1])
    (narrow, wide) = (
        price_network(target, each, model=None, fallback="error") for each in (half, half.replaced(extremes=[least]))
    )
    assert wide.chosen.interval_s[0] == alone[0].interval_s[0] < narrow.chosen.interval_s[0]
    assert estimate_network(half.replaced(extremes=[least]), platform()).interval_s is None


def test_ways_and_sizes_are_spanned_together():
    target = with_intervals()
    least = way(8, "then").replaced(branches=())
    network = way(64, "then", [way(16, "else")]).replaced(extremes=[least])
    assert estimate_network(network, target).interval_s[0] == estimate_network(least, target).interval_s[0]
