"""What a file looks like once its structure is known to be sound: rows, names, and one column at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa


class Table(Protocol):
    """A table on disk; a column is in memory only while somebody holds it."""

    @property
    def rows(self) -> int:
        """At least 1."""

    @property
    def names(self) -> tuple[str, ...]:
        """Distinct column names, in order."""

    @property
    def first_row(self) -> int:
        """What a reason calls the first row (see `IngestVerdict`)."""

    @property
    def typed(self) -> bool:
        """Whether the file says the columns' types; if not, all are text and the types are inferred."""

    def column(self, name: str) -> Any:
        """The column as a pyarrow ChunkedArray of `rows` values; raises Rejected when it cannot be read."""


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
