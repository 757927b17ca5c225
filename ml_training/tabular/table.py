"""The interface to a table on disk whose structure has been checked: rows, names, and one column at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What was found out about a file as a whole; None where it does not apply to the format.

    `exact_points`: the columns whose fractions the file stores as numbers, so that their decimal mark is a point.
    """

    file_format: str
    encoding: str | None = None
    encoding_example: str | None = None  # where the encoding is a guess: a word to judge it by
    separator: str | None = None
    header_row: int | None = None
    header_warning: str | None = None
    stripped_names: int = 0
    skipped: tuple[str, ...] = ()
    sheet: str | None = None
    sheets: tuple[str, ...] = ()
    dropped: tuple[Mapping[str, Any], ...] = ()
    renamed: Mapping[str, str] | None = None
    exact_points: frozenset[str] = frozenset()


class Table(Protocol):
    """A table on disk; a column is in memory only while the caller keeps it."""

    @property
    def rows(self) -> int:
        """At least 1."""

    @property
    def names(self) -> tuple[str, ...]:
        """Distinct column names, in order."""

    @property
    def first_row(self) -> int:
        """The number of the first row in a reason (see `IngestResult`)."""

    @property
    def typed(self) -> bool:
        """Whether the file states the types of its columns; if not, all are text and the types are inferred."""

    @property
    def facts(self) -> FileFacts:
        """What was found out about the file."""

    def column(self, name: str) -> Any:
        """The column as a pyarrow ChunkedArray of `rows` values; raises Rejected if it cannot be read."""


@dataclass(frozen=True, slots=True)
class TextTable:
    """The table of a text file or sheet: every column is text, in a memory-mapped Arrow file."""

    table: pa.Table
    positions: Mapping[str, int]  # in the order of the columns; the table may have columns that were dropped
    facts: FileFacts
    first_row: int = 2
    typed: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """See Table."""
        return tuple(self.positions)

    @property
    def rows(self) -> int:
        """See Table."""
        return int(self.table.num_rows)

    def column(self, name: str) -> Any:
        """See Table."""
        return self.table.column(self.positions[name])
