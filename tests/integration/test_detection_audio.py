"""Detectors, audio front ends and learners of tables in ONNX Runtime: what is planned runs, and shapes are its own."""

import json
from pathlib import Path

import numpy as np
import pytest

from annette.bench.feeds import input_values
from annette.bench.generate.detection_audio import recipes
from annette.bench.generate.recipe import CaseBuilder, Sampler
from annette.network.writers.onnx import write_onnx

ort = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: pip install 'annette[onnxruntime]'")

DEPENDS_ON_DATA = {"non-max-suppression/plain"}
OPERATORS = {
    "fourier_transform": {"STFT", "DFT"}, "tree_ensemble": {"TreeEnsembleRegressor"},
    "support_vectors": {"SVMRegressor"}, "rbf_support_vectors": {"SVMRegressor"},
    "non_max_suppression": {"NonMaxSuppression"}, "roi_align": {"RoiAlign"}, "grid_sample": {"GridSample"},
    "top_k": {"TopK"}, "non_zero": {"NonZero"}, "scatter": {"ScatterND"}, "cumulative_sum": {"CumSum"},
    "lp_norm": {"LpNormalization"}, "compare": {"Less"}, "attention": {"MultiHeadAttention"},
}  # fmt: skip


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.group)
def test_cases_run_as_one_operator_of_the_shapes_that_are_stated(tmp_path, recipe):
    builder = CaseBuilder("case", 1)
    recipe.draw(Sampler(0, recipe.group, 0), builder)
    network = builder.build()
    write_onnx(network, tmp_path / "case.onnx")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_profiling = True
    options.profile_file_prefix = str(tmp_path / "profile")
    session = ort.InferenceSession(tmp_path / "case.onnx", options, providers=["CPUExecutionProvider"])
    feeds = {
        name: input_values(network.tensors[name].shape, network.tensors[name].dtype.label) for name in network.inputs
    }
    results = session.run(list(network.outputs), feeds)
    for name, result in zip(network.outputs, results, strict=True):
        if recipe.group not in DEPENDS_ON_DATA:
            assert result.shape == network.tensors[name].shape
        if result.dtype.kind == "f":
            assert np.isfinite(result).all()
    events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    run = {event["args"]["op_name"] for event in events if event["name"].endswith("_kernel_time")}
    assert len(run) == 1
    assert run <= OPERATORS.get(network.layers[0].kind, {network.layers[0].kind.capitalize()})
