"""Every statement about the table of changes, from which no reader misses a change (see change_triggers.py)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from sqlalchemy import BigInteger, Connection, Integer, bindparam, delete, insert, literal, select, text

from ml_training.db.change_tables import changes
from ml_training.db.change_triggers import CLASS
from ml_training.db.clock import db_now, read_clock
from ml_training.db.project_scope import own
from ml_training.db.project_tables import projects
from ml_training.domain.changes import Change, Position

NEVER = 2**63 - 1
ANCHOR = "project"  # the kind of the rows that are there from the beginning, one for each project
_LAST_NUMBER = text("SELECT last_value FROM changes_id_seq")
_OLDEST_WRITER = text(
    """SELECT min(((classid::bigint & 65535) << 32) | objid::bigint) FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND classid::bigint >> 16 = :class
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
)
_AFTER, _UP_TO = (bindparam(name, type_=BigInteger) for name in ("after", "up_to"))
_AT = select(changes.c.at).where(own(changes), changes.c.id == bindparam("number", type_=BigInteger))
# In the index's own order, as in newest.py.
_NEWEST = (
    select(changes.c.id, changes.c.at)
    .where(own(changes), changes.c.id <= _UP_TO)
    .order_by(changes.c.project_id.desc(), changes.c.id.desc())
    .limit(1)
)
_PAGE = (
    select(changes.c.id, changes.c.kind, changes.c.subject_id, changes.c.at)
    .where(own(changes), changes.c.id > _AFTER, changes.c.id <= _UP_TO)
    .order_by(changes.c.project_id, changes.c.id)
    .limit(bindparam("page_size", type_=Integer))
)


@dataclass(frozen=True, slots=True)
class ChangePage:
    """The things that have changed, each with its last change, in the order of these; and the position behind them."""

    items: Sequence[Change]
    position: Position


def settled(connection: Connection) -> int:
    """The number up to which every change is committed and visible to all transactions that begin after this call.

    The transaction of `connection` itself may still see less of them: read the changes in the next one.
    """
    if connection.dialect.name != "postgresql":
        return NEVER
    # In this order: a writer that has taken a number up to `last` has its lock by now, or has committed.
    last = int(connection.execute(_LAST_NUMBER).scalar_one())
    lowest = connection.execute(_OLDEST_WRITER, {"class": CLASS}).scalar()
    return last if lowest is None else min(last, int(lowest))


def newest_position(connection: Connection, *, up_to: int) -> Position | None:
    """The position behind all settled changes of the project; None while its first change is not settled.

    up_to: what `settled` said before this transaction began, here and below.
    """
    row = connection.execute(_NEWEST, {"up_to": up_to}).first()
    return None if row is None else Position.of(row.id, row.at)


def is_known(connection: Connection, position: Position) -> bool:
    """Whether all changes behind this position of the project are still there."""
    at = connection.execute(_AT, {"number": position.number}).scalar()
    return at is not None and Position.of(position.number, at) == position


def has_news(connection: Connection, position: Position, *, up_to: int) -> bool:
    """Whether a client at this position has something to learn: a settled change, or that its position is unknown."""
    newest = newest_position(connection, up_to=up_to)
    return (newest is not None and newest.number > position.number) or not is_known(connection, position)


def read_changes(connection: Connection, position: Position, *, up_to: int, limit: int) -> ChangePage:
    """The next `limit` settled changes of the project, of each thing only the last one."""
    values = {"after": position.number, "up_to": up_to, "page_size": limit}
    last: dict[tuple[str, int], int] = {}
    for row in connection.execute(_PAGE, values):
        thing = row.kind, row.subject_id
        last.pop(thing, None)  # so that the order is that of the last changes
        last[thing] = row.id
        position = Position.of(row.id, row.at)
    return ChangePage([Change(kind, subject, number) for (kind, subject), number in last.items()], position)


def forget_changes(connection: Connection, *, older_than_seconds: float, limit: int) -> int:
    """Remove up to `limit` old changes, but never the newest one of a project; returns how many.

    Of each project the lowest numbers go first: while the row of a position is there, all rows behind it are.
    """
    newest = (
        select(changes.c.id)
        .where(changes.c.project_id == projects.c.id)
        .order_by(changes.c.project_id.desc(), changes.c.id.desc())
        .limit(1)
        .correlate(projects)
        .scalar_subquery()
    )
    kept = set(connection.execute(select(newest)).scalars())
    oldest = select(changes.c.id, changes.c.at).order_by(changes.c.id).limit(limit + len(kept))
    before = read_clock(connection) - older_than_seconds
    old = [row.id for row in takewhile(lambda row: row.at < before, connection.execute(oldest)) if row.id not in kept]
    if not old:
        return 0
    gone = delete(changes).where(changes.c.id <= old[-1], changes.c.id.not_in(kept))
    return connection.execute(gone).rowcount


def start_over(connection: Connection) -> None:
    """Forget every position that a client knows: after a restore they name changes of another database."""
    connection.execute(delete(changes))
    start = select(projects.c.id, literal(ANCHOR), projects.c.id, db_now())
    connection.execute(insert(changes).from_select(["project_id", "kind", "subject_id", "at"], start))
