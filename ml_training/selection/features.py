"""Which columns a model may learn from, and whether a data set has the ones that a model needs."""

from ml_training.domain.errors import FieldError
from ml_training.domain.specs import TrainSpec
from ml_training.selection.index import FEATURE_KINDS, NUMERIC, ColumnInfo, ColumnKind, SelectionIndex
from ml_training.selection.schema import FeatureSchema, ModelSchema

MAX_CATEGORIES = 10_000  # a column of more distinct texts is an identifier, not a feature


def choose_features(spec: TrainSpec, index: SelectionIndex, errors: list[FieldError]) -> tuple[str, ...]:
    """The features in the order of the data set; reasons against the request are appended to `errors`."""
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
    chosen = tuple(name for name in index.names if name in wanted.difference(spec.exclude_features))
    if not chosen and not any(error.pointer.startswith("/features") for error in errors):
        errors.append(FieldError("/features", "no usable feature is left"))
    return chosen


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
    for feature in model.features:
        if feature.name not in index:
            detail = f"the data set has no column {feature.name!r}, a feature of model {model.model_id}"
            errors.append(FieldError(pointer, detail))
        elif not _same_kind(feature, index.kind(feature.name)):
            here = index.kind(feature.name)
            detail = f"column {feature.name!r} is {here} here, and {feature.kind} in model {model.model_id}"
            errors.append(FieldError(pointer, detail))


def _auto(spec: TrainSpec, index: SelectionIndex) -> set[str]:
    """Every usable column that varies, but target, time and group, and the phase when one phase is selected."""
    kept_out = {spec.target.column, index.time_column, index.group_column}
    if spec.phases is not None and len(set(spec.phases)) == 1:
        kept_out.add(index.phase_column)
    usable = (info for info in index.columns.values() if info.varies and not unusable(info, rows=index.rows))
    return {info.name for info in usable if info.name not in kept_out}


def _reasons(spec: TrainSpec, names: list[str], index: SelectionIndex) -> list[FieldError]:
    return [
        FieldError(f"/features/{number}", detail)
        for number, name in enumerate(names)
        if (detail := _reason(spec, name, index, again=name in names[:number]))
    ]


def _reason(spec: TrainSpec, name: str, index: SelectionIndex, *, again: bool) -> str:
    if name not in index:
        return f"the data set has no column {name!r}"
    if again:
        return f"column {name!r} is listed twice"
    if name == spec.target.column:
        return f"column {name!r} is the target"
    reason = unusable(index.columns[name], rows=index.rows)
    return f"column {name!r} {reason}" if reason else ""


def _same_kind(feature: FeatureSchema, here: ColumnKind) -> bool:
    return here is feature.kind or (here in NUMERIC and feature.kind in NUMERIC)
