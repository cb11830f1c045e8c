"""Converts scikit-learn and LightGBM estimators of tables to ONNX, the way their users do, for the corpus.

Usage: ``python tools/tabular_networks.py FOLDER`` (needs scikit-learn, skl2onnx, onnxmltools and lightgbm, which
annette does not). Every estimator has the settings that its library's documentation shows, a fixed seed, and a data
set that scikit-learn ships, so that the files are the same wherever the same versions made them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from lightgbm import LGBMClassifier
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType as LightGbmTensor
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn import datasets, ensemble, linear_model, naive_bayes, neighbors, neural_network, svm, tree
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler

SEED = 0


def estimators() -> dict[str, tuple[Any, Any]]:
    """Estimators by file name, each with a function that loads its data set."""
    cancer, digits, diabetes, wine = (
        datasets.load_breast_cancer,
        datasets.load_digits,
        datasets.load_diabetes,
        datasets.load_wine,
    )
    network = neural_network.MLPClassifier((100, 50), max_iter=40, random_state=SEED)
    return {
        "logistic_regression_cancer": (make_pipeline(StandardScaler(), linear_model.LogisticRegression()), cancer),
        "ridge_diabetes": (linear_model.Ridge(), diabetes),
        "random_forest_digits": (ensemble.RandomForestClassifier(random_state=SEED), digits),
        "gradient_boosting_diabetes": (ensemble.GradientBoostingRegressor(random_state=SEED), diabetes),
        "decision_tree_wine": (tree.DecisionTreeClassifier(random_state=SEED), wine),
        "perceptron_digits": (make_pipeline(MinMaxScaler(), network), digits),
        "support_vectors_cancer": (make_pipeline(StandardScaler(), svm.SVC(random_state=SEED)), cancer),
        "support_vectors_diabetes": (make_pipeline(StandardScaler(), svm.SVR()), diabetes),
        "neighbours_wine": (make_pipeline(Normalizer(), neighbors.KNeighborsClassifier()), wine),
        "naive_bayes_wine": (naive_bayes.GaussianNB(), wine),
        "components_digits": (make_pipeline(PCA(16, random_state=SEED), linear_model.LogisticRegression()), digits),
        "lightgbm_digits": (LGBMClassifier(random_state=SEED, verbose=-1, n_jobs=1), digits),
    }


def convert(name: str, estimator: Any, load: Any, folder: Path) -> None:
    """Trains one estimator and writes it with a batch that is open."""
    features, target = load(return_X_y=True)
    estimator.fit(features, target)
    if name.startswith("lightgbm"):
        model = convert_lightgbm(estimator, name, [("X", LightGbmTensor([None, features.shape[1]]))])
    else:
        model = to_onnx(estimator, initial_types=[("X", FloatTensorType([None, features.shape[1]]))], name=name)
    # The converter lists the operator sets in an order that changes from run to run.
    sets = sorted(model.opset_import, key=lambda each: str(each.domain))
    del model.opset_import[:]
    model.opset_import.extend(sets)
    (folder / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))


def main() -> None:
    """Writes all files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, (estimator, load) in estimators().items():
        convert(name, estimator, load, folder)


if __name__ == "__main__":
    main()
