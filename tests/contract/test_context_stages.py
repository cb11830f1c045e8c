"""Every built-in context stage satisfies the shipped contract."""

import pytest

from annette.devices.registry import offered
from annette.mapping.rules import preset, presets
from annette.testing.context_stages import ContextStageContract

STAGES = {name: preset(name).context for name in presets() if preset(name).context is not None}
"""By the preset that holds it: the same stage with the parameters of different accelerators."""


class TestBuiltInStages(ContextStageContract):
    @pytest.fixture(params=STAGES.values(), ids=STAGES)
    def stage(self, request):
        return request.param


def test_no_stage_is_left_out():
    assert {stage.name for stage in STAGES.values()} == set(offered("context_stages"))
