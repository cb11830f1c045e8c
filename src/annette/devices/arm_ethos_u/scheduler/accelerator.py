"""What a schedule depends on of an Ethos-U: its configuration, its memories, and its cycles per output element.

The numbers follow from what Arm publishes with its compiler (`annette.devices.arm_ethos_u.targets`). In mapping
files they are the parameters of the context stage, under older names: ``engine`` is the configuration, ``units`` are
OFM micro-blocks, ``banks`` those of the SHRAM, ``inside`` is the memory on chip and ``outside`` that off chip.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

__all__ = ["Accelerator", "AcceleratorConfig", "Memory", "UBlock"]

_Count: TypeAlias = Annotated[int, Meta(ge=0, le=4096)]
_Size: TypeAlias = Annotated[int, Meta(ge=1, le=4096)]
_Bytes: TypeAlias = Annotated[int, Meta(ge=0, le=1 << 24)]
_Side: TypeAlias = Annotated[int, Meta(ge=1, le=64)]
_Rate: TypeAlias = Annotated[float, Meta(ge=1e-9, le=1e9)]
_Unknown: TypeAlias = Annotated[float, Meta(ge=0, le=1e9)]
_Latency: TypeAlias = Annotated[float, Meta(ge=0, le=1e9)]

UBlock: TypeAlias = tuple[_Side, _Side, _Side]
"""Height, width and depth of a micro-block."""

_OUTPUT_BANKS: Final = 2
_RESERVED_BANKS: Final = 2
_SMALL_SHRAM: Final = 16
"""Banks of an SHRAM up to which none are reserved for tables."""

_UBlocks: TypeAlias = Annotated[tuple[UBlock, ...], Meta(min_length=1, max_length=8)]


class Memory(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A memory, as Vela's configuration file and its limits on outstanding transfers describe it.

    Attributes:
        bytes_per_cycle: Bandwidth of all channels together.
        read: Bytes per cycle of the channel that reads IFMs.
        write: Of the channel that writes OFMs.
        weights: Of the channel that reads weights.
        scales: Of the channel that reads scales and biases.
        copy: Of the channel that copies from this memory to another.
        burst_bytes: Bytes of one burst: fewer take as long.
        read_latency: Cycles until a read begins.
        write_latency: Cycles until a write begins.
        stream: Bytes per cycle of the channel that reads the IFMs of element-wise operators and resizes; 0 where it
            is that of all IFMs.
    """

    bytes_per_cycle: _Rate
    read: _Rate
    write: _Rate
    weights: _Rate
    scales: _Rate
    copy: _Rate
    burst_bytes: _Rate
    read_latency: _Latency
    write_latency: _Latency
    stream: Annotated[float, Meta(ge=0, le=1e9)] = 0.0


