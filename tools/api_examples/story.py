"""The story that is recorded: what a user does after `make run`, so that each request works when it is tried out."""

import base64
import hashlib
from functools import partial
from typing import Any

from tools.api_examples.recorder import Recorder

FILTER = {"status": "COMPLETED", "job_type": "TRAIN", "model_type": "lightgbm"}
KEY = {"Idempotency-Key": "nightly-2026-11-29"}
TRAIN = {
    "job_type": "TRAIN",
    "model_name": "tumour",
    "model_type": "lightgbm",
    "dataset_id": 1,
    "target": {"column": "target"},
    "params": {"n_estimators": 50, "learning_rate": 0.1},
}
TUNE = {
    "job_type": "TUNE",
    "model_name": "tumour",
    "train": {"model_type": "logistic_regression", "dataset_id": 1, "target": {"column": "target"}},
    "search": {
        "/params/C": {"low": 0.001, "high": 100.0, "log": True},
        "/class_balance": {"choices": ["none", "weights"]},
    },
    "metric": "roc_auc",
    "trials": 6,
    "generation": 3,
    "stop": {"trials_without_improvement": 5},
    "warm_start": True,
}
HALVED = {
    **TUNE,
    "train": {
        "model_type": "lightgbm",
        "dataset_id": 1,
        "target": {"column": "target"},
        "params": {"n_estimators": 81},
    },
    "search": {"/params/num_leaves": {"low": 3, "high": 63, "log": True}},
    "trials": 18,
    "generation": 9,
    "halving": {"rungs": 3, "factor": 3},
    "warm_start": False,
}
BAD_TIMES = "when,price\n2026-01-01,3.5\nyesterday,4.0\n"
CONSTANT = "unit,price\nEUR,3.5\nEUR,4.0\n"
QUERY = "SELECT n AS customer, n % 3 = 0 AS left FROM generate_series(1, 60) AS n"
LAST_MONTH = "2026-02-10T00:00:00Z"


def tell(recorder: Recorder) -> None:
    """Every operation at least once. The service has done its sample run: data set 1, models 1 and 2."""
    machines = _datasets(recorder)
    _jobs(recorder, machines)
    _models(recorder)
    _results(recorder)
    _projects(recorder)
    [worker] = recorder.call("GET", "/workers")["items"]
    recorder.call("POST", "/workers/{process}/drain", status=202, process=worker["process"])
    for path in ("/model-types", "/health/live", "/health/ready"):
        recorder.call("GET", path)
    _keys(recorder)


def _keys(recorder: Recorder) -> None:
    """The last part: from the first key on every request needs one."""
    admin = recorder.call("POST", "/keys", status=201, body={"name": "first", "role": "admin"}, name="the first key")
    recorder.authorize(admin["key"])
    nightly = {"name": "nightly", "role": "submitter", "expires_at": "2099-01-01T00:00:00Z"}
    made = recorder.call("POST", "/keys", status=201, body=nightly, name="one that expires")
    for answer in recorder.operations["post /api/v1/keys"].responses["201"].values():
        answer["key"] = f"mlt_{answer['id']}_{'0' * 64}"  # no secret in a file, not even one that nothing accepts
    recorder.call("GET", "/keys", query={"limit": 2})
    recorder.call("DELETE", "/keys/{key_id}", status=204, key_id=made["id"])
    recorder.call("GET", "/audit", query={"limit": 3})


def _projects(recorder: Recorder) -> None:
    quotas = {"pending_jobs": 1_000, "running_jobs": 4, "stored_bytes": 50_000_000_000}
    made = recorder.call("POST", "/projects", status=201, body={"name": "marketing", "quotas": quotas})
    recorder.call("GET", "/projects", query={"limit": 2})
    recorder.call("GET", "/projects/{project_id}", project_id=made["id"])
    changes = {"quotas": {"running_jobs": 8, "pending_jobs": None}}
    recorder.call("PATCH", "/projects/{project_id}", body=changes, project_id=made["id"])


