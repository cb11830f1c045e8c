"""Feature expressions by hand."""

import numpy as np
import pytest

from annette.errors import PlatformFormatError
from annette.mapping.kernel import COLUMNS, KernelTable
from annette.models.features import FeatureSet
from annette.models.quantities import QUANTITIES
from annette.testing.layer_models import example_table


def row(**values):
    table = np.ones((1, len(COLUMNS)))
    for name, value in values.items():
        table[0, COLUMNS.index(name)] = value
    return KernelTable(np.array(["conv"]), table)


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("ops", {"ops": 5}, 5),
        ("log2:ops", {"ops": 8}, 3),
        ("log2:ops", {"ops": 0}, 0),
        ("fill:out_channels:16", {"out_channels": 24}, 0.75),
        ("fill:out_channels:16", {"out_channels": 16}, 1),
        ("rest:out_channels:16", {"out_channels": 24}, 8),
        ("intensity", {"ops": 30, "input_bytes": 1, "weight_bytes": 1, "output_bytes": 1}, 10),
        ("in_channels_per_group", {"in_channels": 32, "groups": 8}, 4),
        ("kernel_size", {"kernel_height": 3, "kernel_width": 5}, 15),
        ("out_positions", {"out_height": 4, "out_width": 6}, 24),
        ("ops_a_group", {"ops": 600, "batch": 2, "groups": 3}, 100),
        ("ops_a_step", {"ops": 600, "groups": 2, "out_width": 30}, 10),
        ("batched_weight_bytes", {"batch": 8, "weight_bytes": 20}, 160),
        ("unfolded_size", {"macs": 4 * 6 * 27 * 8, "out_channels": 8}, 4 * 6 * 27),
        ("folded_size", {"macs": 4 * 6 * 16 * 8, "in_channels": 8}, 4 * 6 * 16),
        ("far_bytes", {"input_bytes": 2.0**22, "output_bytes": 64}, 64),
        ("far_bytes", {"input_bytes": 2.0**20, "output_bytes": 64}, 0),
        ("axis_rows", {"in_channels": 6, "in_width": 10, "axis_size": 10}, 6),
        ("lines_a_set", {"axis_size": 32, "inner_size": 1024}, 32),  # 4096 bytes apart: one set
        ("lines_a_set", {"axis_size": 512, "inner_size": 128}, 64),  # 512 bytes apart: eight sets
        ("lines_a_set", {"axis_size": 512, "inner_size": 120}, 8),  # all sets
        ("lines_a_set", {"axis_size": 512}, 1),
        ("colliding_elements", {"axis_size": 512, "inner_size": 128, "in_channels": 7}, 7),
        ("colliding_elements", {"axis_size": 512, "inner_size": 120, "in_channels": 7}, 0),
        ("crowded_elements", {"axis_size": 32, "inner_size": 1024, "in_channels": 7}, 7),
        ("crowded_elements", {"axis_size": 512, "inner_size": 128, "in_channels": 7}, 0),
        ("copied_runs", {"output_bytes": 4 * 600, "run_length": 3}, 200),
        ("copied_runs", {"output_bytes": 4 * 600, "run_length": 1}, 0),
        ("copied_runs", {"in_width": 600, "out_width": 300, "output_count": 2, "run_length": 3}, 200),
        ("scattered_elements", {"in_width": 600, "run_length": 1, "walk": 3}, 600),
        ("scattered_elements", {"in_width": 600, "run_length": 1, "walk": 2}, 0),
        ("scattered_runs", {"in_width": 600, "run_length": 3, "walk": 4}, 200),
        ("single_elements", {"output_bytes": 4 * 600, "run_length": 1}, 600),
        ("doublings", {"in_channels": 5, "out_channels": 5, "out_width": 64, "run_length": 64, "walk": 2}, 5 * 6),
        ("doublings", {"in_width": 48, "input_bytes": 47, "output_bytes": 768, "run_length": 48, "walk": 1}, 4),
        (
            "middle_blocks",
            {"in_channels": 9, "in_width": 8, "in_height": 4, "axis_size": 4, "inner_size": 8, "walk": 4},
            9,
        ),
        ("middle_blocks", {"in_channels": 9, "axis_size": 1, "walk": 1}, 0),
        ("heap_steps", {"in_width": 64, "axis_size": 64, "run_length": 2}, 2 * (2 + np.log(32))),
        ("heap_steps", {"in_width": 64, "axis_size": 64, "run_length": 1}, 0),
        ("heap_steps", {"in_width": 64, "axis_size": 64, "run_length": 32}, 0),
        ("partition_steps", {"in_width": 64, "axis_size": 64, "run_length": 32}, 64 + 32 * 5),
        ("partition_steps", {"in_width": 64, "axis_size": 64, "run_length": 2}, 0),
        ("guessed_steps", {"in_width": 64, "axis_size": 64, "run_length": 32}, 0),
        (
            "guessed_steps",
            {"in_channels": 1000, "in_width": 64, "axis_size": 64, "run_length": 32},
            1000 * (64 + 32 * 5),
        ),
        ("interpolated_columns", {"out_channels": 3, "out_height": 8, "in_width": 7, "out_width": 5}, 3 * 8 * 7),
        ("interpolated_columns", {"out_height": 8, "in_width": 70, "out_width": 5}, 8 * 20),
        ("unevenly_interpolated_columns", {"in_height": 4, "out_height": 8, "in_width": 7, "out_width": 5}, 0),
        ("unevenly_interpolated_columns", {"in_height": 5, "out_height": 8, "in_width": 7, "out_width": 5}, 8 * 7),
        ("far_single_elements", {"in_width": 64, "output_bytes": 2.0**20, "walk": 2}, 64),
        ("far_single_elements", {"in_width": 64, "output_bytes": 2.0**18, "walk": 2}, 0),
        ("reordered_bytes", {"input_bytes": 8, "weight_bytes": 2, "output_bytes": 4, "walk": 1}, 0),
        ("reordered_bytes", {"input_bytes": 8, "weight_bytes": 2, "output_bytes": 4, "walk": 3}, 10),
        ("reordered_bytes", {"input_bytes": 8, "weight_bytes": 2, "output_bytes": 4, "walk": 5}, 4),
        ("touched_past_1m", {"input_bytes": 2.0**20, "output_bytes": 64}, 64),
        ("touched_past_16m", {"input_bytes": 2.0**22, "output_bytes": 64}, 0),
        ("crowded_neighbours", {"in_width": 64, "neighbours": 16, "distance": 1024}, 64),
        ("crowded_neighbours", {"in_width": 64, "neighbours": 16, "distance": 1025}, 0),
        ("crowded_neighbours", {"in_width": 64, "neighbours": 4, "distance": 1024}, 0),
        ("paired_runs", {"in_width": 64, "run_length": 2, "walk": 2}, 32),
        ("paired_runs", {"in_width": 64, "run_length": 2, "walk": 3}, 0),
        ("called_runs", {"in_width": 64, "run_length": 2, "walk": 2}, 0),
        ("called_runs", {"in_width": 64, "run_length": 4, "walk": 2}, 16),
        ("scattered_runs", {"batch": 48, "in_width": 64, "out_height": 48, "run_length": 4, "walk": 3}, 48 * 16),
        ("copied_runs", {"batch": 1000, "out_width": 64, "output_bytes": 4 * 640, "run_length": 64}, 10),
        ("doubled_elements", {"out_width": 64, "walk": 7, "blocked": 1}, 64),
        ("doubled_elements", {"out_width": 64, "walk": 7, "blocked": 0}, 0),
        ("sampled_elements", {"out_width": 64, "walk": 7, "blocked": 0}, 64),
        ("residual_elements", {"out_width": 64, "residual": 1}, 64),
        ("residual_elements", {"out_width": 64, "residual": 0}, 0),
        ("unblocked_ops", {"ops": 9, "blocked": 0}, 9),
        ("unblocked_ops", {"ops": 9, "blocked": 1}, 0),
        ("cold_input_bytes", {"input_bytes": 8, "network_weight_bytes": 2.0**23}, 8),
        ("cold_input_bytes", {"input_bytes": 8, "network_weight_bytes": 2.0**20}, 0),
        ("cold_input_bytes", {"input_bytes": 8, "network_weight_bytes": 2.0**23, "reads_network_input": 0}, 0),
        ("steps", {"groups": 2, "out_width": 30}, 60),
        ("states", {"batch": 4, "groups": 2, "out_width": 30, "out_channels": 8}, 1920),
        ("reshapes", {"in_channels": 8, "out_channels": 4, "out_width": 5, "weight_bytes": 4 * (32 + 4)}, 1),
        ("reshapes", {"in_channels": 8, "out_channels": 4, "out_width": 5, "weight_bytes": 4 * 32}, 0),
        ("reshapes", {"in_channels": 8, "out_channels": 4, "batch": 5, "weight_bytes": 4 * (32 + 4)}, 0),
        ("waited_weight_bytes", {"weight_bytes": 8, "network_busy_ops": 1e9}, 4),
        ("waited_weight_bytes", {"weight_bytes": 8, "network_busy_ops": 0}, 0),
    ],
)
def test_expressions(name, values, expected):
    assert FeatureSet((name,)).matrix(row(**values)) == pytest.approx(np.array([[expected]]), rel=1e-6)


