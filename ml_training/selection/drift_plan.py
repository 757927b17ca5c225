"""Plans a DRIFT job: the rows that a model was trained on, and the rows that are compared with them, in time order."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.drift_spec import DriftSpec
from ml_training.domain.problems import Problems
from ml_training.domain.specs import TrainSpec
from ml_training.selection.features import check_features
from ml_training.selection.index import SelectionIndex
from ml_training.selection.plan import plan_train
from ml_training.selection.rows import select_rows
from ml_training.selection.sample import sample_positions
from ml_training.selection.schema import ModelSchema

REFUSED = "the job cannot compare these rows"
LEAST_ROWS = 10


@dataclass(frozen=True, slots=True, eq=False)
class DriftSide:
    """Some rows of a data set in their order in time; selected: how many rows they are drawn from."""

    index: SelectionIndex
    rows: NDArray[np.int64]
    selected: int


@dataclass(frozen=True, slots=True, eq=False)
class DriftPlan:
    """A DRIFT job with both sides; by_time: whether both have times, so that rows follow each other in time."""

    spec: DriftSpec
    model: ModelSchema
    training: DriftSide
    compared: DriftSide
    by_time: bool


def check_compared(spec: DriftSpec, index: SelectionIndex, model: ModelSchema) -> NDArray[np.int64]:
    """The rows to compare, in the order of the data set; raises Invalid with every reason why there are none."""
    problems = Problems()
    selected = select_rows(index, part="", phases=spec.phases, start=spec.start, end=spec.end, problems=problems)
    check_features(model, index, pointer="/model_id", problems=problems)
    rows = np.flatnonzero(selected).astype(np.int64, copy=False)
    if len(rows) < LEAST_ROWS and not len(problems):
        problems.add("/dataset_id", f"{len(rows)} rows are too few to compare: at least {LEAST_ROWS} are needed")
    problems.raise_if_any(REFUSED)
    return rows


def plan_drift(
    spec: DriftSpec, index: SelectionIndex, model: ModelSchema, *, trained: TrainSpec, training_index: SelectionIndex
) -> DriftPlan:
    """The plan of a DRIFT job; trained, training_index: the spec of the model and the data set it was trained on."""
    compared = check_compared(spec, index, model)
    training = plan_train(trained, training_index)
    fitted = training.labels.rows[training.draw_folds().final.train]
    sides = (training_index, np.sort(fitted)), (index, compared)
    by_time = all(one.time_column is not None for one, _ in sides)
    first, second = (_side(one, rows, at_most=spec.sample_rows) for one, rows in sides)
    return DriftPlan(spec, model, first, second, by_time)


def _side(index: SelectionIndex, rows: NDArray[np.int64], *, at_most: int) -> DriftSide:
    """Rows at even distances in time, or in the order of the data set when it has no time."""
    if index.time_column is not None:
        rows = rows[np.argsort(np.asarray(index.stored(index.time_column)[rows]), kind="stable")]
    return DriftSide(index, rows[sample_positions(len(rows), at_most=at_most)], len(rows))
