"""Plans a PREDICT job: which rows are predicted, and which columns the output has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.predict_spec import PredictSpec
from ml_training.domain.problems import Problems
from ml_training.domain.states import TaskKind
from ml_training.selection.features import check_features
from ml_training.selection.index import SelectionIndex
from ml_training.selection.rows import select_rows
from ml_training.selection.schema import ClassLabel, ModelSchema

REFUSED = "the job cannot predict these rows"
ROW, PREDICTION = "row", "prediction"
LOW, HIGH, PREDICTION_SET = "low", "high", "prediction_set"


@dataclass(frozen=True, slots=True, eq=False)
class PredictPlan:
    """A PREDICT job with the rows to predict: ascending positions in the data set, or in the list of the spec."""

    spec: PredictSpec
    index: SelectionIndex
    model: ModelSchema
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class PredictedRows:
    """What a model says about some rows of a plan.

    rows: ascending positions; values: class codes or numbers, (rows,); probabilities: (rows, classes), None for
    regression and for a model without them; contributions: (rows, outputs * (features + 1)), see
    `contribution_names`, NaN for a class that the model never saw, or None; half_width: of the interval around each
    value, or None; sets: (rows, classes), which classes are in the prediction set of a row, or None.
    """

    rows: NDArray[np.int64]
    values: NDArray[Any]
    probabilities: NDArray[np.float64] | None
    contributions: NDArray[np.float64] | None
    half_width: float | None = None
    sets: NDArray[np.bool_] | None = None


def plan_predict(spec: PredictSpec, index: SelectionIndex, model: ModelSchema) -> PredictPlan:
    """The plan of a PREDICT job; raises Invalid with every reason why it cannot run on this data set."""
    problems = Problems()
    selected = select_rows(index, part="", phases=spec.phases, start=spec.start, end=spec.end, problems=problems)
    check_features(model, index, pointer=spec.model_pointer, problems=problems)
    check_output(spec, index.names, model, problems)
    problems.raise_if_any(REFUSED)
    return PredictPlan(spec, index, model, np.flatnonzero(selected).astype(np.int64, copy=False))


def check_output(spec: PredictSpec, known: Sequence[str], model: ModelSchema, problems: Problems) -> None:
    """Add a problem for each column to keep that does not exist, or whose name the output needs itself."""
    needed, columns = {ROW, *said_names(spec, model)}, set(known)
    for number, name in enumerate(spec.keep):
        pointer = f"/keep/{number}"
        if name not in columns:
            problems.add(pointer, f"the data has no column {name!r}{problems.did_you_mean(name, known)}")
        elif name in needed:
            problems.add(
                pointer, f"the output has a column {name!r} of its own: leave it out, or rename it in the data"
            )
        elif name in spec.keep[:number]:
            problems.add(pointer, f"column {name!r} is listed twice")
    names = contribution_names(spec, model)
    if len(set(names)) < len(names):
        twice = next(name for number, name in enumerate(names) if name in names[:number])
        detail = f"two columns of the output would be called {twice!r}, by the names of the features and classes"
        problems.add("/contributions", f"{detail}: leave it out")


def output_names(spec: PredictSpec, model: ModelSchema) -> tuple[str, ...]:
    """The columns of the output, in order."""
    return ROW, *spec.keep, *said_names(spec, model)


def said_names(spec: PredictSpec, model: ModelSchema) -> tuple[str, ...]:
    """The columns that the model makes: behind those that are kept."""
    return *predicted_names(model), *interval_names(spec, model), *contribution_names(spec, model)


def predicted_names(model: ModelSchema) -> tuple[str, ...]:
    """The columns that hold what the model says: the prediction, then a probability for each class."""
    return PREDICTION, *(f"probability_{label_text(label)}" for label in model.classes or ())


def interval_names(spec: PredictSpec, model: ModelSchema) -> tuple[str, ...]:
    """The ends of the interval around the prediction, or the set of likely classes; () when it is not asked for."""
    if spec.interval is None:
        return ()
    return (LOW, HIGH) if model.classes is None else (PREDICTION_SET,)


def values_in_a_row(spec: PredictSpec, model: ModelSchema) -> int:
    """How many values a row of the output may have: a prediction set has up to as many as there are classes."""
    in_set = len(model.classes or ()) if spec.interval is not None else 0
    return len(output_names(spec, model)) + in_set


def contribution_names(spec: PredictSpec, model: ModelSchema) -> tuple[str, ...]:
    """The columns that say how much each feature moves the raw score; () when they are not asked for.

    With more than two classes each class has a raw score: all columns of the first class come first.
    """
    if not spec.contributions:
        return ()
    features = (*(feature.name for feature in model.features), "base")
    if model.task is not TaskKind.MULTICLASS:
        return tuple(f"contribution_{feature}" for feature in features)
    return tuple(f"contribution_{label_text(label)}_{feature}" for label in model.classes or () for feature in features)


def contribution_outputs(model: ModelSchema) -> int:
    """How many raw scores a row has: one for each class when there are more than two."""
    return len(model.classes or ()) if model.task is TaskKind.MULTICLASS else 1


def label_text(label: ClassLabel) -> str:
    """A class as part of a column name.

    >>> label_text("late"), label_text(True), label_text(3), label_text(0.5)
    ('late', 'true', '3', '0.5')
    """
    return str(label).lower() if isinstance(label, bool) else str(label)


def can_contribute(model_type: str) -> bool:
    """Whether contributions of features are available: the model is a sum of trees of LightGBM, or linear."""
    return model_type in ("lightgbm", "logistic_regression", "ridge")
