"""Which module of the network's source code a layer belongs to: the exporter says it, or the layer's name does."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from annette.network.layer import Layer

__all__ = ["MODULE_KEY", "module_from_scopes", "module_path"]

MODULE_KEY: Final = "pkg.torch.onnx.name_scopes"
"""Where PyTorch's exporter writes, in the ``metadata_props`` of a node, the modules that call it (``_get_name_scopes``
and ``_set_shape_types`` in torch/onnx/_internal/exporter/_core.py)."""

_LONGEST: Final = 10_000
_DEEPEST: Final = 32
"""Characters and depth of a path that is believed; those of real networks have hundreds and a dozen."""

_NUMBERED: Final = re.compile(r"\d+")


def module_from_scopes(text: str) -> str:
    """The dotted path of the module that calls a node, from what PyTorch wrote of it; empty where that says nothing.

    Args:
        text: A list of strings as Python prints it: every module around the node by its whole path, outermost first,
            and the node itself.

    Example:
        >>> module_from_scopes("['', 'layer1', 'layer1.0', 'layer1.0.conv1', 'conv2d_1']")
        'layer1.0.conv1'
    """
    if len(text) > _LONGEST:
        return ""
    try:
        scopes = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ""
    if not isinstance(scopes, list) or len(scopes) < 2 or not all(isinstance(scope, str) for scope in scopes):
        return ""
    return str(scopes[-2])


def module_path(layer: Layer) -> tuple[str, ...]:
    """The modules around a layer, outermost first; none where neither the file nor the layer's name says any.

    Names of PyTorch's older exporter, of TensorFlow and of our own networks are paths with slashes, others have dots;
    the last part is the operator's. PyTorch repeats the name of a list of modules before the number of each.

    Args:
        layer: A layer of a network.

    Example:
        >>> from annette.network import zoo
        >>> module_path(zoo.build("resnet18").layers[3])
        ('stage1', 'block0')
    """
    if layer.module:
        return tuple(layer.module.split(".")[:_DEEPEST])
    # TensorFlow's converter joins the names of all operators that it merged.
    name = layer.name[:_LONGEST].partition(";")[0].partition(":")[0]
    if "/" in name:
        parts = [part for part in name.split("/") if part][:-1]
    else:
        parts = name.split(".")
        # An operator's name with a number behind it is no module.
        parts = [] if _NUMBERED.fullmatch(parts[-1]) or not all(parts) else parts[:-1]
    path: list[str] = []
    for number, part in enumerate(parts):
        before = f"{parts[number - 1]}." if number else ""
        path.append(part.removeprefix(before) if before else part)
    return tuple(path[:_DEEPEST])
