"""From the checked graph of a ``.pt2`` file to a program that PyTorch can export, with weights that take no memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from annette.errors import NetworkExportError, NetworkFormatError
from annette.network.readers.pytorch.archive import read_archive
from annette.network.readers.pytorch.exporting import exported_program

if TYPE_CHECKING:
    from pathlib import Path

    from annette.network.readers.pytorch.archive import ProgramFile, StoredConstant

__all__ = ["export_pt2"]

_DTYPES: Final = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64",
    9: "complex32", 10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16", 28: "uint16", 29: "float8_e4m3fn",
    30: "float8_e5m2", 31: "float8_e4m3fnuz", 32: "float8_e5m2fnuz", 34: "uint32", 35: "uint64",
}  # fmt: skip
"""Element types by the number of the schema (``ScalarType`` in torch/_export/serde/schema.py)."""
_MOST_ELEMENTS: Final = 2**48
_STORED: Final = ("parameter", "buffer", "tensor_constant")
_NAMES: Final = {"parameter": "parameter_name", "buffer": "buffer_name", "tensor_constant": "tensor_constant_name"}


def export_pt2(path: Path) -> bytes:
    """Exports a ``.pt2`` file, in a process of its own.

    Args:
        path: The file; its content is untrusted data.

    Returns:
        The serialized ONNX model without its weights.

    Raises:
        NetworkFormatError: It is no exported program.
        NetworkExportError: PyTorch cannot rebuild or export it.
    """
    file = read_archive(path)
    try:
        program = _program(file, str(path))
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise NetworkFormatError(
            f"{path} is no program of this version of PyTorch, or is damaged ({type(error).__name__}: {error})"
        ) from error
    return exported_program(program)


def _program(file: ProgramFile, path: str) -> Any:
    import torch  # noqa: PLC0415 - only the exporting process needs it
    from torch._export.serde import schema, serialize  # noqa: PLC0415 - only the exporting process needs it

    document = file.document
    graph_module = document["graph_module"]
    graph = graph_module["graph"]
    if any(target.startswith("torch.ops.torchvision.") for target in _targets(graph)):
        import torchvision  # noqa: F401, PLC0415 - registers its operators
    document["guards_code"] = []
    _flatten_calls(graph_module)
    weights: dict[str, Any] = {}
    constants: dict[str, Any] = {}
    for specification in graph_module["signature"]["input_specs"]:
        ((kind, content),) = specification.items()
        if kind in _STORED:
            name = content[_NAMES[kind]]
            held = kind == "tensor_constant" or (kind == "buffer" and content["persistent"] is False)
            meta = graph["tensor_values"][content["arg"]["name"]]
            tensor = _tensor(meta, file.constants.get(name), len(weights), path)
            if kind == "parameter":
                tensor = torch.nn.Parameter(tensor, requires_grad=False)
            (constants if held else weights)[name] = tensor
        elif kind not in ("user_input", "constant_input"):
            raise NetworkExportError(f"it holds an input of kind {kind!r}, which is not read")
    program = serialize._dict_to_dataclass(schema.ExportedProgram, document)  # noqa: SLF001 - nothing public takes a graph without weights
    return serialize.ExportedProgramDeserializer().deserialize(program, weights, constants)


def _targets(graph: dict[str, Any]) -> list[str]:
    return [str(node["target"]) for node in graph["nodes"]]


def _flatten_calls(graph_module: dict[str, Any]) -> None:
    """Says that the program takes and gives flat tuples: how its arguments were nested names classes of the model's."""
    from torch.utils import _pytree as pytree  # noqa: PLC0415 - as above

    signature = graph_module["signature"]
    fed = sum("user_input" in each or "constant_input" in each for each in signature["input_specs"])
    given = sum("user_output" in each for each in signature["output_specs"])
    called = pytree.treespec_dumps(pytree.tree_structure(((0,) * fed, {})))
    returned = pytree.treespec_dumps(pytree.tree_structure((0,) * given))
    root = {"inputs": [], "outputs": [], "in_spec": called, "out_spec": returned, "forward_arg_names": None}
    graph_module["module_call_graph"] = [{"fqn": "", "signature": root}]
    graph_module["metadata"] = {}
    graph_module["treespec_namedtuple_fields"] = {}


def _tensor(meta: dict[str, Any], stored: StoredConstant | None, number: int, path: str) -> Any:
    """A tensor of a shape and type: with its contents where they were read, else one element that stands for all."""
    import torch  # noqa: PLC0415 - as above

    sizes = [size["as_int"] for size in meta["sizes"]]
    if not all(isinstance(size, int) and size >= 0 for size in sizes) or math.prod(sizes) > _MOST_ELEMENTS:
        raise NetworkFormatError(f"{path} holds a weight of shape {sizes}")
    if meta["dtype"] not in _DTYPES:
        raise NetworkFormatError(f"{path} holds a weight of type {meta['dtype']}, which is not known")
    dtype = getattr(torch, _DTYPES[meta["dtype"]])
    if stored is not None and stored.data:
        flat = torch.frombuffer(bytearray(stored.data), dtype=dtype)
        strides = [stride["as_int"] for stride in stored.meta["strides"]]
        return flat.as_strided(sizes, strides, stored.meta["storage_offset"]["as_int"])
    # Not 0 or 1, and no two alike: the exporter leaves out what adds nothing, and keeps equal tensors once.
    filling = 0.5 + number / 65536 if dtype.is_floating_point and dtype.itemsize > 1 else 0
    return torch.full((), filling, dtype=dtype).expand(sizes)
