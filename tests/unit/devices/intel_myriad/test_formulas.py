"""The Myriad X's formulas: what makes a kernel slower, and what the constants may be."""

import numpy as np
import pytest

from annette.devices.intel_myriad import formulas
from annette.errors import PlatformFormatError, UnsupportedKernelError
from annette.mapping.kernel import COLUMNS, KernelTable
from annette.models.features import FeatureSet
from annette.models.statistical import Mixed
from annette.models.tiled_roofline import TiledRoofline
from annette.testing.layer_models import example_table

MODELS = {
    formula.name: TiledRoofline(
        formula.name, {constant: limits.typical for constant, limits in formula.constants.items()}
    )
    for formula in (formulas.CONVOLUTION, formulas.POOLING, formulas.SOFTWARE)
}
CONVOLUTION, POOLING, SOFTWARE = (MODELS[f"myriad-{name}"] for name in ("convolution", "pooling", "software"))


def table(kind="conv", context=None, **dimensions):
    """One kernel; what is not given is that of a 14 x 14 convolution of 256 to 256 channels."""
    size = {"in_channels": 256, "out_channels": 256, "in_height": 14, "in_width": 14, "out_height": 14, "out_width": 14}
    values = np.ones((1, len(COLUMNS)))
    for name, value in {"ops": 1e7, "macs": 5e6, **size, **dimensions}.items():
        values[0, COLUMNS.index(name)] = value
    columns = {f"context:{name}": np.array([float(value)]) for name, value in (context or {}).items()}
    return KernelTable(np.array([kind]), values, columns)


def seconds(model, *arguments, **dimensions):
    return float(model.predict_s(table(*arguments, **dimensions))[0])


@pytest.mark.parametrize("context", [{"input_in_ddr": 1}, {"copied_bytes": 2**20}, {"injected_bytes": 2**20}])
def test_external_memory_and_copies_make_a_convolution_slower(context):
    slower = seconds(CONVOLUTION, "conv", context, in_channels=1024)
    assert slower > 1.2 * seconds(CONVOLUTION, in_channels=1024)


def test_time_follows_descriptors_and_not_operations():
    """257 outputs need a second descriptor in mode 1; 240 take as long as 256."""
    assert seconds(CONVOLUTION, out_channels=240) == pytest.approx(seconds(CONVOLUTION), rel=0.05)
    assert seconds(CONVOLUTION, out_channels=264) > 1.5 * seconds(CONVOLUTION)


def test_samples_run_one_after_the_other():
    assert seconds(CONVOLUTION, batch=3) == pytest.approx(3 * seconds(CONVOLUTION))


def test_averages_are_slower_than_maxima():
    assert seconds(POOLING, "average_pool", kernel_height=3) > seconds(POOLING, "max_pool", kernel_height=3)


def test_more_processors_make_software_faster():
    assert seconds(SOFTWARE, "add", {"shaves": 8}) < seconds(SOFTWARE, "add", {"shaves": 1})


def test_a_concat_pays_for_its_copies_only():
    start_s = SOFTWARE.constants["start_us"] * 1e-6
    assert seconds(SOFTWARE, "concat") == pytest.approx(start_s)
    assert seconds(SOFTWARE, "concat", {"copied_bytes": 1e6}) > start_s


def test_what_the_engine_cannot_run_is_an_error():
    with pytest.raises(UnsupportedKernelError, match="2048 x 40 x 40 to 16 x 40 x 40 with kernel 17 x 17"):
        seconds(CONVOLUTION, in_channels=2048, in_height=40, in_width=40, out_height=40, out_width=40,
                out_channels=16, kernel_height=17, kernel_width=17)  # fmt: skip


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_scaling_scales_every_kernel(model):
    rows = example_table()
    np.testing.assert_allclose(model.scaled(1.7).predict_s(rows), 1.7 * model.predict_s(rows), rtol=1e-9)


def test_unknown_formulas_and_constants_are_refused():
    document = POOLING.to_json()
    with pytest.raises(PlatformFormatError, match="did you mean 'myriad-pooling'"):
        TiledRoofline.from_json({**document, "formula": "myriad-poolin"})
    with pytest.raises(
        PlatformFormatError, match=r"\$\.constants\.average is -1\.0: it must be a number of at least 0"
    ):
        TiledRoofline.from_json({**document, "constants": {**document["constants"], "average": -1}})
    with pytest.raises(PlatformFormatError, match="greater than 0"):
        TiledRoofline("myriad-convolution", {**CONVOLUTION.constants, "clock_mhz": 0})


def test_mixed_names_its_base_and_refuses_others():
    from tests.contract.test_layer_models import stump

    model = Mixed(CONVOLUTION, FeatureSet(("log2:ops", "context:copied_bytes")), stump(0.1, 0.2))
    document = model.to_json()
    assert document["base"]["family"] == "tiled-roofline"
    assert Mixed.from_json(document).base == CONVOLUTION
    with pytest.raises(PlatformFormatError, match="a forest cannot correct that family"):
        Mixed.from_json({**document, "base": {**document["base"], "family": "mixed"}})


def test_features_may_name_context():
    rows = table(context={"copied_bytes": 1024.0})
    names = ("context:copied_bytes", "log2:context:copied_bytes", "rest:context:copied_bytes:1000", "context:none")
    assert FeatureSet(names).matrix(rows).tolist() == [[1024, 10, 24, 0]]
    with pytest.raises(PlatformFormatError, match="not known"):
        FeatureSet(("context:No",))
