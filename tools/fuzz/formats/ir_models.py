"""OpenVINO's IR: layers, ports, edges and constants changed, XML that no tool writes, and bytes."""

from __future__ import annotations

import copy
import xml.etree.ElementTree as ET
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from tools.fuzz.case import Format
from tools.fuzz.ir_file import Ir, convolution, example
from tools.fuzz.oracle import read_and_estimate
from tools.fuzz.values import clean, integer, near, text

from annette.network.readers.openvino_ir.operators import RULES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from random import Random

__all__ = ["IrFormat"]

_WEIGHTS: Final = b"\n<!-- weights -->\n"
"""Stands between the XML and the constants in a case's file; its attempt writes two."""
_UNKNOWN: Final = (
    "TensorIterator", "If", "Loop", "Assign", "ReadValue", "DetectionOutput", "Wobble", "Const", "Parameter", "Result",
    "",
)  # fmt: skip
_PRECISIONS: Final = ("FP32", "FP16", "BF16", "I64", "I32", "U8", "BOOL", "string", "nf4", "u1", "FP31", "float", "")
_SHAPES: Final = ((1, 4, 6, 6), (2, 3), (4,), (), (1, 8, 4), (-1, 4, 6, 6), (1, 2, 3, 4, 5), (2, 2, 2, 1, 3, 3), (0, 3))
_ATTRIBUTES: Final = {
    "strides": "1, 1", "dilations": "1, 1", "pads_begin": "1, 1", "pads_end": "1, 1", "auto_pad": "explicit",
    "kernel": "3, 3", "rounding_type": "ceil", "exclude-pad": "true", "axis": "1", "keep_dims": "true",
    "transpose_a": "true", "transpose_b": "true", "mode": "nearest", "shape_calculation_mode": "scales",
    "begin_mask": "0, 1", "end_mask": "1, 0", "new_axis_mask": "0, 0", "shrink_axis_mask": "1, 0",
    "ellipsis_mask": "0, 0", "special_zero": "true", "hidden_size": "4", "direction": "bidirectional",
    "num_groups": "2", "group": "2", "block_size": "2", "levels": "256", "destination_type": "i32",
    "output_padding": "1, 1", "min": "-1", "max": "1", "equation": "ij,jk->ik", "batch_dims": "1", "offset": "0",
    "size": "16", "element_type": "i64", "shape": "2, 2", "coordinate_transformation_mode": "asymmetric",
}  # fmt: skip
_WRAPPERS: Final = (
    b'<!DOCTYPE net [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>',
    b'<!DOCTYPE net SYSTEM "file:///etc/passwd">', b'<!DOCTYPE net [<!ENTITY x SYSTEM "file:///dev/zero">]>',
    b'<?xml version="1.0" encoding="utf-16"?>', b'<?xml version="1.0" encoding="klingon"?>', b"\xef\xbb\xbf", b"\0",
    b"<?php echo 1 ?>", b"<!--" + b"-" * 100_000, b"<a>" * 100_000, b'<net version="11">' * 100, b"&a;",
)  # fmt: skip
_BESIDE: Final = ("sound", "sound", "sound", "sound", "none", "cut", "folder", "pipe", "link", "loop")


class _Subject(NamedTuple):
    """An IR and its constants; or a user's file, which is damaged as bytes only."""

    root: ET.Element | None
    weights: bytearray


class IrFormat(Format):
    """An XML with its constants behind it; a user's own files have none beside them."""

    name: ClassVar[str] = "ir"
    suffix: ClassVar[str] = ".xml"

    def __init__(self, extra: Sequence[Path] = ()) -> None:
        super().__init__(extra)
        self._files = tuple(path.read_bytes() for path in self.extra)

    def draw(self, dice: Random) -> _Subject:
        """A sound network, one of a single operator, or a user's file."""
        if self._files and dice.random() < 0.2:
            return _Subject(None, bytearray(dice.choice(self._files)))
        ir = _single(dice) if dice.random() < 0.5 else dice.choice(_SOUND)()
        return _Subject(ir.root, bytearray(ir.weights))

    def mutate(self, subject: _Subject, dice: Random) -> None:
        """Changes one element, or one number among the constants."""
        if subject.root is None:
            return
        if subject.weights and dice.random() < 0.1:
            at = dice.randrange(len(subject.weights))
            subject.weights[at] = dice.choice((0, 1, 2, 127, 128, 255))
            return
        dice.choice(_CHANGES)(subject.root, dice)

    def encode(self, subject: _Subject, dice: Random) -> bytes:
        """The XML, seldom with something before it that no tool writes, and the constants."""
        if subject.root is None:
            return bytes(subject.weights)
        before = dice.choice(_WRAPPERS) if dice.random() < 0.05 else b""
        return before + ET.tostring(subject.root) + _WEIGHTS + bytes(subject.weights)

    def attempt(self, file: Path, dice: Random) -> str:
        """Reads the network, with its constants or with something else in their place, and estimates it."""
        xml, _, weights = file.read_bytes().partition(_WEIGHTS)
        network = file.with_name("network.xml")
        network.write_bytes(xml)
        beside = network.with_suffix(".bin")
        _remove(beside)
        _place(beside, dice.choice(_BESIDE), weights)
        return read_and_estimate(network, dice)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    path.unlink(missing_ok=True)


