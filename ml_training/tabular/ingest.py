"""Reads an uploaded file into a selection index and its profile, or lists everything that is wrong with the file."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from ml_training.domain.limits import MAX_PHASES, Limits
from ml_training.selection.index import ColumnKind, IndexColumn, is_missing
from ml_training.selection.index_writer import write_index
from ml_training.tabular.convert import Converted, from_typed, no_values
from ml_training.tabular.convert_text import from_text, times_from_text
from ml_training.tabular.csv_file import open_csv
from ml_training.tabular.ingest_result import MAX_REASONS, IngestProgress, IngestResult, Reason, Rejected, reason
from ml_training.tabular.parquet_file import open_parquet
from ml_training.tabular.parse_times import rows_without_time
from ml_training.tabular.profile import column_profile, table_profile
from ml_training.tabular.table import Table
from ml_training.tabular.text_column import TextColumn

EXAMPLE = "2026-01-31T12:00:00Z"
PARSED = 0.5  # the share of the work that is done once the file is parsed


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns that the user named for each role; None: the data set has no such column."""

    time: str | None
    phase: str | None
    group: str | None


def silent(fraction: float, message: str) -> None:
    """An IngestProgress that reports nothing."""


def one() -> int:
    """One thread."""
    return 1


def read_table(
    path: Path,
    file_format: str,
    *,
    limits: Limits,
    directory: Path,
    time_column: str | None = None,
    phase_column: str | None = None,
    group_column: str | None = None,
    progress: IngestProgress = silent,
    threads: Callable[[], int] = one,
) -> IngestResult:
    """Read a `csv`, `csv.gz` or `parquet` file into an index in `directory`, which exists and is empty.

    During the reading `directory` also contains temporary files (a little more than the unpacked file at most). After
    a rejection its content is useless. `threads` says how many may be used, and is asked at each column. `progress` is
    called at least once for each MiB and each column. An exception that it raises stops the reading and is passed on.
    OSError and MemoryError mean a fault of the machine, never a fault of the file.
    """
    roles = Roles(time_column or None, phase_column or None, group_column or None)
    work = directory / "work"
    work.mkdir()
    profiles: list[dict[str, Any]] = []
    try:
        with _open(
            path, file_format, limits=limits, work=work, roles=roles, progress=progress, threads=threads
        ) as table:
            index = write_index(
                directory,
                _columns(table, roles, profiles=profiles, progress=progress, threads=threads),
                rows=table.rows,
                time_column=roles.time,
                phase_column=roles.phase,
                group_column=roles.group,
            )
    except Rejected as rejected:
        return IngestResult(reasons=rejected.reasons)
    finally:
        shutil.rmtree(work)
    profile = table_profile(index, profiles)
    return IngestResult(index=index, rows=index.rows, columns=len(index.names), profile=profile)


def _open(
    path: Path,
    file_format: str,
    *,
    limits: Limits,
    work: Path,
    roles: Roles,
    progress: IngestProgress,
    threads: Callable[[], int],
) -> AbstractContextManager[Table]:
    named = (roles.time, roles.phase, roles.group)
    if file_format == "parquet":
        return open_parquet(path, limits=limits, roles=named)
    if file_format not in ("csv", "csv.gz"):
        raise ValueError(f"unknown file format {file_format!r}")

    def consumed(share: float) -> None:
        progress(PARSED * share, "parsing the file")

    return open_csv(path, file_format, limits=limits, work=work, roles=named, consumed=consumed, threads=threads)


def _columns(
    table: Table, roles: Roles, *, profiles: list[dict[str, Any]], progress: IngestProgress, threads: Callable[[], int]
) -> Iterator[IndexColumn]:
    """The columns in order; raises Rejected at the end if any of them cannot be used."""
    reasons: list[Reason] = []
    for number, name in enumerate(table.names):
        progress(PARSED + (1 - PARSED) * number / len(table.names), "reading the columns")
        try:
            converted = _converted(table, name, roles, reasons, threads())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            reasons.append(reason(f"the values cannot be read: {str(error)[:200]}", column=name))
            converted = no_values(name, table.rows)
        profiles.append(column_profile(converted))
        yield converted.column
        del converted  # so that it is not in memory while the next one is read
    if reasons:
        raise Rejected(*reasons)


def _converted(table: Table, name: str, roles: Roles, reasons: list[Reason], threads: int) -> Converted:
    values, keep = table.column(name), name in (roles.phase, roles.group)
    if name == roles.time:
        return _time_column(table, name, values, reasons, threads)
    if table.typed:
        converted = from_typed(name, values, keep=keep)
    else:
        converted = from_text(TextColumn(name, values, threads), keep=keep)
    if name == roles.phase:
        reasons += _phase_reasons(converted.column)
    if name == roles.group:
        reasons += _code_reasons(converted.column, "group")
    return converted


def _time_column(table: Table, name: str, values: Any, reasons: list[Reason], threads: int) -> Converted:
    if pt.is_dictionary(values.type):
        values = values.cast(pa.string())
    text = TextColumn(name, values, threads) if pt.is_string(values.type) else None
    if text is None:
        converted = no_values(name, table.rows) if values.null_count == len(values) else from_typed(name, values)
    elif (first := text.first_value()) is None:
        converted = no_values(name, table.rows)
    elif (times := times_from_text(text, first)) is not None:
        converted = times
    else:
        reasons += _time_reasons(table, name, text.cleaned())
        return no_values(name, table.rows)
    column = converted.column
    if column.values is None or is_missing(column.values, column.kind).all():
        reasons.append(reason("the time column has no values", column=name))
    elif column.kind is not ColumnKind.TIME:
        detail = f"the time column contains {values.type}: store timestamps, or text such as {EXAMPLE}"
        reasons.append(reason(detail, column=name))
    return converted


def _time_reasons(table: Table, name: str, text: Any) -> list[Reason]:
    return [
        reason(
            f"{text[row].as_py()[:60]!r} is not a time such as {EXAMPLE} (with a zone in all rows or in none)",
            row=row + table.first_row,
            column=name,
        )
        for row in rows_without_time(text, at_most=MAX_REASONS)
    ]


def _phase_reasons(column: IndexColumn) -> list[Reason]:
    reasons = _code_reasons(column, "phase")
    if not reasons and column.values is not None:
        present = column.values[~is_missing(column.values, column.kind)]
        if (count := len(np.unique(present))) > MAX_PHASES:
            reasons.append(reason(f"{count:,} different phases, and {MAX_PHASES:,} is the limit", column=column.name))
    return reasons


def _code_reasons(column: IndexColumn, role: str) -> list[Reason]:
    """Why a column cannot be the phase or group column: it needs values, and they must be whole numbers or text."""
    wrong = column.kind not in (ColumnKind.INTEGER, ColumnKind.CATEGORY, ColumnKind.NUMBER)
    if wrong or column.values is None:
        detail = f"the {role} column contains {column.kind} values: it needs whole numbers or text"
        return [reason(detail, column=column.name)]
    present = column.values[~is_missing(column.values, column.kind)]
    if not len(present):
        return [reason(f"the {role} column has no values", column=column.name)]
    if column.kind is ColumnKind.NUMBER and np.any(present != np.rint(present)):
        return [reason(f"the {role} column contains fractions: it needs whole numbers or text", column=column.name)]
    return []
