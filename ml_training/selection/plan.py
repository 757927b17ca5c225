"""What a job will run on: which rows, labels, features and split; the API asks before 202, the engine asks again.

Both ask the same functions of the same index, so that what was checked is what is trained. Everything here is
deterministic: equal spec and index give equal plans.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.algorithms import CLASSIFICATION_ONLY
from ml_training.domain.errors import FieldError, Invalid
from ml_training.domain.specs import (
    CLASSIFICATION_METRICS,
    REGRESSION_METRICS,
    CompareSpec,
    JobSpec,
    TestSpec,
    TrainSpec,
)
from ml_training.domain.states import TaskKind
from ml_training.domain.validation import TimeSeries
from ml_training.selection.features import choose_features, missing_features
from ml_training.selection.fold_counts import count_folds
from ml_training.selection.folds import Fold, Folds, draw_folds
from ml_training.selection.index import ColumnKind, SelectionIndex, is_missing
from ml_training.selection.labels import Labels, known_labels, learn_labels
from ml_training.selection.rows import select_rows
from ml_training.selection.schema import ClassLabel, FeatureSchema, ModelSchema, positive_class
from ml_training.selection.split import Positions

__all__ = [
    "ClassLabel",
    "FeatureSchema",
    "Fold",
    "Folds",
    "ModelSchema",
    "TestPlan",
    "TrainPlan",
    "plan_job",
    "plan_test",
    "plan_train",
]


@dataclass(frozen=True, slots=True, eq=False)
class TrainPlan:
    """Rows, labels and features of a TRAIN job; `draw` gives its folds.

    rows: ascending positions in the data set; y: aligned with rows, int32 class codes or float64;
    classes: sorted, what the codes mean, None for regression; positive: the code of the positive class, binary only;
    features: without categories; dropped: selected rows without a target, or without a time where one is needed;
    not_covered: those of them whose horizon the data do not cover; largest_fit: how many rows, made ones too, the
    largest fit learns from.
    """

    rows: Positions
    task: TaskKind
    classes: tuple[ClassLabel, ...] | None
    positive: int | None
    y: NDArray[Any]
    features: tuple[FeatureSchema, ...]
    dropped: int
    not_covered: int
    largest_fit: int

    def draw(self, spec: TrainSpec, index: SelectionIndex) -> Folds:
        """Which rows are fitted on and held out; of the spec and the index that the plan was made from."""
        return draw_folds(spec, index, Labels(self.rows, self.y, self.task, self.classes, self.not_covered))


@dataclass(frozen=True, slots=True, eq=False)
class TestPlan:
    """Rows and labels of a TEST or COMPARE job, the labels in the models' own classes; fields as in TrainPlan."""

    __test__ = False  # not a test class, whatever its name

    rows: Positions
    task: TaskKind
    classes: tuple[ClassLabel, ...] | None
    positive: int | None
    y: NDArray[Any]
    dropped: int
    not_covered: int


def plan_job(spec: JobSpec, index: SelectionIndex, models: Sequence[ModelSchema]) -> TrainPlan | TestPlan:
    """The plan of any submitted job; models: the schemas of the models that the spec names, in its order.

    Raises Invalid with every error: the API calls this before it accepts a job.
    """
    return plan_train(spec, index) if isinstance(spec, TrainSpec) else plan_test(spec, index, models)


