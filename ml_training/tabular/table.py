"""The interface to a table on disk whose structure has been checked: rows, names, and one column at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa


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

    def column(self, name: str) -> Any:
        """The column as a pyarrow ChunkedArray of `rows` values; raises Rejected if it cannot be read."""


@dataclass(frozen=True, slots=True)
class TextTable:
    """The table of a CSV file: every column is text, in a memory-mapped Arrow file."""

    table: pa.Table
    names: tuple[str, ...]
    positions: Mapping[str, int]
    first_row: int = 2
    typed: bool = False

    @property
    def rows(self) -> int:
        """See Table."""
        return int(self.table.num_rows)

    def column(self, name: str) -> Any:
        """See Table."""
        return self.table.column(self.positions[name])
