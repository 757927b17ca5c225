"""Plans what a job runs on: rows, labels, features and splits.

The API plans before it accepts a job, and the engine plans again before it trains: both call the same functions on the
same index, so what was checked is what is trained. Planning is deterministic: equal spec and index give equal plans.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.algorithms import CLASSIFICATION_ONLY
from ml_training.domain.explain_spec import ExplainSpec
from ml_training.domain.predict_spec import PredictSpec
from ml_training.domain.problems import Problems
from ml_training.domain.score_names import CLASSIFICATION_METRICS, REGRESSION_METRICS
from ml_training.domain.specs import (
    CompareSpec,
    JobSpec,
    TestSpec,
    TrainSpec,
)
from ml_training.domain.states import TaskKind
from ml_training.domain.validation import ByGroup, TimeSeries
from ml_training.selection.explain_plan import ExplainPlan, plan_explain
from ml_training.selection.features import check_features, choose_features
from ml_training.selection.fold_counts import FoldCount, count_folds
from ml_training.selection.folds import Fold, Folds, draw_folds
from ml_training.selection.groups import rows_with_group
from ml_training.selection.index import ColumnKind, SelectionIndex, is_missing
from ml_training.selection.labels import Labels, evaluation_labels, training_labels
from ml_training.selection.predict_plan import PredictPlan, plan_predict
from ml_training.selection.rows import select_rows
from ml_training.selection.schema import ClassLabel, FeatureSchema, ModelSchema

__all__ = [
    "ClassLabel",
    "ExplainPlan",
    "FeatureSchema",
    "Fold",
    "Folds",
    "ModelSchema",
    "PredictPlan",
    "TestPlan",
    "TrainPlan",
    "plan_job",
    "plan_predict",
    "plan_test",
    "plan_train",
]

REFUSED = "the job cannot run on this data set"
EvaluationSpec = TestSpec | CompareSpec
SpecT = TypeVar("SpecT", bound=EvaluationSpec)


@dataclass(frozen=True, slots=True, eq=False)
class TrainPlan:
    """A TRAIN job with everything that it is trained on.

    features: without categories; dropped: how many selected rows are left out because they have no target, or no time
    or group where the validation needs one; counts: the rows of each fit; largest_fit: the most rows that one fit
    learns from, those made by SMOTE included.
    """

    spec: TrainSpec
    index: SelectionIndex
    labels: Labels
    features: tuple[FeatureSchema, ...]
    dropped: int
    counts: tuple[FoldCount, ...]
    largest_fit: int

    @property
    def purged(self) -> int:
        """How many rows are left out of the training parts of all splits because they are too near to held-out ones."""
        return sum(count.purged for count in self.counts)

    def draw_folds(self) -> Folds:
        """Which rows are fitted on and held out."""
        return draw_folds(self.spec, self.index, self.labels)


@dataclass(frozen=True, slots=True, eq=False)
class TestPlan(Generic[SpecT]):
    """A TEST or COMPARE job with the rows to predict, labelled in the models' own classes; fields as in TrainPlan."""

    __test__ = False  # pytest would take it for a class of tests

    spec: SpecT
    index: SelectionIndex
    labels: Labels
    dropped: int


def plan_job(
    spec: JobSpec, index: SelectionIndex, models: Sequence[ModelSchema]
) -> TrainPlan | TestPlan[Any] | PredictPlan | ExplainPlan:
    """The plan of any submitted job; models: the schemas of the models that the spec names, in its order.

    Raises Invalid with every error: the API calls this before it accepts a job.
    """
    if isinstance(spec, TrainSpec):
        return plan_train(spec, index)
    if isinstance(spec, ExplainSpec):
        return plan_explain(spec, index, models[0])
    return plan_predict(spec, index, models[0]) if isinstance(spec, PredictSpec) else plan_test(spec, index, models)


