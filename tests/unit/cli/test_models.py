"""The commands for models, with a real HTTP server that answers as the API does."""

import pytest

from tests.support.command_line import run_command
from tests.support.json_server import JsonServer

MODEL = {"id": 3, "name": "churn", "version": 1, "model_type": "ridge", "created_at": None}


def cells(api: JsonServer, *models: dict[str, object], sort: str | None = None) -> list[list[str]]:
    api.answer("GET", "/api/v1/models", {"items": list(models), "next_cursor": None})
    lines = run_command("models", *(["--sort", sort] if sort else [])).stdout.splitlines()
    return [line.split() for line in lines[1:]]


def test_a_classifier_shows_both_accuracies(api: JsonServer) -> None:
    scores = {"scores": {"held_out": {"accuracy": 0.97371}, "train": {"accuracy": 1.0}}}
    assert cells(api, MODEL | {"task": "binary"} | scores) == [
        ["3", "churn", "1", "ridge", "binary", "accuracy", "0.9737", "1.0000", "-"]
    ]


def test_a_regression_shows_r2_and_rmse(api: JsonServer) -> None:
    scores = {"scores": {"held_out": {"r2": 0.5, "rmse": 12.25}, "train": {"r2": 0.75, "rmse": 9.0}}}
    [row] = cells(api, MODEL | {"task": "regression"} | scores)
    assert " ".join(row[5:]) == "r2, rmse 0.5000, 12.2500 0.7500, 9.0000 -"


@pytest.mark.parametrize(("score", "best"), [("roc_auc", "5"), ("log_loss", "3")])
def test_models_are_sorted_by_a_score_the_best_first_and_those_without_it_last(
    api: JsonServer, score: str, best: str
) -> None:
    models = [MODEL | {"id": number, "scores": {"held_out": {score: value}}} for number, value in ((3, 0.1), (5, 0.9))]
    rows = cells(api, MODEL | {"id": 4, "scores": {}}, *models, sort=score)
    assert rows[0][0] == best
    assert rows[-1][0] == "4"


def test_an_unknown_score_is_refused_with_the_known_ones(api: JsonServer) -> None:
    api.answer("GET", "/api/v1/models", {"items": [], "next_cursor": None})
    result = run_command("models", "--sort", "auc")
    assert result.exit_code == 1
    assert "roc_auc" in result.stderr