def plan_train(spec: TrainSpec, index: SelectionIndex) -> TrainPlan:
    """The plan of a TRAIN job; raises Invalid with every reason why the data cannot carry it."""
    errors: list[FieldError] = []
    mask = select_rows(
        index, part="train", phases=spec.phases, start=spec.train_start, end=spec.train_end, errors=errors
    )
    # With a wrong window or phase the target is still looked at, over all rows: one answer tells everything.
    chosen = np.ones(index.rows, dtype=np.bool_) if mask is None else mask
    labels = learn_labels(index, spec.target, mask=_placed(spec, index, chosen, errors), task=spec.task, errors=errors)
    features = choose_features(spec, index, errors)
    if labels is None or errors:
        raise _invalid(errors)
    _check_task(spec, labels, errors)
    counts = count_folds(spec, index, labels, errors)
    if errors:
        raise _invalid(errors)
    return TrainPlan(
        rows=labels.rows,
        task=labels.task,
        classes=labels.classes,
        positive=positive_class(labels.task, labels.classes),
        y=labels.y,
        features=features,
        dropped=int(np.count_nonzero(chosen)) - len(labels.rows),
        not_covered=labels.not_covered,
        largest_fit=max(count.rows(smote=spec.class_balance == "smote") for count in counts),
    )


def _placed(
    spec: TrainSpec, index: SelectionIndex, mask: NDArray[np.bool_], errors: list[FieldError]
) -> NDArray[np.bool_]:
    """The rows that have a place in time, where the validation asks for one."""
    if not isinstance(spec.validation, TimeSeries):
        return mask
    if index.time_column is None:
        detail = "the data set has no time column: choose another method, or add the data set again with time_column"
        errors.append(FieldError("/validation/method", detail))
        return mask
    return mask & ~is_missing(index.values(index.time_column), ColumnKind.TIME)


def plan_test(spec: TestSpec | CompareSpec, index: SelectionIndex, models: Sequence[ModelSchema]) -> TestPlan:
    """The plan of a TEST (one model) or COMPARE job (in the order of `model_ids`); raises Invalid with every reason."""
    errors: list[FieldError] = []
    mask = select_rows(index, part="test", phases=spec.phases, start=spec.test_start, end=spec.test_end, errors=errors)
    chosen = np.ones(index.rows, dtype=np.bool_) if mask is None else mask
    for number, model in enumerate(models):
        missing_features(model, index, pointer=_pointer(spec, number), errors=errors)
    errors += _differences(spec, models)
    labels = known_labels(index, models[0], mask=chosen, pointer=_pointer(spec, 0), errors=errors)
    if labels is None or errors:
        raise _invalid(errors)
    return TestPlan(
        rows=labels.rows,
        task=labels.task,
        classes=labels.classes,
        positive=positive_class(labels.task, labels.classes),
        y=labels.y,
        dropped=int(np.count_nonzero(chosen)) - len(labels.rows),
        not_covered=labels.not_covered,
    )


def _check_task(spec: TrainSpec, labels: Labels, errors: list[FieldError]) -> None:
    if labels.task is not TaskKind.REGRESSION:
        return
    what = f"column {spec.target.column!r} is a quantity"
    if spec.model_type in CLASSIFICATION_ONLY:
        errors.append(FieldError("/model_type", f"{spec.model_type} does classification only, and {what}"))
    if spec.class_balance != "none":
        errors.append(FieldError("/class_balance", f"balances classes, and {what}: leave it out"))


def _differences(spec: TestSpec | CompareSpec, models: Sequence[ModelSchema]) -> list[FieldError]:
    """Why the models cannot be compared on the same labels and metric."""
    first = models[0]
    errors = [
        FieldError(_pointer(spec, number), f"model {model.model_id} predicts something else than {first.model_id}")
        for number, model in enumerate(models)
        if (model.task, model.target, model.classes) != (first.task, first.target, first.classes)
    ]
    fitting = CLASSIFICATION_METRICS if first.task.is_classification else REGRESSION_METRICS
    if isinstance(spec, CompareSpec) and spec.metric not in fitting:
        detail = f"{spec.metric} does not fit {first.task} models: one of {', '.join(fitting)}"
        errors.append(FieldError("/metric", detail))
    return errors


def _pointer(spec: TestSpec | CompareSpec, number: int) -> str:
    return f"/model_ids/{number}" if isinstance(spec, CompareSpec) else "/model_id"


def _invalid(errors: list[FieldError]) -> Invalid:
    return Invalid("the job cannot run on this data set", errors=tuple(errors))
