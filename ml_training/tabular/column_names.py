"""Gives every column of a text file a name: an index column without a name, columns without values, repeated names."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ml_training.domain.file_options import FileOptions
from ml_training.domain.limits import Limits
from ml_training.tabular.ingest_result import Rejected, reason
from ml_training.tabular.table_limits import check_names

INDEX = "index"


@dataclass(frozen=True, slots=True)
class Names:
    """The name of each column that has one by its position, and what is still to be found out from the values.

    `index`: whether the first column has no name; `unnamed`: the positions of the others that have none.
    """

    by_position: Mapping[int, str]
    index: bool
    unnamed: tuple[int, ...]
    renamed: Mapping[str, str]


def column_names(header: Sequence[str], roles: Iterable[str | None], options: FileOptions, *, limits: Limits) -> Names:
    """Check the header; raises Rejected with everything that is wrong with it."""
    if not any(header):
        raise Rejected(reason("no column has a name: give each one a name, or say header_row", row=1))
    names, renamed = list(header), dict[str, str]()
    if options.duplicate_columns == "rename":
        renamed = _rename(names)
    index = not names[0] and len(names) > 1
    unnamed = [at for at, name in enumerate(names) if not name and at]
    places = {at: name for at, name in enumerate(names) if name}
    if index and options.index_column != "drop":
        places = {0: next(name for name in _free_names(names)), **places}
    duplicates = [name for name, count in Counter(places.values()).items() if count > 1]
    checked = list(places.values())
    if duplicates:  # report the columns without a name together with these
        checked = [name if name or at else INDEX for at, name in enumerate(names)]
    check_names(checked, [role for role in roles if role != INDEX or not index], limits=limits)
    return Names(places, index, tuple(unnamed), renamed)


def _free_names(names: Sequence[str]) -> Iterable[str]:
    yield from (name for name in (INDEX, "column_1", "row_index", "index_column_1") if name not in names)
    raise Rejected(reason("column 1 has no name: give it one in the header"))


def _rename(names: list[str]) -> dict[str, str]:
    """Number the second and later columns of a name: a, a_2, a_3."""
    taken, seen, renamed = set(names), Counter[str](), dict[str, str]()
    for at, name in enumerate(names):
        seen[name] += 1
        if not name or seen[name] == 1:
            continue
        number = seen[name]
        while (other := f"{name}_{number}") in taken:
            number += 1
        names[at] = other
        taken.add(other)
        renamed[f"column {at + 1}"] = other
    return renamed


def kept_columns(table: pa.Table, names: Names, options: FileOptions) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """The position of each column by its name, and the columns that are dropped, with the reason.

    Raises Rejected if a column without a name has values.
    """
    dropped: list[dict[str, Any]] = []
    reasons = []
    for at in names.unnamed:
        if _is_empty(table.column(at)):
            dropped.append({"column": at + 1, "why": "it has neither a name nor values"})
        else:
            reasons.append(reason(f"column {at + 1} has no name: give it one in the header"))
    if reasons:
        raise Rejected(*reasons)
    kept = {name: at for at, name in names.by_position.items()}
    if names.index and (why := _why_dropped(table.column(0), options.index_column)):
        kept.pop(names.by_position.get(0, ""), None)
        dropped.insert(0, {"column": 1, "why": why})
    return kept, dropped


def _why_dropped(values: Any, option: str | None) -> str | None:
    if option == "drop":
        return "it has no name, and index_column is drop"
    if _is_empty(values):
        return "it has neither a name nor values"
    if option == "keep":
        return None
    start = _counts_from(values)
    return None if start is None else f"it has no name and numbers the rows from {start}"


def _is_empty(values: Any) -> bool:
    return not any(pc.any(pc.not_equal(pc.ascii_trim_whitespace(chunk), "")).as_py() for chunk in values.chunks)


def _counts_from(values: Any) -> int | None:
    """0 or 1 if the column is the number of each row, counted from there."""
    start, at = None, 0
    for chunk in values.chunks:
        try:
            numbers = pc.ascii_trim_whitespace(chunk).cast(pa.int64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            return None
        if not len(numbers):
            continue
        start = int(numbers[0]) if start is None else start
        if start not in (0, 1) or numbers[0] != start + at or (numbers[1:] - numbers[:-1] != 1).any():
            return None
        at += len(numbers)
    return start
