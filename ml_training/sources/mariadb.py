"""Runs a query on MariaDB or MySQL and writes its rows to a file.

The server takes one statement at a time. It first prepares the query by itself, so it is whole before it becomes part
of a larger statement, and runs it in a transaction that only reads. It also writes the rows as text: one value a row
is all that the driver, which is written in Python, has to read.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from ml_training.domain.errors import SourceUnavailable
from ml_training.domain.query_columns import QueryColumn, QueryRows, QueryType
from ml_training.sources.driver import Driver
from ml_training.sources.mariadb_types import SORTED_BYTES, MariaDbColumn, cell, order, query_type, refusal
from ml_training.sources.refused import SourceRefused, refused, scrubbed
from ml_training.sources.rows_file import QueryLimits, RowsFile, check_columns, most_rows
from ml_training.sources.stop_watch import ended_on_request

CONNECT_SECONDS = 5
DEFAULT_PORT = 3306
BATCH = 1_000
# Numbers of errors (MariaDB: "MariaDB Error Codes") after which the same query may succeed later.
PASSING = frozenset(
    {1040, 1053, 1077, 1079, 1152, 1159, 1160, 1161, 1184, 1203, 1205, 1213, 1226, 1927, 2002, 2003, 2006, 2013, 2055}
)
TIMED_OUT, CANCELLED, READ_ONLY, ACCOUNT = {1969, 3024}, {1317}, {1792}, {1044, 1045, 1049, 1130, 1698, 1862}


def run_query(
    url: str,
    query: str,
    path: Path,
    *,
    limits: QueryLimits,
    should_stop: Callable[[], bool],
    arrived: Callable[[int], None],
) -> QueryRows:
    """See RunQuery."""
    with _session(url, limits) as connection:
        thread = connection.thread_id()
        with ended_on_request(should_stop, lambda: _end_query(url, thread)):
            try:
                columns = _columns(connection, query, limits)
                kinds = [kind for column in columns if (kind := query_type(column)) is not None]
                described = [QueryColumn(column.name, kind) for column, kind in zip(columns, kinds, strict=True)]
                statement = _rows_statement(query, columns, kinds, most_rows(limits, len(columns)) + 1)
                with RowsFile(path, described, limits=limits, arrived=arrived) as rows:
                    for row in _rows(connection, statement, lambda: _end_query(url, thread)):
                        rows.add(row)
                    return rows.finish()
            except _database_error() as error:
                raise _meaning(error, url, limits) from None


def check(url: str) -> None:
    """See Driver."""
    with _session(url, QueryLimits(cells=1, columns=1, name_characters=1, bytes=1, seconds=CONNECT_SECONDS)):
        return


def _connect(url: str) -> Any:
    """A connection; raises pymysql's error."""
    import pymysql  # here: a process that reads no database does not load it
    from pymysql.cursors import SSCursor

    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    authority = options.get("ssl_ca")
    return pymysql.connect(
        host=parts.hostname,
        port=parts.port or DEFAULT_PORT,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=unquote(parts.path[1:]),
        charset="utf8mb4",
        cursorclass=SSCursor,  # rows are read as they come
        connect_timeout=int(options.get("connect_timeout", CONNECT_SECONDS)),
        autocommit=True,
        conv={},
        program_name="ml-training",
        **({"ssl_ca": authority, "ssl_verify_identity": True} if authority else {}),
    )


@contextmanager
def _session(url: str, limits: QueryLimits) -> Iterator[Any]:
    """A connection in a transaction that only reads; it never commits."""
    try:
        connection = _connect(url)
    except (_database_error(), OSError, ValueError) as error:
        if error.args and error.args[0] in ACCOUNT:
            detail = "the database refuses the account of this connection: its operator must correct it"
            raise refused(detail) from None
        raise SourceUnavailable("the database of a connection does not answer") from None
    try:
        try:
            _begin(connection, limits)
        except _database_error() as error:
            raise _meaning(error, url, limits) from None
        yield connection
    finally:
        with suppress(_database_error()):  # it was lost
            connection.close()


