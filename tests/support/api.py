"""Data sets and models for tests of the API, made without a worker; checks answers against the OpenAPI document."""

from typing import Any

import numpy as np
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from werkzeug.test import TestResponse

from ml_training.db import datasets, results
from ml_training.domain.records import Comparison, DriftReport, Explanation, Prediction, Study, TestResult
from ml_training.domain.states import TaskKind
from ml_training.domain.targets import ColumnTarget
from ml_training.selection.index import ColumnKind, IndexColumn
from ml_training.selection.index_writer import write_index
from ml_training.selection.schema import FeatureSchema, ModelSchema
from ml_training.services.resources import Resources
from ml_training.storage.base import ObjectKind

ROWS = 60
PROFILE = {"rows": ROWS, "columns": []}


def ready_dataset(resources: Resources, *, name: str = "data") -> int:
    """A READY data set of 60 rows: numbers a and b, category c, boolean target."""
    numbers = np.arange(ROWS, dtype=np.float64)
    columns = [
        IndexColumn("a", ColumnKind.NUMBER, numbers),
        IndexColumn("b", ColumnKind.INTEGER, np.arange(ROWS, dtype=np.int64)[::-1]),
        IndexColumn("c", ColumnKind.CATEGORY, (np.arange(ROWS) % 2).astype(np.int32), ("no", "yes")),
        IndexColumn("target", ColumnKind.BOOLEAN, (np.arange(ROWS) % 3 == 0).astype(np.int8)),
    ]
    with resources.storage.scratch() as directory:
        write_index(directory, columns, rows=ROWS)
        stored = resources.storage.put_directory(ObjectKind.INDEX, directory)
    with resources.database.write() as connection:
        dataset_id = datasets.insert_dataset(
            connection,
            name=name,
            file_format="csv",
            raw_key="uploads/none",
            raw_sha256="0" * 64,
            raw_bytes=0,
            time_column=None,
            phase_column=None,
            group_column=None,
        )
        datasets.mark_ready(
            connection,
            dataset_id,
            index_key=stored.key,
            index_sha256=stored.sha256,
            index_bytes=stored.size,
            rows=ROWS,
            columns=len(columns),
            profile=PROFILE,
        )
    return dataset_id


def stored_model(
    resources: Resources, *, dataset_id: int, artifact: bytes = b"model", job_id: int = 1, **values: Any
) -> int:
    """A model with these bytes as its artifact."""
    stored = resources.storage.put_bytes(ObjectKind.ARTIFACT, artifact)
    row = {
        "name": "model",
        "model_type": "lightgbm",
        "task": "binary",
        "job_id": job_id,
        "attempt": 1,
        "dataset_id": dataset_id,
        "dataset_sha256": "0" * 64,
        "artifact_key": stored.key,
        "artifact_sha256": stored.sha256,
        "artifact_bytes": stored.size,
        "scores": {"train": {"accuracy": 1.0}},
        "details": {"features": ["a"]},
        "lineage": {"seed": 42},
        "train_accuracy": 1.0,
        "test_accuracy": None,
        **values,
    }
    with resources.database.write() as connection:
        return results.insert_model(connection, **row)


def usable_model(resources: Resources, *, dataset_id: int, job_id: int, **values: Any) -> int:
    """A model that fits the data of `ready_dataset`, so that jobs may name it."""
    schema = ModelSchema(
        0, TaskKind.BINARY, ColumnTarget(column="target"), (False, True), (FeatureSchema("a", ColumnKind.NUMBER),)
    )
    return stored_model(resources, dataset_id=dataset_id, job_id=job_id, details={"schema": schema.to_json()}, **values)


def stored_test_result(resources: Resources, *, model_id: int, dataset_id: int, job_id: int = 1) -> int:
    """A test result."""
    with resources.database.write() as connection:
        return results.insert_result(
            connection,
            TestResult,
            job_id=job_id,
            attempt=1,
            model_id=model_id,
            dataset_id=dataset_id,
            rows=ROWS,
            scores={"accuracy": 0.5},
            overlap=False,
            degradation={"accuracy": 0.5},
            overfitted=True,
            accuracy=0.5,
            details={},
        )


