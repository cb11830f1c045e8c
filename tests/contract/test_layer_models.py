"""Every built-in layer model satisfies the shipped contract."""

import numpy as np
import pytest

from annette.devices.original_annette.models import OriginalRefinedRoofline, OriginalRoofline
from annette.devices.registry import find, offered
from annette.devices.tvm_arm.models import CachedMemory, SaturatingRate
from annette.devices.xilinx_dpu.models import Alu, Array, Dpu, Pooling
from annette.models.base import families
from annette.models.features import FeatureSet
from annette.models.forest import Forest
from annette.models.roofline import RefinedRoofline, Roofline, Unroll
from annette.models.statistical import Mixed, Statistical
from annette.models.tiled_roofline import TiledRoofline
from annette.models.work_sum import WorkSum
from annette.testing.layer_models import LayerModelContract

UNROLL = {"out_width": Unroll(8, 0.5), "in_channels": Unroll(16, 1.0), "out_channels": Unroll(16, 0.9)}
FEATURES = FeatureSet(("log2:ops", "log2:bytes"))


def stump(low, high):
    """One tree that looks at the second feature."""
    return Forest(
        roots=np.array([0], dtype=np.int32),
        feature=np.array([1, -1, -1], dtype=np.int16),
        threshold=np.array([15, 0, 0], dtype=np.float32),
        left=np.array([1, 0, 0], dtype=np.int32),
        value=np.array([0, low, high], dtype=np.float32),
        base=-0.5,
    )


TILED = {
    name: TiledRoofline(name, {constant: limits.typical for constant, limits in formula.constants.items()})
    for name in offered("formulas")
    if (formula := find("formulas", name))
}
PLAIN = (
    Roofline(1e12, 1e10, 2e-6),
    RefinedRoofline(1e12, 1e10, 2e-6, UNROLL),
    SaturatingRate(2e-11, 3e-10, 4e-10, 1e-10, 5e-11, 3e-5),
    CachedMemory(2e10, 1.5e10, 2.0**21, 6e10, 1e-6),
    WorkSum(
        {"kernels": 1e-6, "macs/fill:out_channels:16": 1e-11, "products": 1e-7, "output_bytes": 2e-10, "macs": 0.0}
    ),
)
MODELS = (
    *PLAIN,
    Statistical("ops", FEATURES, stump(-25, -27), Roofline(1e12, 1e10)),
    Mixed(RefinedRoofline(1e12, 1e10, 2e-6, UNROLL), FEATURES, stump(0.2, 0.1)),
    Dpu(3e8, 16.0, 1e-5, Array(8, 16, 16, 0.9, 8), Alu(4, 16, 7.0), Pooling(8, 16)),
    *TILED.values(),
    Mixed(TILED["myriad-convolution"], FeatureSet(("log2:ops", "log2:context:copied_bytes")), stump(0.2, 0.1)),
    Mixed(TILED["ethos-u-busiest"], FEATURES, stump(0.2, 0.1)),
    *(Mixed(base, FEATURES, stump(0.2, 0.1)) for base in PLAIN if not isinstance(base, RefinedRoofline)),
    OriginalRoofline(1e12, 1e10),
    OriginalRefinedRoofline(1e12, 1e10, unroll=UNROLL),
)


class TestBuiltInModels(LayerModelContract):
    @pytest.fixture(params=MODELS, ids=lambda model: model.family)
    def model(self, request):
        return request.param


def test_no_family_is_left_out():
    assert {model.family for model in MODELS} == set(families())
