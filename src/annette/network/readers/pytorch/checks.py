"""What the graph of a ``.pt2`` file may say before PyTorch is asked to rebuild it.

PyTorch evaluates the expressions of symbolic sizes as Python and looks up functions by the names in the file. Here both
are held against lists, so that nothing runs but arithmetic and PyTorch's operators on tensors without contents.
"""

from __future__ import annotations

import ast
import re
from typing import Any, Final

from annette.errors import NetworkFormatError, UnsupportedOperatorError

__all__ = ["check_graph", "is_arithmetic"]

_OPERATOR: Final = re.compile(
    r"torch\.ops\.(aten|prims|quantized_decomposed|torchvision|torchao)\.\w+(\.\w+)?", re.ASCII
)
_NOT_CALLED: Final = frozenset({"from_file"})
"""Operators that touch more than their operands."""
_HIGHER_ORDER: Final = frozenset({"wrap_with_set_grad_enabled", "wrap_with_autocast", "cond", "while_loop", "scan"})
_PLAIN: Final = re.compile(
    r"_operator\.(getitem|add|sub|mul|truediv|floordiv|mod|pow|neg|pos|abs|eq|ne|lt|le|gt|ge|and_|or_|not_|lshift|rshift)"
    r"|math\.(ceil|floor|trunc|sqrt)|torch\.(sym_\w+|_sym_sqrt|_check)",
    re.ASCII,
)
_FUNCTIONS: Final = frozenset(
    {
        "Symbol", "Integer", "Float", "Rational", "Add", "Mul", "Pow", "Min", "Max", "Abs", "Mod", "And", "Or", "Not",
        "Eq", "Ne", "Lt", "Le", "Gt", "Ge", "Equality", "Unequality", "StrictLessThan", "LessThan", "GreaterThan",
        "StrictGreaterThan", "FloorDiv", "ModularIndexing", "Where", "PythonMod", "CleanDiv", "CeilToInt", "FloorToInt",
        "CeilDiv", "LShift", "RShift", "PowByNatural", "FloatPow", "FloatTrueDiv", "IntTrueDiv", "TruncToFloat",
        "TruncToInt", "RoundToInt", "RoundDecimal", "ToFloat", "Identity", "floor", "ceiling",
    }
)  # fmt: skip
_NAME: Final = re.compile(r"[A-Za-z_]\w{0,60}", re.ASCII)
_ARITHMETIC: Final = (
    ast.Expression, ast.Load, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv,
    ast.Mod, ast.USub, ast.UAdd, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE,
)  # fmt: skip
_LONGEST: Final = 4000
_LARGEST: Final = 2**63
_KEPT_METADATA: Final = frozenset({"nn_module_stack"})


def check_graph(document: Any, path: str) -> None:
    """Refuses a program that names anything but operators and arithmetic; leaves out what only debugging needs.

    Args:
        document: The parsed JSON; metadata of nodes are removed from it but for the modules that call them.
        path: The file, for messages.

    Raises:
        NetworkFormatError: It holds an expression that is no arithmetic.
        UnsupportedOperatorError: It calls what is no operator of PyTorch.
    """
    waiting = [document]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            if "target" in part and "inputs" in part:
                _check_target(part["target"], path)
                metadata = part.get("metadata")
                kept = metadata.items() if isinstance(metadata, dict) else ()
                part["metadata"] = {key: value for key, value in kept if key in _KEPT_METADATA}
            if "as_operator" in part:  # a function as an operand
                _check_target(part["as_operator"], path)
            if "expr_str" in part and not is_arithmetic(part["expr_str"]):
                raise NetworkFormatError(
                    f"{path} holds a size that is no arithmetic, {str(part['expr_str'])[:80]!r}: it is refused"
                )
            waiting += part.values()


def _check_target(target: Any, path: str) -> None:
    if isinstance(target, str):
        operator = _OPERATOR.fullmatch(target)
        if operator and target.split(".")[3] not in _NOT_CALLED:
            return
        if _PLAIN.fullmatch(target) or target.removeprefix("torch.ops.higher_order.") in _HIGHER_ORDER:
            return
    raise UnsupportedOperatorError(
        f"{path} calls {str(target)[:80]!r}, which is no operator of PyTorch: export the model to ONNX where it was "
        "made"
    )


def is_arithmetic(text: Any) -> bool:
    """Whether an expression of a symbolic size, as PyTorch writes it, is sums and products of symbols and numbers.

    Args:
        text: The expression.

    Example:
        >>> is_arithmetic("Mul(Integer(768), Symbol('s70', positive=True, integer=True))")
        True
        >>> is_arithmetic("__import__('os')")
        False
    """
    if not isinstance(text, str) or len(text) > _LONGEST:
        return False
    try:
        tree = ast.parse(text.strip(), mode="eval")
        return all(map(_is_allowed, ast.walk(tree)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _is_allowed(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS
    if isinstance(node, ast.keyword):
        return isinstance(node.value, ast.Constant) and (node.value.value in (True, False) or node.arg == "precision")
    if isinstance(node, ast.Constant):
        value = node.value
        if isinstance(value, str):
            return _NAME.fullmatch(value) is not None or value.replace(".", "", 1).lstrip("-").isdecimal()
        return isinstance(value, (bool, int, float)) and abs(value) < _LARGEST
    if isinstance(node, ast.Name):
        return node.id in _FUNCTIONS or re.fullmatch(r"[suz]f?[0-9]+|True|False|oo|int_oo", node.id) is not None
    return isinstance(node, _ARITHMETIC)
