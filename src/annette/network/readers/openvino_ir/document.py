"""The XML of an IR file as plain layers and edges. Document types, and with them entities, are refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from xml.parsers import expat

from annette.errors import NetworkFormatError, NetworkSizeError

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = ["IrLayer", "Port", "read_document"]

_LARGEST: Final = 256 << 20
_PIECE: Final = 1 << 20
_DEEPEST: Final = 64
_MOST_LAYERS: Final = 200_000
_MOST_ELEMENTS: Final = 3_000_000
"""Layers, ports, sizes and edges; each takes up to some hundred bytes in memory."""
_MOST_DIMENSIONS: Final = 64
_BODIES: Final = frozenset({"body", "then_body", "else_body"})


@dataclass(slots=True)
class Port:
    """What a layer reads or writes at one place.

    Attributes:
        number: The port's ``id``, unique within the layer.
        precision: Element type as OpenVINO writes it: ``FP32``.
        names: The tensor's names in the framework that the model is from.
        dims: Sizes; -1 where one is open.
    """

    number: str
    precision: str
    names: tuple[str, ...] = ()
    dims: list[int] = field(default_factory=list)


@dataclass(slots=True)
class IrLayer:
    """One layer.

    Attributes:
        number: Its ``id``.
        name: Its name.
        type: Operator, such as ``Convolution``.
        data: Attributes as text.
        inputs: What it reads, in order.
        outputs: What it writes, in order.
        sources: Layer and port that each input comes from.
        has_body: Whether other graphs stand within it.
    """

    number: str
    name: str
    type: str
    data: dict[str, str] = field(default_factory=dict)
    inputs: list[Port] = field(default_factory=list)
    outputs: list[Port] = field(default_factory=list)
    sources: list[tuple[str, str]] = field(default_factory=list)
    has_body: bool = False


def read_document(file: BinaryIO, path: str) -> tuple[str, list[IrLayer]]:
    """The name and the layers of a network.

    Args:
        file: The XML.
        path: Its name, for messages.

    Raises:
        NetworkFormatError: It is no XML, has a document type, or is no network of version 10 or 11.
        NetworkSizeError: It is larger than any network.
    """
    handler = _Handler(path)
    parser = expat.ParserCreate("UTF-8")  # as OpenVINO writes; whatever else a file claims, Python would look up
    parser.StartDoctypeDeclHandler = handler.doctype
    parser.StartElementHandler = handler.start
    parser.EndElementHandler = handler.end
    parser.CharacterDataHandler = handler.text
    parser.buffer_text = True
    read = 0
    try:
        while piece := file.read(_PIECE):
            read += len(piece)
            if read > _LARGEST:
                raise NetworkSizeError(f"{path} describes more than any network does: it is over 256 MiB")
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise NetworkFormatError(f"{path} is no XML, or is damaged: {error}") from error
    if handler.version is None:
        raise NetworkFormatError(f"{path} is no network of OpenVINO: it does not begin with <net>")
    _connect(handler, path)
    return handler.name, handler.layers


def _connect(handler: _Handler, path: str) -> None:
    """Says of each input where it comes from."""
    numbers = {(layer.number, port.number) for layer in handler.layers for port in layer.outputs}
    for layer in handler.layers:
        for port in layer.inputs:
            source = handler.edges.get((layer.number, port.number))
            if source is None or source not in numbers:
                raise NetworkFormatError(
                    f"{path}: nothing is connected to port {port.number!r} of layer {layer.name!r}"
                )
            layer.sources.append(source)


class _Handler:
    """Takes elements as they come; those of graphs within layers are counted and passed over."""

    def __init__(self, path: str) -> None:
        self.name = ""
        self.version: str | None = None
        self.layers: list[IrLayer] = []
        self.edges: dict[tuple[str, str], tuple[str, str]] = {}
        self._path = path
        self._stack: list[str] = []
        self._skipped = 0
        self._elements = 0
        self._digits: list[str] | None = None

    def doctype(self, *_: object) -> None:
        raise NetworkFormatError(f"{self._path} declares a document type: such files are refused")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._stack.append(tag)
        self._elements += 1
        if self._elements > _MOST_ELEMENTS:
            raise NetworkSizeError(f"{self._path} has more than {_MOST_ELEMENTS} elements: no network has")
        if len(self._stack) > _DEEPEST:
            raise NetworkFormatError(f"{self._path} nests elements deeper than {_DEEPEST} levels")
        in_layer = self._stack[1:3] == ["layers", "layer"]
        if len(self._stack) == 1:
            self._net(tag, attributes)
        elif self._skipped or tag in _BODIES:
            if not self._skipped and self.layers:
                self.layers[-1].has_body = True
            self._skipped += 1
        elif self._stack[1:] == ["layers", "layer"]:
            if len(self.layers) >= _MOST_LAYERS:
                raise NetworkSizeError(f"{self._path} has more than {_MOST_LAYERS} layers: no network has")
            number, name = attributes.get("id", ""), attributes.get("name", "")
            self.layers.append(IrLayer(number, name or f"layer{number}", attributes.get("type", "")))
        elif self._stack[1:] == ["layers", "layer", "data"]:
            self.layers[-1].data = attributes
        elif tag == "port" and in_layer and len(self._stack) == 5:
            names = tuple(name.replace("\\,", ",") for name in attributes.get("names", "").split(",") if name)
            port = Port(attributes.get("id", ""), attributes.get("precision", ""), names)
            layer = self.layers[-1]
            (layer.outputs if self._stack[3] == "output" else layer.inputs).append(port)
        elif tag == "dim" and in_layer and len(self._stack) == 6 and self._stack[4] == "port":
            self._digits = []
        elif self._stack[1:] == ["edges", "edge"]:
            each = [attributes.get(key, "") for key in ("from-layer", "from-port", "to-layer", "to-port")]
            self.edges[each[2], each[3]] = each[0], each[1]

    def end(self, tag: str) -> None:
        if self._skipped:
            self._skipped -= 1
        elif tag == "dim" and self._digits is not None:
            self._dimension("".join(self._digits).strip())
            self._digits = None
        self._stack.pop()

    def text(self, data: str) -> None:
        if self._digits is not None:
            self._digits.append(data)

    def _net(self, tag: str, attributes: dict[str, str]) -> None:
        if tag != "net":
            raise NetworkFormatError(f"{self._path} is no network of OpenVINO: it begins with <{tag[:40]}>, not <net>")
        version = attributes.get("version", "")
        if version not in ("10", "11"):
            raise NetworkFormatError(
                f"{self._path} is an IR of version {version[:20]!r}; annette reads 10 and 11, which OpenVINO writes "
                "since 2020: convert the model again"
            )
        self.version, self.name = version, attributes.get("name", "")

    def _dimension(self, text: str) -> None:
        layer = self.layers[-1]
        dims = (layer.outputs if self._stack[3] == "output" else layer.inputs)[-1].dims
        digits = text.removeprefix("-")
        if not digits.isdecimal() or len(digits) > 18 or len(dims) >= _MOST_DIMENSIONS:
            raise NetworkFormatError(f"{self._path}: layer {layer.name!r} has dimension {text[:30]!r}")
        dims.append(max(int(text), -1))