def _datasets(recorder: Recorder) -> int:
    sample = {"name": "machines", "sample": "machines"}
    made = recorder.call("POST", "/datasets", status=201, body=sample, name="sample", query={"wait": 60})
    recorder.call("GET", "/datasets", query={"limit": 2, "name": "machines", "status": "READY", "sort": "oldest"})
    recorder.call("GET", "/datasets", query={"q": "mach"})
    recorder.call("GET", "/datasets/samples")
    recorder.call("GET", "/datasets/{dataset_id}", dataset_id=1)
    recorder.call("GET", "/datasets/{dataset_id}/preview", dataset_id=made["id"], query={"limit": 3})
    rejected = recorder.upload({"name": "times", "time_column": "when"}, file=("times.csv", BAD_TIMES))
    odd = recorder.upload({"name": "odd"}, file=("odd.csv", CONSTANT))
    recorder.call("GET", "/datasets/{dataset_id}", dataset_id=odd["id"], name="with warnings")
    stored = recorder.call("GET", "/datasets/{dataset_id}", dataset_id=rejected["id"], name="rejected")["sha256"]
    recorder.call("GET", "/datasets/sha256/{sha256}", sha256=stored)
    recorder.call("GET", "/connections")
    customers = {"name": "customers", "connection": "warehouse", "query": QUERY}
    taken = recorder.call("POST", "/datasets", status=201, body=customers, name="a query", query={"wait": 60})
    recorder.call("GET", "/datasets/{dataset_id}", dataset_id=taken["id"], name="from a query")
    recorder.call("POST", "/datasets/{dataset_id}/refresh", status=202, dataset_id=taken["id"], query={"wait": 60})
    spare = recorder.call("POST", "/datasets", status=201, body={"name": "spare", "sample": "iris"}, name="another")
    recorder.call("GET", "/datasets/{dataset_id}", dataset_id=spare["id"], query={"wait": 60})
    recorder.call("DELETE", "/datasets/{dataset_id}", status=204, dataset_id=spare["id"])
    _upload_in_pieces(recorder)
    return int(made["id"])


def _upload_in_pieces(recorder: Recorder) -> None:
    data, piece = CONSTANT.encode(), {"Content-Type": "application/offset+octet-stream"}
    values = {"filename": "prices.csv", "sha256": hashlib.sha256(data).hexdigest()}
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items())
    headers = {"Upload-Length": str(len(data)), "Upload-Metadata": metadata}
    upload = recorder.call("POST", "/uploads", status=201, headers=headers)["id"]
    recorder.call("POST", "/uploads", headers=headers)
    recorder.call("GET", "/uploads")
    send = partial(recorder.call, "PATCH", "/uploads/{upload_id}", status=204, upload_id=upload)
    send(content=data[:10], headers={"Upload-Offset": "0", **piece})
    recorder.call("GET", "/uploads/{upload_id}", upload_id=upload)
    send(content=data[10:], headers={"Upload-Offset": "10", **piece})
    body = {"name": "prices", "upload_id": upload}
    recorder.call("POST", "/datasets", status=201, body=body, name="a file in pieces", query={"wait": 60})
    recorder.call("DELETE", "/uploads/{upload_id}", status=204, upload_id=upload)


def _jobs(recorder: Recorder, machines: int) -> None:
    trained = _trainings(recorder, machines)
    here = recorder.call("GET", "/changes")["next"]  # every job has ended: nothing runs, in each recording
    found = _jobs_that_use_models(recorder)
    _many_jobs(recorder, here)
    recorder.call("GET", "/jobs", query={"limit": 2, **FILTER})
    recorder.call("GET", "/jobs", query={"name": "tumour", "sort": "oldest"})
    recorder.call("GET", "/jobs", query={"q": "tum"})
    recorder.call("GET", "/jobs", query={"dataset_id": 1, "limit": 2})
    recorder.call("GET", "/jobs", query={"parent_id": found, "limit": 2})
    recorder.call("GET", "/jobs/{job_id}", job_id=trained, query={"wait": 30})
    recorder.call("GET", "/jobs/{job_id}/events", job_id=trained, query={"after": 0})
    recorder.call("GET", "/jobs/{job_id}/logs", job_id=trained, query={"limit": 20})


