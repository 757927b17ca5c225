"""A LightGBM data set that is read in parts is, bit for bit, the one that is made from a matrix."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from ml_training.domain.states import TaskKind
from ml_training.training import fitting
from ml_training.training.estimators import light_gbm_data
from ml_training.training.estimators.base import LabelledRows
from ml_training.training.estimators.light_gbm_data import PartsDataset, make_dataset
from ml_training.training.matrix import FeatureRows, MatrixReader
from tests.support.artifact_digests import digest_of
from tests.support.odd_columns import ODD_ROWS, odd_columns
from tests.support.timed_data import timed, values
from tests.support.training_data import MODEL_CASES, Recorder, job, mixed
from tests.support.training_data import trained as trained_in

PARAMS: dict[str, Any] = {"verbosity": -1, "num_threads": 2, "deterministic": True, "force_row_wise": True}


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[int]]:
    """Makes every LightGBM job read its data in parts of 100 rows; the lengths of the data sets that were made so."""
    made: list[int] = []
    plain = PartsDataset.__init__

    def noted(self: PartsDataset, source: FeatureRows, *args: Any, **named: Any) -> None:
        made.append(len(source))
        plain(self, source, *args, **named)

    monkeypatch.setattr(PartsDataset, "__init__", noted)
    monkeypatch.setattr(fitting, "CELLS_IN_MEMORY", 0)
    monkeypatch.setattr(light_gbm_data, "ROWS_PER_PART", 100)
    return lambda: made


OPTIONS = [
    {"seed": 1},
    {"seed": 2, "bin_construct_sample_cnt": 500},
    {"seed": 2, "bin_construct_sample_cnt": 500, "max_bin": 15, "min_data_in_leaf": 300},
    {"seed": 3, "enable_bundle": False, "min_data_in_bin": 20, "min_data_in_leaf": 1},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_bins_are_those_of_a_matrix(
    tmp_path: Path, options: dict[str, Any], in_parts: Callable[[], list[int]]
) -> None:
    index, features = odd_columns(tmp_path)
    random = np.random.default_rng(0)
    reader, chosen = MatrixReader(index, features), np.flatnonzero(random.random(ODD_ROWS) < 0.8)
    train, held_out = FeatureRows(reader, chosen), FeatureRows(reader, np.setdiff1d(np.arange(ODD_ROWS), chosen))
    y = random.integers(0, 2, ODD_ROWS)
    files = []
    for name, read in (("whole", FeatureRows.read), ("parts", lambda rows: rows)):
        sets: list[Any] = []
        for rows in (train, held_out):
            reference = sets[0] if sets else None
            weights = None if sets else 1.0 + y[rows.rows]  # of the training part only, as in a job
            labelled = LabelledRows(read(rows), y[rows.rows], weights)
            sets.append(make_dataset(labelled, PARAMS | options, categories=[len(features) - 1], reference=reference))
        for part, made in zip(("train", "held_out"), sets, strict=True):
            made.construct().save_binary(tmp_path / f"{name}.{part}")
            files.append((tmp_path / f"{name}.{part}").read_bytes())
        booster = lgb.train(PARAMS | options | {"objective": "binary"}, sets[0], 5, valid_sets=sets)
        files.append(booster.model_to_string().encode())
    assert files[:3] == files[3:]
    assert in_parts() == [len(train), len(held_out)]


WEIGHTS = {"class_balance": "weights"}
FIELDS = [{}, {"early_stopping_rounds": 3}, WEIGHTS, {"early_stopping_rounds": 3, **WEIGHTS}]
LIGHTGBM = [task for model_type, task in MODEL_CASES if model_type == "lightgbm"]
FIELDS_OF_TASKS = [
    (task, fields)
    for task in LIGHTGBM
    for fields in FIELDS
    if task.is_classification or "class_balance" not in fields  # a regression has no classes
]


@pytest.mark.parametrize(("task", "fields"), FIELDS_OF_TASKS, ids=str)
def test_the_model_is_that_of_a_matrix(
    tmp_path: Path, task: TaskKind, fields: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    index, spec = mixed(tmp_path, task), job("lightgbm", **fields)
    whole = trained_in(spec, index)
    made: list[int] = request.getfixturevalue("in_parts")()
    parts = trained_in(spec, index, threads=2)
    assert (parts.artifact, parts.scores, parts.details) == (whole.artifact, whole.scores, whole.details)
    assert len(made) == 2 + ("early_stopping_rounds" in fields)


@pytest.mark.parametrize("name", ["lightgbm smote cross_validation", "lightgbm weights time_series"])
def test_windows_and_synthetic_rows_too(tmp_path: Path, name: str, request: pytest.FixtureRequest) -> None:
    index = timed(tmp_path, values(), target="classes")
    whole = digest_of(name, index, threads=1)
    made: list[int] = request.getfixturevalue("in_parts")()
    assert digest_of(name, index, threads=2) == whole
    assert made


@pytest.mark.parametrize("task", LIGHTGBM)
def test_a_resumed_training_ends_with_the_same_model(
    tmp_path: Path, task: TaskKind, in_parts: Callable[[], list[int]]
) -> None:
    index, spec, recorder = mixed(tmp_path, task), job("lightgbm", early_stopping_rounds=4), Recorder(keeps=True)
    once = trained_in(spec, index, reporter=recorder)
    checkpoint = recorder.checkpoints[min(recorder.checkpoints)]
    again = trained_in(spec, index, checkpoint=checkpoint)
    assert (again.artifact, again.scores) == (once.artifact, once.scores)
    assert in_parts()