def _begin(connection: Any, limits: QueryLimits) -> None:
    is_mariadb = "mariadb" in connection.get_server_info().lower()
    limit = f"max_statement_time = {limits.seconds}" if is_mariadb else f"max_execution_time = {limits.seconds * 1000}"
    _execute(connection, f"SET SESSION {limit}, time_zone = '+00:00', max_sort_length = {SORTED_BYTES}")
    _execute(connection, "SET SESSION TRANSACTION READ ONLY")
    _execute(connection, "START TRANSACTION READ ONLY")


def _execute(connection: Any, statement: str, values: Sequence[object] = ()) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)


def _columns(connection: Any, query: str, limits: QueryLimits) -> list[MariaDbColumn]:
    """The columns of a query that is one SELECT; raises SourceRefused, or the error of the server."""
    _execute(connection, "PREPARE ml_training_query FROM %s", (query,))  # as it is, and nothing runs
    _execute(connection, "DEALLOCATE PREPARE ml_training_query")
    with connection.cursor() as cursor:
        cursor.execute(f"{_as_table(query)} LIMIT 0")
        # `description` has neither the flags nor the character set; the fields behind it have no public name.
        found = [
            MariaDbColumn(field.name, field.type_code, field.flags, field.charsetnr, field.length, field.scale)
            for field in cursor._result.fields
        ]
    check_columns([column.name for column in found], limits)
    unread = [column for column in found if query_type(column) is None]
    if unread:
        raise SourceRefused(*((column.name, refusal(column)) for column in unread))
    return found


def _rows_statement(query: str, columns: Sequence[MariaDbColumn], kinds: Sequence[QueryType], most: int) -> str:
    """Each row as a line of CSV, in an order that is total: equal rows are equal in every byte."""
    pairs = list(zip(columns, kinds, strict=True))
    cells = ", ".join(cell(column, kind) for column, kind in pairs)
    keys = ", ".join(key for column, kind in pairs for key in order(column, kind))
    # All of it is made here, but the query, which the server has checked by itself.
    return f"SELECT CONCAT_WS(',', {cells}) FROM ({_as_table(query)} LIMIT {most}) AS r ORDER BY {keys}"  # noqa: S608


def _as_table(query: str) -> str:
    return f"SELECT * FROM (\n{query.rstrip().removesuffix(';')}\n) AS q"  # noqa: S608 - checked by itself before


def _rows(connection: Any, statement: str, end: Callable[[], None]) -> Iterator[bytes]:
    """The lines, each with its line break."""
    cursor = connection.cursor()
    try:
        cursor.execute(statement)
        while batch := cursor.fetchmany(BATCH):
            yield from (_line(value) for (value,) in batch)
    except BaseException:
        # Closing reads to the end of the result: let the server end it first.
        with suppress(Exception):
            end()
        with suppress(Exception):
            cursor.close()
        raise
    cursor.close()


def _line(value: str | None) -> bytes:
    if value is None:  # what the server makes of a text that is larger than its max_allowed_packet
        raise refused("a row is larger than max_allowed_packet of the database: select shorter texts")
    return f"{value}\n".encode()


def _end_query(url: str, thread: int) -> None:
    connection = _connect(url)
    try:
        _execute(connection, f"KILL QUERY {thread:d}")
    finally:
        connection.close()


def _database_error() -> type[Exception]:
    import pymysql

    error: type[Exception] = pymysql.err.MySQLError
    return error


def _meaning(error: Exception, url: str, limits: QueryLimits) -> SourceRefused | SourceUnavailable:
    """What an error of a query means."""
    number, message = (*error.args, "", "")[:2]
    if number in PASSING or not isinstance(number, int) or number == 0:
        return SourceUnavailable("the database of a connection was lost during a query")
    if number in CANCELLED:
        return SourceUnavailable("the query was cancelled at its database")
    if number in TIMED_OUT:
        return refused(f"the query takes more than {limits.seconds:,} seconds, the limit: select less")
    if number in READ_ONLY:
        return refused("the query writes, and only reading is allowed")
    return refused(scrubbed(f"the database says: {message}", url))


DRIVER = Driver(run_query, check)
