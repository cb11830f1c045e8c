"""What a calibration came to, as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annette.report.schemas.base import part
from annette.report.schemas.fits import CalibratedNetwork, CalibrationDocument, CalibrationErrors

if TYPE_CHECKING:
    from pathlib import Path

    from annette.fitting.calibration import CalibrationReport

__all__ = ["calibration_document"]


def calibration_document(report: CalibrationReport, out: Path) -> dict[str, Any]:
    """A calibrated platform and its errors, schema ``annette/calibration/1``.

    Args:
        report: What the calibration returned.
        out: Where the platform was written to.
    """
    columns = zip(report.names, report.measured_s, report.before_s, report.fitted_s, report.left_out_s, strict=True)
    return part(
        CalibrationDocument,
        report,
        platform=str(out),
        errors=CalibrationErrors(report.error("before"), report.error("fitted"), report.error("left_out")),
        coefficients=dict(report.coefficients),
        networks=[CalibratedNetwork(*row) for row in columns],
    ).plain()
