"""Several roofs: the slowest decides."""

import numpy as np
import pytest

from annette.errors import PlatformFormatError
from annette.mapping.kernel import COLUMNS, KernelTable
from annette.models.ethos_u import COMPUTE, OFF_CHIP, ON_CHIP
from annette.models.features import FeatureSet
from annette.models.forest import Forest
from annette.models.mixed import Mixed
from annette.models.several_roofs import SeveralRoofs
from annette.models.tiled_roofline import TiledRoofline

NOTHING = Forest(*(np.array([value], dtype=kind) for value, kind in
                   ((0, np.int32), (-1, np.int16), (0, np.float32), (0, np.int32), (0, np.float32))))  # fmt: skip
MEMORY = {"bytes_per_cycle": 8.0, "read_bytes_per_cycle": 8.0, "write_bytes_per_cycle": 4.0,
          "weights_bytes_per_cycle": 2.0}  # fmt: skip


def table(**columns):
    values = np.ones((1, len(COLUMNS)))
    for name in ("ops", "input_bytes", "weight_bytes", "output_bytes", "residual"):
        values[0, COLUMNS.index(name)] = 0.0
    context = {"context:tiles": np.ones(1), "context:reread": np.ones(1), "context:input_rows": np.ones(1),
               "context:output_rows": np.ones(1)}  # fmt: skip
    for name, value in columns.items():
        if name in COLUMNS:
            values[0, COLUMNS.index(name)] = value
        else:
            context[f"context:{name}"] = np.array([value], dtype=float)
    return KernelTable(np.array(["conv"]), values, context)


def roof(formula, **constants):
    return TiledRoofline(formula.name, {"clock_mhz": 1.0, **constants})


def cycles(formula, constants, **columns):
    return float(roof(formula, **constants).predict_s(table(**columns))[0] * 1e6)


def test_computing_takes_steps_or_outputs_and_a_start():
    constants = {"cycles_per_step": 2.0, "cycles_per_output": 0.5, "start_cycles": 10.0}
    assert cycles(COMPUTE, constants, steps=100, output_bytes=64) == pytest.approx(210)
    assert cycles(COMPUTE, constants, steps=10, output_bytes=64) == pytest.approx(42)


def test_bricks_hold_sixteen_channels():
    constants = {"cycles_per_step": 2.0, "cycles_per_output": 1.0, "start_cycles": 0.0}
    assert cycles(COMPUTE, constants, output_bytes=64, out_channels=4, output_rows=0) == pytest.approx(256)


def test_streams_share_a_memory_and_have_limits_of_their_own():
    assert cycles(ON_CHIP, MEMORY, input_bytes=800, output_bytes=80) == pytest.approx(880 / 8 + 1)
    assert cycles(ON_CHIP, MEMORY, output_bytes=800) == pytest.approx(800 / 4 + 1)
    assert cycles(ON_CHIP, MEMORY, weight_bytes=100, tiles=3) == pytest.approx(300 / 2 + 1)


def test_maps_outside_are_read_outside():
    away = {"input_bytes": 800, "input_outside": 1}
    assert cycles(ON_CHIP, MEMORY, **away) == pytest.approx(1)
    assert cycles(OFF_CHIP, MEMORY, **away) == pytest.approx(800 / 8 + 1)


def test_weights_come_with_ten_bytes_a_channel():
    assert cycles(OFF_CHIP, MEMORY, weight_bytes=20, out_channels=8) == pytest.approx((20 + 80) / 8 + 1)


def test_the_slowest_unit_decides():
    features = FeatureSet(("log2:ops",))
    model = SeveralRoofs(
        {
            "engine": Mixed(
                roof(COMPUTE, cycles_per_step=2.0, cycles_per_output=1.0, start_cycles=0.0), features, NOTHING
            ),
            "memory": Mixed(roof(ON_CHIP, **MEMORY), features, NOTHING),
        }
    )
    busy = table(ops=1, steps=500, input_bytes=800)
    assert model.predict_s(busy)[0] == pytest.approx(1000e-6)
    assert [term[0] for term in model.terms(busy)] == pytest.approx([1000e-6, 101e-6])
    assert SeveralRoofs.from_json(model.to_json()).predict_s(busy) == pytest.approx(model.predict_s(busy))


def test_no_roof_is_refused():
    with pytest.raises(PlatformFormatError, match="0 roofs"):
        SeveralRoofs({})
