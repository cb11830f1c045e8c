"""Writes small models that libraries hold, one for every operator or estimator, to see which annette can read.

Usage: ``python tools/library_models.py operators FOLDER`` writes the models of onnx's own operator tests (needs onnx);
``python tools/library_models.py estimators FOLDER`` fits every estimator that skl2onnx and onnxmltools convert to a
table of 60 rows (needs scikit-learn, skl2onnx, onnxmltools, lightgbm and xgboost), and names those that they do not.
``tools/read_check.py`` says what becomes of the files.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path
from typing import Any

SEED = 0
ROWS, COLUMNS = 60, 6


def operators(folder: Path) -> None:
    """The models of onnx's operator tests."""
    from onnx.backend.test.case.model import collect_testcases as whole  # noqa: PLC0415 - needed by this command only
    from onnx.backend.test.case.node import collect_testcases as single  # noqa: PLC0415 - as above

    for case in (*single(None), *whole()):
        if case.model is not None:
            (folder / f"{case.name}.onnx").write_bytes(case.model.SerializeToString())


def table() -> tuple[Any, Any]:
    """Rows of positive numbers and their classes, of which there are three."""
    import numpy as np  # noqa: PLC0415 - needed by this command only

    generator = np.random.default_rng(SEED)
    features = generator.random((ROWS, COLUMNS)).astype(np.float32)
    return features, np.arange(ROWS) % 3


def estimators(folder: Path) -> None:
    """Every estimator of scikit-learn that takes a table and a target, of LightGBM and of XGBoost."""
    from lightgbm import LGBMClassifier, LGBMRanker, LGBMRegressor  # noqa: PLC0415 - needed by this command only
    from onnxmltools import convert_lightgbm, convert_xgboost  # noqa: PLC0415 - as above
    from onnxmltools.convert.common.data_types import FloatTensorType as Table  # noqa: PLC0415 - as above
    from skl2onnx import to_onnx  # noqa: PLC0415 - as above
    from sklearn.utils import all_estimators  # noqa: PLC0415 - as above
    from xgboost import XGBClassifier, XGBRegressor  # noqa: PLC0415 - as above

    features, target = table()
    shape = [("X", Table([None, COLUMNS]))]
    made: dict[str, Any] = {name: (kind, lambda model: to_onnx(model, features)) for name, kind in all_estimators()}
    for kind in (LGBMClassifier, LGBMRegressor, LGBMRanker):
        made[kind.__name__] = (kind, lambda model: convert_lightgbm(model, initial_types=shape))
    for kind in (XGBClassifier, XGBRegressor):
        made[kind.__name__] = (kind, lambda model: convert_xgboost(model, initial_types=shape))
    for name, (kind, convert) in made.items():
        try:
            groups = {"group": [ROWS]} if name == "LGBMRanker" else {}
            model = kind().fit(features, target, **groups)
            (folder / f"{name}.onnx").write_bytes(convert(model).SerializeToString())
        except Exception as problem:  # noqa: BLE001 - whatever a library cannot convert, the others are written
            first = str(problem).strip().splitlines()[:1] or [""]
            sys.stdout.write(f"{name} is left out: {type(problem).__name__}: {first[0][:100]}\n")


def main() -> None:
    """Runs the tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("operators", "estimators"))
    parser.add_argument("folder", type=Path)
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    {"operators": operators, "estimators": estimators}[chosen.what](chosen.folder)


if __name__ == "__main__":
    main()