class AcceleratorConfig(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    rename={
        "ofm_ublocks": "units",
        "shram_banks": "banks",
        "ifm_granule": "input_grain",
        "accumulator_granule": "accumulator_grain",
        "ifm_ram_bytes": "input_bytes",
        "accumulator_ram_bytes": "accumulator_bytes",
        "max_depth": "max_channels",
        "depth_first_depth": "deep_channels",
        "special_ublocks": "special_units",
        "ifm_alloc_units": "input_units",
        "output_ram_bytes": "output_bytes",
        "chaining_ram_bytes": "chaining_bytes",
    },
):
    """Sizes of an accelerator that limit its blocks.

    The Ethos-U55 and U65 keep IFM, accumulators and tables in one SHRAM; the Ethos-U85 has a RAM for each. What has a
    default may be left out where it is as on the U85-512.

    Attributes:
        ofm_ublocks: Micro-blocks that an operator's OFM can be computed in; the one that wastes least is taken.
        shram_banks: Banks of 1 KB of the SHRAM; 0 on an Ethos-U85.
        ifm_granule: Banks in which room for 8-bit IFMs is allocated.
        accumulator_granule: Banks in which room for 32-bit accumulators is allocated.
        ifm_ram_bytes: IFM RAM of an Ethos-U85.
        accumulator_ram_bytes: Accumulator RAM of an Ethos-U85.
        max_height: Largest height of an OFM block.
        max_width: Largest width of an OFM block.
        max_depth: Largest depth of an OFM block.
        depth_first_depth: IFM depth of one step in depth-first traversal.
        cores: Cores that share the depth of an OFM block.
        special_ublocks: Micro-blocks of block types that have others than ``ofm_ublocks``.
        ifm_alloc_units: For each micro-block, what IFM RAM is allocated in for blocks of a depth up to 16, up to 32,
            and beyond; where a micro-block is not listed, as on the U85-512.
        output_ram_bytes: Output RAM of an Ethos-U85.
        chaining_ram_bytes: Chaining RAM of an Ethos-U85, for operands of chained element-wise operators.
        weight_decoders: Weight decoders of an Ethos-U85.
        cycles_per_word: Cycles of an element-wise operator on two operands of 32 bits; 0 where that is not known.
        cycles_per_word_unary: Of one on a single operand of 32 bits; 0 where that is not known.
    """

    ofm_ublocks: _UBlocks
    shram_banks: _Count
    ifm_granule: _Count
    accumulator_granule: _Count
    ifm_ram_bytes: _Bytes
    accumulator_ram_bytes: _Bytes
    max_height: _Size
    max_width: _Size
    max_depth: _Size
    depth_first_depth: Annotated[int, Meta(ge=8, le=1024)]
    cores: _Side
    special_ublocks: Annotated[tuple[tuple[str, _UBlocks], ...], Meta(max_length=8)] = ()
    ifm_alloc_units: Annotated[tuple[tuple[UBlock, tuple[UBlock, UBlock, UBlock]], ...], Meta(max_length=8)] = ()
    output_ram_bytes: _Bytes = 4096
    chaining_ram_bytes: _Bytes = 3072
    weight_decoders: _Side = 2
    cycles_per_word: _Unknown = 0.0
    cycles_per_word_unary: _Unknown = 0.0

    def __post_init__(self) -> None:
        if not self.shram_banks and not (self.ifm_ram_bytes and self.accumulator_ram_bytes):
            raise ValueError("without 'banks' the engine needs input_bytes and accumulator_bytes")
        if self.shram_banks and not (self.ifm_granule and self.accumulator_granule):
            raise ValueError("with 'banks' the engine needs input_grain and accumulator_grain")

    @property
    def usable_banks(self) -> int:
        """Banks of the SHRAM for IFMs and accumulators: beside those for OFMs and, where there are more, tables."""
        reserved = _RESERVED_BANKS if self.shram_banks > _SMALL_SHRAM else 0
        return self.shram_banks - reserved - _OUTPUT_BANKS

    @property
    def macs(self) -> int:
        """Multiply-accumulates per cycle and core."""
        height, width, depth = self.ofm_ublocks[0]
        return height * width * depth * 8

    def weight_cycles(self, ublock: UBlock) -> float:
        """Cycles of decoding the weights of a micro-block, 8 of the IFM's depth and 4 of the kernel's elements deep."""
        return 32 * ublock[2] / 8 / (1 if self.shram_banks else self.weight_decoders)

    def ublocks_of(self, block_type: str) -> tuple[UBlock, ...]:
        """Micro-blocks that operators of a type can be computed in."""
        return dict(self.special_ublocks).get(block_type, self.ofm_ublocks)

    def ifm_alloc_unit(self, depth: int, ublock: UBlock) -> UBlock:
        """Height, width and depth in which the IFM RAM of an Ethos-U85 is allocated: the deeper, the narrower."""
        units = dict(self.ifm_alloc_units).get(ublock) or ((*ublock[:2], 16), (1, 2, 32), (1, 1, 64))
        return units[0 if depth <= 16 else 1 if depth <= 32 else 2]


class Accelerator(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={
        "config": "engine",
        "on_chip": "inside",
        "off_chip": "outside",
        "cycles_per_lut": "cycles_per_table",
        "cycles_per_max_pool": "cycles_per_maximum",
        "cycles_per_add": "cycles_per_sum",
        "cycles_per_mul": "cycles_per_product",
    },
):
    """An accelerator with its memories.

    Attributes:
        config: Sizes that limit blocks.
        on_chip: The SRAM.
        off_chip: The memory that weights lie in: DRAM or flash.
        staging_bytes: SRAM for what would lie off chip otherwise (Vela's arena cache); 0 where feature maps lie in the
            SRAM anyway.
        cycles_per_output: Of convolutions, matrix products and poolings, per element of the OFM.
        cycles_per_lut: Where an activation is looked up in a table.
        cycles_per_max_pool: Of a maximum pooling.
        cycles_per_add: Of an element-wise sum or difference.
        cycles_per_mul: Of an element-wise product.
    """

    config: AcceleratorConfig
    on_chip: Memory
    off_chip: Memory
    staging_bytes: Annotated[int, Meta(ge=0, le=1 << 30)]
    cycles_per_output: _Rate
    cycles_per_lut: _Rate
    cycles_per_max_pool: _Rate
    cycles_per_add: _Rate
    cycles_per_mul: _Rate

    @property
    def arena(self) -> Memory:
        """The memory that feature maps lie in until they are staged."""
        return self.off_chip if self.staging_bytes else self.on_chip
