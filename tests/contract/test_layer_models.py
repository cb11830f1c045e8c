"""Every built-in layer model satisfies the shipped contract."""

import pytest

from annette.models.original import OriginalRefinedRoofline, OriginalRoofline
from annette.models.refined_roofline import RefinedRoofline, Unroll
from annette.models.registry import FAMILIES
from annette.models.roofline import Roofline
from annette.testing.layer_models import LayerModelContract

UNROLL = {"out_width": Unroll(8, 0.5), "in_channels": Unroll(16, 1.0), "out_channels": Unroll(16, 0.9)}
MODELS = (
    Roofline(1e12, 1e10, 2e-6),
    RefinedRoofline(1e12, 1e10, 2e-6, UNROLL),
    OriginalRoofline(1e12, 1e10),
    OriginalRefinedRoofline(1e12, 1e10, unroll=UNROLL),
)


class TestBuiltInModels(LayerModelContract):
    @pytest.fixture(params=MODELS, ids=lambda model: model.family)
    def model(self, request):
        return request.param


def test_no_family_is_left_out():
    assert {model.family for model in MODELS} == FAMILIES.keys()
