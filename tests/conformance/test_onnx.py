"""An ONNX file predicts what the model predicts, for a user who knows only onnxruntime."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest

from ml_training.client import export_onnx, load_model
from ml_training.client.onnx import ExportError
from ml_training.domain.algorithms import CLASSIFICATION_ONLY, ModelType
from ml_training.inference.downloaded_model import DownloadedModel
from ml_training.onnx_export import light_gbm_trees
from tests.support.training_data import SMALL, job, trained
from tests.support.user_tables import TABLES, UserTable, ingested, mixed

Array = np.ndarray[Any, Any]
MARKS: dict[str, Any] = {
    "mixed, four texts": (),
    "mixed, huge regression": (),
    "mixed, two texts": pytest.mark.slow,
    "iris": pytest.mark.slow,
}
CASES = [
    pytest.param(model_type.value, name, marks=MARKS.get(name, pytest.mark.exhaustive))
    for name, table in TABLES.items()
    for model_type in ModelType
    if not table().has_windows and not (table().is_regression and model_type in CLASSIFICATION_ONLY)
]
SINGLE_PRECISION = {"xgboost": 1e-5}  # the digits in which XGBoost computes
pytestmark = [pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")]


def archive(directory: Path, model_type: str, table: UserTable, **fields: Any) -> bytes:
    params = SMALL[model_type] | ({"max_iter": 15} if model_type == "mlp" else {})
    index = ingested(directory, table, form="csv")
    return trained(job(model_type, params=params, **(table.spec | fields)), index).artifact


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def plain_inputs(frame: pd.DataFrame, opened: onnxruntime.InferenceSession) -> dict[str, Array]:
    """As docs/use-a-model.md says: numbers as float64 with NaN, text as it is, and "" for a missing one."""
    inputs = {}
    for wanted in opened.get_inputs():
        column = frame[wanted.name]
        if wanted.type == "tensor(string)":
            inputs[wanted.name] = column.astype(object).where(column.notna(), "").to_numpy(dtype=object)[:, None]
        else:
            numbers = column.astype(object).where(column.notna(), np.nan).astype("float64")
            inputs[wanted.name] = numbers.to_numpy()[:, None]
    return inputs


def assert_predicts_the_same(path: Path, model: DownloadedModel, frame: pd.DataFrame, *, digits: float) -> None:
    opened = session(path)
    names = [output.name for output in opened.get_outputs()]
    found = dict(zip(names, opened.run(names, plain_inputs(frame, opened)), strict=True))
    expected = model._values(frame, None, None, 1)
    if model.classes is None:
        np.testing.assert_allclose(found["prediction"], expected, rtol=digits, atol=digits * np.abs(expected).max())
        return
    np.testing.assert_array_equal(found["label"], model.predict(frame))
    np.testing.assert_allclose(found.get("probabilities", found.get("scores")), expected, rtol=0, atol=digits)
    assert ("probabilities" in found) is model._fitted.probabilistic


@pytest.mark.parametrize(("model_type", "name"), CASES)
def test_an_onnx_file_predicts_what_the_model_predicts(tmp_path: Path, model_type: str, name: str) -> None:
    table = TABLES[name]()
    made = archive(tmp_path, model_type, table)
    exported = export_onnx(made, tmp_path / "model.onnx", rows=table.frame)
    digits = SINGLE_PRECISION.get(model_type, 1e-12)
    assert exported.rows > len(table.frame)
    assert exported.largest_difference <= digits
    stored = {entry.key: entry.value for entry in onnx.load(exported.path).metadata_props}
    assert stored["model_type"] == model_type
    assert float(stored["largest_difference"]) == exported.largest_difference
    frame = table.frame.copy()
    texts = [name for name in frame if frame[name].dtype == object or pd.api.types.is_string_dtype(frame[name])]
    frame.loc[::7, [name for name in texts if name != "y"]] = "never seen"
    for rows in (table.frame, frame, frame.iloc[[3]]):
        assert_predicts_the_same(exported.path, load_model(made), rows, digits=digits)


@pytest.mark.parametrize("model_type", ["lightgbm", "ridge"])
@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("target", ["text", "texts"])
def test_calibrated_probabilities_are_in_the_file(tmp_path: Path, model_type: str, method: str, target: str) -> None:
    table = mixed(target)
    made = archive(tmp_path, model_type, table, calibration=method)
    exported = export_onnx(made, tmp_path / "model.onnx", rows=table.frame)
    assert_predicts_the_same(exported.path, load_model(made), table.frame, digits=1e-12)


def test_columns_with_the_names_of_outputs_and_nodes_stay_inputs(tmp_path: Path) -> None:
    table = TABLES["iris"]()
    names = dict(zip(table.frame.columns, ("label", "probabilities", "Concat.20", "constant.0"), strict=False))
    table = UserTable(table.frame.rename(columns=names))
    made = archive(tmp_path, "logistic_regression", table)
    exported = export_onnx(made, tmp_path / "model.onnx", rows=table.frame)
    opened = session(exported.path)
    assert [one.name for one in opened.get_inputs()] == list(load_model(made).columns)
    assert [one.name for one in opened.get_outputs()] == ["label_", "probabilities_"]
    [labels, _] = opened.run(None, plain_inputs(table.frame, opened))
    np.testing.assert_array_equal(labels, load_model(made).predict(table.frame))


@pytest.mark.parametrize(
    ("name", "rows", "said"),
    [
        ("windows with groups", slice(None), "reads the rows before a row"),
        ("iris", slice(0), "has no rows"),
    ],
)
def test_what_cannot_be_exported_is_refused_and_writes_no_file(
    tmp_path: Path, name: str, rows: slice, said: str
) -> None:
    table = TABLES[name]()
    made = archive(tmp_path, "lightgbm", table)
    with pytest.raises(ExportError, match=said):
        export_onnx(made, tmp_path / "model.onnx", rows=table.frame.iloc[rows])
    assert not list(tmp_path.glob("*.onnx*"))


def test_a_file_that_predicts_something_else_is_refused(tmp_path: Path) -> None:
    table = TABLES["mixed, regression"]()
    made = archive(tmp_path, "xgboost", table)
    with pytest.raises(ExportError, match=r"predicts something else: of .* and the largest difference is"):
        export_onnx(made, tmp_path / "model.onnx", rows=table.frame, most_difference=1e-12)
    assert not list(tmp_path.glob("*.onnx*"))


def test_a_wrong_side_for_missing_values_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the rows that are given have no missing value."""
    table = TABLES["iris"]()
    made = archive(tmp_path, "lightgbm", table)
    right = light_gbm_trees._missing_goes_left
    monkeypatch.setattr(light_gbm_trees, "_missing_goes_left", lambda kind, threshold: not right(kind, threshold))
    with pytest.raises(ExportError, match="predicts something else"):
        export_onnx(made, tmp_path / "model.onnx", rows=table.frame)
