"""Changed networks in ONNX Runtime: whatever is advised can be written and runs, with the results' shapes unchanged."""

import numpy as np
import pytest

from annette.advice.advice import advise
from annette.network import zoo
from annette.network.writers.onnx import write_onnx
from tests.unit.advice import samples

ort = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: pip install 'annette[onnxruntime]'")


@pytest.mark.parametrize("platform", ["ethos-u55-128", "epyc-onnxruntime"])
@pytest.mark.parametrize(
    "network", [samples.branched(), samples.gated(), samples.inception(stem=12), zoo.build("mobilenet_v2@64")],
    ids=lambda network: network.name,
)  # fmt: skip
def test_changed_networks_run(network, platform, tmp_path):
    hints = advise(network, platform, least=0.001, fallback="roofline").hints
    assert hints
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = 1
    feeds = {name: np.ones(network.tensors[name].shape, np.float32) for name in network.inputs}
    expected = [network.tensors[name].shape for name in network.outputs]
    for hint in {hint.change.what: hint for hint in hints}.values():
        write_onnx(hint.network, tmp_path / "changed.onnx")
        session = ort.InferenceSession(tmp_path / "changed.onnx", settings, providers=["CPUExecutionProvider"])
        results = session.run(None, feeds)
        assert [result.shape for result in results] == expected
        assert all(np.isfinite(result).all() for result in results)
