"""A job that goes on from any of its checkpoints ends with the model of an undisturbed run, bit for bit."""

from pathlib import Path
from typing import Any

import pytest

from ml_training.domain.algorithms import PARAMS, ModelType
from ml_training.domain.states import TaskKind
from ml_training.selection.plan import plan_train
from ml_training.training import checkpoint as checkpoints
from ml_training.training import engine, fit_states
from ml_training.training.checkpoint import Checkpoint, CheckpointWriter, open_checkpoint
from ml_training.training.cores import FixedCores
from ml_training.training.estimators import FAMILIES
from ml_training.training.fit_states import FitStates, open_states
from tests.support.training_data import Recorder, job, mixed


class Drained(Recorder):
    """A worker that shuts down."""

    def wants_checkpoint(self, *, affordable: bool) -> bool:
        return True


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "lightgbm": ("lightgbm", {"params": {"n_estimators": 12, "min_child_samples": 5}}),
    "lightgbm, early stopping": (
        "lightgbm",
        {"params": {"n_estimators": 150, "min_child_samples": 5, "learning_rate": 0.2}, "early_stopping_rounds": 4},
    ),
    "lightgbm, weights": ("lightgbm", {"params": {"n_estimators": 12}, "class_balance": "weights"}),
    "xgboost": ("xgboost", {"params": {"n_estimators": 12}}),
    "xgboost, early stopping": (
        "xgboost",
        {"params": {"n_estimators": 150, "learning_rate": 0.2}, "early_stopping_rounds": 4},
    ),
    "xgboost, weights": ("xgboost", {"params": {"n_estimators": 12}, "class_balance": "weights"}),
    "random_forest": ("random_forest", {"params": {"n_estimators": 40, "max_depth": 6}}),
    "extra_trees": ("extra_trees", {"params": {"n_estimators": 40, "bootstrap": True}}),
}


