"""Which columns a model may learn from, and whether a data set has the ones that a model needs."""

from collections.abc import Sequence

from ml_training.domain.errors import FieldError
from ml_training.domain.specs import TrainSpec
from ml_training.domain.targets import HorizonTarget
from ml_training.selection.index import FEATURE_KINDS, NUMERIC, ColumnInfo, ColumnKind, SelectionIndex
from ml_training.selection.schema import FeatureSchema, ModelSchema, Window

MAX_CATEGORIES = 10_000  # a column of more distinct texts is an identifier, not a feature
STATISTICS = {"mean": "rolling_mean", "std": "rolling_std", "change": "change", "momentum": "momentum"}


def choose_features(spec: TrainSpec, index: SelectionIndex, errors: list[FieldError]) -> tuple[FeatureSchema, ...]:
    """The columns in the order of the data set, then their windows; reasons against the request go to `errors`.

    Categories are not filled in: those that a model knows are those of the rows that it is fitted on.
    """
    errors += [
        FieldError(f"/exclude_features/{number}", f"the data set has no column {name!r}")
        for number, name in enumerate(spec.exclude_features)
        if name not in index
    ]
    if spec.features == "auto":
        wanted = _auto(spec, index)
    else:
        wanted = set(spec.features)
        errors += _reasons(spec, list(spec.features), index)
    wanted = wanted.difference(spec.exclude_features)
    names = [name for name in index.names if name in wanted]
    if not names and not any(error.pointer.startswith("/features") for error in errors):
        errors.append(FieldError("/features", "no usable feature is left"))
    columns = tuple(FeatureSchema(name, index.kind(name)) for name in names)
    return columns + _windows(spec, index, columns, errors)


def _windows(
    spec: TrainSpec, index: SelectionIndex, columns: Sequence[FeatureSchema], errors: list[FieldError]
) -> tuple[FeatureSchema, ...]:
    if spec.feature_engineering is None or not columns:
        return ()
    made = tuple(
        FeatureSchema(f"{source.name}_{said}_{rows}", ColumnKind.NUMBER, window=Window(source.name, rows, statistic))
        for source in columns
        if source.kind in NUMERIC
        for rows in spec.feature_engineering.windows
        for statistic, said in STATISTICS.items()
    )
    taken = {feature.name for feature in columns}.intersection(feature.name for feature in made)
    if index.time_column is None:
        detail = "the data set has no time column: leave it out, or add the data set again with time_column"
        errors.append(FieldError("/feature_engineering", detail))
    elif not made:
        errors.append(FieldError("/feature_engineering", "no feature is numeric: leave it out"))
    elif taken:
        detail = f"the data set has a column {min(taken)!r} already: choose other windows, or exclude that column"
        errors.append(FieldError("/feature_engineering/windows", detail))
    return made


def unusable(info: ColumnInfo, *, rows: int) -> str:
    """Why a column cannot be a feature; empty when it can."""
    if info.kind not in FEATURE_KINDS:
        return f"is {info.kind}: a feature holds numbers, booleans or categories"
    if info.nulls == rows:
        return "has no values"
    if info.categories_count > MAX_CATEGORIES:
        return f"has {info.categories_count:,} categories, and {MAX_CATEGORIES:,} is the limit for a feature"
    return ""


def missing_features(model: ModelSchema, index: SelectionIndex, *, pointer: str, errors: list[FieldError]) -> None:
    """Append a reason for each feature of the model that the data set lacks or holds in another kind."""
    for name, kind in {feature.column: feature.kind for feature in reversed(model.features)}.items():
        if name not in index:
            detail = f"the data set has no column {name!r}, a feature of model {model.model_id}"
            errors.append(FieldError(pointer, detail))
        elif not _same_kind(kind, index.kind(name)):
            detail = f"column {name!r} is {index.kind(name)} here, and {kind} in model {model.model_id}"
            errors.append(FieldError(pointer, detail))
    errors += [FieldError(pointer, detail) for detail in _missing_history(model, index)]


def _missing_history(model: ModelSchema, index: SelectionIndex) -> list[str]:
    if not model.has_windows:
        return []
    lacks = []
    if index.time_column is None:
        lacks.append("time")
    if model.grouped and index.group_column is None:
        lacks.append("group")
    return [f"the data set has no {role} column, and the windows of model {model.model_id} need one" for role in lacks]


def _auto(spec: TrainSpec, index: SelectionIndex) -> set[str]:
    """Every usable column that varies, but target, time and group, and the phase when one phase is selected."""
    kept_out = {spec.target.column, index.time_column, index.group_column}
    if spec.phases is not None and len(set(spec.phases)) == 1:
        kept_out.add(index.phase_column)
    usable = (info for info in index.columns.values() if info.varies and not unusable(info, rows=index.rows))
    return {info.name for info in usable if info.name not in kept_out}


def _reasons(spec: TrainSpec, names: list[str], index: SelectionIndex) -> list[FieldError]:
    first = {name: number for number, name in reversed(list(enumerate(names)))}
    return [
        FieldError(f"/features/{number}", detail)
        for number, name in enumerate(names)
        if (detail := _reason(spec, name, index, again=first[name] < number))
    ]


def _reason(spec: TrainSpec, name: str, index: SelectionIndex, *, again: bool) -> str:
    if name not in index:
        return f"the data set has no column {name!r}"
    if again:
        return f"column {name!r} is listed twice"
    if name == spec.target.column and not isinstance(spec.target, HorizonTarget):  # what is now may tell what comes
        return f"column {name!r} is the target"
    reason = unusable(index.columns[name], rows=index.rows)
    return f"column {name!r} {reason}" if reason else ""


def _same_kind(kind: ColumnKind, here: ColumnKind) -> bool:
    return here is kind or (here in NUMERIC and kind in NUMERIC)
