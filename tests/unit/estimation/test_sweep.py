"""One network at many sizes."""

import pytest

import annette
from annette.errors import NetworkError, OptionError
from annette.estimation.estimator import estimate
from annette.estimation.out_of_range import out_of_range
from annette.estimation.sweep import sweep
from tests.unit.network.readers.onnx.build import model, save
from tests.unit.samples import platform, small_network, with_intervals

MLP = """g (float[batch, seq, 8] x, float[seq, 8] bias) => (float[batch, seq, 8] y) {
  sum = Add (x, bias)
  y = Relu (sum)
}"""


@pytest.fixture
def mlp(tmp_path):
    return save(tmp_path, model(MLP), "mlp.onnx")


HOW = {"fallback": "roofline"}


def test_every_size_is_estimated_as_if_alone(mlp):
    found = sweep(mlp, platform(), batch=(1, 2), inputs={"seq": "{4..16}"}, **HOW)
    assert found.variables == {"batch": (1, 2), "seq": (4, 8, 16)}
    assert found.network == estimate(mlp, platform(), inputs={"seq": (4,)}, **HOW).network == "mlp"
    alone = [
        estimate(mlp, platform(), batch=batch, inputs={"seq": (seq,)}, **HOW).latency_s
        for batch in (1, 2)
        for seq in (4, 8, 16)
    ]
    assert [point.estimate.latency_s for point in found.points] == alone
    assert [point.estimate.batch for point in found.points] == [1, 1, 1, 2, 2, 2]


def test_sizes_that_do_not_work_cost_no_others():
    found = sweep("vit_b_16", "epyc-onnxruntime-fp32", inputs={"image": "1x3x{48,50}x{..}"})
    good, bad = found.points
    assert good.estimate.latency_s > 0
    assert bad.estimate is None
    assert "multiples of 16" in str(bad.error)
    assert found.estimates == (good.estimate,)


def test_where_no_size_works_it_is_an_error(tmp_path, mlp):
    with pytest.raises(NetworkError):
        sweep(tmp_path / "none.onnx", platform(), batch=(1, 2))
    with pytest.raises(OptionError, match="no such input"):
        sweep(mlp, platform(), batch=(1, 2), inputs={"z": (1,)}, **HOW)


def test_one_size_is_a_sweep_of_one(mlp):
    found = sweep(mlp, platform(), inputs={"seq": (4,), "batch": (1,)}, **HOW)
    assert found.variables == {}
    assert len(found.points) == 1


def test_progress_is_told_of_each_size(mlp):
    told = []
    found = sweep(mlp, platform(), batch=(1, 2), inputs={"seq": (4,)}, progress=told.append, **HOW)
    assert tuple(told) == found.points


def test_its_text_is_one_line(mlp):
    assert repr(sweep(mlp, platform(), batch=(1, 2), inputs={"seq": (4,)}, **HOW)).endswith("batch of 2, 2 points>")
    assert annette.sweep is sweep


def test_what_lies_out_of_range_is_summed_up():
    inside = annette.estimate(small_network(), platform())
    assert out_of_range(inside.mapped, inside.table, inside.prices).kernels == 0
    made = annette.estimate(small_network(), with_intervals())
    strange = out_of_range(made.mapped, made.table, made.prices)
    (kernel,) = (each for each in made.kernels if not each.in_range)
    assert strange.kernels == 1
    assert strange.longest == kernel.name
    assert strange.features == kernel.outside
    assert strange.share == pytest.approx(kernel.latency_s / sum(each.latency_s for each in made.kernels))
    assert any("outside the range" in note for note in made.notes)
