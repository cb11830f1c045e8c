"""Inputs that name rows to look up."""

import pytest

from annette.network import Network
from annette.network.builder import NetworkBuilder
from annette.network.lookups import lookup_sizes
from annette.network.tensor import DType


def _looked_up(*, added: bool = False, compared: bool = False, handed_out: bool = False) -> Network:
    """Tokens that are reshaped and looked up in tables of 50 and 20 rows, and may serve for something else, too."""
    builder = NetworkBuilder("lookups")
    tokens = builder.input("tokens", (1, 2, 8), dtype=DType.INT64)
    rows = builder.reshape(tokens, (1, 16))
    outputs = [builder.embedding(rows, size, 32) for size in (50, 20)]
    if added:
        outputs.append(builder.add(rows, builder.input("offsets", (1, 16), dtype=DType.INT64)))
    if compared:
        outputs.append(builder.compare(rows, builder.input("padding", (1, 16), dtype=DType.INT64)))
    if handed_out:
        outputs.append(rows)
    return builder.build(*outputs)


@pytest.mark.parametrize("compared", [False, True])
def test_what_only_names_rows_names_those_of_the_smallest_table(*, compared: bool) -> None:
    assert lookup_sizes(_looked_up(compared=compared)) == {"tokens": 20}


def test_what_is_reckoned_with_or_handed_out_names_no_rows() -> None:
    assert lookup_sizes(_looked_up(added=True)) == {}
    assert lookup_sizes(_looked_up(handed_out=True)) == {}
