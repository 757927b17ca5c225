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
from ml_training.domain.specs import CLASSIFICATION_METRICS, REGRESSION_METRICS, CompareSpec, TestSpec, TrainSpec
from ml_training.domain.states import TaskKind
from ml_training.selection.features import choose_features, missing_features
from ml_training.selection.index import SelectionIndex
from ml_training.selection.labels import Labels, known_labels, learn_labels
from ml_training.selection.rows import select_rows
from ml_training.selection.schema import ClassLabel, FeatureSchema, ModelSchema, positive_class
from ml_training.selection.split import Positions, holdout

__all__ = [
    "ClassLabel",
    "FeatureSchema",
    "ModelSchema",
    "TestPlan",
    "TrainPlan",
    "early_stopping_cut",
    "plan_test",
    "plan_train",
]

EARLY_STOPPING_SHARE = 0.1
EARLY_STOPPING_STREAM = 1  # its own random stream, so that the cut is independent of the holdout


@dataclass(frozen=True, slots=True, eq=False)
class TrainPlan:
    """Rows, labels, features and split of a TRAIN job.

    rows: ascending positions in the data set; y: aligned with rows, int32 class codes or float64;
    classes: sorted, what the codes mean, None for regression; positive: the code of the positive class, binary only;
    train, held_out: ascending positions INTO rows, disjoint and complete; dropped: selected rows without a target.
    """

    rows: Positions
    task: TaskKind
    classes: tuple[ClassLabel, ...] | None
    positive: int | None
    y: NDArray[Any]
    features: tuple[str, ...]
    train: Positions
    held_out: Positions
    dropped: int


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


def plan_train(spec: TrainSpec, index: SelectionIndex) -> TrainPlan:
    """The plan of a TRAIN job; raises Invalid with every reason why the data cannot carry it."""
    errors: list[FieldError] = []
    mask = select_rows(
        index, part="train", phases=spec.phases, start=spec.train_start, end=spec.train_end, errors=errors
    )
    # With a wrong window or phase the target is still looked at, over all rows: one answer tells everything.
    chosen = np.ones(index.rows, dtype=np.bool_) if mask is None else mask
    labels = learn_labels(index, spec.target.column, mask=chosen, task=spec.task, errors=errors)
    features = choose_features(spec, index, errors)
    if labels is None or errors:
        raise _invalid(errors)
    _check_model_type(spec, labels, errors)
    train, held_out = _split(spec, labels, errors)
    if errors:
        raise _invalid(errors)
    return TrainPlan(
        rows=labels.rows,
        task=labels.task,
        classes=labels.classes,
        positive=positive_class(labels.task, labels.classes),
        y=labels.y,
        features=features,
        train=train,
        held_out=held_out,
        dropped=int(np.count_nonzero(chosen)) - len(labels.rows),
    )


def early_stopping_cut(plan: TrainPlan, *, random_state: int) -> tuple[Positions, Positions]:
    """The training part as (fit, stop): 10 % of it watches for the end, stratified like the holdout.

    Both are ascending positions INTO `plan.rows`; held-out rows are in neither.
    """
    fit, stop = _cut(plan.y[plan.train], plan.task, random_state)
    return plan.train[fit], plan.train[stop]


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
    )


def _check_model_type(spec: TrainSpec, labels: Labels, errors: list[FieldError]) -> None:
    if labels.task is TaskKind.REGRESSION and spec.model_type in CLASSIFICATION_ONLY:
        detail = f"{spec.model_type} does classification only, and column {spec.target.column!r} is a quantity"
        errors.append(FieldError("/model_type", detail))


def _split(spec: TrainSpec, labels: Labels, errors: list[FieldError]) -> tuple[Positions, Positions]:
    train, held_out = holdout(
        labels.y,
        share=spec.validation.test_size,
        stratified=labels.task.is_classification,
        seed=spec.random_state,
    )
    if not len(held_out):
        errors.append(FieldError("/target/column", "no class has two rows, so none can be held out"))
    elif spec.early_stopping_rounds is not None and not len(_cut(labels.y[train], labels.task, spec.random_state)[1]):
        detail = "the training part has too few rows to set 10 % aside: leave it out"
        errors.append(FieldError("/early_stopping_rounds", detail))
    return train, held_out


def _cut(y: NDArray[Any], task: TaskKind, random_state: int) -> tuple[Positions, Positions]:
    seed = (random_state, EARLY_STOPPING_STREAM)
    return holdout(y, share=EARLY_STOPPING_SHARE, stratified=task.is_classification, seed=seed)


def _differences(spec: TestSpec | CompareSpec, models: Sequence[ModelSchema]) -> list[FieldError]:
    """Why the models cannot be compared on the same labels and metric."""
    first = models[0]
    errors = [
        FieldError(_pointer(spec, number), f"model {model.model_id} predicts something else than {first.model_id}")
        for number, model in enumerate(models)
        if (model.task, model.target_column, model.classes) != (first.task, first.target_column, first.classes)
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
