"""Changed networks in ONNX Runtime: whatever is tried can be written and runs, with the results' shapes unchanged."""

import numpy as np
import pytest

from annette.advice.activations import activation_changes
from annette.advice.branches import branch_changes
from annette.advice.norms import norm_changes
from annette.advice.precision import precision_changes
from annette.advice.transposes import transpose_changes
from annette.advice.widths import widenings
from annette.advice.windows import window_changes
from annette.network.writers.onnx import write_onnx
from annette.platforms import load_platform
from tests.unit.advice import samples

ort = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: pip install 'annette[onnxruntime]'")


def changes(network):
    """Everything that could be tried anywhere in a network."""
    told = dict.fromkeys(network.layers_by_name, "why")
    return [
        *widenings(network, network.layers, {}),
        *window_changes(network, network.layers),
        *branch_changes(network, network.layers),
        *activation_changes(network, (), told),
        *norm_changes(network, network.layers, told),
        *transpose_changes(network, network.layers),
        *precision_changes(network, load_platform("epyc-onnxruntime")),
    ]


@pytest.mark.parametrize(
    ("network", "kinds"),
    [
        (samples.residual(), {"channels", "groups", "join", "precision", "activation"}),
        (samples.inception(), {"channels", "siblings", "precision"}),
        (samples.shuffled(), {"channels", "precision"}),
        (samples.normalized(shared=True), {"normalization", "precision"}),
        (samples.normalized(shared=False), {"normalization", "channels"}),
        (samples.gated(), {"activation", "channels"}),
        (samples.turned(), {"transposition", "channels", "precision"}),
        (samples.branched(), {"branches", "channels"}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_changed_networks_run(network, kinds, tmp_path):
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = 1
    feeds = {name: np.ones(network.tensors[name].shape, np.float32) for name in network.inputs}
    expected = [network.tensors[name].shape for name in network.outputs]
    tried = changes(network)
    assert {change.what for change in tried} >= kinds
    for change in tried:
        write_onnx(change.apply(network), tmp_path / "changed.onnx")
        session = ort.InferenceSession(tmp_path / "changed.onnx", settings, providers=["CPUExecutionProvider"])
        results = session.run(None, feeds)
        assert [result.shape for result in results] == expected, change.title
        assert all(np.isfinite(result).all() for result in results), change.title
