"""The shipped tables and presets as a whole."""

import json
import re
from pathlib import Path

import pytest

from annette.errors import MappingError
from annette.mapping.condition_fields import NODE_FIELDS, TENSOR_FIELDS
from annette.mapping.model import MappingModel
from annette.mapping.rule import Rule
from annette.mapping.rules import known_rules, layout, preset, presets
from annette.network.zoo.residual import resnet50

TESTS = Path(__file__).parents[1]


def test_names_are_unique_over_all_tables():
    names = [rule.name for rules in known_rules().values() for rule in rules]
    assert len(set(names)) == len(names)


def test_every_entry_has_a_test_of_its_own():
    tested = "".join(path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py"))
    assert [name for name in known_rules() if f'"{name}"' not in tested] == []


def test_every_entry_is_in_a_preset_or_offered_to_platforms():
    used = {rule.name for name in presets() for rule in preset(name).rules}
    unused = {name for name, rules in known_rules().items() if not used & {rule.name for rule in rules}}
    # For platforms whose runtime does so; too particular for a preset.
    assert unused == {
        "concat-in-place", "split-in-place", "slice-in-place", "shared-residual-into-layer-norm",
    }  # fmt: skip


@pytest.mark.parametrize("name", presets())
def test_presets_load_and_read_back(name):
    model = preset(name)
    assert model.name == name
    assert MappingModel.from_json(model.to_json()) == model


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(MappingError, match="did you mean 'generic'"):
        preset("genric")
    with pytest.raises(MappingError, match="did you mean 'nchw8c'"):
        layout("nchw8")


def test_variants_become_rules_named_after_their_alternatives():
    names = [rule.name for rule in known_rules()["gelu-erf"]]
    assert names == ["gelu-erf.1.1", "gelu-erf.1.2", "gelu-erf.1.3"]


def test_resnet_is_as_many_kernels_as_runtimes_report():
    kernels = preset("onnxruntime-cpu").apply(resnet50(batch_norm=True))
    costly = [kernel for kernel in kernels if kernel.layers and not kernel.free]
    assert len(costly) == 56  # 53 convolutions, 2 poolings, 1 fully connected: as in ONNX Runtime's optimised model
    assert sum(len(kernel.layers) for kernel in kernels) == 175


def test_original_mapping_leaves_sums_alone():
    kernels = preset("original-dnndk").apply(resnet50(batch_norm=True))
    kinds = [kernel.kind for kernel in kernels]
    assert kinds.count("add") == kinds.count("relu") == 16
    assert kinds.count("conv_pool") == 1


DOCUMENT = (Path(__file__).parents[3] / "docs" / "mapping.md").read_text(encoding="utf-8")


def test_the_document_lists_every_entry_preset_and_field():
    rows = re.findall(r"^\| `([^`]+)` \| (.+?) \|$", DOCUMENT, flags=re.MULTILINE)
    expected = [(name, meaning) for fields in (NODE_FIELDS, TENSOR_FIELDS) for name, (meaning, _) in fields.items()]
    expected += [(name, rules[0].description) for name, rules in known_rules().items()]
    assert set(expected) <= set(rows)
    assert set(presets()) <= {name for name, _ in rows}
    assert len(rows) == len(expected) + len(presets()), "a row of something that is gone"


def test_the_rules_in_the_document_are_rules():
    examples = re.findall(r"```json\n(.*?)```", DOCUMENT, flags=re.DOTALL)
    assert len(examples) == 3
    for example in examples:
        data = json.loads(example)
        assert Rule.from_json(data).to_json() == data
