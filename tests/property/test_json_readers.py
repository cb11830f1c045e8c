"""Whatever stands in a network description: a network or an error of ours, nothing else."""

import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annette.errors import NetworkError
from annette.network.readers.json import read_json
from tests.unit.network.readers.descriptions import small, small_mmdnn, write

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.integers(-2, 20)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "conv", "data", "-1", "Conv", "Pool", "MAX", "x" * 300])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner), max_leaves=6
)


def places(value, path=()):
    """Paths of everything in a document."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def put(document, path, value):
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


def judge(file):
    network, complaint = None, ""
    try:
        network = read_json(file)
    except NetworkError as error:
        complaint = str(error)
    assert "\n" not in complaint
    assert len(complaint) < 2000
    if network is not None:
        assert network.ops >= 0
        assert all(size >= 1 for tensor in network.tensors.values() for size in tensor.shape)


@pytest.mark.parametrize("original", [small(), small_mmdnn()], ids=["annette", "mmdnn"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_value_gives_a_network_or_an_error(tmp_path, original, data):
    document = copy.deepcopy(original)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from([path for path in places(document) if path]))
        put(document, path, data.draw(VALUES))
    judge(write(tmp_path, json.dumps(document)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_changed_bytes_give_a_network_or_an_error(tmp_path, data):
    text = bytearray(json.dumps(small()).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=8))
    file = tmp_path / "network.json"
    file.write_bytes(bytes(text))
    judge(file)
