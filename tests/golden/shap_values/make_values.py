"""Makes the models of this folder and `values.json`: what the package `shap` says about their rows.

`shap` is no dependency of the tests, because it brings a compiler (numba). To make the files again, in an environment
that has the packages of requirements/dev.txt and `shap` (0.51): `python -m tests.golden.shap_values.make_values`.

The trees are explained by the own implementation of `shap` (TreeSHAP, Lundberg et al. 2018), not by the one in LightGBM
that `shap` calls by default: so two implementations are compared. It reads no splits on categories, so the features of
the LightGBM models are numbers. Linear models: `LinearExplainer` on the encoded columns with zero as the background;
the columns of a category are added up.
"""

import io
import json
import re
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

from ml_training.domain.states import TaskKind
from ml_training.inference.matrix import MatrixReader
from ml_training.selection.index import ColumnKind, SelectionIndex
from ml_training.training import engine
from tests.support.training_data import job, mixed, trained

HERE = Path(__file__).parent
SHOWN = 20  # rows
NUMBERS = ["size", "age", "member"]
CASES = {
    f"{model_type}_{task.value.lower()}": (model_type, task)
    for model_type in ("lightgbm", "logistic_regression", "ridge")
    for task in TaskKind
    if (model_type, task) != ("logistic_regression", TaskKind.REGRESSION)
}


def main(directory: Path) -> None:
    """Write all files; directory: for the indexes of the data."""
    cases: dict[str, Any] = {}
    for name, (model_type, task) in CASES.items():
        index = mixed(directory, task)
        features = NUMBERS if model_type == "lightgbm" else [*NUMBERS, "colour"]
        params = {"n_estimators": 6, "num_leaves": 8} if model_type == "lightgbm" else {}
        artifact = trained(job(model_type, features=features, params=params), index).artifact
        (HERE / f"{name}.zip").write_bytes(artifact)
        model = engine.load_model(artifact)
        x = MatrixReader(index, model.schema.features).read(np.arange(SHOWN))
        values, base = of_trees(artifact, x) if model_type == "lightgbm" else of_line(model.predictor._pipeline, x)
        rows = {column: shown(index, column) for column in (*features, "y")}
        cases[name] = {"rows": rows, "values": values.tolist(), "base": np.atleast_1d(base).tolist()}
    text = json.dumps(cases, ensure_ascii=False, separators=(",", ":"))
    (HERE / "values.json").write_text(text.replace('"values"', '\n"values"') + "\n", encoding="utf-8")


def of_trees(artifact: bytes, x: Any) -> tuple[Any, Any]:
    """(values of shape (rows, raw scores, features), base of each raw score)."""
    import lightgbm
    import shap

    with ZipFile(io.BytesIO(artifact)) as source:
        [name] = [name for name in source.namelist() if name != "manifest.json"]
        booster = lightgbm.Booster(model_str=source.read(name).decode())
    trees = shap.TreeExplainer(booster).model.trees
    outputs = booster.num_model_per_iteration()
    explainers = [shap.TreeExplainer(trees[at::outputs]) for at in range(outputs)]  # of trees alone: its own code
    values = [explainer.shap_values(x, check_additivity=False) for explainer in explainers]
    return np.stack(values, axis=1), np.ravel([explainer.expected_value for explainer in explainers])


def of_line(pipeline: Any, x: Any) -> tuple[Any, Any]:
    """The same of a linear model."""
    import shap

    encoder, line = pipeline[0], pipeline[-1]
    encoded = encoder.transform(x)
    explainer = shap.LinearExplainer((line.coef_, line.intercept_), np.zeros((1, encoded.shape[1])))
    found = np.asarray(explainer.shap_values(encoded))
    found = found[:, None, :] if found.ndim == 2 else found.transpose(0, 2, 1)
    owners = [int(re.search(r"__x(\d+)", column)[1]) for column in encoder.get_feature_names_out()]  # type: ignore[index]
    values = np.zeros((*found.shape[:2], x.shape[1]))
    for at, owner in enumerate(owners):
        values[:, :, owner] += found[:, :, at]
    return values, explainer.expected_value


def shown(index: SelectionIndex, name: str) -> list[Any]:
    """The first values of a column, None where there is none."""
    values = index.values(name)[:SHOWN].tolist()
    if index.kind(name) is ColumnKind.CATEGORY:
        known = index.categories(name)
        return [None if code < 0 else known[code] for code in values]
    is_boolean = index.kind(name) is ColumnKind.BOOLEAN
    return [None if value != value or (is_boolean and value < 0) else value for value in values]


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
