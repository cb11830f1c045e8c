"""Language models in ONNX Runtime: GPT-2 of the zoo computes what it should with a cache, empty ones are measured."""

import numpy as np
import pytest

import annette
from annette.network.decoder import open_decoder
from annette.network.writers.onnx import write_onnx
from annette.network.zoo import build
from tests.unit.network.test_decoder import CACHED, IDS, PAST, WHOLE, saved

onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

OPTIONS = {"layers": 2, "hidden": 32, "heads": 4, "vocabulary": 50}
TOKENS = np.array([[7, 3, 21, 40, 11, 5], [1, 2, 3, 4, 5, 6]], dtype=np.int64)


def scores(folder, read, cached, presents=()):
    """What a run over some tokens behind cached ones hands out: scores of the next tokens, keys and values."""
    network = build("gpt2", batch=2, sequence=read, past=cached, **OPTIONS)
    path = folder / f"{read}-{cached}.onnx"
    write_onnx(network, path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feeds = {
        "input_ids": TOKENS[:, cached : cached + read],
        "attention_mask": np.ones((2, cached + read), dtype=np.int64),
        "position_ids": np.tile(np.arange(cached, cached + read, dtype=np.int64), (2, 1)),
    }
    feeds |= dict(zip((name for name in network.inputs if name.startswith("past")), presents, strict=True))
    return session.run(None, feeds)


def test_tokens_behind_a_cache_get_the_scores_that_they_get_in_one_run(tmp_path):
    whole, *_ = scores(tmp_path, 6, 0)
    _, *presents = scores(tmp_path, 3, 0)
    two, *presents = scores(tmp_path, 2, 3, presents)
    one, *presents = scores(tmp_path, 1, 5, presents)
    np.testing.assert_allclose(two, whole[:, 3:5], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(one, whole[:, 5:], rtol=1e-3, atol=1e-4)
    assert whole.std() > 1e-3
    assert {present.shape for present in presents} == {(2, 4, 6, 8)}


def test_runs_with_an_empty_and_a_full_cache_are_measured(tmp_path):
    path = saved(tmp_path, (IDS, WHOLE, PAST), CACHED)
    for inputs in (
        {"sequence_length": (5,), "past_sequence_length": (0,)},
        {"sequence_length": (1,), "past_sequence_length": (5,)},
    ):
        (found,) = annette.measure([path], backend="onnxruntime", rounds=1, batch=2, inputs=inputs)
        assert found.usable
    step = open_decoder(path).step(5, 2)
    assert found.usable[0].network.tensors["past_key_values_0_key"].shape == (2, 2, 5, 4)
    assert found.usable[0].network.macs == step.macs
