"""JSON Schemas of the documents of ``--json``, made from their structures in `annette.report.schemas`."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from annette.errors import OptionError, nearest
from annette.report.schemas import advice, estimates, evaluations, measurements, platforms, searches, sweeps
from annette.report.schemas.base import ReportDocument

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DOCUMENTS", "schema"]

_MODULES: Final = (advice, estimates, evaluations, measurements, platforms, searches, sweeps)
_DEFINED: Final = {name: kind for module in _MODULES for name, kind in vars(module).items() if name in module.__all__}

DOCUMENTS: Final[Mapping[str, type[ReportDocument]]] = MappingProxyType(
    {
        str(kind.__struct_config__.tag).split("/")[1]: kind
        for _, kind in sorted(_DEFINED.items())
        if issubclass(kind, ReportDocument)
    }
)
"""Every document by its name, such as ``estimate`` for ``annette/estimate/1``."""


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a document.

    Args:
        name: One of `DOCUMENTS`.

    Raises:
        OptionError: There is no such document.

    Example:
        >>> schema("estimate")["properties"]["schema"]
        {'const': 'annette/estimate/1'}
    """
    if name not in DOCUMENTS:
        known = ", ".join(DOCUMENTS)
        raise OptionError(f"there is no document {name!r}{nearest(name, DOCUMENTS)}; known: {known}")
    kind = DOCUMENTS[name]
    _, components = msgspec.json.schema_components([kind], ref_template="{name}")
    text = str(components[kind.__name__]["description"])
    title, _, rest = (" ".join(paragraph.split()) for paragraph in text.partition("\n\n"))
    described = _written_out({"$ref": kind.__name__}, components)
    described["properties"]["schema"] = {"const": kind.__struct_config__.tag}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title.rstrip("."),
        "description": rest,
        **described,
    }


def _written_out(node: Any, components: Mapping[str, Any]) -> Any:
    """A schema with the structures inside it in place of references to them."""
    if isinstance(node, list):
        return [_written_out(entry, components) for entry in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        inner = {key: value for key, value in components[node["$ref"]].items() if key not in ("title", "description")}
        node = {**inner, **{key: value for key, value in node.items() if key != "$ref"}}
    return {key: _written_out(value, components) for key, value in node.items()}
