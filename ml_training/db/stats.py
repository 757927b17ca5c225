"""The exporter's questions: read-only, bounded, and answered inside one transaction, so that the answers agree."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    case,
    cast,
    func,
    literal,
    literal_column,
    not_,
    null,
    select,
    union_all,
)

from ml_training.db.engine import Database
from ml_training.db.heartbeats import database_now
from ml_training.db.tables import datasets, heartbeats, jobs, ledger, ledger_totals, models

LIVE = ("RUNNING", "PENDING")


class LedgerTotal(NamedTuple):
    """How often something was counted; kind, label and bucket as the triggers write them."""

    kind: str
    job_type: str
    label: str
    model_type: str
    bucket: int  # -1: not in the histogram
    n: int
    seconds: float
    rows: int


class JobRow(NamedTuple):
    """What the page shows of one job; times are Unix seconds, progress is 0 to 1."""

    id: int
    job_type: str
    model_type: str
    status: str
    attempt: int
    progress: float
    eta_seconds: float | None
    features_count: int | None
    phases_count: int
    started_at: float | None
    finished_at: float | None


class JobPage(NamedTuple):
    """The jobs to show, most important first, and how many more there were to show."""

    jobs: tuple[JobRow, ...]
    hidden: int


class LiveJobs(NamedTuple):
    """Jobs of one type that are not over; `due_since` is the Unix time since when the oldest due one waits."""

    job_type: str
    status: str
    n: int
    due: int
    due_since: float | None


class ModelRow(NamedTuple):
    """What the page shows of one model; accuracies are None for regression."""

    id: int
    train_accuracy: float | None
    test_accuracy: float | None


class Stored(NamedTuple):
    """How many things of a kind are not deleted, and the bytes that they take in storage."""

    things: int
    size: int


class HeartbeatRow(NamedTuple):
    """One process that said it lives; `body` is its own JSON, so nothing in it is sure."""

    process: str
    kind: str
    seen_at: float
    body: Any


class Stats:
    """One read transaction's answers; `now` is the database's clock at its start, Unix seconds."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.now = database_now(connection)

    def ledger(self) -> tuple[LedgerTotal, ...]:
        """Every count, folded or not. ONE statement: exact before, during and after a fold."""
        folded = select(*(ledger_totals.c[name] for name in LedgerTotal._fields))
        keys = [ledger.c[name] for name in ("kind", "job_type", "label", "model_type", "bucket")]
        rows = cast(func.sum(ledger.c.rows), BigInteger)  # a sum of bigint is a Decimal otherwise, on PostgreSQL
        fresh = select(*keys, func.count(), func.sum(ledger.c.seconds), rows).group_by(*keys)
        return tuple(map(LedgerTotal._make, self._connection.execute(folded.union_all(fresh)).all()))

    def jobs(self, *, limit: int, finished_within: float) -> JobPage:
        """RUNNING jobs, then PENDING ones by age, then the latest of those that ended within so many seconds."""
        by_age = (jobs.c.created_at, jobs.c.id)
        since = jobs.c.finished_at >= self.now - finished_within
        parts = (
            *(_job_columns().where(_status(status)).order_by(*by_age) for status in LIVE),
            _job_columns().where(since).order_by(jobs.c.finished_at.desc(), jobs.c.id.desc()),
        )
        found: list[JobRow] = []
        for part in parts:
            if len(found) < limit:
                found.extend(map(JobRow._make, self._connection.execute(part.limit(limit - len(found))).all()))
        hidden = self._count_eligible(since) - limit if len(found) == limit else 0
        return JobPage(tuple(found), hidden)

    def live_jobs(self) -> tuple[LiveJobs, ...]:
        """PENDING and RUNNING jobs by type, and how many of them are due now."""
        due = and_(jobs.c.run_after <= self.now, not_(jobs.c.cancel_requested))
        keys = (jobs.c.job_type, jobs.c.status)
        waiting = select(
            *keys, func.count(), func.sum(case((due, 1), else_=0)), func.min(case((due, jobs.c.run_after)))
        )
        running = select(*keys, func.count(), literal(0), null())
        answer = union_all(
            waiting.where(_status("PENDING")).group_by(*keys), running.where(_status("RUNNING")).group_by(*keys)
        )
        return tuple(map(LiveJobs._make, self._connection.execute(answer)))

    def busy_slots(self) -> dict[str, int]:
        """RUNNING jobs by the process name of the worker that holds them."""
        held = select(jobs.c.worker, func.count()).where(_status("RUNNING")).group_by(jobs.c.worker)
        return {worker: count for worker, count in self._connection.execute(held) if worker is not None}

    def _count_eligible(self, since: ColumnElement[bool]) -> int:
        # Three index scans; SQLite answers the same question with OR by reading the whole table.
        parts = [select(func.count()).where(part).scalar_subquery() for part in (*map(_status, LIVE), since)]
        return int(self._connection.execute(select(parts[0] + parts[1] + parts[2])).scalar_one())

    def stored_models(self) -> Stored:
        """Models that are not deleted, and their artifacts. Reads every one: not for every second."""
        return self._stored(models, models.c.artifact_bytes)

    def stored_datasets(self) -> Stored:
        """Data sets that are not deleted, and their uploads and indexes. Reads every one: not for every second."""
        return self._stored(datasets, datasets.c.raw_bytes + datasets.c.index_bytes)

    def _stored(self, table: Table, size: ColumnElement[int]) -> Stored:
        total = cast(func.coalesce(func.sum(size), 0), BigInteger)
        row = self._connection.execute(select(func.count(), total).where(table.c.deleted_at.is_(None))).one()
        return Stored(int(row[0]), int(row[1]))

    def newest_models(self, *, limit: int) -> tuple[ModelRow, ...]:
        """The newest models that are not deleted, newest first."""
        columns = (models.c.id, models.c.train_accuracy, models.c.test_accuracy)
        newest = select(*columns).where(models.c.deleted_at.is_(None)).order_by(models.c.id.desc()).limit(limit)
        return tuple(map(ModelRow._make, self._connection.execute(newest).all()))

    def scores_of(self, model_ids: Collection[int]) -> dict[int, Any]:
        """The scores of these models as they were stored, so nothing in them is sure; they never change."""
        if not model_ids:
            return {}
        found = select(models.c.id, models.c.scores).where(models.c.id.in_(model_ids))
        return {row.id: row.scores for row in self._connection.execute(found)}

    def heartbeats(self, *, within: float, limit: int, kind: str | None = None) -> tuple[HeartbeatRow, ...]:
        """The processes (of one kind) seen within so many seconds, those seen last first."""
        seen = select(*(heartbeats.c[name] for name in HeartbeatRow._fields))
        seen = seen.where(heartbeats.c.seen_at >= self.now - within)
        if kind is not None:
            seen = seen.where(heartbeats.c.kind == kind)
        seen = seen.order_by(heartbeats.c.seen_at.desc(), heartbeats.c.process).limit(limit)
        return tuple(map(HeartbeatRow._make, self._connection.execute(seen)))


@contextmanager
def open_stats(database: Database) -> Iterator[Stats]:
    """Answers from one consistent snapshot; raises Unavailable."""
    with database.read() as connection:
        yield Stats(connection)


def _status(status: str) -> ColumnElement[bool]:
    # Spelled out, not bound: SQLite takes a partial index only for a condition that it can read.
    return jobs.c.status == literal_column(f"'{status}'")


def _job_columns() -> Select[Any]:
    return select(*(jobs.c[name] for name in JobRow._fields))
