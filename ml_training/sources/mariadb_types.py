"""How the values of each type of MariaDB and MySQL are read, and what to write in a query for those that are not."""

from collections.abc import Mapping
from dataclasses import dataclass

from ml_training.domain.query_columns import QueryType

# Numbers of column types and flags in the protocol (MariaDB: "Result Set Packets").
TINY, SHORT, LONG, FLOAT, DOUBLE, NULL, TIMESTAMP, LONGLONG, INT24, DATE, TIME, DATETIME, YEAR = range(1, 14)
BIT, JSON, DECIMAL, ENUM, SET, GEOMETRY = 16, 245, 246, 247, 248, 255
TEXTS = frozenset({15, 249, 250, 251, 252, 253, 254, ENUM, SET})
UNSIGNED, BINARY_CHARSET = 32, 63
EXACT_DIGITS = 18  # a whole number of this many digits fits into 64 bits
SORTED_BYTES = 1_024  # of a text: max_sort_length, its default and so what every server allows
_TYPES: Mapping[int, tuple[QueryType, QueryType]] = {  # signed, unsigned
    TINY: (QueryType.INTEGER_16, QueryType.INTEGER_16),
    SHORT: (QueryType.INTEGER_16, QueryType.INTEGER_32),
    INT24: (QueryType.INTEGER_32, QueryType.INTEGER_32),
    LONG: (QueryType.INTEGER_32, QueryType.INTEGER_64),
    LONGLONG: (QueryType.INTEGER_64, QueryType.UNSIGNED_64),
    YEAR: (QueryType.INTEGER_16, QueryType.INTEGER_16),
    FLOAT: (QueryType.REAL, QueryType.REAL),
    DOUBLE: (QueryType.DOUBLE, QueryType.DOUBLE),
    DATE: (QueryType.DATE, QueryType.DATE),
    DATETIME: (QueryType.TIME, QueryType.TIME),
    TIMESTAMP: (QueryType.TIME_UTC, QueryType.TIME_UTC),
    NULL: (QueryType.TEXT, QueryType.TEXT),
}
_REFUSED = {
    TIME: ("time", "TIME_TO_SEC({c})"),
    BIT: ("bit", "CAST({c} AS UNSIGNED)"),
    JSON: ("json", "JSON_UNQUOTE(JSON_EXTRACT({c}, '$.key')), or CAST({c} AS CHAR)"),
    GEOMETRY: ("geometry", "ST_X({c}) and ST_Y({c}), or ST_AsText({c})"),
}


@dataclass(frozen=True, slots=True)
class MariaDbColumn:
    """A column of a result as the server describes it. length: in bytes."""

    name: str
    type_id: int
    flags: int
    charset: int
    length: int
    scale: int


def query_type(column: MariaDbColumn) -> QueryType | None:
    """How the column is read; None if it is not."""
    if column.type_id in TEXTS:
        return None if column.charset == BINARY_CHARSET else QueryType.TEXT
    if column.type_id == DECIMAL:
        digits = column.length - (0 if column.flags & UNSIGNED else 1)  # a place for the sign
        return QueryType.INTEGER_64 if not column.scale and digits <= EXACT_DIGITS else QueryType.NUMBER
    found = _TYPES.get(column.type_id)
    return found and found[bool(column.flags & UNSIGNED)]


def refusal(column: MariaDbColumn) -> str:
    """Why a column is not read, and what to write in the query instead."""
    name, remedy = _REFUSED.get(column.type_id, ("binary", "HEX({c})"))
    return f"the type {name} is not read: write {remedy.format(c=quoted(column.name))}"


def quoted(name: str) -> str:
    """A name in a statement."""
    return "`" + name.replace("`", "``") + "`"


def cell(column: MariaDbColumn, kind: QueryType) -> str:
    """The column as a cell of a row of CSV; NULL is the empty cell."""
    name = quoted(column.name)
    if kind is QueryType.TEXT:
        name = f"""CONCAT('"', REPLACE(CONVERT({name} USING utf8mb4), '"', '""'), '"')"""
    elif kind is QueryType.REAL:
        name = f"CAST({name} AS DOUBLE)"  # as itself it is shown with six digits
    elif kind is QueryType.TIME_UTC:
        name = f"CONCAT({name}, '+00')"  # the zone of the session
    return f"IFNULL({name}, '')"


def order(column: MariaDbColumn, kind: QueryType) -> list[str]:
    """What the rows are sorted by: a text by its bytes, and by its hash if it may be longer than what is compared."""
    name = quoted(column.name)
    if kind is not QueryType.TEXT:
        return [name]
    text = f"CONVERT({name} USING utf8mb4)"
    exact = [f"SHA2({text}, 256)"] if column.length > SORTED_BYTES else []
    return [f"CAST({text} AS BINARY)", *exact]