IN_EVERY_RUN = {"lightgbm, early stopping", "xgboost, early stopping", "random_forest"}
TWO_SPLITS = {"method": "cross_validation", "splits": 2}


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every round, whatever it costs."""
    monkeypatch.setattr(checkpoints, "MAX_TIME_SHARE", float("inf"))


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("task", [TaskKind.BINARY, TaskKind.MULTICLASS, TaskKind.REGRESSION])
@pytest.mark.parametrize(
    "case", [pytest.param(one, marks=() if one in IN_EVERY_RUN else pytest.mark.slow) for one in CASES]
)
def test_going_on_from_a_checkpoint_ends_with_the_same_model(tmp_path: Path, case: str, task: TaskKind) -> None:
    model_type, fields = CASES[case]
    if task is TaskKind.REGRESSION:
        fields = {name: value for name, value in fields.items() if name != "class_balance"}
    index, spec = mixed(tmp_path, task), job(model_type, **fields)
    plan, recorder = plan_train(spec, index), Recorder(keeps=True)
    whole = engine.train(plan, reporter=recorder, cores=FixedCores(1))
    assert len(recorder.checkpoints) >= 3
    kept = sorted(recorder.checkpoints)
    for done in {kept[0], kept[len(kept) // 2], kept[-1]}:
        again = Recorder()
        resumed = engine.train(plan, reporter=again, cores=FixedCores(2), checkpoint=recorder.checkpoints[done])
        assert f"resuming from a checkpoint after {done} rounds" in again.lines
        assert resumed.artifact == whole.artifact
        assert (resumed.scores, resumed.details) == (whole.scores, whole.details)
        reported = [iteration for iteration, _ in again.iterations]
        assert not reported or min(reported) == done + 1


@pytest.mark.parametrize(
    ("model_type", "params"),
    [
        ("lightgbm", {"subsample": 0.8, "subsample_freq": 1}),
        ("lightgbm", {"colsample_bytree": 0.5}),
        ("lightgbm", {"extra_trees": True}),
        ("lightgbm", {"boosting_type": "dart"}),
        ("xgboost", {"subsample": 0.8}),
        ("xgboost", {"colsample_bytree": 0.8}),
        ("xgboost", {"colsample_bylevel": 0.8}),
        ("xgboost", {"colsample_bynode": 0.8}),
    ],
    ids=str,
)
def test_what_could_not_go_on_the_same_keeps_nothing(tmp_path: Path, model_type: str, params: dict[str, Any]) -> None:
    index, recorder = mixed(tmp_path, TaskKind.BINARY), Recorder(keeps=True)
    spec = job(model_type, params={"n_estimators": 5, **params})
    engine.train(plan_train(spec, index), reporter=recorder, cores=FixedCores(1))
    assert recorder.checkpoints == {}
    idle = PARAMS[ModelType.LIGHTGBM].model_validate({"subsample": 0.8})  # without a frequency nothing is drawn
    assert FAMILIES[ModelType.LIGHTGBM].can_resume(idle)


def test_a_job_of_several_fits_and_other_model_types_start_again(tmp_path: Path) -> None:
    index = mixed(tmp_path, TaskKind.BINARY)
    for spec in (
        job("lightgbm", validation={"method": "cross_validation", "splits": 2}),
        job("hist_gradient_boosting"),
        job("logistic_regression"),
    ):
        recorder = Recorder(keeps=True)
        engine.train(plan_train(spec, index), reporter=recorder, cores=FixedCores(1))
        assert recorder.checkpoints == {}


@pytest.mark.usefixtures("cheap")
def test_a_checkpoint_of_another_spec_or_version_or_of_nothing_is_not_used(tmp_path: Path) -> None:
    index, spec = mixed(tmp_path, TaskKind.BINARY), job("lightgbm")
    plan, recorder = plan_train(spec, index), Recorder(keeps=True)
    whole = engine.train(plan, reporter=recorder, cores=FixedCores(1))
    other = job("lightgbm", random_state=7)
    for data in (recorder.checkpoints[3], b"rubbish", recorder.checkpoints[3][:-30]):
        again = Recorder()
        wanted = other if data == recorder.checkpoints[3] else spec
        trained = engine.train(plan_train(wanted, index), reporter=again, cores=FixedCores(1), checkpoint=data)
        assert any("starting again" in line for line in again.lines)
        assert (trained.artifact == whole.artifact) is (wanted is spec)


def test_checkpoints_are_kept_as_rarely_as_their_cost_demands() -> None:
    now, recorder = [0.0], Recorder(keeps=True)
    writer = CheckpointWriter(recorder, {"of": "a test"}, clock=lambda: now[0])

    def make(done: int) -> Checkpoint:
        now[0] += 2.0  # seconds
        return Checkpoint(done, b"state", {"train": [0.5]}, (1, 0.5))

    for done in range(1, 101):
        now[0] += 1.0
        writer.write_if_due(lambda done=done: make(done))
    assert list(recorder.checkpoints) == [1, 41, 81], "two seconds of every forty"
    drained = Drained(keeps=True)
    writer = CheckpointWriter(drained, {"of": "a test"}, clock=lambda: now[0])
    for done in (1, 2):
        writer.write_if_due(lambda done=done: make(done))
    assert list(drained.checkpoints) == [1, 2], "before a job is handed back it is kept, whatever it costs"
    opened = open_checkpoint(recorder.checkpoints[41], {"of": "a test"})
    assert opened is not None
    assert (opened.done, opened.state, opened.losses, opened.best) == (41, b"state", {"train": [0.5]}, (1, 0.5))


@pytest.mark.parametrize(
    "task",
    [
        TaskKind.BINARY,
        pytest.param(TaskKind.MULTICLASS, marks=pytest.mark.exhaustive),
        pytest.param(TaskKind.REGRESSION, marks=pytest.mark.exhaustive),
    ],
)
@pytest.mark.parametrize("validation", [{"method": "holdout"}, TWO_SPLITS], ids=str)
@pytest.mark.parametrize(
    "model_type", ["lightgbm", "random_forest", pytest.param("extra_trees", marks=pytest.mark.exhaustive)]
)
def test_a_trial_that_goes_on_with_more_rounds_has_the_scores_of_a_whole_one(
    tmp_path: Path, model_type: str, validation: dict[str, Any], task: TaskKind
) -> None:
    index = mixed(tmp_path, task, rows=200)
    few, more, most = (
        plan_train(job(model_type, params={"n_estimators": rounds}, validation=validation), index)
        for rounds in (3, 7, 12)
    )
    state = None
    for plan in (few, more):
        states = FitStates(plan.spec)
        engine.evaluate(plan, reporter=Recorder(), cores=FixedCores(1), checkpoint=state, states=states)
        state = states.pack()
        assert state is not None
    again = Recorder()
    continued = engine.evaluate(most, reporter=again, cores=FixedCores(2), checkpoint=state)
    assert "continuing the trial that ended after 7 rounds" in again.lines
    assert min((iteration for iteration, _ in again.iterations), default=8) == 8
    assert continued == engine.evaluate(most, reporter=Recorder(), cores=FixedCores(1))


def test_the_states_of_another_trial_are_not_used(tmp_path: Path) -> None:
    index, spec = mixed(tmp_path, TaskKind.BINARY, rows=200), job("lightgbm", params={"n_estimators": 3})
    states = FitStates(spec)
    engine.evaluate(plan_train(spec, index), reporter=Recorder(), cores=FixedCores(1), states=states)
    packed = states.pack()
    assert packed is not None
    params = {"n_estimators": 6}
    assert open_states(packed, job("lightgbm", params=params), fits=1) is not None
    assert open_states(packed, job("lightgbm", params={**params, "num_leaves": 5}), fits=1) is None
    assert open_states(packed, job("lightgbm", params=params), fits=2) is None
    assert open_states(packed[:-30], job("lightgbm", params=params), fits=1) is None


def test_a_fit_that_finds_no_more_splits_leaves_no_state(tmp_path: Path) -> None:
    """Its number of trees does not say how many rounds are done."""
    index = mixed(tmp_path, TaskKind.REGRESSION, rows=60)
    spec = job("lightgbm", params={"n_estimators": 5, "min_child_samples": 1_000})
    states = FitStates(spec)
    engine.evaluate(plan_train(spec, index), reporter=Recorder(), cores=FixedCores(1), states=states)
    assert states.pack() is None


@pytest.mark.parametrize("most", [10, 1_500])  # less than the first one, and than both together
def test_states_that_are_too_large_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    index = mixed(tmp_path, TaskKind.BINARY, rows=200)
    spec = job("lightgbm", params={"n_estimators": 2, "num_leaves": 2}, validation=TWO_SPLITS)
    kept, dropped = FitStates(spec), FitStates(spec)
    for states in (kept, dropped):
        engine.evaluate(plan_train(spec, index), reporter=Recorder(), cores=FixedCores(1), states=states)
        monkeypatch.setattr(fit_states, "MOST_BYTES", most)
    assert kept.pack() is not None
    assert dropped.pack() is None
