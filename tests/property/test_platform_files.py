"""Whatever stands in a platform file or a mapping: what it says, or one line of ours that says what is wrong."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import annette
from annette.errors import MappingError, PlatformFormatError
from annette.mapping.model import MappingModel
from annette.mapping.rules import preset
from annette.platforms import Platform, dumps_platform, loads_platform
from tests.property.test_json_readers import VALUES, places, put

CATALOGUE = Path(annette.__file__).parent / "platforms" / "catalog"
MAPPINGS = {name: preset(name).to_json() for name in ("generic", "openvino-myriad", "onnxruntime-cpu")}
PLATFORMS = {
    name: json.loads((CATALOGUE / f"{name}.json").read_bytes())
    for name in ("zcu102-dnndk", "ncs2-openvino", "kirin970-tvm", "ethos-u65-512", "xeon-openvino-fp32")
}
WRONG = VALUES | st.sampled_from(
    [10**400, -1, 0, 1e300, 2**62 + 1, "$", "a.b", "\n", "x" * 400, "\ud800", {"\ud800": 1}]
)


def damaged(document, data):
    document = copy.deepcopy(document)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from([path for path in places(document) if path]))
        put(document, path, data.draw(WRONG))
    return document


def attempted(read, refusal):
    """What was read, or None where it was refused in one line."""
    complaint, result = "", None
    try:
        result = read()
    except refusal as error:
        complaint = str(error)
    assert "\n" not in complaint
    assert len(complaint) < 2500
    return result


def read_platform(document):
    data = json.dumps(document).encode()
    return attempted(lambda: loads_platform(data, source="'x.json'"), PlatformFormatError)


def read_mapping(document):
    return attempted(lambda: MappingModel.from_json(document), MappingError)


@pytest.mark.parametrize("name", PLATFORMS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_damaged_platform_is_read_or_refused(name, data):
    document = PLATFORMS[name]
    kind = data.draw(st.sampled_from(sorted(document["models"])))
    smaller = {**document, "models": {kind: document["models"][kind]}, "mapping": MAPPINGS["openvino-myriad"]}
    platform = read_platform(damaged(smaller, data))
    if isinstance(platform, Platform):
        assert dumps_platform(read_platform(json.loads(dumps_platform(platform)))) == dumps_platform(platform)


@pytest.mark.parametrize("name", MAPPINGS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_mapping_is_read_or_refused(name, data):
    mapping = read_mapping(damaged({**MAPPINGS[name], "rules": MAPPINGS[name]["rules"][:12]}, data))
    if mapping is not None:
        assert MappingModel.from_json(mapping.to_json()) == mapping


@settings(max_examples=80, deadline=None)
@given(
    value=VALUES,
    key=st.sampled_from(["mapping", "models", "overhead", "ranges", "intervals", "provenance", "precision"]),
)
def test_any_value_in_place_of_a_part_of_a_platform_is_read_or_refused(value, key):
    read_platform({**PLATFORMS["zcu102-dnndk"], key: value})
    read_platform(value)


@settings(max_examples=80, deadline=None)
@given(value=VALUES, key=st.sampled_from(["name", "rules", "layout", "context"]))
def test_any_value_in_place_of_a_part_of_a_mapping_is_read_or_refused(value, key):
    read_mapping({"schema": "annette/mapping/1", "name": "m", "rules": [], key: value})
    read_mapping({"schema": "annette/mapping/1", "name": "m", "rules": [value]})
    read_mapping(value)
