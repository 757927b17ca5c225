"""What the data say against a TRAIN job that can run; every look is bounded, whatever the number of rows."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.errors import FieldError, Invalid
from ml_training.domain.specs import TrainSpec
from ml_training.domain.validation import TimeSeries
from ml_training.domain.warnings import JobWarning, WarningCode
from ml_training.selection.groups import group_name
from ml_training.selection.index import ColumnInfo, ColumnKind, SelectionIndex
from ml_training.selection.labels import Labels
from ml_training.selection.leaks import leaking_features
from ml_training.selection.plan import TrainPlan
from ml_training.selection.rows import list_as_json
from ml_training.selection.sample import sample_positions

RARE_SHARE, RARE_ROWS = 0.05, 10  # of a class, in proportion to equally large ones
DUPLICATE_SHARE, DUPLICATE_ROWS = 0.01, 10
SAMPLE_ROWS = 10_000
SAMPLE_CELLS = 500_000
NAMES_SHOWN = 10


def without_ids(spec: TrainSpec, found: Mapping[str, str], *, usable: Sequence[str]) -> TrainSpec:
    """The spec with the columns that look like ids left out of its `auto` features, unless no other one is left."""
    left_out = _ids_among(spec, found, usable)
    if spec.features != "auto" or not left_out or len(left_out) == len(usable):
        return spec
    return spec.model_copy(update={"exclude_features": [*spec.exclude_features, *left_out]})


def data_warnings(
    asked: TrainSpec, plan: TrainPlan, ids: Mapping[str, str], *, usable: Sequence[str]
) -> tuple[JobWarning, ...]:
    """Every warning about a job; raises Invalid with those that `"leakage": "refuse"` refuses.

    asked: the spec as it was submitted; plan: that of the spec without ids; ids: the columns that look like ids, and
    what each holds; usable: the columns that `auto` would take.
    """
    found = [
        *_ids(asked, plan, ids, usable),
        *_constants(asked, plan.index),
        *_leaks(asked, plan),
        *_rare_classes(plan.labels),
        *_duplicates(plan),
        *_groups(plan),
        *_engine(asked),
    ]
    refused = [
        FieldError(warning.pointer, f"{warning.code.value}: {warning.detail}")
        for warning in found
        if not warning.is_settled
    ]
    if asked.leakage == "refuse" and refused:
        raise Invalid("the data speak against this job, and leakage is refuse", errors=tuple(refused))
    return tuple(found)


def _ids_among(spec: TrainSpec, found: Mapping[str, str], names: Sequence[str]) -> list[str]:
    return [name for name in names if name in found and name not in spec.exclude_features]


def _ids(asked: TrainSpec, plan: TrainPlan, ids: Mapping[str, str], usable: Sequence[str]) -> Iterator[JobWarning]:
    used = {feature.name for feature in plan.features}
    if asked.features == "auto":
        for name in _ids_among(asked, ids, usable):
            kept = name in used
            what = "it is used, since no other feature is left" if kept else "it is left out; to use it, list features"
            detail = f"column {name!r} holds {ids[name]}: {what}"
            yield JobWarning(WarningCode.ID_FEATURE, "/features", detail, is_settled=not kept)
        return
    for number, name in enumerate(asked.features):
        if name in ids and name in used:
            detail = (
                f"column {name!r} holds {ids[name]}, from which a model learns nothing about new rows: leave it out"
            )
            yield JobWarning(WarningCode.ID_FEATURE, f"/features/{number}", detail)


def _constants(asked: TrainSpec, index: SelectionIndex) -> Iterator[JobWarning]:
    if asked.features == "auto":
        names = [info.name for info in index.columns.values() if _is_constant(info, index)]
        left = [name for name in names if name not in asked.exclude_features]
        if left:
            detail = f"left out, because they hold one value only: {list_as_json(left)}"
            yield JobWarning(WarningCode.CONSTANT_FEATURE, "/features", detail, is_settled=True)
        return
    for number, name in enumerate(asked.features):
        if _is_constant(index.columns[name], index) and name not in asked.exclude_features:
            detail = f"column {name!r} holds one value only: leave it out"
            yield JobWarning(WarningCode.CONSTANT_FEATURE, f"/features/{number}", detail)


def _is_constant(info: ColumnInfo, index: SelectionIndex) -> bool:
    has_role = info.name in (index.time_column, index.phase_column, index.group_column)
    return not info.varies and info.kind is not ColumnKind.TEXT and not has_role


def _leaks(asked: TrainSpec, plan: TrainPlan) -> Iterator[JobWarning]:
    for name, detail in leaking_features(plan.index, plan.labels, plan.features):
        pointer = "/features" if asked.features == "auto" else f"/features/{list(asked.features).index(name)}"
        yield JobWarning(WarningCode.LEAK_FEATURE, pointer, detail)


def _rare_classes(labels: Labels) -> Iterator[JobWarning]:
    if labels.classes is None:
        return
    counts, rows = np.bincount(labels.y, minlength=len(labels.classes)), len(labels.y)
    bound = max(RARE_ROWS, RARE_SHARE * rows / (len(counts) - 1))
    rare = [code for code in np.flatnonzero(counts < bound).tolist() if counts[code] * len(counts) < rows]
    if not rare:
        return
    named = ", ".join(f"{list_as_json([labels.classes[code]])} in {counts[code]:,}" for code in rare[:NAMES_SHOWN])
    more = f" and {len(rare) - NAMES_SHOWN} more" if len(rare) > NAMES_SHOWN else ""
    detail = (
        f"rare classes, of {rows:,} rows: {named}{more}. A model that always answers with the commonest class has an "
        f"accuracy of {counts.max() / rows:.4f}: look at roc_auc, f1 or mcc instead, or try class_balance"
    )
    # Rows that are rare are no leak: nothing to refuse.
    yield JobWarning(WarningCode.RARE_CLASS, "/target", detail, is_settled=True)


def _duplicates(plan: TrainPlan) -> Iterator[JobWarning]:
    """Equal rows, where rows differ: in a table of few categories, equal rows are nothing special."""
    columns = [feature for feature in plan.features if feature.window is None]
    if len(columns) < 2:
        return
    at_most = max(RARE_ROWS, min(SAMPLE_ROWS, SAMPLE_CELLS // len(columns)))
    at = sample_positions(len(plan.labels.rows), at_most=at_most)
    rows = plan.labels.rows[at]
    mixed = _hashes(plan.labels.y[at])
    for column in columns:
        mixed = _hashes(mixed * np.uint64(31) + _hashes(plan.index.stored(column.name)[rows]))
    distinct = len(np.unique(mixed))
    repeated = len(rows) - distinct
    if repeated < max(DUPLICATE_ROWS, DUPLICATE_SHARE * len(rows)):
        return
    if any(len(np.unique(plan.index.stored(column.name)[rows])) >= distinct / 2 for column in columns):
        where = "" if len(rows) == len(plan.labels.rows) else " that were looked at"
        detail = (
            f"{repeated:,} of the {len(rows):,} rows{where} repeat another one: a row may be learnt from and held out "
            "at the same time, and the held-out scores are too good then; remove the repeated rows from the file"
        )
        yield JobWarning(WarningCode.DUPLICATE_ROWS, "/dataset_id", detail)


def _groups(plan: TrainPlan) -> Iterator[JobWarning]:
    """Groups of the data set on both sides; also where the validation keeps the groups of another column together."""
    name, kept = plan.index.group_column, group_name(plan.spec, plan.index)
    if name is None or name == kept or isinstance(plan.spec.validation, TimeSeries):
        return
    rows = plan.labels.rows[sample_positions(len(plan.labels.rows), at_most=SAMPLE_ROWS)]
    values = plan.index.stored(name)[rows]
    # Rows that the validation tears apart: each for itself, or each group of the other column.
    torn = np.arange(len(rows)) if kept is None else plan.index.stored(kept)[rows]
    together = np.unique(np.stack([_hashes(values), _hashes(torn)]), axis=1).shape[1]
    if len(np.unique(values)) < together:
        other = "leave group_column out" if kept is not None else "use group_holdout or group_k_fold"
        detail = (
            f"rows of one {name!r} are learnt from and held out, so the held-out scores do not say how good the model "
            f"is for new ones: {other}; or use time_series"
        )
        yield JobWarning(WarningCode.GROUP_ON_BOTH_SIDES, "/validation", detail)


def _engine(asked: TrainSpec) -> Iterator[JobWarning]:
    if asked.engine is not None:
        detail = (
            "the bytes of the model depend on the number of workers that the Dask cluster has by then: an equal job "
            "may make a model that differs in the last digits; leave engine out for one that can be made again"
        )
        yield JobWarning(WarningCode.NOT_REPRODUCIBLE, "/engine", detail, is_settled=True)


def _hashes(values: NDArray[np.generic]) -> NDArray[np.uint64]:
    """One 64-bit number for each value; the mixing of splitmix64 (Steele and others, OOPSLA 2014)."""
    wide: NDArray[np.generic] = values if values.dtype.kind != "f" else values.astype(np.float64) + 0.0
    mixed = np.ascontiguousarray(wide.astype(np.int64) if wide.dtype.kind in "iu" and wide.dtype != np.uint64 else wide)
    bits: NDArray[np.uint64] = mixed.view(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    steps: tuple[tuple[int, int], ...] = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
    for shift, factor in steps:
        bits = (bits ^ (bits >> np.uint64(shift))) * np.uint64(factor)
    return bits ^ (bits >> np.uint64(31))
