"""How the values of each PostgreSQL type are read, and what to write in a query for those that are not."""

from dataclasses import dataclass

from ml_training.domain.query_columns import QueryType

# Object ids of the built-in types, from PostgreSQL's pg_type.dat; they never change.
NUMERIC, TEXT_ORDER = 1700, 'COLLATE "C"'
_TYPES = {
    16: QueryType.BOOLEAN,
    21: QueryType.INTEGER_16,
    23: QueryType.INTEGER_32,
    20: QueryType.INTEGER_64,
    700: QueryType.REAL,
    701: QueryType.DOUBLE,
    NUMERIC: QueryType.NUMBER,
    1082: QueryType.DATE,
    1114: QueryType.TIME,
    1184: QueryType.TIME_UTC,
    25: QueryType.TEXT,
    1043: QueryType.TEXT,  # varchar
    1042: QueryType.TEXT,  # char(n), without the blanks at its end
    19: QueryType.TEXT,  # name
    2950: QueryType.TEXT,  # uuid
}
EXACT_DIGITS = 18  # a whole number of this many digits fits into 64 bits
_REMEDIES = {
    "json": "{c} ->> 'key', or {c}::text",
    "jsonb": "{c} ->> 'key', or {c}::text",
    "bytea": "encode({c}, 'hex')",
    "time": "extract(epoch from {c})::float8",
    "interval": "extract(epoch from {c})::float8",
    "money": "{c}::numeric",
    "oid": "{c}::bigint",
    "point": "{c}[0] and {c}[1]",
}


@dataclass(frozen=True, slots=True)
class PostgresColumn:
    """A column of a result as the server describes it. modifier: atttypmod, -1 without one."""

    name: str
    type_id: int
    modifier: int
    type_name: str = ""  # of a type that is not built in
    is_enum: bool = False


def query_type(column: PostgresColumn) -> QueryType | None:
    """How the column is read; None if it is not."""
    if column.is_enum:
        return QueryType.TEXT
    if column.type_id == NUMERIC and is_whole(column.modifier):
        return QueryType.INTEGER_64
    return _TYPES.get(column.type_id)


def is_known(type_id: int) -> bool:
    """Whether the type is read whatever its name is."""
    return type_id in _TYPES


def is_whole(modifier: int) -> bool:
    """Whether numeric(p, s) holds whole numbers that fit into 64 bits; numeric.c: ((p << 16) | s) + 4."""
    precision, scale = (modifier - 4) >> 16 & 0xFFFF, modifier - 4 & 0x7FF
    return modifier >= 4 and scale == 0 and precision <= EXACT_DIGITS


def remedy(column: PostgresColumn) -> str:
    """What to write in the query instead of the column."""
    quoted = '"' + column.name.replace('"', '""') + '"'
    base = column.type_name
    if base.endswith("[]"):
        return f"{quoted}[1], or array_to_string({quoted}, ',')"
    return _REMEDIES.get(base.partition(" ")[0], "{c}::text").format(c=quoted)


def expression(number: int, kind: QueryType) -> str:
    """The column in the list of the outer SELECT: as a text that sorts by its bytes, or as it is."""
    return f"c{number}::text {TEXT_ORDER} AS c{number}" if kind is QueryType.TEXT else f"c{number}"
