"""Turns the rows that a PREDICT spec gives into the columns of a data set, typed by what the model was trained on."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ml_training.domain.json_pointers import pointer_to
from ml_training.domain.predict_spec import PredictSpec
from ml_training.domain.problems import Problems
from ml_training.inference.cells import Misfits
from ml_training.inference.history_cells import group_codes, times
from ml_training.selection.index import NUMERIC, ColumnKind, IndexColumn, SelectionIndex
from ml_training.selection.index_writer import write_index
from ml_training.selection.schema import ModelSchema

INTEGERS = range(-(2**63), 2**63)
EXACT = 2**53  # a column with missing values or fractions holds doubles, which have no larger whole numbers
Cells = Sequence[Any]


def check_given(spec: PredictSpec, model: ModelSchema, problems: Problems) -> None:
    """Add a problem for each key that the model does not know, and for each value of the wrong type."""
    roles = _roles(model)
    if model.has_windows and "time" not in roles:
        detail = f"model {model.model_id} does not say which column its windows need: predict on a data set instead"
        problems.add("/rows", detail)
        return
    kinds = _feature_kinds(model)
    allowed = {*kinds, *spec.keep, *roles.values()}
    for number, row in enumerate(spec.rows or ()):
        for name, value in row.items():
            if name not in allowed:
                detail = f"{name!r} is no feature of model {model.model_id}{problems.did_you_mean(name, allowed)}"
                problems.add(pointer_to("rows", number, name), detail)
            elif value is not None and (reason := _why_wrong(name, kinds.get(name), value)):
                problems.add(pointer_to("rows", number, name), reason)
    for role, name in roles.items():
        _check_history(spec, name, role, problems)
    for name in dict.fromkeys(spec.keep):
        if name not in kinds and name not in roles.values():
            _check_same_type(spec, name, problems)


def given_columns(spec: PredictSpec, model: ModelSchema) -> tuple[str, ...]:
    """The columns that the rows have: the features of the model, and the other keys that are kept."""
    kinds, present = _feature_kinds(model), {name for row in spec.rows or () for name in row}
    others = dict.fromkeys([*_roles(model).values(), *spec.keep])
    return *kinds, *(name for name in others if name not in kinds and name in present)


def index_given(directory: Path, spec: PredictSpec, model: ModelSchema) -> SelectionIndex:
    """The rows as a data set, in an existing empty directory; `check_given` has found no problem."""
    rows, kinds, roles = spec.rows or [], dict(_feature_kinds(model)), _roles(model)
    if "time" in roles:
        kinds[roles["time"]] = ColumnKind.TIME
    columns = (_column(name, kinds.get(name), [row.get(name) for row in rows]) for name in given_columns(spec, model))
    return write_index(
        directory, columns, rows=len(rows), time_column=roles.get("time"), group_column=roles.get("group")
    )


def _feature_kinds(model: ModelSchema) -> Mapping[str, ColumnKind]:
    return {feature.column: feature.kind for feature in model.features}


def _roles(model: ModelSchema) -> Mapping[str, str]:
    """The columns that the windows of the model need beside the features, by role; {} without windows."""
    names = {"time": model.time_column, "group": model.group_column if model.grouped else None}
    return {role: name for role, name in names.items() if name is not None} if model.has_windows else {}


def _check_history(spec: PredictSpec, name: str, role: str, problems: Problems) -> None:
    """Every row has its time and its group: without them its windows would be missing, and nobody would notice."""
    rows, misfits = spec.rows or [], Misfits()
    for number, row in enumerate(rows):
        if row.get(name) is None:
            detail = f"has no {name!r}: the windows of the model need the {role} of every row"
            problems.add(pointer_to("rows", number, *([name] if name in row else [])), detail)
    (times if role == "time" else group_codes)(_cells([row.get(name) for row in rows]), misfits)
    for reason, (_, number, _) in misfits.found.items():
        problems.add(pointer_to("rows", number, name), reason)


def _cells(values: Cells) -> Any:
    cells = np.empty(len(values), dtype=object)
    cells[:] = values
    return cells


def _why_wrong(name: str, kind: ColumnKind | None, value: object) -> str:
    """Why a value does not fit a feature; empty when it does. `kind`: None for a key that is only kept."""
    if kind is None:
        return ""
    is_boolean = isinstance(value, bool)
    if kind is ColumnKind.BOOLEAN:
        return "" if is_boolean else f"{name!r} is boolean: give true, false, or null where it is missing"
    if kind is ColumnKind.CATEGORY:
        return "" if isinstance(value, str) else f"{name!r} holds categories: give text, or null where it is missing"
    is_number = isinstance(value, int | float) and not is_boolean
    return "" if is_number else f"{name!r} holds numbers: give a number, or null where it is missing"


def _check_same_type(spec: PredictSpec, name: str, problems: Problems) -> None:
    """A column of the output holds one type."""
    wanted: str | None = None
    is_whole = all(isinstance(row.get(name), int) for row in spec.rows or ())
    for number, row in enumerate(spec.rows or ()):
        value = row.get(name)
        if value is None:
            continue
        if isinstance(value, int) and abs(value) > EXACT and not is_whole:
            detail = f"is beyond 2^53, and other rows have no whole number in {name!r}: give it as text"
            problems.add(pointer_to("rows", number, name), detail)
        here = _type_name(value)
        wanted = wanted or here
        if here != wanted:
            detail = f"is {here} here and {wanted} in an earlier row: a column that is kept holds one type"
            problems.add(pointer_to("rows", number, name), detail)


def _type_name(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "text" if isinstance(value, str) else "a number"


def _column(name: str, kind: ColumnKind | None, cells: Cells) -> IndexColumn:
    present = [cell for cell in cells if cell is not None]
    if kind is None and present:
        kind = _KINDS[_type_name(present[0])]
    if not present:
        return IndexColumn(name, ColumnKind.NUMBER, np.full(len(cells), np.nan))
    return _MAKERS[kind if kind not in NUMERIC and kind is not None else ColumnKind.NUMBER](name, cells)


def _times(name: str, cells: Cells) -> IndexColumn:
    return IndexColumn(name, ColumnKind.TIME, times(_cells(cells), Misfits()))


def _numbers(name: str, cells: Cells) -> IndexColumn:
    if all(isinstance(cell, int) and cell in INTEGERS for cell in cells):
        return IndexColumn(name, ColumnKind.INTEGER, np.array(cells, dtype=np.int64))
    return IndexColumn(name, ColumnKind.NUMBER, np.array([np.nan if cell is None else float(cell) for cell in cells]))


def _booleans(name: str, cells: Cells) -> IndexColumn:
    flags = np.array([-1 if cell is None else int(cell) for cell in cells], dtype=np.int8)
    return IndexColumn(name, ColumnKind.BOOLEAN, flags)


def _categories(name: str, cells: Cells) -> IndexColumn:
    words = tuple(sorted({cell for cell in cells if cell is not None}))
    code = {word: number for number, word in enumerate(words)}
    codes = np.array([-1 if cell is None else code[cell] for cell in cells], dtype=np.int32)
    return IndexColumn(name, ColumnKind.CATEGORY, codes, words)


_KINDS = {"boolean": ColumnKind.BOOLEAN, "text": ColumnKind.CATEGORY, "a number": ColumnKind.NUMBER}
_MAKERS: Mapping[ColumnKind, Callable[[str, Cells], IndexColumn]] = {
    ColumnKind.NUMBER: _numbers,
    ColumnKind.BOOLEAN: _booleans,
    ColumnKind.CATEGORY: _categories,
    ColumnKind.TIME: _times,
}
