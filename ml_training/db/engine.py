"""Connections to the database: short transactions, separate ones for writers and readers, outages as `Unavailable`."""

import select
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ml_training.db.project_scope import in_project
from ml_training.db.stored_json import read_json
from ml_training.db.write_lock import WriteLock
from ml_training.domain.errors import Unavailable

BUSY_SECONDS = 30
TURN_SECONDS = 5  # a transaction takes milliseconds: a turn that takes longer belongs to a frozen process
# A worker that freezes in the middle of a write keeps the lock on its job's row, and the reaper skips locked rows: the
# lock must be gone before the lease of 30 s is, or the job is not claimed again in time.
IDLE_WRITE_SECONDS = 15
# How long the server keeps the connections of a host that is gone without a word. Its own default is two hours, in
# which a fleet whose hosts come and go uses up all connections.
OF_VANISHED_HOSTS = {
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "60000",
}


class Database:
    """Gives transactions: `write()` and `read()` are context managers over one transaction each.

    Both raise `Unavailable` when the database is away, full, locked for too long or out of connections; nothing was
    committed then, except when the connection was cut between COMMIT and its answer: callers that care read back.
    """

    def __init__(
        self,
        writer: Engine,
        reader: Engine,
        turn: Callable[[], AbstractContextManager[None]] = nullcontext,
        *,
        project_id: int | None = None,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._turn = turn
        self.project_id = project_id
        """The project whose rows its transactions see and make; None for processes that serve all projects."""

    def of(self, project_id: int) -> "Database":
        """The same database and connections, for one project."""
        return Database(self._writer, self._reader, self._turn, project_id=project_id)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._writer.dialect.name

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes; on SQLite it takes the write lock at its start."""
        # The connection first: who waits for one must not hold the turn.
        with (
            outages(),
            self._writer.connect() as connection,
            self._turn(),
            connection.begin(),
            in_project(self.project_id),
        ):
            yield connection

    @contextmanager
    def change_schema(self) -> Iterator[Connection]:
        """A transaction that may copy tables which others name; raises RuntimeError if a name leads nowhere after it.

        SQLite can switch its foreign keys off only outside of a transaction.
        """
        with outages(), self._writer.connect() as connection, self._turn():
            driver: Any = connection.connection.dbapi_connection
            if self.dialect == "sqlite":
                driver.execute("PRAGMA foreign_keys = OFF")
            try:
                with connection.begin():
                    yield connection
                    if self.dialect == "sqlite" and (wrong := driver.execute("PRAGMA foreign_key_check").fetchall()):
                        raise RuntimeError(f"rows name others that are not there: {wrong[:5]}")
            finally:
                if self.dialect == "sqlite":
                    driver.execute("PRAGMA foreign_keys = ON")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads one consistent snapshot."""
        with outages(), self._reader.begin() as connection, in_project(self.project_id):
            yield connection

    def ping(self) -> None:
        """Raise `Unavailable` unless the database answers."""
        with self.read() as connection:
            connection.execute(text("SELECT 1"))

    def dispose(self) -> None:
        """Close every pooled connection."""
        self._writer.dispose()
        self._reader.dispose()


def open_database(url: str, *, pool_size: int = 4, timeout: float = 3.0) -> Database:
    """The database behind `url`; connects lazily. `timeout` seconds bound a connect and the wait for the pool."""
    if make_url(url).get_backend_name() == "sqlite":
        return _open_sqlite(url, pool_size)
    return _open_postgresql(url, pool_size, timeout)


def _open_sqlite(url: str, pool_size: int) -> Database:
    path = make_url(url).database
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engines = [
        create_engine(url, pool_size=pool_size, max_overflow=pool_size, json_deserializer=read_json) for _ in range(2)
    ]
    writer, reader = engines
    for engine in engines:
        event.listen(engine, "connect", _sqlite_pragmas)
    # A deferred BEGIN that becomes a write fails at once with "database is locked", regardless of busy_timeout.
    event.listen(writer, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    event.listen(reader, "connect", lambda dbapi, _record: dbapi.execute("PRAGMA query_only = ON"))
    event.listen(reader, "begin", lambda connection: connection.exec_driver_sql("BEGIN DEFERRED"))
    lock = WriteLock(Path(f"{path}-writers"), patience=TURN_SECONDS)
    return Database(writer, reader, lock.turn if path else nullcontext)


def _sqlite_pragmas(dbapi: Any, _record: Any) -> None:
    dbapi.isolation_level = None  # the driver's own BEGIN would come too late and be deferred
    dbapi.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    dbapi.execute("PRAGMA journal_mode = WAL")
    dbapi.execute("PRAGMA synchronous = FULL")  # a 202 survives a power cut
    dbapi.execute("PRAGMA foreign_keys = ON")
    dbapi.execute("PRAGMA cache_size = -256")  # KiB: the system caches the file once, instead of each connection


def _open_postgresql(url: str, pool_size: int, timeout: float) -> Database:
    address = make_url(url).set(drivername="postgresql+psycopg2")

    def engine(**options: str) -> Engine:
        settings = {
            "statement_timeout": "30000",
            "idle_in_transaction_session_timeout": "60000",
            **OF_VANISHED_HOSTS,
            **options,
        }
        created = create_engine(
            address,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=timeout,
            connect_args={
                "connect_timeout": max(1, round(timeout)),
                "keepalives_idle": 5,
                "keepalives_interval": 2,
                "keepalives_count": 3,
                "tcp_user_timeout": 10_000,  # notice a vanished host after seconds, not when the kernel gives up
                "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
            },
        )
        event.listen(created, "checkout", _check_connection)
        return created

    return Database(
        engine(idle_in_transaction_session_timeout=str(IDLE_WRITE_SECONDS * 1000)),
        engine(default_transaction_read_only="on", default_transaction_isolation=r"repeatable\ read"),
    )


def _check_connection(dbapi: Any, _record: Any, _proxy: Any) -> None:
    """Replace a connection that the server has closed while it was in the pool, and all others with it.

    An idle connection has nothing to read, unless it was closed: so this look costs no round trip.
    """
    try:
        poll = select.poll()
        poll.register(dbapi.fileno(), select.POLLIN)
        if poll.poll(0):
            dbapi.cursor().execute("SELECT 1")
            dbapi.rollback()
    except dbapi.Error as error:
        raise InvalidatePoolError from error


@contextmanager
def outages() -> Iterator[None]:
    """Raise an outage of the database as `Unavailable`; every other error passes."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        if str(getattr(error, "orig", "")).startswith("no such column"):
            raise  # a defect, not an outage; a missing table is one: the file is gone or was never migrated
        raise Unavailable("the database is away or too busy: try again in a moment", retry_after=2) from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Unavailable("the database closed the connection: try again in a moment", retry_after=2) from error
        raise
