"""Pages of estimates: complete, harmless whatever names hold, and shipped with what they need.

What the page does in a browser is in ``tests/integration/test_estimate_page_browser.py``.
"""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from annette.estimation import estimate_network
from annette.report.estimate_page import estimate_page
from annette.report.estimates import estimate_document
from tests.unit.samples import platform, small_network, with_intervals

ASSETS = files("annette.report") / "assets"
HOSTILE = "</script><script>alert(1)</script><!--"


class Parts(HTMLParser):
    """Elements of a page by tag, with their attributes and texts."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs), []))

    def handle_data(self, data):
        if self.found:
            self.found[-1][2].append(data)

    def of(self, tag):
        return [(attributes, "".join(texts).strip()) for found, attributes, texts in self.found if found == tag]


def data_of(page):
    return next(json.loads(text) for attributes, text in Parts(page).of("script") if attributes.get("id") == "data")


@pytest.fixture(scope="module")
def document():
    return estimate_document(estimate_network(small_network(), with_intervals()))


def test_every_kernel_is_in_the_data_with_its_figures(document):
    data = data_of(estimate_page([document]))
    rows = [dict(zip(data["fields"], row, strict=True)) for row in data["estimates"][0]["kernels"]]
    assert [row["name"] for row in rows] == [kernel["name"] for kernel in document["kernels"]]
    for row, kernel in zip(rows, document["kernels"], strict=True):
        assert row["latency"] == pytest.approx(kernel["latency_s"], rel=1e-5)
        assert [data["strings"][rule] for rule in row["rules"]] == kernel["rules"]
        assert data["strings"][row["kind"]] == kernel["kind"]
        assert row["layer_count"] == len(kernel["layers"])


def test_notes_and_doubts_are_in_plain_sight(document):
    doubtful = {**document, "notes": ["look here"], "coverage": 0.5, "coverage_ops": 0.5}
    items = [text for _, text in Parts(estimate_page([doubtful])).of("li")]
    assert "⚠ look here" in items
    facts = [text for _, text in Parts(estimate_page([doubtful])).of("dd")]
    assert any(text.startswith("⚠ 50.0 % of operations") for text in facts)


def test_kernels_out_of_range_are_counted(document):
    far = {"in_range": False, "outside": [{"feature": "macs", "value": 9.0, "fitted": [1.0, 2.0]}]}
    kernels = [{**kernel, **far} for kernel in document["kernels"]]
    facts = [text for _, text in Parts(estimate_page([{**document, "kernels": kernels}])).of("dd")]
    assert f"⚠ {len(kernels)} kernels, 100.0 % of time" in facts
    kernels = [{**kernel, "in_range": False, "outside": []} for kernel in kernels]  # No fitted model prices them.
    facts = [text for _, text in Parts(estimate_page([{**document, "kernels": kernels}])).of("dd")]
    assert "nothing" in facts


def test_refused_platforms_stand_above_everything_else(document):
    page = estimate_page([document, {**document, "platform": "slow"}], [{"platform": "odd", "reason": "has no model"}])
    assert page.index("skipped odd") < page.index("Side by side")


def test_unrolling_that_computing_feels_is_lost_time(document):
    lossy = {"compute_s": 2e-3, "memory_s": 1.5e-3, "efficiency": 0.5}
    kernels = [{**document["kernels"][0], **lossy}]
    facts = [text for _, text in Parts(estimate_page([{**document, "kernels": kernels}])).of("dd")]
    assert any(text.startswith("500 µs, ") for text in facts)  # without the loss, bytes would take 1.5 ms


def test_names_of_strangers_cannot_leave_their_place(document):
    kernels = [{**kernel, "name": HOSTILE, "layers": [HOSTILE, "\u202e"]} for kernel in document["kernels"]]
    hostile = {**document, "network": HOSTILE, "platform": HOSTILE, "notes": [HOSTILE], "kernels": kernels}
    page = estimate_page([hostile, {**hostile, "network": "another"}], [{"platform": HOSTILE, "reason": HOSTILE}])
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert len(Parts(page).of("script")) == 3
    assert data_of(page)["estimates"][0]["kernels"][0][0] == HOSTILE


def test_the_browser_may_run_and_load_nothing_but_what_is_in_the_page(document):
    page = estimate_page([document])
    policy = next(each["content"] for each, _ in Parts(page).of("meta") if "http-equiv" in each)
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        for found in re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL):
            digest = base64.b64encode(hashlib.sha256(found.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy
    assert not [
        each for tag in ("link", "img", "script") for each, _ in Parts(page).of(tag) if each.keys() & {"src", "href"}
    ]
    assert " style=" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def test_estimates_stand_side_by_side_like_with_like(document):
    slower = {**document, "platform": "slow", "latency_s": 2 * document["latency_s"]}
    other = {**document, "platform": "host", "latency_is": "end_to_end"}
    page = estimate_page([document, slower, other], [{"platform": "odd", "reason": "has no model"}])
    cells = [text for _, text in Parts(page).of("td")]
    assert [cells[at] for at in (3, 12, 21)] == ["1.00x", "2.00x", "1.00x"]
    assert [each["value"] for each, _ in Parts(page).of("input") if each["type"] == "radio"] == ["0", "1", "2"]
    assert "⚠ skipped odd: has no model" in [text for _, text in Parts(page).of("li")]


def test_a_platform_without_intervals_says_so():
    document = estimate_document(estimate_network(small_network(), replace(platform(), intervals=None)))
    assert "no interval is known" in estimate_page([document])


def test_the_page_of_a_small_network_is_small(document):
    assert len(estimate_page([document]).encode()) < 130_000


def test_what_is_shipped_of_others_is_what_was_fetched_and_has_its_licence():
    stated = json.loads((ASSETS / "vendored.json").read_text())
    for name, entry in stated["files"].items():
        assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() == entry["sha256"], name
    assert "Permission is hereby granted" in (ASSETS / "uPlot.LICENSE").read_text()
    assert stated["licence"] == "MIT"


def test_the_licence_stands_in_every_page(document):
    assert "Permission is hereby granted" in estimate_page([document])
