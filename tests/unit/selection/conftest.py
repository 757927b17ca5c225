"""Small data sets, written as Python lists with None for a missing value."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_training.domain.errors import FieldError, Invalid
from ml_training.domain.specs import CompareSpec, TestSpec, TrainSpec, parse_spec
from ml_training.selection.index import TIME_MISSING, ColumnKind, IndexColumn, SelectionIndex
from ml_training.selection.index_writer import write_index
from ml_training.selection.rows import to_microseconds

MakeIndex = Callable[..., SelectionIndex]


def column_of(name: str, values: Sequence[Any] | ColumnKind, rows: int) -> IndexColumn:
    """The column whose kind the first value shows; a kind instead of values is a column of that kind without any."""
    if values is ColumnKind.TEXT:
        return IndexColumn(name, ColumnKind.TEXT, None)
    if isinstance(values, ColumnKind):
        return IndexColumn(name, ColumnKind.NUMBER, np.full(rows, np.nan))
    if isinstance(values, np.ndarray):
        kind = ColumnKind.NUMBER if values.dtype.kind == "f" else ColumnKind.INTEGER
        return IndexColumn(name, kind, values)
    first = next(value for value in values if value is not None)
    if isinstance(first, bool):
        return IndexColumn(name, ColumnKind.BOOLEAN, np.array([-1 if v is None else v for v in values], dtype=np.int8))
    if isinstance(first, str):
        categories = tuple(sorted({value for value in values if value is not None}))
        code = {category: at for at, category in enumerate(categories)}
        codes = [-1 if value is None else code[value] for value in values]
        return IndexColumn(name, ColumnKind.CATEGORY, np.array(codes, dtype=np.int32), categories)
    if isinstance(first, datetime):
        moments = [TIME_MISSING if value is None else to_microseconds(value) for value in values]
        return IndexColumn(name, ColumnKind.TIME, np.array(moments, dtype=np.int64))
    if isinstance(first, int):
        return IndexColumn(name, ColumnKind.INTEGER, np.array(values, dtype=np.int64))
    return IndexColumn(
        name, ColumnKind.NUMBER, np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    )


@pytest.fixture
def make_index(tmp_path_factory: pytest.TempPathFactory) -> MakeIndex:
    """Writes and opens an index: `make_index({"x": [1.5, None]}, time_column=...)`."""

    def make(columns: dict[str, Any], **roles: str | None) -> SelectionIndex:
        rows = max(len(values) for values in columns.values() if not isinstance(values, ColumnKind))
        directory: Path = tmp_path_factory.mktemp("index")
        made = [column_of(name, values, rows) for name, values in columns.items()]
        return write_index(directory, made, rows=rows, **roles)

    return make


def _spec(body: dict[str, Any]) -> TrainSpec | TestSpec | CompareSpec:
    spec, errors = parse_spec(body, max_runtime_seconds=60)
    assert spec is not None, errors
    return spec


@pytest.fixture
def training_spec() -> Callable[..., TrainSpec]:
    """A TRAIN spec for target `y`; every field can be chosen."""

    def make(*, target: str | dict[str, Any] = "y", **fields: Any) -> TrainSpec:
        body = {"job_type": "TRAIN", "model_name": "m", "model_type": "lightgbm", "dataset_id": 1, **fields}
        spec = _spec({**body, "target": target if isinstance(target, dict) else {"column": target}})
        assert isinstance(spec, TrainSpec)
        return spec

    return make


@pytest.fixture
def testing_spec() -> Callable[..., TestSpec]:
    """A TEST spec for model 7."""

    def make(**fields: Any) -> TestSpec:
        spec = _spec({"job_type": "TEST", "model_id": 7, "dataset_id": 1, **fields})
        assert isinstance(spec, TestSpec)
        return spec

    return make


@pytest.fixture
def comparing_spec() -> Callable[..., CompareSpec]:
    """A COMPARE spec for the models 7 and 8."""

    def make(*, metric: str = "f1", **fields: Any) -> CompareSpec:
        body = {"job_type": "COMPARE", "model_ids": [7, 8], "dataset_id": 1, "metric": metric, **fields}
        spec = _spec(body)
        assert isinstance(spec, CompareSpec)
        return spec

    return make


@pytest.fixture
def reasons() -> Callable[..., dict[str, str]]:
    """Calls what must be refused and returns {pointer: detail}."""

    def refused(call: Callable[..., object], *args: object) -> dict[str, str]:
        with pytest.raises(Invalid) as caught:
            call(*args)
        errors: tuple[FieldError, ...] = caught.value.errors
        assert errors, "a refusal without a reason"
        assert all(error.detail for error in errors)
        return {error.pointer: error.detail for error in errors}

    return refused
