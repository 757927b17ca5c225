"""Contributions are SHAP values: those of PREDICT and EXPLAIN equal what the package `shap` says of the same models.

Its values are stored beside the models: see tests/golden/shap_values/make_values.py.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_training.domain.explain_spec import ExplainSpec
from ml_training.domain.predict_spec import PredictSpec
from ml_training.inference.matrix import MatrixReader
from ml_training.selection.explain_plan import plan_explain
from ml_training.selection.index import SelectionIndex
from ml_training.selection.predict_plan import plan_predict
from ml_training.training import engine
from ml_training.training.cores import FixedCores
from tests.support.training_data import Recorder, boolean, category, integer, number, table

STORED = Path(__file__).parents[1] / "golden" / "shap_values"
CASES = json.loads((STORED / "values.json").read_text(encoding="utf-8"))
EXACT: dict[str, float] = {"rtol": 0.0, "atol": 1e-9}


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def model_of(case: str) -> Any:
    return engine.load_model((STORED / f"{case}.zip").read_bytes(), model_id=1)


def rows_of(case: str, directory: Path) -> SelectionIndex:
    """The explained rows with their targets, as a data set."""
    rows = CASES[case]["rows"]
    numbers = {name: [np.nan if value is None else value for value in rows[name]] for name in ("size", "y")}
    columns = [
        number("size", numbers["size"]),
        integer("age", rows["age"]),
        boolean("member", [-1 if value is None else value for value in rows["member"]]),
        number("y", numbers["y"]) if case.endswith("regression") else category("y", rows["y"]),
    ]
    return table(directory, *columns, *([category("colour", rows["colour"])] if "colour" in rows else []))


def test_predict_gives_the_values_of_shap_and_they_add_up_to_the_raw_score(case: str, tmp_path: Path) -> None:
    model, index = model_of(case), rows_of(case, tmp_path)
    spec = PredictSpec(job_type="PREDICT", model_id=1, dataset_id=1, contributions=True)
    plan = plan_predict(spec, index, model.schema)
    [part] = engine.predict(model, plan, reporter=Recorder(), cores=FixedCores(1))
    values, base = np.array(CASES[case]["values"]), np.array(CASES[case]["base"])
    assert part.contributions is not None
    found = part.contributions.reshape(len(values), len(base), -1)
    np.testing.assert_allclose(found[:, :, :-1], values, **EXACT)
    np.testing.assert_allclose(found[:, :, -1], np.tile(base, (len(values), 1)), **EXACT)
    np.testing.assert_allclose(found.sum(axis=2), raw_scores(model, index).reshape(found.shape[:2]), **EXACT)


def raw_scores(model: Any, index: SelectionIndex) -> Any:
    """What the libraries themselves say, in the units of the target."""
    x = model_rows(model, index)
    if model.model_type == "lightgbm":
        return np.asarray(model.predictor._booster.predict(x, raw_score=True))
    pipeline = model.predictor._pipeline
    return np.asarray((getattr(pipeline, "decision_function", None) or pipeline.predict)(x))


def model_rows(model: Any, index: SelectionIndex) -> Any:
    return MatrixReader(index, model.schema.features).read(np.arange(index.rows))


def test_explain_gives_the_means_of_their_sizes(case: str, tmp_path: Path) -> None:
    model, index = model_of(case), rows_of(case, tmp_path)
    spec = ExplainSpec(job_type="EXPLAIN", model_id=1, dataset_id=1)
    plan = plan_explain(spec, index, model.schema)
    found = engine.explain(model, plan, reporter=Recorder(), cores=FixedCores(1))["contributions"]
    means = np.abs(np.array(CASES[case]["values"])).mean(axis=(0, 1))
    names = [feature.name for feature in model.schema.features]
    said = {one["feature"]: one["value"] for one in found["features"]}
    np.testing.assert_allclose([said[name] for name in names], means, **EXACT)
    np.testing.assert_allclose(found["base"], CASES[case]["base"], **EXACT)
