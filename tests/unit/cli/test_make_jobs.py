"""The commands that make jobs from options; --print-spec shows what they would submit."""

import json
from typing import Any

import pytest

from tests.support.command_line import job_document, run_command
from tests.support.json_server import JsonServer

DATASET = {"id": 4, "name": "sales", "version": 1, "status": "READY", "rows": 10, "columns": 2}


@pytest.fixture(autouse=True)
def dataset(api: JsonServer) -> None:
    api.answer("GET", "/api/v1/datasets/4", DATASET)
    api.answer("GET", "/api/v1/datasets", {"items": [DATASET], "next_cursor": None})
    for model_id in (7, 8):
        api.answer("GET", f"/api/v1/models/{model_id}", {"id": model_id, "name": "m", "version": 1})
    api.answer("GET", "/api/v1/models", {"items": [{"id": 8, "name": "m"}], "next_cursor": None})


def spec(*arguments: str) -> dict[str, Any]:
    result = run_command(*arguments, "--print-spec")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_training_from_options() -> None:
    assert spec("train", "4", "--target", "y") == {
        "job_type": "TRAIN",
        "model_name": "sales",
        "model_type": "lightgbm",
        "dataset_id": 4,
        "target": {"column": "y"},
    }
    options = ["-p", "n_estimators=200", "-p", "boosting_type=dart", "-p", "extra_trees=true", "--exclude", "id"]
    options += ["--feature", "a", "--feature", "b", "--window", "5", "--window", "10", "--phase", "1", "--phase", "x"]
    options += ["--task", "Regression", "--splits", "3", "--train-start", "2026-01-01T00:00:00Z", "--priority", "1"]
    made = spec("train", "sales", "--target", "y", "--name", "m", "--model-type", "ridge", *options)
    assert made == {
        "job_type": "TRAIN",
        "model_name": "m",
        "model_type": "ridge",
        "dataset_id": 4,
        "target": {"column": "y"},
        "params": {"n_estimators": 200, "boosting_type": "dart", "extra_trees": True},
        "features": ["a", "b"],
        "exclude_features": ["id"],
        "feature_engineering": {"windows": [5, 10]},
        "phases": [1, "x"],
        "validation": {"method": "cross_validation", "splits": 3},
        "task": "regression",
        "train_start": "2026-01-01T00:00:00Z",
        "priority": 1,
    }


@pytest.mark.parametrize(
    ("options", "validation"),
    [
        (["--test-size", "0.3"], {"method": "holdout", "test_size": 0.3}),
        (["--group-column", "ward"], {"method": "group_holdout", "group_column": "ward"}),
        (["--group-column", "ward", "--splits", "3"], {"method": "group_k_fold", "group_column": "ward", "splits": 3}),
        (["--validation", "group_k_fold"], {"method": "group_k_fold"}),
        (["--purge", "7d", "--embargo", "1d"], {"method": "time_series", "purge": "7d", "embargo": "1d"}),
    ],
)
def test_the_options_choose_the_validation(options: list[str], validation: dict[str, Any]) -> None:
    assert spec("train", "4", "--target", "y", *options)["validation"] == validation


