"""Runs a query on PostgreSQL and writes its rows to a file.

psycopg 3 instead of psycopg2, which the service's own database uses: psycopg2 sends every text as a simple query, in
which `SELECT 1; COMMIT; DROP TABLE t` is three statements. Here the server first parses the query as one prepared
statement, so it is one, whole, with its brackets and quotes closed, before it becomes part of a larger statement; and
it runs in a transaction that only reads. What a query may do beyond that is what the account may do.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_training.domain.errors import SourceUnavailable
from ml_training.domain.query_columns import QueryColumn, QueryRows, QueryType
from ml_training.sources.driver import Driver
from ml_training.sources.postgresql_types import PostgresColumn, expression, is_known, query_type, remedy
from ml_training.sources.refused import SourceRefused, refused, scrubbed
from ml_training.sources.rows_file import QueryLimits, RowsFile, check_columns, most_rows
from ml_training.sources.stop_watch import ended_on_request

if TYPE_CHECKING:
    import psycopg

CONNECT_SECONDS = 5
LOST_AFTER = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
CHECKS_CLIENT = 140_000  # the first version that ends a query whose client is gone
# Classes and codes of SQLSTATE (PostgreSQL, appendix A) after which the same query may succeed later. A full disk is
# none: the query itself may have filled it.
PASSING = ("08", "25P03", "40", "53300", "55P03", "57P01", "57P02", "57P03", "57P05")
CANCELLED, READ_ONLY = "57014", "25006"
WRONG_OPTION = re.compile(r"invalid (URI|connection option|port number|integer value|\w+ value)")  # libpq
NOT_NOW = ("starting up", "shutting down", "recovery", "too many", "connection slots", "not accepting")


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
    began = time.monotonic()
    with (
        _session(url, limits) as connection,
        ended_on_request(should_stop, lambda: connection.cancel_safe(timeout=2.0)),
    ):
        try:
            columns = _columns(connection, query, limits)
            kinds = [kind for column in columns if (kind := query_type(column)) is not None]
            described = [QueryColumn(column.name, kind) for column, kind in zip(columns, kinds, strict=True)]
            statement = _copy_statement(query, kinds, most_rows(limits, len(columns)) + 1)
            with RowsFile(path, described, limits=limits, arrived=arrived) as rows, connection.cursor() as cursor:
                with cursor.copy(statement) as copy:
                    for row in copy:
                        rows.add(row)
                return rows.finish()
        except _database_error() as error:
            took = time.monotonic() - began
            raise _meaning(error, url, took_too_long=took >= limits.seconds, limits=limits) from None


def check(url: str) -> None:
    """See Driver."""
    with _session(url, QueryLimits(cells=1, columns=1, name_characters=1, bytes=1, seconds=CONNECT_SECONDS)):
        return


@contextmanager
def _session(url: str, limits: QueryLimits) -> "Iterator[psycopg.Connection[Any]]":
    """A connection in a transaction that only reads; it never commits."""
    import psycopg  # here: a process that reads no database does not load it

    options: dict[str, Any] = {"client_encoding": "UTF8", "application_name": "ml-training", **LOST_AFTER}
    if "connect_timeout" not in url:
        options["connect_timeout"] = CONNECT_SECONDS
    try:
        connection = psycopg.connect(url, autocommit=True, prepare_threshold=None, **options)
    except psycopg.Error as error:
        raise _not_connected(error) from None
    try:
        try:
            _begin(connection, limits)
        except psycopg.Error as error:
            raise _meaning(error, url, took_too_long=False, limits=limits) from None
        yield connection
    finally:
        connection.close()


def _begin(connection: "psycopg.Connection[Any]", limits: QueryLimits) -> None:
    settings = {
        "statement_timeout": f"{limits.seconds}s",
        "lock_timeout": "30s",
        "idle_in_transaction_session_timeout": "60s",
        "TimeZone": "UTC",
        "DateStyle": "ISO, YMD",
        "extra_float_digits": "1",
    }
    if connection.info.server_version >= CHECKS_CLIENT:
        settings["client_connection_check_interval"] = "1s"
    connection.execute("BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED READ ONLY")
    for name, value in settings.items():
        connection.execute("SELECT set_config(%s, %s, true)", (name, value))


def _columns(connection: "psycopg.Connection[Any]", query: str, limits: QueryLimits) -> list[PostgresColumn]:
    """The columns of a query that is one SELECT; raises SourceRefused, or psycopg's error of the server."""
    if "\0" in query:
        raise refused("the query contains a NUL character: remove it")
    _described(connection, query)  # as it is: one statement, and nothing left open
    found = _named(connection, _described(connection, _as_table(query)))
    check_columns([column.name for column in found], limits)
    unread = [column for column in found if query_type(column) is None]
    if unread:
        raise SourceRefused(
            *((column.name, f"the type {column.type_name} is not read: write {remedy(column)}") for column in unread)
        )
    return found