def stored_comparison(resources: Resources, *, dataset_id: int, winner_model_id: int | None, job_id: int = 1) -> int:
    """A comparison."""
    with resources.database.write() as connection:
        return results.insert_result(
            connection,
            Comparison,
            job_id=job_id,
            attempt=1,
            dataset_id=dataset_id,
            metric="f1",
            rows=ROWS,
            winner_model_id=winner_model_id,
            ranking=[{"model_id": winner_model_id, "score": 1.0}],
            significance={"p": 0.01},
        )


def stored_study(resources: Resources, *, model_id: int, dataset_id: int, job_id: int = 1) -> int:
    """A study without trials."""
    with resources.database.write() as connection:
        return results.insert_result(
            connection,
            Study,
            job_id=job_id,
            attempt=1,
            dataset_id=dataset_id,
            best_model_id=model_id,
            metric="f1",
            sampler="tpe",
            trials=3,
            failed_trials=0,
            best_trial=2,
            best_score=0.9,
            stopped_by="trials",
            details={"best_values": {"/params/C": 1.0}, "importances": {"/params/C": 1.0}},
        )


def stored_prediction(resources: Resources, *, model_id: int, dataset_id: int, job_id: int = 1) -> int:
    """A prediction of one row."""
    stored = resources.storage.put_bytes(ObjectKind.PREDICTION, b"row,prediction")
    preview = [{"row": 0, "prediction": True}]
    with resources.database.write() as connection:
        return results.insert_result(
            connection,
            Prediction,
            job_id=job_id,
            attempt=1,
            model_id=model_id,
            dataset_id=dataset_id,
            rows=1,
            file_format="csv",
            object_key=stored.key,
            sha256=stored.sha256,
            bytes=stored.size,
            details={"columns": ["row", "prediction"], "unseen_categories": {}, "missing": {}, "preview": preview},
            lineage={},
        )


def stored_explanation(resources: Resources, *, model_id: int, dataset_id: int, job_id: int = 1) -> int:
    """An explanation with one feature."""
    feature = {"feature": "x", "value": 0.25, "spread": 0.01}
    no_parts = dict.fromkeys(("calibration", "thresholds", "lift", "residuals"))
    details = {
        "rows": {"explained": 1, "labelled": 1, "dropped": 0},
        "metric": "accuracy",
        "scores": {"accuracy": 1.0},
        "score_intervals": {"explained": {"accuracy": [0.5, 1.0]}},
        "permutation_importance": {"metric": "accuracy", "features": [feature]},
        "contributions": {"features": None, "reason": "it is a forest"},
        "partial_dependence": [],
        "slices": [],
        **no_parts,
    }
    with resources.database.write() as connection:
        return results.insert_result(
            connection,
            Explanation,
            job_id=job_id,
            attempt=1,
            model_id=model_id,
            dataset_id=dataset_id,
            rows=1,
            details=details,
            lineage={},
        )


def stored_drift_report(resources: Resources, *, model_id: int, dataset_id: int, job_id: int = 1) -> int:
    """A drift report with one feature."""
    names = ("psi", "p_value", "wasserstein", "ks", "missing_share", "unseen_share")
    details = {
        "rows": {"training": 10, "compared": 10},
        "by_time": True,
        "judged_psi": 0.4,
        "threshold": 0.1,
        "p_value": 0.01,
        "auc": 0.9,
        "weights": "importance",
        "features": [{"feature": "a", **dict.fromkeys(names, 0.5)}],
    }
    with resources.database.write() as connection:
        return results.insert_result(
            connection,
            DriftReport,
            job_id=job_id,
            attempt=1,
            model_id=model_id,
            dataset_id=dataset_id,
            rows=10,
            weighted_psi=0.5,
            drifted=True,
            details=details,
            lineage={},
        )


def documented_body(client: FlaskClient, path: str, response: TestResponse, method: str = "get") -> Any:
    """The body of an answer that is as documented for the template `path`."""
    document = client.get("/openapi.json").get_json()
    answer = document["paths"][f"/api/v1{path}"][method]["responses"][str(response.status_code)]
    schema = answer["content"]["application/json"]["schema"] | {"components": document["components"]}
    Draft202012Validator(schema).validate(response.get_json())
    return response.get_json()


def train_spec(dataset_id: int, **values: Any) -> dict[str, Any]:
    """A TRAIN spec that the data of `ready_dataset` can carry."""
    return {
        "job_type": "TRAIN",
        "model_name": "model",
        "model_type": "lightgbm",
        "dataset_id": dataset_id,
        "target": {"column": "target"},
        **values,
    }
