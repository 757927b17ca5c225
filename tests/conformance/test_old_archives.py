"""Archives of format 1, as older versions of the service have stored them, predict what they predicted then."""

import io
import json
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from ml_training.client import load_model
from ml_training.training import engine

STORED = Path(__file__).parents[1] / "golden" / "format_1_models"
THEN = json.loads((STORED / "predictions.json").read_text(encoding="utf-8"))
PRODUCTS = {"logistic_regression", "ridge", "mlp"}  # the last digit depended on the number of rows of a batch


@pytest.mark.parametrize("model_type", sorted(THEN["predictions"]))
def test_an_archive_of_format_1_predicts_what_it_did(model_type: str) -> None:
    artifact = (STORED / f"{model_type}.zip").read_bytes()
    with ZipFile(io.BytesIO(artifact)) as source:
        assert json.loads(source.read("manifest.json"))["format_version"] == 1
    model = load_model(artifact)
    roles = {"time_column": "day", "group_column": "shop"} if model_type == "lightgbm" else {}
    predict = model.predict if model.classes is None else model.predict_proba
    found = predict(THEN["rows"], **roles)
    if model_type in PRODUCTS:
        np.testing.assert_allclose(found, THEN["predictions"][model_type], rtol=1e-13)
    else:
        np.testing.assert_array_equal(found, THEN["predictions"][model_type])
    assert engine.load_model(artifact).schema.for_prediction == model._fitted.schema


def test_windows_of_format_1_need_the_names_of_their_columns() -> None:
    model = load_model(STORED / "lightgbm.zip")
    with pytest.raises(ValueError, match="give time_column"):
        model.predict(THEN["rows"])
