"""Exported programs of PyTorch as ``.pt2`` files, written node by node: for damaged ones.

Field names are those of ``torch/_export/serde/schema.py`` (version 8).
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["Program", "programs"]

_FLOAT, _INT64 = 7, 5
_SYMBOL: Final = "Symbol('s77', positive=True, integer=True)"


class Program:
    """One program: nodes are added in order, each takes names of what others gave."""

    def __init__(self) -> None:
        self.constants: dict[str, bytes] = {}
        self._entries: dict[str, Any] = {}
        self._graph: dict[str, Any] = {
            "inputs": [], "outputs": [], "nodes": [], "tensor_values": {}, "sym_int_values": {}, "sym_bool_values": {},
            "is_single_tensor_return": False, "custom_obj_values": {}, "sym_float_values": {},
        }  # fmt: skip
        self._inputs: list[Any] = []

    def parameter(self, name: str, *sizes: int) -> str:
        """Adds a weight."""
        spec = {"parameter": {"arg": {"name": f"p_{name}"}, "parameter_name": name}}
        return self._stored(f"p_{name}", spec, sizes, _FLOAT)

    def constant(self, name: str, *values: int) -> str:
        """Adds a small constant of integers whose contents the file has."""
        meta = _meta((len(values),), _INT64)
        path = f"tensor_{len(self.constants)}"
        self._entries[name] = {"path_name": path, "is_param": False, "use_pickle": False, "tensor_meta": meta}
        self.constants[path] = b"".join(value.to_bytes(8, "little", signed=True) for value in values)
        spec = {"buffer": {"arg": {"name": f"b_{name}"}, "buffer_name": name, "persistent": False}}
        return self._stored(f"b_{name}", spec, (len(values),), _INT64)

    def input(self, name: str, *sizes: int) -> str:
        """Adds an input of the network; a size of 0 is open."""
        return self._stored(name, {"user_input": {"arg": {"as_tensor": {"name": name}}}}, sizes, _FLOAT)

    def node(self, target: str, sizes: tuple[int, ...], /, **arguments: Any) -> str:
        """Adds a call of an operator; arguments are names of tensors, or what the schema has for other values."""
        name = f"{target.split('.')[-2]}_{len(self._graph['nodes'])}"
        self._graph["nodes"].append(
            {
                "target": target,
                "inputs": [
                    {"name": key, "arg": {"as_tensor": {"name": value}} if isinstance(value, str) else value, "kind": 1}
                    for key, value in arguments.items()
                ],
                "outputs": [{"as_tensor": {"name": name}}],
                "metadata": {"nn_module_stack": "L__self__,,net.Net;L__self__c,c,torch.nn.modules.conv.Conv2d"},
                "is_hop_single_tensor_return": None,
                "name": name,
            }
        )
        self._graph["tensor_values"][name] = _meta(sizes, _FLOAT)
        return name

    def document(self, *outputs: str) -> dict[str, Any]:
        """The program as JSON has it."""
        self._graph["outputs"] = [{"as_tensor": {"name": name}} for name in outputs]
        returned = [{"user_output": {"arg": {"as_tensor": {"name": name}}}} for name in outputs]
        return {
            "graph_module": {
                "graph": self._graph,
                "signature": {"input_specs": self._inputs, "output_specs": returned},
                "module_call_graph": [],
                "metadata": {},
                "treespec_namedtuple_fields": {},
            },
            "opset_version": {"aten": 10},
            "range_constraints": {"s77": {"min_val": 0, "max_val": 64}},
            "schema_version": {"major": 8, "minor": 20},
            "verifiers": ["TRAINING"],
            "torch_version": "2.14.1",
            "guards_code": [],
        }

    def members(self, *outputs: str) -> dict[str, Any]:
        """The archive's files by name: documents, and bytes of constants."""
        constants = {f"net/data/constants/{path}": data for path, data in self.constants.items()}
        return {
            "net/models/model.json": self.document(*outputs),
            "net/data/constants/model_constants_config.json": {"config": self._entries},
            **constants,
            "net/archive_format": b"pt2",
            "net/archive_version": b"1",
            "net/byteorder": b"little",
        }

    def _stored(self, name: str, spec: dict[str, Any], sizes: tuple[int, ...], dtype: int) -> str:
        self._inputs.append(spec)
        self._graph["inputs"].append({"as_tensor": {"name": name}})
        self._graph["tensor_values"][name] = _meta(sizes, dtype)
        return name


def _meta(sizes: tuple[int, ...], dtype: int) -> dict[str, Any]:
    strides = [1]
    for size in reversed(sizes[1:]):
        strides.insert(0, strides[0] * max(size, 1))
    return {
        "dtype": dtype,
        "sizes": [
            {"as_int": size} if size else {"as_expr": {"expr_str": _SYMBOL, "hint": {"as_int": 2}}} for size in sizes
        ],
        "requires_grad": False,
        "device": {"type": "cpu", "index": None},
        "strides": [{"as_int": stride} for stride in strides[: len(sizes)]],
        "storage_offset": {"as_int": 0},
        "layout": 7,
    }


def _classifier() -> dict[str, Any]:
    """A convolution, a choice of channels by a constant, a product of matrices; the batch is open."""
    program = Program()
    weight, bias, matrix = (
        program.parameter("c.weight", 4, 3, 3, 3),
        program.parameter("c.bias", 4),
        program.parameter("l.weight", 5, 4),
    )
    order, image = program.constant("k", 0, 2, 1, 3), program.input("x", 0, 3, 8, 8)
    x = program.node("torch.ops.aten.conv2d.default", (0, 4, 6, 6), input=image, weight=weight, bias=bias)
    x = program.node("torch.ops.aten.relu.default", (0, 4, 6, 6), self=x)
    x = program.node("torch.ops.aten.mean.dim", (0, 4), self=x, dim={"as_ints": [2, 3]})
    picked = {"as_optional_tensors": [{"as_none": True}, {"as_tensor": {"name": order}}]}
    x = program.node("torch.ops.aten.index.Tensor", (0, 4), self=x, indices=picked)
    x = program.node("torch.ops.aten.linear.default", (0, 5), input=x, weight=matrix)
    return program.members(program.node("torch.ops.aten.softmax.int", (0, 5), self=x, dim={"as_int": -1}))


def _tokens() -> dict[str, Any]:
    """Attention, and a reshape."""
    program = Program()
    weight, tokens = program.parameter("q.weight", 8, 8), program.input("tokens", 1, 4, 8)
    q = program.node("torch.ops.aten.linear.default", (1, 4, 8), input=tokens, weight=weight)
    x = program.node("torch.ops.aten.scaled_dot_product_attention.default", (1, 4, 8), query=q, key=q, value=tokens)
    shape = {"as_ints": [2, 2, 8]}
    return program.members(program.node("torch.ops.aten.reshape.default", (2, 2, 8), self=x, shape=shape), q)


def programs() -> tuple[dict[str, Any], ...]:
    """Sound programs as files by name."""
    return _classifier(), _tokens()
