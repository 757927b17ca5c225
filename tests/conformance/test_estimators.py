"""What every model type promises, on data with categories and missing values."""

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from ml_training.domain.algorithms import EARLY_STOPPING, ModelType
from ml_training.domain.errors import Interrupted, StopReason
from ml_training.domain.score_names import CLASSIFICATION_METRICS, REGRESSION_METRICS
from ml_training.domain.states import TaskKind
from ml_training.selection.index import SelectionIndex
from ml_training.selection.plan import plan_train
from ml_training.training import engine
from ml_training.training.estimators import forests
from ml_training.training.matrix import MatrixReader
from tests.support.fresh_processes import printed, with_one_thread_and_two
from tests.support.training_data import MODEL_CASES, Recorder, job, mixed, number, table, trained

NAMES = [f"{model_type}-{task}" for model_type, task in MODEL_CASES]


class Tables:
    """The data sets and the models trained on them, each made once."""

    def __init__(self, directory: Path) -> None:
        self.index = cache(lambda task: mixed(directory, task))
        self.trained = cache(self._train)

    def _train(self, model_type: str, task: TaskKind) -> tuple[engine.TrainedModel, Recorder]:
        recorder = Recorder()
        return trained(job(model_type), self.index(task), reporter=recorder), recorder


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    return Tables(tmp_path_factory.mktemp("tables"))


@pytest.mark.parametrize(("model_type", "task"), MODEL_CASES, ids=NAMES)
def test_it_learns_what_can_be_learnt(tables: Tables, model_type: str, task: TaskKind) -> None:
    model, _ = tables.trained(model_type, task)
    if task is TaskKind.REGRESSION:
        assert set(model.scores["held_out"]) == set(REGRESSION_METRICS)
        assert model.scores["held_out"]["r2"] > 0.5
    else:
        assert set(model.scores["held_out"]) == set(CLASSIFICATION_METRICS)
        assert model.scores["held_out"]["roc_auc"] > 0.7
        assert model.scores["held_out"]["accuracy"] > (0.65 if task is TaskKind.BINARY else 0.4)
    json.dumps([model.scores, model.details, model.lineage, model.schema], allow_nan=False)


@pytest.mark.parametrize(("model_type", "task"), MODEL_CASES, ids=NAMES)
def test_a_stored_model_predicts_what_the_fresh_one_did(tables: Tables, model_type: str, task: TaskKind) -> None:
    model, _ = tables.trained(model_type, task)
    index = tables.index(task)
    plan = plan_train(job(model_type), index)
    held_out = plan.draw_folds().final.held_out
    loaded = engine.load_model(model.artifact, model_id=7)
    assert loaded.schema.to_json() == model.schema
    assert loaded.schema.model_id == 7
    x = MatrixReader(index, loaded.schema.features).read(plan.labels.rows[held_out])
    y = plan.labels.y[held_out]
    predictions = loaded.predict(x, threads=2)
    if task is TaskKind.REGRESSION:
        assert float(np.abs(predictions - y).mean()) == pytest.approx(model.scores["held_out"]["mae"], rel=1e-12)
        assert loaded.predict_proba(x) is None
    else:
        assert float((predictions == y).mean()) == pytest.approx(model.scores["held_out"]["accuracy"], rel=1e-12)
        probabilities = loaded.predict_proba(x)
        assert (probabilities is None) == (model_type == "ridge")
        if probabilities is not None:
            np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)


@pytest.mark.parametrize(("model_type", "task"), MODEL_CASES, ids=NAMES)
def test_progress_rises_from_nothing_to_one(tables: Tables, model_type: str, task: TaskKind) -> None:
    _, recorder = tables.trained(model_type, task)
    assert recorder.fractions[0] == 0.0
    assert recorder.fractions[-1] == 1.0
    assert recorder.fractions == sorted(recorder.fractions)
    assert recorder.features_count == 5
    told, *warned, scored = recorder.lines
    assert "5 features of 400 rows: 320 to learn from, 80 held out" in told
    assert scored.startswith("held out: ")
    assert warned == [] or model_type == "mlp"  # forty epochs are not many