def test_every_quantity_is_finite_on_plausible_kernels():
    names = (*QUANTITIES, *COLUMNS)
    values = FeatureSet(names).matrix(example_table())
    assert np.isfinite(values).all()
    np.testing.assert_array_equal(values, values.astype(np.float32))


@pytest.mark.parametrize(
    "name",
    ["", "opps", "log2", "log2:", "fill:ops", "fill:ops:0", "fill:ops:-1", "fill:ops:x", "exp:ops", "log2:ops:2"],
)
def test_what_is_no_feature_is_refused(name):
    with pytest.raises(PlatformFormatError):
        FeatureSet((name,))


def test_no_features_are_refused():
    with pytest.raises(PlatformFormatError, match="at least one"):
        FeatureSet(())


@pytest.mark.parametrize(
    ("held", "cache", "weights", "kernels"),
    [
        (2.0**18, "1m", 0.0, 0.0),  # all weights of the network fit
        (2.0**22, "1m", 750.0, 0.75),
        (2.0**22, "4m", 0.0, 0.0),
        (0.0, "1m", 0.0, 0.0),  # a network without any
    ],
)
def test_weights_are_past_a_cache_as_far_as_the_network_is_larger(held, cache, weights, kernels):
    values = np.ones((1, len(COLUMNS)))
    values[0, COLUMNS.index("weight_bytes")] = 1000.0
    values[0, COLUMNS.index("network_weight_bytes")] = held
    table = KernelTable(np.array(["lstm"]), values)
    names = (f"weights_past_{cache}", f"kernels_past_{cache}")
    assert FeatureSet(names).matrix(table)[0].tolist() == pytest.approx([weights, kernels])
