"""Context stages: how a mapping names them, and what kernels and tables do with their numbers."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from annette.devices import registry
from annette.devices.device import Device
from annette.errors import MappingError
from annette.mapping.context import (
    ContextStage,
    context_from_json,
    context_to_json,
    integer_parameters,
)
from annette.mapping.kernel import KernelTable, Precision, is_context_column
from annette.mapping.model import MappingModel
from annette.mapping.rules import preset
from annette.network.zoo import build
from tests.unit.mapping.helpers import image


@dataclass(frozen=True)
class Numbering(ContextStage):
    """Gives every second kernel its number."""

    name = "numbering"
    columns = ("number",)

    def apply(self, kernels, network):
        assert network.layers
        return tuple(
            replace(kernel, context={"number": float(i)}) if i % 2 else kernel for i, kernel in enumerate(kernels)
        )

    def to_json(self):
        return {}

    @classmethod
    def from_json(cls, parameters):
        integer_parameters("numbering", parameters, {})
        return cls()


@pytest.fixture
def network():
    net, x = image()
    for _ in range(4):
        x = net.relu(x)
    return net.build(x)


@pytest.fixture
def kernels(network):
    return MappingModel("test", context=Numbering()).apply(network)


def test_a_table_has_a_column_of_it_with_zeros_where_a_kernel_lacks_it(network, kernels):
    table = KernelTable.from_kernels(kernels, network, Precision())
    assert table["context:number"].tolist() == [0, 1, 0, 3]
    assert table["context:other"].tolist() == [0, 0, 0, 0]
    assert table.select(np.array([3, 1]))["context:number"].tolist() == [3, 1]
    for wrong in ("number", "no_such_column", "context:", "context:Upper"):
        with pytest.raises(KeyError):
            table[wrong]


def test_tables_with_and_without_it_can_be_stacked(network, kernels):
    plain = KernelTable.from_kernels(MappingModel("test").apply(network), network, Precision())
    both = KernelTable.concatenate([plain, KernelTable.from_kernels(kernels, network, Precision())])
    assert both["context:number"].tolist() == [0, 0, 0, 0, 0, 1, 0, 3]
    assert not plain.context
    assert not plain.select(np.arange(2)).context


def test_names_of_context_columns():
    assert is_context_column("context:copied_bytes")
    assert not is_context_column("copied_bytes")
    assert not is_context_column("context:log2:x")


def test_a_mapping_with_a_stage_reads_back():
    mapping = preset("openvino-myriad")
    document = mapping.to_json()
    assert document["context"]["name"] == "myriad-placement"
    assert MappingModel.from_json(document) == mapping
    assert "context" not in preset("generic").to_json()


def test_installed_packages_offer_stages(monkeypatch):
    device = Device(name="numbering", title="test", context_stages={"numbering": f"{__name__}:Numbering"})
    monkeypatch.setattr(registry, "_installed", lambda: (device,))
    stage = context_from_json({"name": "numbering", "parameters": {}})
    assert isinstance(stage, Numbering)
    assert context_to_json(stage) == {"name": "numbering", "parameters": {}}


def test_what_is_no_stage_is_refused(monkeypatch):
    device = Device(name="broken", title="test", context_stages={"broken": "json:loads"})
    monkeypatch.setattr(registry, "_installed", lambda: (device,))
    with pytest.raises(MappingError, match="no ContextStage"):
        context_from_json({"name": "broken", "parameters": {}})


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ([], r"\$(\.context)? is a list: it must be an object"),
        ({"name": "myriad-placement"}, r"\$(\.context)?\.parameters is missing"),
        ({"name": 3, "parameters": {}}, "name is 3: it must be text"),
        ({"name": "myriad-placement", "parameters": []}, "parameters is a list: it must be an object"),
        ({"name": "myriad-placment", "parameters": {}}, "did you mean 'myriad-placement'"),
        ({"name": "myriad-placement", "parameters": {}}, "'slice_bytes' is missing"),
    ],
)
def test_ill_formed_stages_are_refused(document, complaint):
    with pytest.raises(MappingError, match=complaint):
        context_from_json(document)
    with pytest.raises(MappingError, match=complaint):
        MappingModel.from_json({"schema": "annette/mapping/1", "name": "x", "rules": [], "context": document})


@pytest.mark.parametrize("wrong", [True, 1.5, "9", 0, 65, None])
def test_parameters_are_whole_numbers_in_their_range(wrong):
    good = preset("openvino-myriad").to_json()["context"]
    with pytest.raises(MappingError, match=r"'slices' is .* whole number from 1 to 64"):
        context_from_json({**good, "parameters": {**good["parameters"], "slices": wrong}})
    with pytest.raises(MappingError, match="no parameter 'slice'"):
        context_from_json({**good, "parameters": {**good["parameters"], "slice": 9}})
    with pytest.raises(MappingError, match="more than the 3 'slices'"):
        context_from_json({**good, "parameters": {**good["parameters"], "slices": 3}})


def test_other_platforms_have_none():
    kernels = preset("onnxruntime-cpu").apply(build("squeezenet1_0"))
    assert not any(kernel.context for kernel in kernels)