@pytest.mark.parametrize(("model_type", "task"), MODEL_CASES, ids=NAMES)
def test_a_stop_is_obeyed_at_the_next_question(tables: Tables, model_type: str, task: TaskKind) -> None:
    _, undisturbed = tables.trained(model_type, task)
    recorder = Recorder(stop_at=undisturbed.questions // 2)
    with pytest.raises(Interrupted) as caught:
        trained(job(model_type), tables.index(task), reporter=recorder)
    assert caught.value.reason is StopReason.CANCEL
    assert recorder.questions == undisturbed.questions // 2
    assert recorder.fractions[-1] < 1.0


class TimedQuestions(Recorder):
    """Notes when it is asked whether to stop, by `clock`, in seconds."""

    def __init__(self, clock: Callable[[], float], *, stop_at: int) -> None:
        super().__init__(stop_at=stop_at)
        self.moments: list[float] = []
        self._clock = clock

    def should_stop(self) -> StopReason | None:
        self.moments.append(self._clock())
        return super().should_stop()


@pytest.mark.parametrize("model_type", sorted(EARLY_STOPPING))
def test_fits_in_rounds_ask_in_each_whether_to_stop(tables: Tables, model_type: str) -> None:
    recorder = Recorder(stop_at=30)
    endless = {"max_iter" if model_type == "mlp" else "n_estimators": 10_000}
    with pytest.raises(Interrupted):
        trained(job(model_type, params=endless), tables.index(TaskKind.MULTICLASS), reporter=recorder)
    assert 10 < len(recorder.iterations) <= 30


@pytest.mark.parametrize("seconds_a_tree", [0.005, 0.05, 0.4])
@pytest.mark.parametrize(
    ("model_type", "library"), [("random_forest", RandomForestClassifier), ("extra_trees", ExtraTreesClassifier)]
)
def test_forests_ask_at_least_twice_a_second_whether_to_stop(
    tables: Tables, model_type: str, library: type[Any], seconds_a_tree: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 0.0
    grow = library.fit

    def grow_in_a_known_time(forest: Any, *arguments: Any, **more: Any) -> Any:
        nonlocal clock
        grown = len(getattr(forest, "estimators_", ()))
        fitted = grow(forest, *arguments, **more)
        clock += (forest.n_estimators - grown) * seconds_a_tree
        return fitted

    monkeypatch.setattr(library, "fit", grow_in_a_known_time)
    monkeypatch.setattr(forests, "time", SimpleNamespace(monotonic=lambda: clock))
    recorder = TimedQuestions(lambda: clock, stop_at=15)
    with pytest.raises(Interrupted):
        trained(job(model_type, params={"n_estimators": 10_000}), tables.index(TaskKind.MULTICLASS), reporter=recorder)
    assert max(np.diff(recorder.moments)) <= 0.5
    assert max(np.diff(recorder.moments)) >= 0.1, "a batch has as many trees as fit into its time"


@pytest.mark.parametrize("model_type", sorted(EARLY_STOPPING))
@pytest.mark.parametrize("task", list(TaskKind))
def test_early_stopping_ends_before_the_last_round(tables: Tables, model_type: str, task: TaskKind) -> None:
    many = {"learning_rate_init": 0.05} if model_type == "mlp" else {"n_estimators": 400, "learning_rate": 0.3}
    recorder = Recorder()
    spec = job(model_type, params=many, early_stopping_rounds=3)
    model = trained(spec, tables.index(task), reporter=recorder)
    best = model.details["best_iteration"]
    assert best == model.details["iterations"]
    assert 1 <= best < (200 if model_type == "mlp" else 400)
    learning = model.details["curves"]["learning"]
    assert len(learning["stop"]) == len(recorder.iterations)
    if model_type != "hist_gradient_boosting":  # which keeps the rounds that did not help
        assert learning["stop"][best - 1] == pytest.approx(min(learning["stop"]), abs=2e-2)
        assert len(recorder.iterations) == best + 3


@pytest.mark.parametrize("model_type", [one for one, task in MODEL_CASES if task is TaskKind.REGRESSION])
def test_a_target_far_from_zero_is_learnt_like_one_near_it(tmp_path: Path, model_type: str) -> None:
    random = np.random.default_rng(5)
    x = random.normal(size=(400, 2))
    y = 2 * x[:, 0] + x[:, 1] + random.normal(scale=0.3, size=400)
    scores = [
        trained(
            job(model_type), table(tmp_path, number("a", x[:, 0]), number("b", x[:, 1]), number("y", y + far))
        ).scores["held_out"]["r2"]
        for far in (0.0, 1e9)
    ]  # float32 cannot tell numbers near 1e9 apart that differ by less than 64
    assert scores[0] > 0.6
    assert scores[1] == pytest.approx(scores[0], abs=0.02)


HASHES = """
import hashlib, json, sys
from pathlib import Path
from ml_training.domain.states import TaskKind
from ml_training.selection.index import SelectionIndex
from ml_training.training import fitting
from tests.support.training_data import MODEL_CASES, job, trained
fitting.CELLS_PER_THREAD = 100  # so that these small tables are trained with all the threads asked for
hashes = {}
for model_type, task in MODEL_CASES:
    index = SelectionIndex.open(Path(sys.argv[2]) / task)
    artifact = trained(job(model_type), index, threads=int(sys.argv[1])).artifact
    hashes[f"{model_type}-{task}"] = hashlib.sha256(artifact).hexdigest()
print(json.dumps(hashes))
"""


@pytest.mark.slow
def test_equal_jobs_give_equal_bytes_in_any_process_with_any_number_of_threads(tables: Tables, tmp_path: Path) -> None:
    for task in TaskKind:
        (tmp_path / task).symlink_to(tables.index(task).directory)
    with with_one_thread_and_two(HASHES, str(tmp_path)) as processes:
        here = {
            name: hashlib.sha256(tables.trained(model_type, task)[0].artifact).hexdigest()
            for name, (model_type, task) in zip(NAMES, MODEL_CASES, strict=True)
        }
        assert [printed(process) for process in processes] == [here, here]


@pytest.mark.parametrize("model_type", [model_type.value for model_type in ModelType])
def test_another_seed_gives_another_split_and_another_model(tables: Tables, model_type: str) -> None:
    model, _ = tables.trained(model_type, TaskKind.BINARY)
    other = trained(job(model_type, random_state=43), tables.index(TaskKind.BINARY))
    assert other.artifact != model.artifact


def test_a_category_that_training_has_not_seen_is_like_a_missing_one(tables: Tables) -> None:
    index: SelectionIndex = tables.index(TaskKind.BINARY)
    plan = plan_train(job("ridge"), index)
    for model_type in ModelType:
        loaded = engine.load_model(tables.trained(model_type.value, TaskKind.BINARY)[0].artifact)
        x = MatrixReader(index, loaded.schema.features).read(plan.labels.rows[:20])
        colour = [feature.name for feature in loaded.schema.features].index("colour")
        x[:, colour] = np.nan
        missing = loaded.predictions(x, threads=1).values
        assert np.isfinite(missing).all()
