"""No model knows what it is judged by: labels that mean nothing score like chance, and the future changes nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import accuracy_score, f1_score

from ml_training.domain.algorithms import CLASSIFICATION_ONLY, EARLY_STOPPING, ModelType
from ml_training.selection.index import SelectionIndex
from ml_training.selection.plan import plan_train
from ml_training.training import engine
from ml_training.training.matrix import MatrixReader
from tests.support.timed_data import ROWS, START, TYPES, Values, everything, timed, values
from tests.support.training_data import SMALL, Recorder, integer, job, number, table, trained

pytestmark = pytest.mark.slow
PERMUTATIONS = 4
SIGMAS = 4.0  # of a standard normal: 14 numbers stay within it in 999 of 1,000 worlds, and the seeds are fixed
HALF = {"method": "holdout", "test_size": 0.5}
BOTH = [("classes", "none"), ("classes", "smote"), ("classes", "weights"), ("amounts", "none")]
REGRESSORS = [model_type for model_type in TYPES if model_type not in set(CLASSIFICATION_ONLY)]
Trained = tuple[engine.TrainedModel, SelectionIndex]


def cancer(directory: Path, *, seed: int | None) -> SelectionIndex:
    """breast_cancer, its labels permuted with a seed."""
    bunch = load_breast_cancer()
    y = bunch.target if seed is None else np.random.default_rng(seed).permutation(bunch.target)
    features = [number(str(name), bunch.data[:, at]) for at, name in enumerate(bunch.feature_names)]
    return table(directory, *features, integer("y", y))


def sigmas(model: engine.TrainedModel) -> tuple[float, float]:
    """By how many standard deviations accuracy and roc_auc of the held-out rows lie above chance.

    When the labels say nothing of the features, the hits are hypergeometric given how often each class was predicted,
    and the area has the variance of Mann and Whitney's U.
    """
    counts = np.array(model.details["confusion_matrix"]["counts"], dtype=np.float64)
    (zeros, ones), (_, said), rows = counts.sum(axis=1), counts.sum(axis=0), counts.sum()
    expected = said * ones / rows
    variance = said * (ones / rows) * (zeros / rows) * (rows - said) / (rows - 1)
    hits = (counts[1, 1] - expected) / np.sqrt(variance) if variance > 0 else 0.0
    spread = np.sqrt((rows + 1) / (12 * zeros * ones))
    return float(hits), float((model.scores["held_out"]["roc_auc"] - 0.5) / spread)


@pytest.mark.parametrize("model_type", TYPES)
def test_labels_that_mean_nothing_score_like_chance(tmp_path: Path, model_type: str) -> None:
    found = [
        sigmas(trained(job(model_type, validation=HALF, random_state=seed), cancer(tmp_path, seed=seed)))
        for seed in range(PERMUTATIONS)
    ]
    together = np.sum(found, axis=0) / np.sqrt(PERMUTATIONS)
    assert np.abs(together).max() < SIGMAS, found


@pytest.mark.parametrize("model_type", TYPES)
def test_the_same_measure_sees_what_can_be_learnt(tmp_path: Path, model_type: str) -> None:
    assert min(sigmas(trained(job(model_type, validation=HALF), cancer(tmp_path, seed=None)))) > 2 * SIGMAS


def told(directory: Path, model_type: str, made: Values, target: str, **fields: Any) -> Trained:
    """What is trained on these values."""
    index = timed(directory, made, target=target)
    return trained(job(model_type, **fields), index), index


def changed(made: Values, where: NDArray[np.bool_], *, seed: int = 9) -> Values:
    """Other features and other targets in these rows; a category that no other row has, and extreme numbers."""
    random, count = np.random.default_rng(seed), int(np.count_nonzero(where))
    other = {name: column.copy() for name, column in made.items()}
    other["level"][where] = random.choice([1e30, -1e30, np.nan, 0.0], count)
    other["step"][where] = random.integers(-100, 100, count)
    other["colour"][where] = 3
    other["group"][where] = random.integers(0, 3, count)
    other["y"][where] = random.permutation((made["y"][where] + 1) % 3)
    other["amount"][where] = random.normal(scale=1e6, size=count)
    return other


@pytest.mark.parametrize(("target", "how"), BOTH)
@pytest.mark.parametrize("model_type", TYPES)
def test_the_future_changes_neither_the_model_nor_its_scores_on_the_past(
    tmp_path: Path, model_type: str, target: str, how: str
) -> None:
    if target == "amounts" and model_type not in REGRESSORS:
        return
    made, fields = values(), everything(model_type, how=how)
    before, index = told(tmp_path, model_type, made, target, **fields)
    held_out = plan_train(job(model_type, **fields), index).draw_folds().final.held_out
    assert set(made["hour"][held_out]) == set(range(START, ROWS)), "the last quarter is held out"
    after, _ = told(tmp_path, model_type, changed(made, made["hour"] >= START), target, **fields)
    assert after.artifact == before.artifact
    assert after.scores["train"] == before.scores["train"]
    assert after.scores["held_out"] != before.scores["held_out"]
    past, _ = told(tmp_path, model_type, changed(made, made["hour"] < START // 2), target, **fields)
    assert past.artifact != before.artifact, "what is learnt from does change it"


@pytest.mark.parametrize("model_type", TYPES)
def test_held_out_labels_in_another_order_change_only_what_the_model_is_told(tmp_path: Path, model_type: str) -> None:
    made, fields = values(), everything(model_type)
    future = np.flatnonzero(made["hour"] >= START)
    other = {**made, "y": made["y"].copy()}
    other["y"][future] = np.random.default_rng(1).permutation(made["y"][future])
    before, _ = told(tmp_path, model_type, made, "classes", **fields)
    after, _ = told(tmp_path, model_type, other, "classes", **fields)
    assert after.artifact == before.artifact
    assert after.details["importance"] == before.details["importance"]
    assert after.scores["held_out"] != before.scores["held_out"]


@pytest.mark.parametrize("model_type", [name for name in REGRESSORS if name in set(EARLY_STOPPING)])
def test_early_stopping_of_a_random_holdout_never_sees_the_rows_held_out(tmp_path: Path, model_type: str) -> None:
    fields = everything(model_type, validation={"method": "holdout", "test_size": 0.3}, params=many(model_type))
    made = values()
    before, index = told(tmp_path, model_type, made, "amounts", **fields)
    fold = plan_train(job(model_type, **fields), index).draw_folds().final
    assert len(fold.stop)
    other = {**made, "amount": made["amount"].copy()}
    other["amount"][fold.held_out] = np.random.default_rng(2).normal(scale=1e3, size=len(fold.held_out))
    after, _ = told(tmp_path, model_type, other, "amounts", **fields)
    assert after.artifact == before.artifact
    assert after.details["best_iteration"] == before.details["best_iteration"]
    other["amount"][fold.stop] = 0.0
    watched, _ = told(tmp_path, model_type, other, "amounts", **fields)
    assert watched.details["curves"]["learning"]["stop"] != before.details["curves"]["learning"]["stop"]


def many(model_type: str) -> dict[str, Any]:
    """More rounds than are needed."""
    rounds = {"max_iter": 100} if model_type == ModelType.MLP else {"n_estimators": 100, "learning_rate": 0.5}
    return SMALL[model_type] | rounds


@pytest.mark.parametrize("how", ["weights", "smote"])
@pytest.mark.parametrize("model_type", TYPES)
def test_published_scores_are_those_of_the_real_rows_held_out(tmp_path: Path, model_type: str, how: str) -> None:
    fields = everything(model_type, how=how)
    model, index = told(tmp_path, model_type, values(), "classes", **fields)
    spec = job(model_type, **fields)
    plan = plan_train(spec, index)
    held_out = plan.draw_folds().final.held_out
    loaded = engine.load_model(model.artifact)
    said = loaded.predict(MatrixReader(index, loaded.schema.features).read(plan.labels.rows[held_out]))
    assert model.details["rows"] == {
        "train": START,
        "held_out": ROWS - START,
        "dropped": 0,
        "not_covered": 0,
        "purged": 0,
    }
    published = model.scores["held_out"]
    assert published["accuracy"] == pytest.approx(accuracy_score(plan.labels.y[held_out], said))
    assert published["f1"] == pytest.approx(
        f1_score(plan.labels.y[held_out], said, average="macro", zero_division=np.nan)
    )
    assert np.sum(model.details["confusion_matrix"]["counts"]) == ROWS - START
    plain, _ = told(tmp_path, model_type, values(), "classes", **everything(model_type))
    assert plain.artifact != model.artifact, "it is balanced"
    recorder = Recorder()
    trained(spec, index, reporter=recorder)
    assert recorder.features_count == 3 + 2 * 2 * 4