def _trainings(recorder: Recorder, machines: int) -> int:
    """TRAIN jobs of every kind; the id of the first."""
    fails_soon = {"model_name": "failure", "model_type": "lightgbm", "dataset_id": machines, "job_type": "TRAIN"}
    trained = recorder.job(TRAIN, name="train")
    recorder.job({**TRAIN, "model_type": "random_forest", "params": {}}, name="train another model type")
    kept = recorder.job({**TRAIN, "keep_out_of_fold": True}, name="train and keep the predictions for held-out rows")
    recorder.call("GET", "/models/{model_id}/out-of-fold", model_id=kept["result"]["model_id"])
    timed = {
        **fails_soon,
        "target": {"column": "target"},
        "phases": ["normal", "worn"],
        "train_end": LAST_MONTH,
        "feature_engineering": {"windows": [6, 24]},
        "validation": {"method": "time_series", "test_size": 0.2},
        "class_balance": "weights",
        "early_stopping_rounds": 10,
    }
    recorder.job(timed, name="train on phases, with windows of time")
    rule = {"column": "vibration", "operator": ">", "value": 3.5}
    validation = {"method": "cross_validation", "splits": 3}
    recorder.job({**fails_soon, "target": rule, "validation": validation}, name="train on a rule")
    horizon = {"column": "temperature", "horizon": "6h", "min_percent_change": 10, "direction": "up"}
    some = {"method": "group_holdout", "test_size": 0.2}
    recorder.job({**fails_soon, "target": horizon, "validation": some}, name="train on a horizon")
    each = {"method": "group_k_fold", "splits": 3}
    recorder.job({**fails_soon, "target": {"column": "target"}, "validation": each}, name="train by group")
    return int(trained["id"])


def _jobs_that_use_models(recorder: Recorder) -> int:
    """The id of the study."""
    recorder.job({"job_type": "TEST", "model_id": 1, "dataset_id": 1}, name="test")
    compare = {"job_type": "COMPARE", "model_ids": [1, 2], "dataset_id": 1, "metric": "roc_auc"}
    recorder.job(compare, name="compare")
    predict = {"job_type": "PREDICT", "model_id": 1, "dataset_id": 1, "keep": ["mean radius"], "format": "csv"}
    recorder.job(predict, name="predict a data set")
    by_name = {"job_type": "PREDICT", "model": "breast_cancer-lightgbm", "rows": [{"mean radius": 14.1}, {}]}
    recorder.job(by_name, name="predict rows")
    explain = {"job_type": "EXPLAIN", "model_id": 1, "dataset_id": 1, "sample_rows": 300}
    recorder.job(explain, name="explain a model")
    drift = {"job_type": "DRIFT", "model_id": 1, "dataset_id": 1}
    recorder.job(drift, name="compare with the training rows")
    recorder.job({**drift, "sample_rows": 200, "threshold": 0.2}, name="compare with another threshold")
    recorder.job({**explain, "costs": {"false_positive": 1, "false_negative": 5}}, name="explain with costs")
    recorder.call("POST", "/jobs", body=TRAIN, name="train", query={"dry_run": "true"})
    found = recorder.job(TUNE, name="search the best parameters")
    recorder.call("POST", "/jobs", body=HALVED, name="search with halving", query={"dry_run": "true"})
    both = {"jobs": [TRAIN, {**TRAIN, "params": {"num_leafs": 7}}]}
    recorder.call("POST", "/jobs/batch", status=207, body=both, name="one right, one wrong", headers=KEY)
    recorder.call("POST", "/jobs", status=422, body={**TRAIN, "params": {"max_depth": 65}}, name="refused")
    recorder.operations["post /api/v1/jobs"].requests.pop("refused")
    recorder.operations["post /api/v1/jobs"].parameters.update(KEY)
    return int(found["id"])