def _described(connection: "psycopg.Connection[Any]", statement: str) -> list[PostgresColumn]:
    """The columns of one statement, which the server parses and does not run; more than one is an error of it."""
    import psycopg
    from psycopg.generators import execute
    from psycopg.pq import ExecStatus

    raw = connection.pgconn
    # Not `prepare` and `describe_prepared`: those hold the interpreter's lock until the server answers.
    raw.send_prepare(b"", statement.encode())
    results = [connection.wait(execute(raw))[-1]]
    if results[0].status == ExecStatus.COMMAND_OK:
        raw.send_describe_prepared(b"")
        results.append(connection.wait(execute(raw))[-1])
    result = results[-1]
    if result.status != ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(result)
    if result.nparams:
        raise refused("the query has a parameter such as $1: write the value")
    return [
        PostgresColumn((result.fname(number) or b"").decode(), result.ftype(number), result.fmod(number))
        for number in range(result.nfields)
    ]


def _named(connection: "psycopg.Connection[Any]", columns: Sequence[PostgresColumn]) -> list[PostgresColumn]:
    """The columns with the names of the types that are not known by their ids."""
    ids = sorted({column.type_id for column in columns if not is_known(column.type_id)})
    if not ids:
        return list(columns)
    rows = connection.execute(
        "SELECT oid::bigint, format_type(oid, NULL), typtype = 'e' FROM pg_type WHERE oid = ANY(%s::bigint[]::oid[])",
        (ids,),
    )
    types = {int(row[0]): (str(row[1]), bool(row[2])) for row in rows}
    named = []
    for column in columns:
        name, is_enum = types.get(column.type_id, ("", False))
        named.append(replace(column, type_name=name, is_enum=is_enum))
    return named


def _copy_statement(query: str, kinds: Sequence[QueryType], most: int) -> str:
    """The rows in an order that is total: equal rows are equal in every byte, so their order does not matter.

    One row more than the limit is asked for, so that the server does not sort what would be refused.
    """
    numbers = range(1, len(kinds) + 1)
    names = ", ".join(f"c{number}" for number in numbers)
    listed = ", ".join(expression(number, kind) for number, kind in zip(numbers, kinds, strict=True))
    order = ", ".join(f"{number} NULLS LAST" for number in numbers)
    rows = f"({_as_table(query)} LIMIT {most}) AS q({names})"
    # All of it is made here, but the query, which the server has checked by itself.
    return f"COPY (SELECT {listed} FROM {rows} ORDER BY {order}) TO STDOUT (FORMAT csv)"  # noqa: S608


def _as_table(query: str) -> str:
    return f"SELECT * FROM (\n{query.rstrip().removesuffix(';')}\n) AS q"  # noqa: S608 - checked by itself before


def _database_error() -> type[Exception]:
    import psycopg

    return psycopg.Error


def _not_connected(error: Exception) -> SourceRefused | SourceUnavailable:
    """Why there is no connection. The message of the driver names host and account, so it is not repeated.

    A server that is there and refuses says FATAL; libpq gives no code for it.
    """
    message = str(error)
    if "FATAL" in message and not any(word in message for word in NOT_NOW):
        return refused("the database refuses the account of this connection: its operator must correct it")
    if WRONG_OPTION.search(message):
        return refused("the URL of this connection has an option that is wrong: its operator must correct it")
    return SourceUnavailable("the database of a connection does not answer")


def _meaning(error: Any, url: str, *, took_too_long: bool, limits: QueryLimits) -> SourceRefused | SourceUnavailable:
    """What an error of a query means. error: psycopg.Error."""
    state = error.sqlstate or ""
    if not state or state.startswith(PASSING):
        return SourceUnavailable("the database of a connection was lost during a query")
    if state == CANCELLED and took_too_long:
        return refused(f"the query takes more than {limits.seconds:,} seconds, the limit: select less")
    if state == CANCELLED:
        return SourceUnavailable("the query was cancelled at its database")
    if state == READ_ONLY:
        return refused("the query writes, and only reading is allowed")
    hint = f" ({error.diag.message_hint})" if error.diag.message_hint else ""
    return refused(scrubbed(f"the database says: {error.diag.message_primary or error}{hint}", url))


DRIVER = Driver(run_query, check)
