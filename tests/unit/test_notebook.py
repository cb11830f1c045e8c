"""What notebooks show."""

from html.parser import HTMLParser

import pytest

from annette.estimation import estimate_network
from annette.notebook import card
from tests.unit.samples import platform, small_network, with_intervals


class Checked(HTMLParser):
    """Tags in balance, and the texts of cells."""

    def __init__(self):
        super().__init__()
        self.open, self.rows = [], []

    def handle_starttag(self, tag, attrs):  # noqa: ARG002
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] in ("td", "th"):
            self.rows[-1].append(data)


def rows_of(html):
    parser = Checked()
    parser.feed(html)
    assert not parser.open
    return parser.rows


def test_names_of_strangers_are_text():
    html = card("<script>", ["a & b"], ["<i>"], [["<b>"]])
    assert "<script>" not in html
    assert "a &amp; b" in html
    assert rows_of(html) == [["<i>"], ["<b>"]]


def test_an_estimate_shows_its_total_and_its_heaviest_kernel():
    estimate = estimate_network(small_network(), with_intervals())
    html = estimate._repr_html_()
    heaviest = max(estimate.kernels, key=lambda kernel: kernel.latency_s)
    assert rows_of(html)[1][0] == heaviest.name
    assert estimate.network in html


@pytest.mark.parametrize("shown", [small_network(), platform()])
def test_networks_and_platforms_are_shown(shown):
    html = shown._repr_html_()
    assert shown.name in html
    assert len(rows_of(html)) > 1
    assert len(repr(shown)) < 200
