"""The engine's part of PREDICT: batches, stopping, and no result that is none."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_training.domain.errors import Interrupted
from ml_training.domain.predict_spec import PredictSpec
from ml_training.domain.states import TaskKind
from ml_training.selection.cell_counts import CellCounts
from ml_training.selection.plan import plan_predict
from ml_training.selection.predict_plan import output_names, values_in_a_row
from ml_training.training import engine, prediction
from ml_training.training.cores import FixedCores
from tests.support.training_data import Recorder, category, integer, job, mixed, number, table, trained

SPEC = PredictSpec(job_type="PREDICT", model_id=1, dataset_id=1)


def model_and_plan(directory: Path, task: TaskKind = TaskKind.BINARY, **fields: Any) -> tuple[Any, Any]:
    index = mixed(directory, task)
    model = engine.load_model(trained(job("lightgbm"), index).artifact, model_id=1)
    return model, plan_predict(SPEC.model_copy(update=fields), index, model.schema)


def test_batches_follow_each_other_and_progress_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction, "ROWS_PER_BATCH", 150)
    model, plan = model_and_plan(tmp_path, TaskKind.MULTICLASS)
    reporter = Recorder()
    parts = list(engine.predict(model, plan, reporter=reporter, cores=FixedCores(1)))
    assert [len(part.rows) for part in parts] == [150, 150, 100]
    assert np.concatenate([part.rows for part in parts]).tolist() == list(range(400))
    assert reporter.fractions == sorted(reporter.fractions)
    assert reporter.fractions[-1] == 1.0
    for part in parts:
        assert part.probabilities is not None
        assert (part.values == part.probabilities.argmax(axis=1)).all()


def test_very_wide_rows_are_predicted_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, plan = model_and_plan(tmp_path)
    monkeypatch.setattr(prediction, "CELLS_PER_BATCH", 50 * (len(model.schema.features) + 4))
    parts = list(engine.predict(model, plan, reporter=Recorder(), cores=FixedCores(1)))
    assert len(parts[0].rows) == 50
    assert sum(len(part.rows) for part in parts) == 400


def test_a_stop_is_heard_between_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction, "ROWS_PER_BATCH", 10)
    model, plan = model_and_plan(tmp_path)
    parts = engine.predict(model, plan, reporter=Recorder(stop_at=5), cores=FixedCores(1))
    with pytest.raises(Interrupted):
        list(parts)


def test_what_is_no_number_is_not_a_prediction(tmp_path: Path) -> None:
    model, plan = model_and_plan(tmp_path)

    class Broken:
        probabilistic = True

        def predict(self, x: Any, *, threads: int) -> Any:
            return np.full((len(x), 2), np.nan)

    with pytest.raises(ValueError, match="not finite"):
        list(engine.predict(replace(model, predictor=Broken()), plan, reporter=Recorder(), cores=FixedCores(1)))


def test_cells_without_value_and_with_unknown_categories_are_counted_by_column(tmp_path: Path) -> None:
    old = table(
        tmp_path, number("size", range(40)), category("plan", ["a", "b"] * 20), category("y", ["n", "n", "y", "y"] * 10)
    )
    model = engine.load_model(trained(job("lightgbm"), old).artifact, model_id=1)
    new = table(
        tmp_path,
        integer("row of mine", range(5)),
        number("size", [1.0, np.nan, 3.0, np.nan, np.nan]),
        category("plan", ["a", "c", None, "d", "b"]),
    )
    counts = CellCounts(new, model.schema)
    counts.add(np.array([0, 1, 2]))
    counts.add(np.array([3]))
    assert counts.missing == {"size": 2, "plan": 1}
    assert counts.unseen == {"plan": 2}


def test_the_classes_of_a_set_count_as_values_of_the_row(tmp_path: Path) -> None:
    _, plan = model_and_plan(tmp_path, TaskKind.MULTICLASS, interval=0.9)
    assert output_names(plan.spec, plan.model)[-1] == "prediction_set"
    assert values_in_a_row(plan.spec, plan.model) == len(output_names(plan.spec, plan.model)) + 4
    without = SPEC.model_copy(update={"interval": None})
    assert values_in_a_row(without, plan.model) == len(output_names(without, plan.model))