def _many_jobs(recorder: Recorder, here: str) -> None:
    """What changes while jobs fail, wait, are retried and cancelled."""
    endless = {**TRAIN, "model_type": "random_forest", "params": {"n_estimators": 10_000}, "max_runtime_seconds": 1}
    failed = recorder.job(endless, name="train with a time limit", ends="FAILED")
    recorder.call("GET", "/jobs/{job_id}", job_id=failed["id"], name="failed")
    waiting = recorder.call("POST", "/jobs", status=202, body={**TRAIN, "priority": 10}, name="train with low priority")
    recorder.call("POST", "/jobs/{job_id}/cancel", status=202, job_id=waiting["id"])
    retried = recorder.call("POST", "/jobs/retry", status=207, body={"ids": [failed["id"], 1]}, name="two jobs")
    recorder.call("POST", "/jobs/cancel", status=207, body={"ids": [retried["items"][0]["job_id"]]}, name="one job")
    many = {"filter": {"status": "PENDING", "job_type": "COMPARE"}}  # there is none, in each recording
    recorder.call("POST", "/jobs/cancel", status=207, body=many, name="all that wait")
    recorder.operations["post /api/v1/jobs/retry"].parameters.update(KEY)
    runs = recorder.running({**endless, "max_runtime_seconds": 600})
    recorder.call("GET", "/changes", query={"after": here, "wait": 5}, name="what has changed")
    recorder.call("GET", "/workers")
    recorder.call("GET", "/overview")
    recorder.call("POST", "/jobs/{job_id}/cancel", status=202, job_id=runs)


def _models(recorder: Recorder) -> None:
    changes: dict[str, Any] = {"description": "all clinics", "tags": ["2026-q4"], "aliases": ["champion"]}
    recorder.call("PATCH", "/models/{model_id}", model_id=1, body=changes, name="describe and name")
    recorder.call(
        "GET", "/models", query={"name": "breast_cancer-lightgbm", "alias": "champion", "model_type": "lightgbm"}
    )
    recorder.call("GET", "/models", query={"limit": 2, "tag": "2026-q4"})
    recorder.call("GET", "/models", query={"dataset_id": 1, "sort": "oldest"})
    recorder.call("GET", "/models", query={"q": "breast"})
    recorder.call("GET", "/models/{model_id}", model_id=1)
    recorder.call("GET", "/models/{model_id}/alias-history", model_id=1)
    recorder.call("GET", "/models/{model_id}/spec", model_id=1)
    recorder.call("GET", "/models/{model_id}/card", model_id=1)
    recorder.call("GET", "/models/{model_id}/download", model_id=1, query={"redirect": "false"})
    recorder.call("DELETE", "/models/{model_id}", status=204, model_id=3)


def _results(recorder: Recorder) -> None:
    recorder.call("GET", "/studies", query={"limit": 2})
    recorder.call("GET", "/studies", query={"q": "tum"})
    recorder.call("GET", "/studies/{study_id}", study_id=1)
    recorder.call("GET", "/studies/{study_id}/trials", study_id=1, query={"limit": 3})
    recorder.call("GET", "/test-results", query={"limit": 2})
    recorder.call("GET", "/test-results/{test_result_id}", test_result_id=1)
    recorder.call("GET", "/comparisons", query={"limit": 2})
    recorder.call("GET", "/comparisons/{comparison_id}", comparison_id=1)
    recorder.call("GET", "/predictions", query={"limit": 2})
    recorder.call("GET", "/predictions/{prediction_id}", prediction_id=1)
    recorder.call("GET", "/predictions/{prediction_id}/preview", prediction_id=1, query={"limit": 2})
    recorder.call("GET", "/predictions/{prediction_id}/download", prediction_id=1, query={"redirect": "false"})
    recorder.call("DELETE", "/predictions/{prediction_id}", status=204, prediction_id=2)
    recorder.call("GET", "/drift-reports", query={"limit": 2})
    recorder.call("GET", "/drift-reports/{drift_report_id}", drift_report_id=1)
    recorder.call("DELETE", "/drift-reports/{drift_report_id}", status=204, drift_report_id=2)
    recorder.call("GET", "/explanations", query={"limit": 2})
    recorder.call("GET", "/explanations/{explanation_id}", explanation_id=1)
    recorder.call("DELETE", "/explanations/{explanation_id}", status=204, explanation_id=2)
