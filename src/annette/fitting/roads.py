"""Which way datasets become a platform: the device family's own, where one recognises them, or the generic one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from annette.devices.registry import recognise, resolve
from annette.errors import FitError
from annette.fitting.platform import fit_generic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from annette.bench.dataset import Dataset
    from annette.devices.device import Device
    from annette.fitting.request import FitReport, FitRequest

__all__ = ["fit_platform"]

_SAID = ("runtime", "device", "system_config", "memory_mode")


def fit_platform(datasets: Sequence[Dataset], request: FitRequest) -> FitReport:
    """Fits a platform, in the way of the device family that recognises where the datasets were measured.

    Args:
        datasets: One or more.
        request: What is asked for.

    Returns:
        The platform, with the family that was recognised. Where none is, the provenance says so as well.

    Raises:
        FitError: The datasets are empty, differ in environment, do not say their precision, or no kind has enough rows.
        PluginError: Several families claim the datasets.
    """
    environments = [environment for dataset in datasets for environment in dataset.environments()]
    if not environments:
        raise FitError("the datasets are empty: nothing was measured")
    device = recognise(environments[0])
    if device is not None and any(recognise(other) is not device for other in environments[1:]):
        raise FitError(f"some of the datasets are of {device.title}, others are not: fit them apart")
    report: FitReport = (resolve(device.fit) if device and device.fit else fit_generic)(datasets, request)
    road = report.road or _road(device, environments[0])
    provenance = report.platform.provenance
    noted = replace(report.platform, provenance=replace(provenance, notes=(*provenance.notes, road)))
    return replace(report, platform=noted, device=device.name if device else "", road=road)


def _road(device: Device | None, environment: Mapping[str, str]) -> str:
    said = ", ".join(f"{key} {environment[key]!r}" for key in _SAID if environment.get(key))
    if device is None:
        return f"no device family knows measurements of {said or 'an unnamed device'}: fitted by the generic road"
    own = "its own way of fitting" if device.fit else "the generic road"
    return f"measurements of {said}, recognised as {device.title}: fitted by {own}"
