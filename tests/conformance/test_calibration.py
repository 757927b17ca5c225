"""Calibrated models of every type: better probabilities from rows that taught them nothing, the same everywhere."""

import io
import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest

from ml_training.client import load_model as open_download
from ml_training.domain.states import TaskKind
from ml_training.inference.archive import read_archive
from ml_training.inference.load import load_fitted
from ml_training.selection.plan import plan_train
from ml_training.training import engine
from ml_training.training.explain.decisions import calibration as measured
from ml_training.training.matrix import MatrixReader
from tests.support.timed_data import everything, timed, values
from tests.support.training_data import MODEL_CASES, SMALL, category, job, mixed, number, table, trained

CLASSIFIERS = [(model_type, task) for model_type, task in MODEL_CASES if task.is_classification]
METHODS = ("sigmoid", "isotonic")
OVER_CONFIDENT: dict[str, dict[str, Any]] = {
    "lightgbm": {"n_estimators": 200},
    "hist_gradient_boosting": {"n_estimators": 200},
    "random_forest": {"n_estimators": 15},
    "extra_trees": {"n_estimators": 15},
}
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")]


def model_bytes(artifact: bytes) -> tuple[bytes, dict[str, Any]]:
    """The model in its library's format, and the manifest."""
    with ZipFile(io.BytesIO(artifact)) as source:
        manifest = json.loads(source.read("manifest.json"))
        [name] = [name for name in source.namelist() if name != "manifest.json"]
        assert name.startswith("model_uncalibrated.") == ("calibration" in manifest)
        return source.read(name), manifest


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("model_type", "task"), CLASSIFIERS)
def test_every_classifier_says_the_same_in_the_service_and_when_it_is_downloaded(
    tmp_path: Path, model_type: str, task: TaskKind, method: str
) -> None:
    index = mixed(tmp_path, task)
    spec = job(model_type, calibration=method)
    model = trained(spec, index)
    assert trained(spec, index, threads=2).artifact == model.artifact, "with any number of threads"
    payload, manifest = model_bytes(model.artifact)
    assert (manifest["format_version"], manifest["calibration"]["method"]) == (3, method)
    assert len(manifest["calibration"]["curves"]) == (1 if task is TaskKind.BINARY else 4)
    assert model.details["calibration"] == {"method": method, "rows": 64}
    loaded = engine.load_model(model.artifact)
    x = MatrixReader(index, loaded.schema.features).read(np.arange(index.rows))
    chances = loaded.predict_proba(x)
    assert chances is not None, "ridge too"
    assert np.allclose(chances.sum(axis=1), 1.0)
    assert ((chances >= 0) & (chances <= 1)).all()
    fitted = load_fitted(read_archive(model.artifact))
    assert (fitted.values(x, threads=1) == chances).all()
    alone = np.concatenate([fitted.values(x[at : at + 1], threads=1) for at in range(20)])
    assert (alone == chances[:20]).all()
    assert model.scores["held_out"]["log_loss"] is not None
    path = tmp_path / "model.zip"
    path.write_bytes(model.artifact)
    assert open_download(path).classes == loaded.schema.classes
    plain, _ = model_bytes(trained(job(model_type), index).artifact)
    assert plain != payload, "it has learnt from fewer rows"


@pytest.mark.parametrize(("model_type", "task"), CLASSIFIERS)
def test_rows_that_calibrate_teach_the_model_nothing_and_held_out_rows_calibrate_nothing(
    tmp_path: Path, model_type: str, task: TaskKind
) -> None:
    made, fields = values(), everything(model_type, calibration="sigmoid")
    spec, index = job(model_type, **fields), timed(tmp_path, made, target="classes")
    fold = plan_train(spec, index).draw_folds().final
    assert made["hour"][fold.fit].max() < made["hour"][fold.calibrate].min() < made["hour"][fold.held_out].min()
    first = trained(spec, index)
    for rows, changes in ((fold.calibrate, True), (fold.held_out, False)):
        other = {**made, "y": made["y"].copy()}
        other["y"][rows] = np.random.default_rng(5).permutation(made["y"][rows])
        again = trained(spec, timed(tmp_path, other, target="classes"))
        (payload, manifest), (before, stored) = model_bytes(again.artifact), model_bytes(first.artifact)
        assert payload == before
        assert (manifest["calibration"] != stored["calibration"]) == changes


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("model_type", OVER_CONFIDENT)
def test_the_error_of_probabilities_falls_where_a_model_is_too_sure(
    tmp_path: Path, model_type: str, method: str
) -> None:
    """One feature says a little, two say nothing: a model that learns the noise is sure of it."""
    random = np.random.default_rng(8)

    def drawn(rows: int) -> tuple[Any, Any]:
        x = random.normal(size=(3, rows))
        return x, (random.random(rows) < 1 / (1 + np.exp(-x[0]))).astype(int)

    x, y = drawn(4_000)
    columns = [number(name, column) for name, column in zip("abc", x, strict=True)]
    index = table(tmp_path, *columns, category("y", ["ny"[code] for code in y]))
    new, truth = drawn(20_000)
    errors, losses = {}, {}
    for how in ("none", method):
        model = trained(job(model_type, params=OVER_CONFIDENT[model_type], calibration=how), index)
        said = engine.load_model(model.artifact).predictions(np.asfortranarray(new.T), threads=1)
        found = measured(truth, said)
        assert found is not None
        errors[how], losses[how] = found["expected_error"], found["brier"]
    assert errors[method] < 0.75 * errors["none"]
    assert losses[method] < losses["none"]


def test_contributions_add_up_to_the_raw_score(tmp_path: Path) -> None:
    index = mixed(tmp_path, TaskKind.BINARY)
    loaded = engine.load_model(trained(job("lightgbm", calibration="sigmoid"), index).artifact)
    x = MatrixReader(index, loaded.schema.features).read(np.arange(50))
    raw = loaded.predictor.predict(x, threads=1)[:, 1]
    found = loaded.contributions(x, threads=1).sum(axis=1)
    assert np.allclose(found, np.log(raw / (1 - raw)))
    assert not np.allclose(loaded.predictions(x, threads=1).values[:, 1], raw)


@pytest.mark.parametrize(
    "fields",
    [
        {"validation": {"method": "cross_validation", "splits": 3}},
        {"validation": {"method": "time_series", "test_size": 0.25, "purge": "1h", "embargo": "1h"}},
        {"validation": {"method": "group_k_fold", "splits": 3}},
        {"validation": {"method": "group_holdout"}, "class_balance": "smote"},
    ],
    ids=str,
)
@pytest.mark.parametrize("model_type", ["lightgbm", "ridge"])
def test_every_method_of_validation_calibrates_each_fit(
    tmp_path: Path, model_type: str, fields: dict[str, Any]
) -> None:
    made = values()
    made["group"] = made["hour"] // 9
    index = timed(tmp_path, made, target="classes")
    fields = everything(model_type, **fields, params=SMALL[model_type])
    plain, found = (trained(job(model_type, **fields, calibration=how), index) for how in ("none", "isotonic"))
    splits = fields["validation"].get("splits")
    assert len(found.scores.get("splits", [found.scores])) == (splits or 1)
    assert found.scores["held_out"]["log_loss"] != plain.scores["held_out"]["log_loss"]
    assert found.details["rows"] == plain.details["rows"], "the training part is the same"