def test_targets_by_rule_and_by_horizon() -> None:
    rule = spec("train", "4", "--target", "y", "--operator", ">=", "--value", "3.5")
    assert rule["target"] == {"column": "y", "operator": ">=", "value": 3.5}
    horizon = spec("train", "4", "-t", "y", "--horizon", "5m", "--min-percent-change", "30", "--direction", "up")
    assert horizon["target"] == {"column": "y", "horizon": "5m", "min_percent_change": 30.0, "direction": "up"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--operator", ">"], "go together"),
        (["--horizon", "5m"], "go together"),
        (["--operator", ">", "--value", "1", "--horizon", "5m"], "not both"),
        (["-p", "n_estimators"], "NAME=VALUE"),
        (["-p", "a=1", "-p", "a=2"], "given twice"),
    ],
)
def test_options_that_do_not_fit_are_usage_errors(api: JsonServer, options: list[str], message: str) -> None:
    result = run_command("train", "4", "--target", "y", *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert [request for request in api.requests if request.method == "POST"] == []


def test_the_other_jobs_from_options() -> None:
    assert spec("test", "7", "4", "--start", "2026-01-01T00:00:00Z") == {
        "job_type": "TEST",
        "model_id": 7,
        "dataset_id": 4,
        "test_start": "2026-01-01T00:00:00Z",
    }
    assert spec("compare", "7", "m@champion", "--data", "4", "--metric", "f1") == {
        "job_type": "COMPARE",
        "model_ids": [7, 8],
        "dataset_id": 4,
        "metric": "f1",
    }
    assert spec("predict", "m@champion", "4", "--keep", "id", "-o", "out.csv") == {
        "job_type": "PREDICT",
        "model": "m@champion",
        "dataset_id": 4,
        "keep": ["id"],
        "format": "csv",
    }


def test_a_trained_model_is_shown_with_its_scores(api: JsonServer) -> None:
    api.answer("POST", "/api/v1/jobs", job_document("PENDING"), status=202)
    api.answer("GET", "/api/v1/jobs/7", job_document("COMPLETED"))
    scores = {"held_out": {"r2": 0.5, "rmse": 2.0, "mae": 1.5}, "train": {"r2": 0.9, "rmse": 1.0, "mae": 0.5}}
    model = {"id": 3, "name": "sales", "version": 2, "model_type": "ridge", "task": "regression", "scores": scores}
    api.answer("GET", "/api/v1/models/3", model)
    result = run_command("train", "4", "--target", "y")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-4:] == [
        "#7 TRAIN lightgbm made model 3",
        "sales version 2, ridge, regression",
        "  held-out  r2 0.5000, rmse 2.0000, mae 1.5000",
        "  train     r2 0.9000, rmse 1.0000, mae 0.5000",
    ]


def test_a_job_is_shown_with_its_error_and_what_to_do(api: JsonServer) -> None:
    error = {"code": "timeout", "message": "60 s are over", "hint": "raise max_runtime_seconds"}
    api.answer("GET", "/api/v1/jobs/7", job_document("FAILED", error=error))
    lines = run_command("show", "7").stdout.splitlines()
    assert "  error      timeout: 60 s are over" in lines
    assert "  what to do raise max_runtime_seconds" in lines


def test_a_log_is_printed_and_a_missing_data_set_is_named(api: JsonServer) -> None:
    line = {"seq": 1, "attempt": 1, "at": "2026-01-31T12:00:00.000000Z", "line": "reads [the] data"}
    api.answer("GET", "/api/v1/jobs/7/logs", {"items": [line], "next_cursor": None})
    assert run_command("logs", "7").stdout == "2026-01-31 12:00:00  reads [the] data\n"
    result = run_command("train", "nowhere.csv", "--target", "y")
    assert result.exit_code == 2
    assert "there is no file 'nowhere.csv'" in result.stderr


@pytest.mark.parametrize("command", [["datasets", "rm", "4", "5"], ["models", "rm", "4", "5"]])
def test_things_are_deleted(api: JsonServer, command: list[str]) -> None:
    for number in (4, 5):
        api.answer("DELETE", f"/api/v1/{command[0]}/{number}", {}, status=204)
    assert json.loads(run_command(*command, "--json").stdout) == {"deleted": [4, 5]}
    assert sum(request.method == "DELETE" for request in api.requests) == 2


def test_a_dry_run_says_what_the_job_would_be_and_submits_nothing(api: JsonServer) -> None:
    warning = {"code": "rare_class", "pointer": "/target", "detail": "12 rows are yes"}
    estimate = {"memory_bytes": 1_500_000, "seconds": None, "starts_in_seconds": 2.5}
    facts = {"rows": 1_470, "folds": 1, "features": 30, "classes": 2, "estimate": estimate}
    api.answer("POST", "/api/v1/jobs", {"accepted": True, "warnings": [warning], **facts})
    result = run_command("train", "4", "--target", "y", "--dry-run")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "warning: /target: 12 rows are yes",
        "would be accepted: rows 1,470, folds 1, features 30, classes 2, memory_bytes 1,500,000, starts_in_seconds 2.5",
    ]
    assert [request.path for request in api.requests if request.method == "POST"] == ["/api/v1/jobs?dry_run=true"]


def test_a_study_with_halving_from_options() -> None:
    common = ["tune", "4", "--target", "y", "--metric", "roc_auc", "-s", "num_leaves=log:7..255"]
    assert "halving" not in spec(*common)
    made = spec(*common, "--halving-rungs", "2", "--halving-factor", "4", "--generation", "8")
    assert (made["halving"], made["generation"]) == ({"rungs": 2, "factor": 4}, 8)
    assert spec(*common, "--halving-rungs", "4")["halving"] == {"rungs": 4}
