"""Reads the first rows of a data set as JSON values."""

from datetime import timedelta
from typing import Any

from numpy.typing import NDArray

from ml_training.selection.index import TIME_MISSING, ColumnKind, SelectionIndex, is_missing
from ml_training.selection.rows import EPOCH


def preview(index: SelectionIndex, limit: int) -> list[dict[str, Any]]:
    """The first rows, at most `limit`; a missing value is None, times are RFC 3339, text columns are left out."""
    names = [name for name in index.names if index.kind(name) is not ColumnKind.TEXT]
    columns = [_json_values(index, name, limit) for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def rfc3339(microseconds: int) -> str | None:
    """Microseconds since the epoch as UTC text; None for a missing time."""
    if microseconds == TIME_MISSING:
        return None
    return (EPOCH + timedelta(microseconds=microseconds)).isoformat().replace("+00:00", "Z")


def _json_values(index: SelectionIndex, name: str, limit: int) -> list[Any]:
    kind, values = index.kind(name), index.values(name, slice(limit))
    plain = values.tolist()
    if kind is ColumnKind.TIME:
        return [rfc3339(value) for value in plain]
    if kind is ColumnKind.CATEGORY:
        categories = index.categories(name)
        return [None if code < 0 else categories[code] for code in plain]
    if kind is ColumnKind.BOOLEAN:
        plain = [bool(value) for value in plain]
    return _none_where_missing(plain, values, kind)


def _none_where_missing(plain: list[Any], values: NDArray[Any], kind: ColumnKind) -> list[Any]:
    return [None if missing else value for value, missing in zip(plain, is_missing(values, kind), strict=True)]
