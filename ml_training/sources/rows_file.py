"""Writes the rows of a result to a file as they arrive, within the limits; computes what tells two results apart."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from ml_training.domain.query_columns import QueryColumn, QueryRows
from ml_training.sources.refused import refused

ROW_BYTES = 8 << 20  # of one row as text
REPORT_ROWS = 10_000  # between two reports


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """rows, bytes: of the result as text; seconds: of the query at its server."""

    cells: int
    columns: int
    name_characters: int
    bytes: int
    seconds: int


class RowsFile:
    """A context manager around the rows of one result; see QueryRows for their form."""

    def __init__(
        self, path: Path, columns: Sequence[QueryColumn], *, limits: QueryLimits, arrived: Callable[[int], None]
    ) -> None:
        self._file = path.open("wb", buffering=1 << 20)
        self._columns = tuple(columns)
        self._most_rows, self._most_bytes = most_rows(limits, len(columns)), limits.bytes
        self._arrived = arrived
        self._digest = hashlib.sha256(json.dumps([[column.name, column.type] for column in columns]).encode())
        self._rows = self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, row: bytes | bytearray | memoryview) -> None:
        """Write one row with its line break; raises SourceRefused beyond a limit."""
        self._rows += 1
        self._bytes += len(row)
        if self._rows > self._most_rows:
            raise refused(f"the query has more than {self._most_rows:,} rows, the limit for its number of columns")
        if self._bytes > self._most_bytes:
            raise refused(f"the rows of the query are larger than {self._most_bytes:,} bytes as text, the limit")
        if len(row) > ROW_BYTES:
            raise refused(f"row {self._rows:,} is larger than {ROW_BYTES:,} bytes as text, the limit")
        self._digest.update(row)
        self._file.write(row)
        if self._rows % REPORT_ROWS == 0:
            self._arrived(self._rows)

    def finish(self) -> QueryRows:
        """All rows are there."""
        self._file.flush()
        return QueryRows(self._columns, self._rows, self._digest.hexdigest())


def most_rows(limits: QueryLimits, columns: int) -> int:
    """How many rows a result with this number of columns may have."""
    return limits.cells // max(1, columns)


def check_columns(names: Sequence[str], limits: QueryLimits) -> None:
    """Raise SourceRefused for too many columns, and for names that are missing, too long or there twice."""
    if not names:
        raise refused("the query has no columns: write a SELECT that has some")
    if len(names) > limits.columns:
        raise refused(f"the query has {len(names):,} columns, and {limits.columns:,} is the limit")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        detail = "two columns of the query have this name: write AS and another name after one of them"
        raise refused(detail, column=twice[0])
    longest = limits.name_characters
    if any(not 1 <= len(name) <= longest for name in names):
        raise refused(f"a column has no name, or one of more than {longest} characters: write AS and a name")
