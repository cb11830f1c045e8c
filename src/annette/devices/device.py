"""The contract of a device family: what the engines ask of it, and under which names it answers.

A family is a constant ``DEVICE`` in a package of its own, `annette.devices.intel_myriad` for one. Other packages offer
theirs through an entry point of the group ``annette.devices`` that leads to such a constant. Everything in it is looked
up by name: the backends that ``annette bench --backend`` takes, the presets of ``annette fit --mapping``, the context
stages, layer models and formulas that platform files hold, the reports and tables that can be read. What needs imports
is named by a reference, ``"package.module:attribute"``, and imported when somebody asks for it: knowing a device must
not load its runtime.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, TypeAlias

from annette.references import Reference

__all__ = ["Device", "Document", "Reference", "json_file"]

Document: TypeAlias = Callable[[], Any]
"""Gives plain JSON values when called, which happens when somebody asks for them."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """What one device family gives. Whatever it does not have it leaves out.

    Attributes:
        name: The family's name, that of its package: lower case, joined by underscores.
        title: For people: maker, devices, compiler or runtime.
        recognises: Whether a dataset's environment (`annette.bench.backend.Backend.environment`) is one of this
            family's. The backends and importers of the family write what it looks for; nothing is assumed where
            it is missing. At most one family may recognise an environment; None recognises none.
        rules: Rules of the mapping that only this family has: a list as `annette.mapping.rules` reads it.
        presets: Named mappings of whole compilers: an object as `annette.mapping.rules` reads it.
        layouts: Named layout models, by name: an object as `annette.mapping.layout.LayoutModel` reads it.
        mapping: Function of a recognised environment that returns its `annette.mapping.model.MappingModel`.
        context_stages: Subclasses of `annette.mapping.context.ContextStage` by the name in mapping files.
        layer_models: Subclasses of `annette.models.base.LayerModel` by the name of their family in platform files.
        formulas: Instances of `annette.models.tiled_roofline.Formula` by their name in platform files.
        backends: Subclasses of `annette.bench.backend.Backend` by their name on the command line.
        reports: Parsers of what the family's tools print, by name: functions from text to kernels
            (`annette.bench.profile_matching.ReportedKernel`), for programs measured through ``--backend command``.
        importers: Readers of published tables by the name of their layout (``annette import --layout``): functions of
            a path and the device that was stated, or None, that return an
            `annette.bench.importing.collection.Collection`. Its runs state ``device``, ``runtime`` and ``precision``.
        converters: Readers of published *parameters* of layer models, by the name of their layout as well: functions
            of a path that return a `annette.platforms.Platform`. Nothing was measured, so nothing is fitted.
        fit: How datasets of a recognised environment become a platform: a function with the signature of
            `annette.fitting.platform.fit_generic`; None takes that one.
        memory: Functions that plan the memory of a run as the family's compiler or runtime does
            (`annette.mapping.memory.MemoryPlanner`), by the name of the runtime: the first word of
            `annette.platforms.Platform.runtime` in lower case. Without one, what is alive counts.
        suites: Networks with published latencies of the family's devices, by the name of their suite: an object as
            `annette.evaluation.published.PublishedSuite` reads it.
        converts: Precisions of networks that the family's tools turn into a platform's own, where that is not wider
            anyway: an int8 network that is compiled to 16 bits, an fp16 network that runs in fp32.
    """

    name: str
    title: str
    recognises: Callable[[Mapping[str, str]], bool] | None = None
    rules: Document | None = None
    presets: Document | None = None
    layouts: Document | None = None
    mapping: Reference | None = None
    context_stages: Mapping[str, Reference] = field(default_factory=dict)
    layer_models: Mapping[str, Reference] = field(default_factory=dict)
    formulas: Mapping[str, Reference] = field(default_factory=dict)
    backends: Mapping[str, Reference] = field(default_factory=dict)
    reports: Mapping[str, Reference] = field(default_factory=dict)
    importers: Mapping[str, Reference] = field(default_factory=dict)
    converters: Mapping[str, Reference] = field(default_factory=dict)
    fit: Reference | None = None
    memory: Mapping[str, Reference] = field(default_factory=dict)
    suites: Document | None = None
    converts: tuple[str, ...] = ()


def json_file(package: str, name: str) -> Document:
    """A JSON file of a package as a document, read once and when it is asked for.

    Args:
        package: The package's name.
        name: The file's name.
    """

    @cache
    def read() -> Any:
        return json.loads(resources.files(package).joinpath(name).read_text(encoding="utf-8"))

    return read
