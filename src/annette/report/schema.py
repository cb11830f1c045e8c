"""JSON Schemas of the documents of ``--json``, made from their structures in `annette.report.schemas`."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from annette.errors import OptionError, nearest
from annette.report.schemas import estimates, evaluations, fits, measurements, platforms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annette.report.schemas.base import ReportDocument

__all__ = ["DOCUMENTS", "schema"]

_ALL: Final[tuple[type[ReportDocument], ...]] = (
    platforms.BackendsDocument,
    measurements.BenchDocument,
    measurements.BenchPlanDocument,
    fits.CalibrationDocument,
    estimates.ComparisonDocument,
    measurements.DatasetComparisonDocument,
    measurements.DatasetDocument,
    estimates.EstimateDocument,
    evaluations.EvaluationDocument,
    fits.FitDocument,
    measurements.MeasurementDocument,
    estimates.NetworkDocument,
    platforms.PlatformsDocument,
    fits.TransferDocument,
)

DOCUMENTS: Final[Mapping[str, type[ReportDocument]]] = MappingProxyType(
    {str(kind.__struct_config__.tag).split("/")[1]: kind for kind in _ALL}
)
"""Every document by its name, such as ``estimate`` for ``annette/estimate/1``."""

_ATTRIBUTE: Final = re.compile(r"^    (\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)


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
    title, *rest = _paragraphs(components[kind.__name__])
    described = _object(kind.__name__, components)
    described["properties"]["schema"] = {"const": kind.__struct_config__.tag}
    stated = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title.rstrip(".")}
    return {**stated, "description": " ".join(rest), **described}


def _object(name: str, components: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a structure, those inside it written out, with the descriptions of its fields."""
    component = components[name]
    described = {
        name.rstrip("_"): " ".join(text.split()) for name, text in _ATTRIBUTE.findall(component["description"])
    }
    return {
        "type": "object",
        "properties": {
            key: {**_written_out(value, components), "description": described.get(key, "")}
            for key, value in component["properties"].items()
        },
        "required": component["required"],
        "additionalProperties": False,
    }


def _written_out(node: Any, components: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_written_out(entry, components) for entry in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _object(node["$ref"], components)
    return {key: _written_out(value, components) for key, value in node.items()}


def _paragraphs(component: Mapping[str, Any]) -> list[str]:
    """The paragraphs of a structure's docstring in front of its attributes."""
    text, _, _ = str(component["description"]).partition("\n\nAttributes:")
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
