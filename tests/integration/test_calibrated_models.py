"""A calibrated model through the API: every job that uses it sees its probabilities, and so does the client."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_training.client import load_model
from tests.support.in_process_service import InProcessService
from tests.support.predictions import add, as_csv, customers, download, predict, read_parquet, run, submit, train


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[InProcessService]:
    with InProcessService(tmp_path / "data", database_url) as service:
        yield service


def loaded(service: InProcessService, model_id: int, directory: Path) -> Any:
    status, data = service.ask(f"/models/{model_id}/download")
    assert status == 200
    path = directory / f"{model_id}.zip"
    path.write_bytes(data)
    return load_model(path)


@pytest.mark.parametrize(
    ("model_type", "fields"),
    [
        ("lightgbm", {"calibration": "isotonic", "params": {"n_estimators": 20}, "early_stopping_rounds": 3}),
        ("ridge", {"calibration": "sigmoid", "params": {}, "class_balance": "weights"}),
        ("random_forest", {"calibration": "sigmoid", "params": {"n_estimators": 10}}),
    ],
)
def test_every_use_of_a_model_sees_its_calibrated_probabilities(
    service: InProcessService, tmp_path: Path, model_type: str, fields: dict[str, Any]
) -> None:
    frame = customers(400)
    dataset_id = add(service, frame)
    model_id = train(service, dataset_id, model_type=model_type, keep_out_of_fold=True, **fields)
    model = service.get(f"/models/{model_id}")
    assert model["details"]["calibration"] == {"method": fields["calibration"], "rows": 64}
    assert model["lineage"]["spec"]["calibration"] == fields["calibration"]
    assert model["scores"]["held_out"]["log_loss"] is not None
    kept = service.get(f"/models/{model_id}/out-of-fold")
    assert "probability_Yes" in kept["columns"]
    prediction = predict(service, model_id=model_id, dataset_id=dataset_id)
    said = pd.DataFrame(read_parquet(download(service, prediction["id"])))
    chances = said[["probability_No", "probability_Yes"]].to_numpy()
    assert np.allclose(chances.sum(axis=1), 1.0)
    table = pd.read_csv(io.BytesIO(as_csv(frame)), keep_default_na=False, na_values=[""])
    local = loaded(service, model_id, tmp_path)
    assert (local.predict_proba(table) == chances).all(), "to the last bit"
    assert local.predict(table).tolist() == said["prediction"].tolist()
    test = run(service, job_type="TEST", model_id=model_id, dataset_id=dataset_id)
    scores = service.get(f"/test-results/{test['result']['test_result_id']}")["scores"]
    truth = np.where(frame["left"] == "Yes", chances[:, 1], chances[:, 0])
    assert scores["log_loss"] == pytest.approx(-np.log(truth).mean())
    explained = run(service, job_type="EXPLAIN", model_id=model_id, dataset_id=dataset_id, sample_rows=300)
    found = service.get(f"/explanations/{explained['result']['explanation_id']}")
    assert found["calibration"]["expected_error"] < 0.2
    assert service.violations() == []


def test_wrong_calibrations_are_refused_by_name(service: InProcessService) -> None:
    dataset_id = add(service, customers(200))
    spec = {"job_type": "TRAIN", "model_name": "m", "dataset_id": dataset_id, "exclude_features": ["paid"]}
    for model_type, target, calibration, word in (
        ("lightgbm", "left", "platt", "must be one of"),
        ("lightgbm", "paid", "sigmoid", "quantity"),
    ):
        fields = {"model_type": model_type, "target": {"column": target}, "calibration": calibration}
        status, body = submit(service, **spec | fields)
        assert status == 422
        [error] = body["errors"]
        assert error["pointer"] == "/calibration"
        assert word in error["detail"]


def test_a_study_calibrates_its_trials_and_its_model(service: InProcessService) -> None:
    dataset_id = add(service, customers(300))
    common = {"model_type": "ridge", "dataset_id": dataset_id, "target": {"column": "left"}, "calibration": "sigmoid"}
    search = {"/params/alpha": {"choices": [0.1, 10.0]}}
    spec = {"job_type": "TUNE", "model_name": "tuned", "train": {**common, "exclude_features": ["paid"]}}
    run(service, **spec, search=search, sampler="grid", metric="log_loss")
    [model] = service.get("/models")["items"]
    assert service.get(f"/models/{model['id']}")["details"]["calibration"]["method"] == "sigmoid"
