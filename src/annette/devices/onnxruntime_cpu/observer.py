"""The process that runs a part of a file: ``python -m annette.devices.onnxruntime_cpu.observer``.

It reads one `Request` from standard input and answers with what the tensors were, or with the reason why not.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from annette.bench.feeds import input_values
from annette.bench.host import die_with_parent
from annette.devices.onnxruntime_cpu.observation import Observed, Request
from annette.network.readers.onnx.order import names_read
from annette.plain_text import one_line

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["main", "observe", "part_of"]

_MEMORY_BYTES: Final = 4 << 30
"""Address space for Python and the runtime, which reserve far more than they use."""
_TIMES_THE_FILE: Final = 8
"""Copies of the weights that parsing, serialising and loading them may take, and some for what is computed."""
_FEW: Final = 1 << 20
_DTYPES: Final = {"float": "float32", "double": "float64"}
_ERRORS_ONLY: Final = 3


def main() -> None:
    """Answers one request."""
    die_with_parent()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # What a runtime prints on standard output must not end up in the answer.
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    try:
        answer: dict[str, Any] = {name: msgspec.to_builtins(seen) for name, seen in observe(request).items()}
    except MemoryError:
        answer = {"error": "it takes too much memory"}
    except Exception as error:  # noqa: BLE001 - whatever the runtime raises is the answer
        answer = {"error": one_line((str(error).strip() or type(error).__name__).splitlines()[0])}
    answers.write(json.dumps(answer))
    answers.flush()


def _limit_memory(path: Path, model: ModelProto) -> None:
    """Bounds the address space by the size of the file and of the data that it refers to."""
    try:
        import resource  # noqa: PLC0415 - not everywhere
    except ImportError:
        return
    from onnx.external_data_helper import ExternalDataInfo, uses_external_data  # noqa: PLC0415

    tensors = [tensor for tensor in model.graph.initializer if uses_external_data(tensor)]
    beside = {path.parent / ExternalDataInfo(tensor).location for tensor in tensors}
    size_bytes = sum(each.stat().st_size for each in (path, *beside) if each.is_file())
    limit = _MEMORY_BYTES + _TIMES_THE_FILE * size_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def observe(request: Request) -> dict[str, Observed]:
    """Runs the part of a file that computes some of its tensors.

    Args:
        request: Which file and tensors, and what its inputs are fed.

    Returns:
        What each tensor was, of those that the main graph computes.
    """
    import onnx  # noqa: PLC0415 - only this process needs it
    import onnxruntime  # noqa: PLC0415 - only this process needs it
    from onnx.external_data_helper import load_external_data_for_model  # noqa: PLC0415

    path = Path(request.path)
    model = onnx.load(path, load_external_data=False)
    _limit_memory(path, model)
    computed = {name for node in model.graph.node for name in node.output}
    tensors = [name for name in request.tensors if name in computed]
    if not tensors:
        return {}
    part_of(model, tensors)
    load_external_data_for_model(model, str(path.parent))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    del model
    feeds = {}
    for entry in session.get_inputs():
        element = entry.type.removeprefix("tensor(").removesuffix(")")
        feed = request.feeds[entry.name]
        feeds[entry.name] = input_values(feed.shape, _DTYPES.get(element, element), feed.numbers)
    return {name: _seen(array) for name, array in zip(tensors, session.run(tensors, feeds), strict=True)}


def part_of(model: ModelProto, tensors: list[str]) -> None:
    """Leaves of a model what some tensors of its main graph need, which become its outputs.

    ``onnx.utils.extract_model`` follows no graphs within nodes, and infers all shapes first.

    Args:
        model: Changed in place.
        tensors: What is to be computed.
    """
    import onnx  # noqa: PLC0415 - only this process needs it

    graph = model.graph
    producers = {name: number for number, node in enumerate(graph.node) for name in node.output if name}
    waiting, needed, kept = list(tensors), set(tensors), set()
    while waiting:
        number = producers.get(waiting.pop())
        if number is None or number in kept:
            continue
        kept.add(number)
        new = names_read(graph.node[number]) - needed
        needed |= new
        waiting += new
    nodes = [node for number, node in enumerate(graph.node) if number in kept]
    stored = [tensor for tensor in graph.initializer if tensor.name in needed]
    sparse = [tensor for tensor in graph.sparse_initializer if tensor.values.name in needed]
    fed = [info for info in graph.input if info.name in needed]
    copies = onnx.GraphProto()
    copies.node.extend(nodes)
    copies.initializer.extend(stored)
    copies.sparse_initializer.extend(sparse)
    copies.input.extend(fed)
    copies.output.extend(onnx.ValueInfoProto(name=name) for name in tensors)
    copies.name = graph.name
    graph.CopyFrom(copies)


def _seen(array: Any) -> Observed:
    values = np.asarray(array)
    whole = values.dtype.kind in "iu" and 0 < values.size <= _FEW
    return Observed(values.shape, int(values.max()) if whole else None)


if __name__ == "__main__":
    main()
