"""Numbers that JSON cannot write are stored with networks all the same."""

from __future__ import annotations

import json
import math

import pytest

from annette.network.builder import NetworkBuilder
from annette.network.graph_json import graph_digest, graph_from_text, graph_to_json


@pytest.mark.parametrize("limit", [-math.inf, math.inf, math.nan, -1.5])
def test_a_network_with_such_an_attribute_comes_back_equal(limit: float) -> None:
    net = NetworkBuilder("limited")
    data = net.input("data", (1, 8, 4, 4))
    network = net.build(net.apply("clip", data, attributes={"min": limit, "max": 6.0}))
    text = json.dumps(graph_to_json(network), allow_nan=False)
    again = graph_from_text(text)
    stored = again.layers[0].attributes["min"]
    assert isinstance(stored, float)
    assert stored == limit or (math.isnan(stored) and math.isnan(limit))
    assert graph_digest(again) == graph_digest(network)