def _place(path: Path, what: str, weights: bytes) -> None:
    if what == "folder":
        path.mkdir()
    elif what in ("pipe", "link", "loop"):  # The worker's folder has them.
        path.symlink_to(path.with_name(what))
    elif what != "none":
        path.write_bytes(weights if what == "sound" else weights[: len(weights) // 2])


def _mobile() -> Ir:
    """Grouped convolutions, a gate, a pool of a stated size, resampling."""
    ir = Ir()
    x = ir.parameter((1, 8, 8, 8))
    x = convolution(ir, x, ir.constant((8, 1, 1, 3, 3)), (1, 8, 8, 8), kind="GroupConvolution")
    x = ir.layer("Clamp", [x], [(1, 8, 8, 8)], min="0", max="6")
    gate = ir.layer("ReduceMean", [x, ir.integers(2, 3)], [(1, 8, 1, 1)], keep_dims="true")
    x = ir.layer("Multiply", [x, ir.layer("Sigmoid", [gate], [(1, 8, 1, 1)])], [(1, 8, 8, 8)])
    x = ir.layer("AdaptiveAvgPool", [x, ir.integers(4, 4)], [(1, 8, 4, 4)])
    how = {"mode": "nearest", "shape_calculation_mode": "sizes", "coordinate_transformation_mode": "asymmetric"}
    x = ir.layer("Interpolate", [x, ir.integers(8, 8), ir.integers(2, 3)], [(1, 8, 8, 8)], **how)
    ir.result(x)
    return ir


def _tokens() -> Ir:
    """A block of a transformer with movement around it, and a recurrent layer."""
    ir = Ir()
    shape = (1, 4, 8)
    x = ir.parameter(shape, "tokens")
    y = ir.layer("MVN", [x, ir.integers(2)], [shape], normalize_variance="true", eps="1e-5", eps_mode="inside_sqrt")
    query, keys = ir.layer("VariadicSplit", [y, ir.integers(2), ir.integers(4, -1)], [(1, 4, 4), (1, 4, 4)])
    scores = ir.layer("MatMul", [query, keys], [(1, 4, 4)], transpose_a="false", transpose_b="true")
    y = ir.layer("MatMul", [ir.layer("SoftMax", [scores], [(1, 4, 4)], axis="2"), y], [shape])
    x = ir.layer("Add", [x, y], [shape])
    x = ir.layer("Transpose", [x, ir.integers(0, 2, 1)], [(1, 8, 4)])
    masks = {"begin_mask": "0, 0, 0", "end_mask": "0, 0, 0", "shrink_axis_mask": "0, 1, 0"}
    x = ir.layer(
        "StridedSlice", [x, ir.integers(0, 0, 0), ir.integers(1, 1, 4), ir.integers(1, 1, 1)], [(1, 4)], **masks
    )
    x = ir.layer("Unsqueeze", [x, ir.integers(1)], [(1, 1, 4)])
    state = ir.constant((1, 1, 4))
    weights = [ir.constant((1, 12, 4)), ir.constant((1, 12, 4)), ir.constant((1, 12))]
    outputs = [(1, 1, 1, 4), (1, 1, 4)]
    ir.result(ir.layer("GRUSequence", [x, state, ir.integers(1), *weights], outputs, hidden_size="4")[0])
    return ir


def _open() -> Ir:
    """Sizes that the file leaves open, weights of half precision, a graph within a layer."""
    ir = Ir("10")
    half = ir.constant((4, 3, 3, 3), precision="FP16")
    weights = ir.layer("Convert", [half], [(4, 3, 3, 3)], destination_type="f32")
    x = convolution(ir, ir.parameter((-1, 3, 8, 8)), weights, (-1, 4, 8, 8))
    x = ir.layer("If", [x], [(1, 4, 8, 8)])
    body = ET.SubElement(ir.layers[-1], "then_body")
    body.append(copy.deepcopy(example().layers))
    ir.result(x)
    return ir


_SOUND: Final = (example, _mobile, _tokens, _open)


def _single(dice: Random) -> Ir:
    """A network of one operator with a few operands, which may fit."""
    ir = Ir(dice.choice(("10", "11")))
    operands = [ir.parameter(dice.choice(_SHAPES))]
    while len(operands) < 6 and dice.random() < 0.6:
        match dice.randrange(4):
            case 0:
                operands.append(ir.integers(*(dice.randrange(-1, 5) for _ in range(dice.randrange(1, 5)))))
            case 1:
                operands.append(ir.constant((), dice.randrange(4), "I64"))
            case 2:
                operands.append(ir.constant([max(size, 1) for size in dice.choice(_SHAPES)]))
            case _:
                operands.append(dice.choice(operands))
    data = {key: value for key, value in _ATTRIBUTES.items() if dice.random() < 0.3}
    outputs = [dice.choice(_SHAPES) for _ in range(dice.choice((1, 1, 1, 2, 3)))]
    ir.layer(dice.choice(tuple(RULES)), operands, outputs, **data)
    for number, output in enumerate(outputs, start=len(operands)):
        ir.result(
            operands[0]._replace(layer=str(len(ir.layers) - 1 - number + len(operands)), port=str(number), shape=output)
        )
    return ir


def _pick(root: ET.Element, dice: Random, tag: str = "") -> ET.Element:
    """An element, of the layers as often as of the many ports and sizes below."""
    found = list(root.iter(tag or dice.choice(("layer", "data", "port", "dim", "edge"))))
    return dice.choice(found) if found else root


def _change_attribute(root: ET.Element, dice: Random) -> None:
    element = _pick(root, dice, dice.choice(("layer", "data", "data", "data", "port")))
    key = dice.choice((*element.attrib, *_ATTRIBUTES)) if dice.random() < 0.8 else dice.choice((*element.attrib, "id"))
    old = element.get(key, _ATTRIBUTES.get(key, ""))
    if dice.random() < 0.5:
        numbers = [str(near(dice, int(part)) if _is_number(part) else part) for part in old.replace(",", " ").split()]
        if dice.random() < 0.2:
            numbers *= dice.choice((0, 2, 100))
        element.set(key, ", ".join(numbers))
    else:
        element.set(key, clean(text(dice, (old.upper(), old + old, "1", "nan", "inf", "1e400", *_PRECISIONS))))


def _is_number(part: str) -> bool:
    with suppress(ValueError):
        return bool(part) and len(part) < 20 and int(part) is not None
    return False


def _change_size(root: ET.Element, dice: Random) -> None:
    element = _pick(root, dice, "dim")
    element.text = str(integer(dice)) if dice.random() < 0.8 else clean(text(dice))


def _rewire(root: ET.Element, dice: Random) -> None:
    edge, other = _pick(root, dice, "edge"), _pick(root, dice, "edge")
    key = dice.choice(("from-layer", "from-port", "to-layer", "to-port"))
    edge.set(key, other.get(dice.choice((key, "from-layer", "to-layer")), "") if dice.random() < 0.8 else text(dice))


def _change_type(root: ET.Element, dice: Random) -> None:
    layer = _pick(root, dice, "layer")
    layer.set("type", dice.choice((*RULES, *_UNKNOWN)))


def _change_precision(root: ET.Element, dice: Random) -> None:
    element = _pick(root, dice, dice.choice(("port", "data")))
    element.set(dice.choice(("precision", "element_type", "destination_type")), dice.choice(_PRECISIONS))


def _remove_or_repeat(root: ET.Element, dice: Random) -> None:
    parents = [element for element in root.iter() if len(element)]
    if not parents:
        return
    parent = dice.choice(parents)
    child = dice.choice(list(parent))
    match dice.randrange(4):
        case 0:
            parent.remove(child)
        case 1:
            parent.extend(copy.deepcopy(child) for _ in range(dice.choice((1, 1, 2, 70, 2000))))
        case 2:
            parent.remove(child)
            _pick(root, dice).append(child)
        case _:
            wrapped = child
            for _ in range(dice.choice((1, 2, 62, 150))):
                outer = ET.Element(child.tag)
                outer.append(wrapped)
                wrapped = outer
            parent.remove(child)
            parent.append(wrapped)


def _rename(root: ET.Element, dice: Random) -> None:
    element = _pick(root, dice)
    element.tag = dice.choice(("layer", "port", "dim", "edge", "input", "output", "body", "rt_info", "net", "data"))


_CHANGES: Final[tuple[Callable[[ET.Element, Random], Any], ...]] = (
    _change_attribute, _change_attribute, _change_attribute, _change_size, _change_size, _rewire, _change_type,
    _change_precision, _remove_or_repeat, _rename,
)  # fmt: skip
