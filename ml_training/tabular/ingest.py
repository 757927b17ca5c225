"""Reads an uploaded file into a selection index and its profile, or lists everything that is wrong with the file."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ml_training.domain.file_formats import JSON_FORMATS, TEXT_FORMATS
from ml_training.domain.file_options import FileOptions
from ml_training.domain.limits import MAX_PHASES, Limits
from ml_training.selection.index import ColumnKind, IndexColumn, is_missing
from ml_training.selection.index_writer import write_index
from ml_training.tabular.column_warnings import column_warnings, is_text
from ml_training.tabular.convert import Converted, from_typed, no_values
from ml_training.tabular.convert_text import from_text
from ml_training.tabular.csv_file import open_csv
from ml_training.tabular.feather_file import open_feather
from ml_training.tabular.ingest_result import IngestProgress, IngestResult, Reason, Rejected, reason
from ml_training.tabular.parquet_file import open_parquet
from ml_training.tabular.parsing_report import at_most, column_parsing, file_parsing, file_warnings
from ml_training.tabular.profile import column_profile, table_profile
from ml_training.tabular.reading_rules import ReadingRules, reading_rules
from ml_training.tabular.table import Table
from ml_training.tabular.text_column import TextColumn
from ml_training.tabular.time_column import time_column

TEXT_FILES = frozenset({*TEXT_FORMATS, *JSON_FORMATS, "xlsx"})
AS_IT_LOOKS = FileOptions()
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


@dataclass(slots=True)
class _Report:
    """What is said about the columns that have been read."""

    profiles: list[dict[str, Any]] = field(default_factory=list)
    parsing: list[dict[str, Any] | None] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)

    def add(self, converted: Converted, text: TextColumn | None, table: Table) -> None:
        """Describe a column."""
        profile = column_profile(converted)
        pointer = f"/profile/columns/{len(self.profiles)}"
        self.profiles.append(profile)
        self.parsing.append(column_parsing(converted, profile["nulls"], table.rows))
        if not self.reasons:
            self.warnings += column_warnings(converted, text, profile, pointer=pointer, first_row=table.first_row)

    def whole(self, profile: dict[str, Any], table: Table, options: FileOptions) -> dict[str, Any]:
        """The profile of the data set, with how the file was read and what is odd about it."""
        parsing = file_parsing(table.facts, self.parsing, options)
        warnings = at_most([*file_warnings(table.facts, parsing), *self.warnings])
        return {**profile, "parsing": parsing, "warnings": warnings}


def read_table(
    path: Path,
    file_format: str,
    *,
    limits: Limits,
    directory: Path,
    time_column: str | None = None,
    phase_column: str | None = None,
    group_column: str | None = None,
    options: FileOptions = AS_IT_LOOKS,
    progress: IngestProgress = silent,
    threads: Callable[[], int] = one,
) -> IngestResult:
    """Read a file of one of the `FORMATS` into an index in `directory`, which exists and is empty.

    During the reading `directory` also contains temporary files (a little more than the unpacked file at most). After
    a rejection its content is useless. `threads` says how many may be used, and is asked at each column. `progress` is
    called at least once for each MiB and each column. An exception that it raises stops the reading and is passed on.
    OSError and MemoryError mean a fault of the machine, never a fault of the file.
    """
    roles = Roles(time_column or None, phase_column or None, group_column or None)
    work = directory / "work"
    work.mkdir()
    report = _Report()
    reading = _Reading(path, file_format, options, limits, work, roles, progress, threads)
    try:
        with reading.open() as table:
            index = write_index(
                directory,
                _columns(table, reading, report),
                rows=table.rows,
                time_column=roles.time,
                phase_column=roles.phase,
                group_column=roles.group,
            )
            profile = report.whole(table_profile(index, report.profiles), table, options)
    except Rejected as rejected:
        return IngestResult(reasons=rejected.reasons)
    finally:
        shutil.rmtree(work)
    return IngestResult(index=index, rows=index.rows, columns=len(index.names), profile=profile)


@dataclass(frozen=True, slots=True)
class _Reading:
    """The arguments of `read_table`, with the directory for temporary files."""

    path: Path
    file_format: str
    options: FileOptions
    limits: Limits
    work: Path
    roles: Roles
    progress: IngestProgress
    threads: Callable[[], int]

    def open(self) -> AbstractContextManager[Table]:
        """The table of the file."""
        named = (self.roles.time, self.roles.phase, self.roles.group)
        if self.file_format == "parquet":
            return open_parquet(self.path, limits=self.limits, roles=named)
        if self.file_format == "feather":
            return open_feather(self.path, limits=self.limits, roles=named)
        if self.file_format not in TEXT_FILES:
            raise ValueError(f"unknown file format {self.file_format!r}")
        return open_csv(
            self.path,
            self.file_format,
            options=self.options,
            limits=self.limits,
            work=self.work,
            roles=named,
            consumed=lambda share: self.progress(PARSED * share, "parsing the file"),
            threads=self.threads,
        )


def _columns(table: Table, reading: _Reading, report: _Report) -> Iterator[IndexColumn]:
    """The columns in order; raises Rejected at the end if any of them cannot be used."""
    rules = reading_rules(table, reading.options)
    for number, name in enumerate(table.names):
        reading.progress(PARSED + (1 - PARSED) * number / len(table.names), "reading the columns")
        values, threads = table.column(name), reading.threads()
        rules.use_threads(threads)
        text = TextColumn(name, values, threads, rules.missing) if is_text(values) else None
        try:
            converted = _converted(table, name, values, text, reading.roles, rules, report.reasons)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            report.reasons.append(reason(f"the values cannot be read: {str(error)[:200]}", column=name))
            converted = no_values(name, table.rows)
        except Rejected as rejected:
            report.reasons += rejected.reasons
            converted = no_values(name, table.rows)
        report.add(converted, text, table)
        yield converted.column
        del converted, values, text  # so that they are not in memory while the next one is read
    if report.reasons:
        raise Rejected(*report.reasons)


def _converted(
    table: Table,
    name: str,
    values: Any,
    text: TextColumn | None,
    roles: Roles,
    rules: ReadingRules,
    reasons: list[Reason],
) -> Converted:
    keep = name in (roles.phase, roles.group)
    if name == roles.time:
        return time_column(table, name, values, rules, reasons, 1 if text is None else text.threads)
    if table.typed or text is None:
        converted = from_typed(name, values, keep=keep)
    else:
        converted = from_text(text, rules, keep=keep)
    if name == roles.phase:
        reasons += _phase_reasons(converted.column)
    if name == roles.group:
        reasons += _code_reasons(converted.column, "group")
    return converted


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
