"""From an ONNX file to a network: a memory map, the pass that leaves the weights out, the parse, the walk."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import ModelProto

from annette.budget import BASE_BYTES, BASE_STEPS, budgeted
from annette.errors import (
    NetworkFormatError,
    NetworkShapeError,
    NetworkStructureError,
    OptionError,
    UndecidedSizeError,
    UnsupportedOperatorError,
    nearest,
)
from annette.files import open_regular
from annette.network.readers.onnx.assembly import assemble
from annette.network.readers.onnx.binding import bind_inputs, check_scaled
from annette.network.readers.onnx.branches import MOST_READINGS, Branches, combined
from annette.network.readers.onnx.contents import OnnxWeights, StoredTensors
from annette.network.readers.onnx.frame import opset_versions
from annette.network.readers.onnx.sizes import Level, Sizes
from annette.network.readers.onnx.skeleton import skeleton
from annette.network.readers.onnx.suggestions import with_suggestion
from annette.network.readers.onnx.tensors import ExternalData
from annette.network.readers.onnx.validity import Complaints
from annette.network.readers.onnx.walk import Walker
from annette.network.sizes import open_sizes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from onnx import GraphProto, ValueInfoProto

    from annette.network.inputs import Given
    from annette.network.network import Network
    from annette.network.readers.onnx.binding import Binding
    from annette.network.readers.onnx.branches import Decision
    from annette.network.readers.onnx.contents import Weights
    from annette.network.readers.onnx.values import Value

__all__ = ["fed_inputs", "fed_values", "load_skeleton", "parsed_model", "read_model", "read_onnx", "read_proto"]

_MIN_OPSET: Final = 7
_FEWEST_TRIALS: Final = 4
_NODES_TRIED: Final = 20_000
"""Nodes that are walked, about a quarter of a millisecond each, to find shapes that a message may suggest."""
_TEXT_STARTS: Final = (b"{", b"<", b"[", b"version https://git-lfs")


def read_onnx(
    path: Path, *, batch: int | None = None, input_shapes: Mapping[str, Given] | None = None, lenient: bool = False
) -> Network:
    """Reads an ONNX model: what it computes and moves, never its weights.

    Args:
        path: The ``.onnx`` file.
        batch: Number of samples processed together; binds dimension 0 of the inputs where that is symbolic, and
            replaces it where the file states a size. None keeps the file's own, or takes 1 with a note.
        input_shapes: Shapes of inputs by name, which bind all their symbolic dimensions; sizes of dimensions by their
            symbol; values of inputs that decide what runs; sizes or shapes of tensors whose size data decide.
        lenient: Whether nodes that break their operator's definition are counted nevertheless, as well as can be, and
            told in the network's notes.

    Returns:
        The network, every shape concrete, its layers in topological order. Where data choose what runs, the way with
        the most operations; the others are its variants. Where they decide sizes, half of what can be selected, and all
        steps of recurrent layers; the least and the largest are its extremes.

    Raises:
        NetworkFormatError: The file is not an ONNX model, is truncated or malformed, or its external data leaves
            its folder.
        NetworkStructureError: The graph is empty, cyclic, reads what nothing produces, or produces a tensor twice; a
            node breaks its operator's definition, or a tensor is stated to be of another type than it is.
        NetworkShapeError: A dimension is unknown, not positive, inconsistent or too large.
        NetworkSizeError: Functions, loops or constants would become more than a file of its size warrants.
        UnsupportedOperatorError: An operator is not known and the file does not state its result's shape, or data
            choose more branches than are read.
        OptionError: ``batch`` is not positive, or ``input_shapes`` does not fit the inputs.
    """
    path = Path(path)
    return read_model(
        path, load_skeleton(path), batch=batch, given=input_shapes or {}, lenient=lenient, weights=OnnxWeights(path)
    )


def fed_values(path: Path, *, batch: int | None = None, input_shapes: Mapping[str, Given] | None = None) -> list[Value]:
    """What a model is fed with: shape and type of each input, and its contents where they were given.

    Nothing but the inputs is looked at: a model may be run whose shapes data decide, so that it cannot be read.

    Args:
        path: The ``.onnx`` file.
        batch: As for `read_onnx`.
        input_shapes: As for `read_onnx`.

    Raises:
        NetworkError: As for `read_onnx`.
        OptionError: As for `read_onnx`.
    """
    model = load_skeleton(path)
    binding = bind_inputs(
        fed_inputs(path, model.graph), batch=batch, given=_apart(model.graph, input_shapes or {})[0], path=str(path)
    )
    if binding.open is not None:
        raise NetworkShapeError(binding.open.message("give its sizes with --input NAME=SHAPE"))
    return binding.values


def read_model(
    path: Path,
    model: ModelProto,
    *,
    batch: int | None = None,
    given: Mapping[str, Given],
    lenient: bool = False,
    source_format: str = "onnx",
    weights: Weights | None = None,
) -> Network:
    """Reads a model that is loaded: what `read_onnx` does after it opened the file.

    Args:
        path: Its file, whose folder may hold external data.
        model: The model, with or without its weights.
        batch: As for `read_onnx`.
        given: As ``input_shapes`` of `read_onnx`.
        lenient: As for `read_onnx`.
        source_format: What the network says of where it came from.
        weights: Gives the large tensors that the model was loaded without, of which few are asked for.

    Raises:
        NetworkError: As for `read_onnx`.
        OptionError: As for `read_onnx`.
    """
    given, sizes = _apart(model.graph, given)
    reading = _Reading(path, model, lenient, source_format, sizes, weights)
    described = model.ByteSize()
    try:
        with budgeted(str(path), steps=2 * BASE_STEPS + described, size_bytes=BASE_BYTES + 16 * described):
            loose = reading.bound(batch, given).open
            if loose is not None:
                raise with_suggestion(
                    loose,
                    lambda shapes, every: reading.network(batch, {**given, **shapes}, every=every),
                    most=max(_FEWEST_TRIALS, _NODES_TRIED // max(1, len(model.graph.node))),
                )
            return reading.network(batch, given)
    except UnicodeDecodeError as error:
        raise NetworkFormatError(f"{path} holds a name that is not UTF-8 text: it is damaged") from error
    except RecursionError as error:
        raise NetworkFormatError(f"{path} nests graphs too deep") from error


@dataclass(frozen=True, slots=True)
class _Reading:
    """A file that is walked as often as there are ways through it."""

    path: Path
    model: ModelProto
    lenient: bool
    source_format: str
    sizes: Mapping[str, Given]
    weights: Weights | None

    def bound(self, batch: int | None, given: Mapping[str, Given]) -> Binding:
        """The inputs, as far as the file and what was given say what they are."""
        return bind_inputs(fed_inputs(self.path, self.model.graph), batch=batch, given=given, path=str(self.path))

    def network(self, batch: int | None, given: Mapping[str, Given], *, every: bool = False) -> Network:
        """The network on every way through branches that data choose, as one.

        Args:
            batch: Samples processed together.
            given: Shapes and values.
            every: Whether a way that cannot be read is an error, though another can.
        """
        found: list[tuple[Network, Branches]] = []
        failed: list[tuple[Branches, NetworkShapeError]] = []
        waiting: list[tuple[bool, ...]] = [()]
        while waiting:
            if len(found) + len(failed) == MOST_READINGS:
                raise _too_many(self.path, (found[0][1] if found else failed[0][0]).decisions)
            branches = Branches(waiting.pop())
            try:
                found.append((self._checked(batch, given, branches), branches))
            except NetworkShapeError as error:
                if every or not branches.decisions:
                    raise
                failed.append((branches, error))
            waiting += branches.others()
        if not found:
            raise failed[0][1]
        return combined(found, [(branches, str(error)) for branches, error in failed])

    def _checked(self, batch: int | None, given: Mapping[str, Given], branches: Branches) -> Network:
        network, binding = self._at_usual_sizes(batch, given, branches)
        if binding.rebatched_from:
            stated = self._walk(None, given, branches.again(), Sizes(self.sizes))[0]
            check_scaled(str(self.path), network, stated, binding.rebatched_from)
        loose = open_sizes(network.data_sizes)
        if not loose:
            return network
        extremes, unread = [], []
        for level in (Level.LEAST, *[Level.MOST] * any(size.counted != size.largest for size in loose)):
            try:
                extreme = self._walk(batch, given, branches.again(), Sizes(self.sizes, level))[0]
                extremes.append(extreme.replaced(notes=()))
            except NetworkShapeError as error:
                unread.append(
                    f"the interval leaves out the {level.value} that data can select, which does not fit the rest: "
                    f"{error}"
                )
        return network.replaced(extremes=extremes, notes=(*network.notes, *unread))

    def _at_usual_sizes(
        self, batch: int | None, given: Mapping[str, Given], branches: Branches
    ) -> tuple[Network, Binding]:
        """The network with half of what data can select, or with all of it where half does not fit the rest."""
        sizes = Sizes(self.sizes)
        try:
            return self._walk(batch, given, branches, sizes)
        except UndecidedSizeError:
            raise
        except NetworkShapeError:
            if not open_sizes(sizes.found.values()):
                raise
        branches.decisions.clear()
        return self._walk(batch, given, branches, Sizes(self.sizes, Level.MOST))

    def _walk(
        self, batch: int | None, given: Mapping[str, Given], branches: Branches, sizes: Sizes
    ) -> tuple[Network, Binding]:
        path, graph = self.path, self.model.graph
        binding = self.bound(batch, given)
        opsets = opset_versions(self.model.opset_import, str(path))
        if opsets.get("", _MIN_OPSET) < _MIN_OPSET:
            raise NetworkFormatError(
                f"{path} uses operator set {opsets['']}; annette reads {_MIN_OPSET} and newer: convert it with "
                "onnx.version_converter"
            )
        external = ExternalData(path)
        walker = Walker(
            self.model,
            external,
            complaints=Complaints(str(path), lenient=self.lenient),
            trust_stated_shapes=not binding.changed,
            branches=branches,
            sizes=sizes,
            rebatch=(binding.rebatched_from, binding.batch) if binding.rebatched_from else None,
        )
        walker.notes.update(dict.fromkeys(binding.notes))
        try:
            values = walker.graph(graph, binding.values, opsets)
        except NetworkShapeError as error:
            if not binding.rebatched_from:
                raise
            raise NetworkShapeError(
                f"{path} is fixed to batch {binding.rebatched_from} and cannot run with --batch {binding.batch}: "
                f"{error}"
            ) from error
        _refuse_unused(path, walker.sizes)
        tensors_at = StoredTensors(self.weights, external)
        return assemble(path, graph, walker, values, binding, tensors_at, self.source_format), binding


def _apart(graph: GraphProto, given: Mapping[str, Given]) -> tuple[dict[str, Given], dict[str, Given]]:
    """What was given of inputs and of their dimensions, and what of tensors that nodes compute."""
    declared = {info.name for info in graph.input} | {
        dim.dim_param for info in graph.input for dim in info.type.tensor_type.shape.dim
    }
    inner = given.keys() - declared
    inner &= set(_computed(graph)) if inner else inner
    return (
        {name: each for name, each in given.items() if name not in inner},
        {name: each for name, each in given.items() if name in inner},
    )


def _computed(graph: GraphProto) -> Iterator[str]:
    """Names of what the nodes of a graph and of the graphs in it compute."""
    for node in graph.node:
        yield from node.output
        for attribute in node.attribute:
            for nested in (attribute.g, *attribute.graphs) if attribute.HasField("g") else attribute.graphs:
                yield from _computed(nested)


def _refuse_unused(path: Path, sizes: Sizes) -> None:
    if sizes.unused:
        decided = ", ".join(map(repr, sizes.found))
        data = f"; data decide those of: {decided}{nearest(sizes.unused[0], sizes.found)}" if decided else ""
        raise OptionError(
            f"--input {sizes.unused[0]}: this tensor of {path} is no input, and its size follows from the inputs{data}"
        )


def fed_inputs(path: Path, graph: GraphProto) -> list[ValueInfoProto]:
    """What a graph is fed with: its inputs that are no stored tensors."""
    stored = {tensor.name for tensor in graph.initializer}
    fed = [info for info in graph.input if info.name not in stored]
    names = [info.name for info in fed]
    if len(set(names)) < len(names):
        raise NetworkStructureError(f"{path} declares an input twice: {', '.join(map(repr, names))}")
    return fed


def _too_many(path: Path, decisions: Sequence[Decision]) -> UnsupportedOperatorError:
    options = next((decision.options for decision in decisions if decision.options), "")
    how = f"decide some with {options}, or export" if options else "export"
    return UnsupportedOperatorError(
        f"node {decisions[0].node!r} of {path} and {len(decisions) - 1} more choose what runs by data that is "
        f"only known at run time: more than {MOST_READINGS} ways through the file; {how} the model for "
        "one branch of each"
    )


def load_skeleton(path: Path) -> ModelProto:
    """Reads a model without the data of its large tensors.

    Raises:
        NetworkFormatError: The file cannot be read, is empty, truncated, or not an ONNX model.
    """
    try:
        with open_regular(path, error=NetworkFormatError) as file:
            if not file.read(1):
                raise NetworkFormatError(f"{path} is empty")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                if bytes(data[:32]).startswith(_TEXT_STARTS):
                    raise NetworkFormatError(f"{path} is not an ONNX model: it begins like a text file")
                serialized = skeleton(data, str(path))
    except (OSError, ValueError) as error:
        raise NetworkFormatError(f"{path} cannot be read: {error}") from error
    return parsed_model(serialized, str(path))


def parsed_model(serialized: bytes, path: str) -> ModelProto:
    """Parses a model that is small, for its weights were left out.

    Args:
        serialized: A ``ModelProto``.
        path: Where it is from, for messages.

    Raises:
        NetworkFormatError: It is not an ONNX model.
    """
    model = ModelProto()
    try:
        model.ParseFromString(serialized)
    except (DecodeError, RecursionError) as error:
        raise NetworkFormatError(f"{path} is not an ONNX model or is damaged: its protobuf does not parse") from error
    _require_graph(model, path)
    return model


def read_proto(
    model: ModelProto,
    *,
    batch: int | None = None,
    input_shapes: Mapping[str, Given] | None = None,
    lenient: bool = False,
) -> Network:
    """Reads a model in memory, with or without its weights, which are not looked at.

    Args:
        model: The model; it is not changed. The network is called as its graph is.
        batch: As for `read_onnx`.
        input_shapes: As for `read_onnx`.
        lenient: As for `read_onnx`.

    Raises:
        NetworkError: As for `read_onnx`.
        OptionError: As for `read_onnx`.
    """
    name = model.graph.name.replace("/", "_").replace("\0", "") or "model"
    _require_graph(model, f"model {name!r}")
    return read_model(Path(f"{name}.onnx"), model, batch=batch, given=input_shapes or {}, lenient=lenient)


def _require_graph(model: ModelProto, path: str) -> None:
    if not model.HasField("graph") or not model.opset_import:
        missing = "operator set" if model.HasField("graph") else "graph"
        raise NetworkFormatError(f"{path} is not an ONNX model: it has no {missing}")
    if not model.graph.node:
        raise NetworkFormatError(f"{path} has an empty graph: there is nothing to estimate")
