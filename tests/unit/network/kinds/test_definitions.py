"""Definitions of kinds: complete, distinct, and in agreement with each other and with the documentation."""

import re
from pathlib import Path

import pytest

from annette.network.kinds import (
    KINDS,
    control,
    convolution,
    elementwise,
    matrix,
    movement,
    normalization,
    spectral,
    tabular,
)

DOCUMENTATION = Path(__file__).parents[4] / "docs" / "network.md"
MAP, MATRIX, SEQUENCE, SIGNAL = (2, 6, 8, 8), (2, 6), (5, 2, 6), (2, 100, 1)
ATTRIBUTES = {
    "kernel_shape": (3, 3), "groups": 2, "axes": (1, 2, 3), "hidden_size": 4, "directions": 2,
    "length": 16, "hop": 8, "trees": 3, "nodes": 9, "depth": 1, "targets": 4, "vectors": 5, "kernel": "rbf",
}  # fmt: skip
UNSHAPED = {
    "attention", "quantize", "dequantize", "dynamic_quantize", "grid_sample", "im2col", "generate", "top_k",
    "random", "non_max_suppression", "roi_align", "non_zero", "unsupported",
}  # fmt: skip


def test_no_kind_is_defined_twice():
    families = (convolution, matrix, elementwise, normalization, movement, spectral, tabular, control)
    defined = [kind.name for module in families for kind in module.KINDS]
    assert sorted(defined) == sorted(KINDS)


def test_only_what_depends_on_data_or_on_its_reader_has_no_shape_rule():
    assert {name for name, kind in KINDS.items() if kind.shapes is None} == UNSHAPED


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_defaults_are_of_the_attributes_types(kind):
    for name, attribute in kind.attributes.items():
        assert attribute.default is None or attribute.accepts(attribute.default), name
        assert not attribute.accepts(()) or attribute.several, name


@pytest.mark.parametrize("name", sorted(name for name, kind in KINDS.items() if kind.weights))
def test_weights_fit_the_shape_rule(name):
    kind = KINDS[name]
    sources = {
        "matrix product": MATRIX,
        "recurrent": SEQUENCE,
        "spectral transform": SIGNAL,
        "learner of tables": MATRIX,
    }
    source = sources.get(kind.category.value, MAP)
    attributes = {key: value for key, value in ATTRIBUTES.items() if key in kind.attributes}
    weights = kind.weights(source, attributes, 4)
    shape = kind.shapes([source, *weights.values()], attributes)[0]
    if kind.category.value in ("convolution", "matrix product"):
        assert shape[1] == 4
        assert weights["bias"] == (4,)
    elif kind.category.value == "recurrent":
        assert shape == (5, 2, 2, 4)
    elif kind.category.value == "spectral transform":
        assert shape == (2, 11, 16, 2)
        assert weights == {"window": (16,)}
    elif kind.category.value == "learner of tables":
        assert shape == (2, 4)
    else:
        assert shape == source


def test_the_documentation_lists_every_attribute():
    text = DOCUMENTATION.read_text()
    listed = set(re.findall(r"`([a-z_]+)`", text[text.index("## Attributes") : text.index("## ONNX")]))
    assert {name for kind in KINDS.values() for name in kind.attributes} <= listed
