"""The columns of a query's result, in words that both the reader of a database and the writer of the file know."""

from dataclasses import dataclass
from enum import StrEnum


class QueryType(StrEnum):
    """How the text of a column's values is read. Times are ISO 8601; `number` is a decimal that becomes a double."""

    BOOLEAN = "boolean"  # t or f
    INTEGER_16 = "int16"
    INTEGER_32 = "int32"
    INTEGER_64 = "int64"
    UNSIGNED_64 = "uint64"
    REAL = "float32"
    DOUBLE = "float64"
    NUMBER = "number"
    DATE = "date"
    TIME = "time"  # without a zone: UTC, as in a file
    TIME_UTC = "time_utc"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class QueryColumn:
    """A column of a result."""

    name: str
    type: QueryType


@dataclass(frozen=True, slots=True)
class QueryRows:
    """The rows of a result, which are in a file: CSV in UTF-8 without a header; an empty cell is NULL, "" a text.

    version: the SHA-256 of the columns and the text; equal results have equal ones, whatever library wrote the file.
    """

    columns: tuple[QueryColumn, ...]
    rows: int
    version: str
