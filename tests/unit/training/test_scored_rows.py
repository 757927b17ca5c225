"""The training part is scored on all its rows, or on a sample of a large one; the held-out rows always completely."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_training.domain.states import TaskKind
from ml_training.selection.plan import plan_train
from ml_training.training import engine, scored_rows
from ml_training.training.cores import FixedCores
from ml_training.training.scored_rows import scored_positions
from ml_training.training.scores import score
from ml_training.training.stage_progress import StageProgress
from tests.support.training_data import Recorder, job, mixed, trained


@pytest.fixture
def at_most_50(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scored_rows, "TRAIN_ROWS_SCORED", 50)


def test_a_part_that_is_not_large_is_scored_completely() -> None:
    assert scored_positions(100_000, seed=1).tolist() == list(range(100_000))


def test_a_large_part_is_scored_on_a_sample_that_its_seed_decides() -> None:
    first, again, other = (scored_positions(150_000, seed=seed) for seed in (1, 1, 2))
    assert len(first) == len(np.unique(first)) == 100_000
    assert (np.diff(first) > 0).all()
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.usefixtures("at_most_50")
def test_each_row_is_as_likely_as_any_other() -> None:
    drawn = np.concatenate([scored_positions(200, seed=seed) for seed in range(2_000)])
    share = np.bincount(drawn, minlength=200) / 2_000
    assert abs(share - 0.25).max() < 0.05, "5 standard errors"


@pytest.mark.usefixtures("at_most_50")
@pytest.mark.parametrize("task", TaskKind)
def test_training_scores_are_those_of_the_sample_and_held_out_scores_of_all_rows(
    tmp_path: Path, task: TaskKind
) -> None:
    index, spec = mixed(tmp_path, task), job("lightgbm")
    plan = plan_train(spec, index)
    model = trained(spec, index)
    fold = plan.draw_folds().final
    loaded = engine.load_model(model.artifact)
    parts = {"train": fold.train[scored_positions(len(fold.train), seed=spec.random_state)]}
    for part, rows in (parts | {"held_out": fold.held_out}).items():
        predicted = loaded.predict_rows(
            index, plan.labels.rows[rows], cores=FixedCores(1), progress=StageProgress(Recorder())
        )
        assert model.scores[part] == score(plan.labels.y[rows], predicted)
    assert (model.details["train_rows_scored"], model.details["rows"]["train"]) == (50, len(fold.train))


@pytest.mark.usefixtures("at_most_50")
@pytest.mark.parametrize("validation", [{"method": "cross_validation", "splits": 3}, {"method": "holdout"}], ids=str)
def test_the_sample_is_the_same_for_any_number_of_threads(tmp_path: Path, validation: dict[str, Any]) -> None:
    index, spec = mixed(tmp_path, TaskKind.BINARY), job("random_forest", validation=validation)
    one, two = (trained(spec, index, threads=threads) for threads in (1, 2))
    assert one.scores == two.scores
    splits = validation.get("splits", 1)
    assert one.details["train_rows_scored"] == two.details["train_rows_scored"] == 50 * splits


@pytest.mark.usefixtures("at_most_50")
def test_the_sample_is_the_same_after_a_resume(tmp_path: Path) -> None:
    index, spec = mixed(tmp_path, TaskKind.BINARY), job("lightgbm")
    recorder = Recorder(keeps=True)
    whole = trained(spec, index, reporter=recorder)
    kept = next(iter(recorder.checkpoints.values()))
    resumed = engine.train(plan_train(spec, index), reporter=Recorder(), cores=FixedCores(1), checkpoint=kept)
    assert resumed.scores == whole.scores
    assert resumed.artifact == whole.artifact


def test_the_rows_of_a_small_job_are_all_scored(tmp_path: Path) -> None:
    model = trained(job("ridge"), mixed(tmp_path, TaskKind.REGRESSION))
    assert model.details["train_rows_scored"] == model.details["rows"]["train"]
