"""Plans an EXPLAIN job: the labelled rows that a model is looked at on, and the slices that they are divided into."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.explain_spec import ExplainSpec
from ml_training.domain.problems import Problems
from ml_training.domain.score_names import CLASSIFICATION_METRICS, REGRESSION_METRICS
from ml_training.domain.states import TaskKind
from ml_training.selection.features import check_features
from ml_training.selection.index import ColumnKind, SelectionIndex, is_missing
from ml_training.selection.labels import Labels, evaluation_labels
from ml_training.selection.rows import select_rows
from ml_training.selection.schema import ModelSchema

REFUSED = "the job cannot explain the model on these rows"
SAMPLE_STREAM = 3  # of random numbers: the sample of rows is independent of all other draws with the same seed
MOST_SLICE_VALUES = 20  # distinct values of a column that divides the rows into slices
MOST_SLICE_COLUMNS = 50
DEFAULT_METRICS = {TaskKind.BINARY: "roc_auc", TaskKind.MULTICLASS: "accuracy", TaskKind.REGRESSION: "r2"}


@dataclass(frozen=True, slots=True, eq=False)
class ExplainPlan:
    """An EXPLAIN job with its rows.

    labels: of the selected rows that have a target; dropped: how many have none; sample: ascending positions in
    `labels.rows` of the rows that are looked at; metric: what importances and slices are about.
    """

    spec: ExplainSpec
    index: SelectionIndex
    model: ModelSchema
    labels: Labels
    dropped: int
    sample: NDArray[np.int64]
    metric: str


@dataclass(frozen=True, slots=True, eq=False)
class SliceColumn:
    """A column that divides the rows: the code of each row, and what each code means; None is missing."""

    name: str
    role: str  # phase, group or column
    codes: NDArray[np.int64]
    values: tuple[object, ...]


def plan_explain(spec: ExplainSpec, index: SelectionIndex, model: ModelSchema) -> ExplainPlan:
    """The plan of an EXPLAIN job; raises Invalid with every reason why it cannot run on this data set."""
    problems = Problems()
    selected = select_rows(index, part="", phases=spec.phases, start=spec.start, end=spec.end, problems=problems)
    check_features(model, index, pointer="/model_id", problems=problems)
    fitting = CLASSIFICATION_METRICS if model.task.is_classification else REGRESSION_METRICS
    if spec.metric is not None and spec.metric not in fitting:
        problems.add("/metric", f"{spec.metric} does not fit {model.task} models: one of {', '.join(fitting)}")
    if spec.costs is not None and model.task is not TaskKind.BINARY:
        detail = f"thresholds decide between two classes, and model {model.model_id} is {model.task}: leave it out"
        problems.add("/costs", detail)
    with problems.gather():
        labels = evaluation_labels(index, model, mask=selected, pointer="/model_id")
    problems.raise_if_any(REFUSED)
    return ExplainPlan(
        spec=spec,
        index=index,
        model=model,
        labels=labels,
        dropped=int(np.count_nonzero(selected)) - len(labels.rows),
        sample=_sample(len(labels.rows), at_most=spec.sample_rows, seed=spec.random_state),
        metric=spec.metric or DEFAULT_METRICS[model.task],
    )


def _sample(rows: int, *, at_most: int, seed: int) -> NDArray[np.int64]:
    """All rows, or a uniform draw without replacement; equal seeds draw equal rows."""
    if rows <= at_most:
        return np.arange(rows, dtype=np.int64)
    random = np.random.Generator(np.random.PCG64((seed, SAMPLE_STREAM)))
    return np.sort(random.choice(rows, size=at_most, replace=False, shuffle=False)).astype(np.int64, copy=False)


def slice_columns(index: SelectionIndex, rows: NDArray[np.int64], *, target: str) -> Iterator[SliceColumn]:
    """The phase, the group, and the columns of categories or booleans with few values in these rows, in that order."""
    roles = [("phase", index.phase_column), ("group", index.group_column)]
    chosen = {name: role for role, name in roles if name is not None and name != target}
    kinds = (ColumnKind.CATEGORY, ColumnKind.BOOLEAN)
    others = [name for name in index.names if index.kind(name) in kinds and name not in (*chosen, target)]
    found = 0
    for name, role in (*chosen.items(), *((other, "column") for other in others)):
        column = _slice_column(index, name, role, rows)
        if column is not None:
            yield column
            found += 1
        if found == MOST_SLICE_COLUMNS:
            return


def _slice_column(index: SelectionIndex, name: str, role: str, rows: NDArray[np.int64]) -> SliceColumn | None:
    """None when all rows have one value, or more than MOST_SLICE_VALUES."""
    kind = index.kind(name)
    if kind not in (ColumnKind.CATEGORY, ColumnKind.BOOLEAN, ColumnKind.INTEGER):
        return None
    stored = np.asarray(index.stored(name)[rows])
    values, codes = np.unique(stored, return_inverse=True)
    if not 2 <= len(values) <= MOST_SLICE_VALUES:
        return None
    missing = is_missing(values, kind)
    of_category = index.categories(name).__getitem__
    names: Mapping[ColumnKind, Callable[[int], object]] = {ColumnKind.CATEGORY: of_category, ColumnKind.BOOLEAN: bool}
    name_of = names.get(kind, int)
    shown = [None if lost else name_of(value) for value, lost in zip(values.tolist(), missing.tolist(), strict=True)]
    return SliceColumn(name, role, codes.astype(np.int64), tuple(shown))