def plan_train(spec: TrainSpec, index: SelectionIndex) -> TrainPlan:
    """The plan of a TRAIN job; raises Invalid with every reason why it cannot be trained on these data."""
    problems = Problems()
    selected = select_rows(
        index, part="train", phases=spec.phases, start=spec.train_start, end=spec.train_end, problems=problems
    )
    mask = _rows_to_split(spec, index, selected, problems)
    with problems.gather():
        labels = training_labels(index, spec.target, mask=mask, task=spec.task)
    features = choose_features(spec, index, problems)
    problems.raise_if_any(REFUSED)
    _check_task(spec, labels, problems)
    counts = count_folds(spec, index, labels, problems)
    problems.raise_if_any(REFUSED)
    return TrainPlan(
        spec=spec,
        index=index,
        labels=labels,
        features=features,
        dropped=int(np.count_nonzero(selected)) - len(labels.rows),
        counts=counts,
        largest_fit=max(count.rows(smote=spec.class_balance == "smote") for count in counts),
    )


def _rows_to_split(
    spec: TrainSpec, index: SelectionIndex, mask: NDArray[np.bool_], problems: Problems
) -> NDArray[np.bool_]:
    """The masked rows that have a time or a group, where the validation needs one."""
    if isinstance(spec.validation, ByGroup):
        return rows_with_group(spec, index, mask, problems)
    if not isinstance(spec.validation, TimeSeries):
        return mask
    if index.time_column is None:
        detail = "the data set has no time column: choose another method, or add the data set again with time_column"
        problems.add("/validation/method", detail)
        return mask
    return mask & ~is_missing(index.values(index.time_column), ColumnKind.TIME)


def plan_test(spec: SpecT, index: SelectionIndex, models: Sequence[ModelSchema]) -> TestPlan[SpecT]:
    """The plan of a TEST (one model) or COMPARE job (in the order of `model_ids`); raises Invalid with every reason."""
    problems = Problems()
    selected = select_rows(
        index, part="test", phases=spec.phases, start=spec.test_start, end=spec.test_end, problems=problems
    )
    for number, model in enumerate(models):
        check_features(model, index, pointer=_model_pointer(spec, number), problems=problems)
    _check_same_target(spec, models, problems)
    with problems.gather():
        labels = evaluation_labels(index, models[0], mask=selected, pointer=_model_pointer(spec, 0))
    problems.raise_if_any(REFUSED)
    return TestPlan(
        spec=spec,
        index=index,
        labels=labels,
        dropped=int(np.count_nonzero(selected)) - len(labels.rows),
    )


def _check_task(spec: TrainSpec, labels: Labels, problems: Problems) -> None:
    if labels.task is not TaskKind.REGRESSION:
        return
    what = f"column {spec.target.column!r} is a quantity"
    if spec.model_type in CLASSIFICATION_ONLY:
        problems.add("/model_type", f"{spec.model_type} does classification only, and {what}")
    if spec.class_balance != "none":
        problems.add("/class_balance", f"balances classes, and {what}: leave it out")
    if spec.calibration != "none":
        problems.add("/calibration", f"is of the probabilities of classes, and {what}: leave it out")


def _check_same_target(spec: EvaluationSpec, models: Sequence[ModelSchema], problems: Problems) -> None:
    """The models must predict the same labels, and the metric must fit their task."""
    first = models[0]
    for number, model in enumerate(models):
        if (model.task, model.target, model.classes) != (first.task, first.target, first.classes):
            detail = f"model {model.model_id} predicts something else than {first.model_id}"
            problems.add(_model_pointer(spec, number), detail)
    fitting = CLASSIFICATION_METRICS if first.task.is_classification else REGRESSION_METRICS
    if isinstance(spec, CompareSpec) and spec.metric not in fitting:
        problems.add("/metric", f"{spec.metric} does not fit {first.task} models: one of {', '.join(fitting)}")


def _model_pointer(spec: EvaluationSpec, number: int) -> str:
    return f"/model_ids/{number}" if isinstance(spec, CompareSpec) else "/model_id"
