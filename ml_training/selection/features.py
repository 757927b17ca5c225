"""Chooses the columns that a model learns from, and checks that a data set has the columns that a model needs."""

from collections.abc import Sequence

from ml_training.domain.problems import Problems
from ml_training.domain.specs import TrainSpec
from ml_training.domain.targets import HorizonTarget
from ml_training.selection.column_names import no_column
from ml_training.selection.groups import group_name
from ml_training.selection.index import FEATURE_KINDS, NUMERIC, ColumnInfo, ColumnKind, SelectionIndex
from ml_training.selection.schema import FeatureSchema, ModelSchema, Window

MOST_NEAR_MISSES = 5  # a list may hold thousands of wrong names
MAX_CATEGORIES = 10_000  # a column of more distinct texts is an identifier, not a feature
STATISTICS = {"mean": "rolling_mean", "std": "rolling_std", "change": "change", "momentum": "momentum"}


def choose_features(spec: TrainSpec, index: SelectionIndex, problems: Problems) -> tuple[FeatureSchema, ...]:
    """The columns in the order of the data set, then their windows.

    The categories stay empty: a model knows those of the rows that it is fitted on.
    """
    unknown = (item for item in enumerate(spec.exclude_features) if item[1] not in index)
    for count, (number, name) in enumerate(unknown):
        problems.add(f"/exclude_features/{number}", _no_column(index, name, count=count))
    if spec.features == "auto":
        wanted = usable_columns(spec, index)
    else:
        wanted = set(spec.features)
        _check_listed(spec, list(spec.features), index, problems)
    wanted = wanted.difference(spec.exclude_features)
    names = [name for name in index.names if name in wanted]
    if not names and not any(pointer.startswith("/features") for pointer in problems.pointers):
        problems.add("/features", "no usable feature is left")
    columns = tuple(FeatureSchema(name, index.kind(name)) for name in names)
    return columns + _windows(spec, index, columns, problems)


def _windows(
    spec: TrainSpec, index: SelectionIndex, columns: Sequence[FeatureSchema], problems: Problems
) -> tuple[FeatureSchema, ...]:
    if spec.feature_engineering is None or not columns:
        return ()
    windows = tuple(
        FeatureSchema(f"{source.name}_{suffix}_{rows}", ColumnKind.NUMBER, window=Window(source.name, rows, statistic))
        for source in columns
        if source.kind in NUMERIC
        for rows in spec.feature_engineering.windows
        for statistic, suffix in STATISTICS.items()
    )
    taken = {feature.name for feature in columns}.intersection(feature.name for feature in windows)
    if index.time_column is None:
        detail = "the data set has no time column: leave it out, or add the data set again with time_column"
        problems.add("/feature_engineering", detail)
    elif not windows:
        problems.add("/feature_engineering", "no feature is numeric: leave it out")
    elif taken:
        detail = f"the data set has a column {min(taken)!r} already: choose other windows, or exclude that column"
        problems.add("/feature_engineering/windows", detail)
    return windows


def why_unusable(info: ColumnInfo, *, rows: int) -> str:
    """Why a column cannot be a feature; empty when it can."""
    if info.kind not in FEATURE_KINDS:
        return f"is {info.kind}: a feature holds numbers, booleans or categories"
    if info.nulls == rows:
        return "has no values"
    if info.categories_count > MAX_CATEGORIES:
        return f"has {info.categories_count:,} categories, and {MAX_CATEGORIES:,} is the limit for a feature"
    return ""


def check_features(model: ModelSchema, index: SelectionIndex, *, pointer: str, problems: Problems) -> None:
    """Add a problem for each feature of the model that the data set lacks or holds in another kind.

    A column without any value is a column of numbers, whatever it was meant to hold: it fits every feature.
    """
    for name, kind in {feature.column: feature.kind for feature in reversed(model.features)}.items():
        if name not in index:
            problems.add(pointer, f"the data set has no column {name!r}, a feature of model {model.model_id}")
        elif not _is_same_kind(kind, index.kind(name)) and not _is_empty(index, name):
            detail = f"column {name!r} is {index.kind(name)} here, and {kind} in model {model.model_id}"
            problems.add(pointer, detail)
    for role in _missing_roles(model, index):
        detail = f"the data set has no {role} column, and the windows of model {model.model_id} need one"
        problems.add(pointer, detail)


def _missing_roles(model: ModelSchema, index: SelectionIndex) -> list[str]:
    """The column roles that the model's windows need and the data set lacks."""
    if not model.has_windows:
        return []
    missing = []
    if index.time_column is None:
        missing.append("time")
    if model.grouped and index.group_column is None:
        missing.append("group")
    return missing


def usable_columns(spec: TrainSpec, index: SelectionIndex) -> set[str]:
    """Every usable column that varies, except target, time and groups, and the phase when one phase is selected."""
    excluded = {spec.target.column, index.time_column, index.group_column, group_name(spec, index)}
    if spec.phases is not None and len(set(spec.phases)) == 1:
        excluded.add(index.phase_column)
    usable = (info for info in index.columns.values() if info.varies and not why_unusable(info, rows=index.rows))
    return {info.name for info in usable if info.name not in excluded}


def _check_listed(spec: TrainSpec, names: list[str], index: SelectionIndex, problems: Problems) -> None:
    first = {name: number for number, name in reversed(list(enumerate(names)))}
    unknown = 0
    for number, name in enumerate(names):
        if name not in index:
            problems.add(f"/features/{number}", _no_column(index, name, count=unknown))
            unknown += 1
        elif reason := _why_not_listed(spec, name, index, is_repeated=first[name] < number):
            problems.add(f"/features/{number}", reason)


def _no_column(index: SelectionIndex, name: str, *, count: int) -> str:
    """The message for an unknown column; only the first ones say which column was probably meant."""
    return no_column(index, name) if count < MOST_NEAR_MISSES else f"the data set has no column {name!r}"


def _why_not_listed(spec: TrainSpec, name: str, index: SelectionIndex, *, is_repeated: bool) -> str:
    if is_repeated:
        return f"column {name!r} is listed twice"
    # Under a horizon the present value of the target column is known, and may predict the future one.
    if name == spec.target.column and not isinstance(spec.target, HorizonTarget):
        return f"column {name!r} is the target"
    reason = why_unusable(index.columns[name], rows=index.rows)
    return f"column {name!r} {reason}" if reason else ""


def _is_empty(index: SelectionIndex, name: str) -> bool:
    return index.kind(name) is ColumnKind.NUMBER and index.nulls(name) == index.rows


def _is_same_kind(kind: ColumnKind, here: ColumnKind) -> bool:
    return here is kind or (here in NUMERIC and kind in NUMERIC)
