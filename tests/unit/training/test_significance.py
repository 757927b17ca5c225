"""The paired bootstrap: every score is the published one, and its spread that of resampled rows."""

import time
from dataclasses import replace

import numpy as np
import pytest

from ml_training.domain.score_names import CLASSIFICATION_METRICS, REGRESSION_METRICS
from ml_training.domain.states import TaskKind
from ml_training.training import significance
from ml_training.training.reporter import SilentReporter
from ml_training.training.scores import Predictions, score
from ml_training.training.significance import Difference, paired_bootstrap, statistic
from ml_training.training.stage_progress import StageProgress

ROWS = 300
CASES = [
    *((TaskKind.BINARY, metric) for metric in CLASSIFICATION_METRICS),
    *((TaskKind.MULTICLASS, metric) for metric in CLASSIFICATION_METRICS),
    *((TaskKind.REGRESSION, metric) for metric in REGRESSION_METRICS),
]


def truth(task: TaskKind, rows: int = ROWS) -> np.ndarray:
    random = np.random.default_rng(5)
    if task is TaskKind.REGRESSION:
        return 1000 + random.normal(size=rows)
    return random.integers(0, 2 if task is TaskKind.BINARY else 4, rows)


def guess(task: TaskKind, y: np.ndarray, *, noise: float, seed: int) -> Predictions:
    random = np.random.default_rng(seed)
    if task is TaskKind.REGRESSION:
        return Predictions(task, None, y + random.normal(scale=noise, size=len(y)), False)
    classes = 2 if task is TaskKind.BINARY else 4
    raw = np.eye(classes)[y] + random.random((len(y), classes)) * noise
    raw = np.round(raw / raw.sum(axis=1, keepdims=True), 2)  # with ties
    return Predictions(task, 1 if task is TaskKind.BINARY else None, raw / raw.sum(axis=1, keepdims=True), True)


def compare(metric: str, y: np.ndarray, first: Predictions, second: Predictions, *, seed: int = 1) -> Difference:
    return paired_bootstrap(metric, y, (first, second), seed=seed, progress=StageProgress(SilentReporter()))


@pytest.mark.parametrize(("task", "metric"), CASES)
def test_the_resampled_statistic_is_the_published_score(task: TaskKind, metric: str) -> None:
    y = truth(task)
    predicted = guess(task, y, noise=1.5, seed=2)
    blocks = np.arange(ROWS) % 7  # any blocks give the same total
    found = statistic(metric, y, predicted, blocks=blocks)
    assert float(found.evaluate(found.sums.sum(axis=0))) == pytest.approx(score(y, predicted)[metric], rel=1e-9)


@pytest.mark.parametrize("task", list(TaskKind))
def test_the_spread_is_that_of_scores_on_resampled_rows(task: TaskKind) -> None:
    y = truth(task)
    pair = guess(task, y, noise=1.5, seed=2), guess(task, y, noise=2.5, seed=3)
    random = np.random.default_rng(9)
    plain = []
    for _ in range(80):
        rows = random.integers(0, ROWS, ROWS)
        first, second = (score(y[rows], replace(model, values=model.values[rows])) for model in pair)
        plain.append({name: first[name] - second[name] for name in first})  # type: ignore[operator]
    for metric in plain[0]:
        found = compare(metric, y, *pair)
        differences = [one[metric] for one in plain]
        assert found.low is not None
        assert found.high is not None
        assert found.high - found.low == pytest.approx(3.92 * np.std(differences), rel=0.3), metric
        assert (found.high + found.low) / 2 == pytest.approx(np.mean(differences), abs=np.std(differences) / 2), metric


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc", "log_loss"])
def test_blocks_of_rows_give_the_interval_of_single_rows(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    y = truth(TaskKind.BINARY, rows=6_000)
    first, second = guess(TaskKind.BINARY, y, noise=1.5, seed=2), guess(TaskKind.BINARY, y, noise=1.6, seed=3)
    rows = compare(metric, y, first, second)
    monkeypatch.setattr(significance, "BLOCKS", 500)
    blocks = compare(metric, y, first, second)
    assert rows.low is not None
    assert rows.high is not None
    assert blocks.low == pytest.approx(rows.low, abs=0.15 * (rows.high - rows.low))
    assert blocks.high == pytest.approx(rows.high, abs=0.15 * (rows.high - rows.low))


def test_equal_models_do_not_differ_and_clearly_different_ones_do() -> None:
    y = truth(TaskKind.BINARY)
    good, bad = guess(TaskKind.BINARY, y, noise=1.2, seed=2), guess(TaskKind.BINARY, y, noise=9.0, seed=3)
    assert compare("f1", y, good, good) == Difference(0.0, 0.0, 0.0)
    assert compare("f1", y, good, good).significant is False
    assert compare("f1", y, good, bad).significant is True
    assert compare("f1", y, good, bad) == compare("f1", y, good, bad)
    assert compare("f1", y, good, bad) != compare("f1", y, good, bad, seed=2)


def test_rows_of_one_class_leave_the_area_undefined() -> None:
    y = np.zeros(30, dtype=np.int64)
    model = guess(TaskKind.BINARY, y, noise=1.0, seed=1)
    assert compare("roc_auc", y, model, model) == Difference(None, None, None)
    assert compare("roc_auc", y, model, model).significant is None


def test_many_rows_and_a_hundred_classes_stay_affordable() -> None:
    y = np.arange(100_000) % 100
    random = np.random.default_rng(0)
    models = [Predictions(TaskKind.MULTICLASS, None, random.random((len(y), 100)), True) for _ in range(2)]
    started = time.process_time()
    compare("f1", y, *models)
    assert time.process_time() - started < 10
