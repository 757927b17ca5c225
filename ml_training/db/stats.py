"""The exporter's queries: read-only, bounded, and run in one transaction, so that their results are consistent."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Connection,
    Double,
    Executable,
    Integer,
    Select,
    Table,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    not_,
    null,
    select,
    text,
    union_all,
)

from ml_training.db import tables
from ml_training.db.clock import db_now
from ml_training.db.engine import Database, outages
from ml_training.db.job_rows import SHOWN_STATUS, WAITING_STUDY
from ml_training.db.newest import oldest_ids
from ml_training.db.project_tables import project_counters, projects
from ml_training.db.tables import datasets, heartbeats, job_events, jobs, ledger, ledger_totals, model_aliases, models
from ml_training.domain.specs import JobType

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
    """The jobs to show, most important first, and how many more there are."""

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
    name: str = ""
    version: int = 0
    drift: float | None = None


class Stored(NamedTuple):
    """The number of rows that are not deleted, and the bytes that they use in storage."""

    things: int
    size: int


class ProjectUse(NamedTuple):
    """What one project uses now: its jobs that wait and run, and the bytes of what it has stored."""

    name: str
    pending: int
    running: int
    stored_bytes: int


class HeartbeatRow(NamedTuple):
    """The heartbeat of one process; `body` is its own JSON, so nothing in it is guaranteed."""

    process: str
    kind: str
    seen_at: float
    body: Any


# Built once: building a statement costs five times as much as executing it, and these are asked every second.
_NOW, _SINCE, _LIMIT, _ALIASED = (
    bindparam("now", type_=Double),
    bindparam("since", type_=Double),
    bindparam("limit", type_=Integer),
    bindparam("aliased", type_=Integer),
)
_FINISHED = jobs.c.finished_at >= _SINCE
_IS_LIVE = text(tables.LIVE)  # as it is in the index of live jobs, which is small however many jobs have ended


def _columns(table: Table, row: type[NamedTuple]) -> Select[Any]:
    return select(*(SHOWN_STATUS if table is jobs and name == "status" else table.c[name] for name in row._fields))


def _status(status: str) -> ColumnElement[bool]:
    # Spelled out, not bound: SQLite takes a partial index only for a condition that it can read.
    return jobs.c.status == literal_column(f"'{status}'")


def _ledger() -> CompoundSelect[Any]:
    keys = [ledger.c[name] for name in ("kind", "job_type", "label", "model_type", "bucket")]
    rows = cast(func.sum(ledger.c.rows), BigInteger)  # a sum of bigint is a Decimal otherwise, on PostgreSQL
    fresh = select(*keys, func.count(), func.sum(ledger.c.seconds), rows).group_by(*keys)
    return _columns(ledger_totals, LedgerTotal).union_all(fresh)


def _jobs() -> tuple[Select[Any], ...]:
    return (
        *(_columns(jobs, JobRow).where(jobs.c.id.in_(_oldest(status))).order_by(jobs.c.id) for status in LIVE),
        _columns(jobs, JobRow).where(_FINISHED).order_by(jobs.c.finished_at.desc(), jobs.c.id.desc()).limit(_LIMIT),
    )


def _oldest(status: str) -> Select[Any]:
    keys = [(jobs.c.status, [status]), (jobs.c.job_type, tuple(JobType))]
    return oldest_ids(jobs, keys, _LIMIT, _IS_LIVE)


def _eligible() -> Select[Any]:
    # Three index scans; SQLite answers the same question with OR by reading the whole table.
    live = (and_(_IS_LIVE, _status(status)) for status in LIVE)
    parts = [select(func.count()).where(part).scalar_subquery() for part in (*live, _FINISHED)]
    return select(parts[0] + parts[1] + parts[2])


def _live_jobs() -> CompoundSelect[Any]:
    due = and_(jobs.c.run_after <= _NOW, not_(jobs.c.cancel_requested))
    keys = (jobs.c.job_type, jobs.c.status)
    waiting = select(*keys, func.count(), func.sum(case((due, 1), else_=0)), func.min(case((due, jobs.c.run_after))))
    running = select(*keys, func.count(), literal(0), null())
    return union_all(
        waiting.where(_IS_LIVE, _status("PENDING"), not_(WAITING_STUDY)).group_by(*keys),
        running.where(_IS_LIVE, _status("RUNNING")).group_by(*keys),
    )


def _stored(table: Table, size: ColumnElement[int]) -> Executable:
    total = cast(func.coalesce(func.sum(size), 0), BigInteger)
    return select(func.count(), total).where(table.c.deleted_at.is_(None))


def _running_losses() -> Select[Any]:
    # One look into the index of the events for each job: the newest one with scores, of the attempt that runs.
    running = select(jobs.c.id, jobs.c.attempt).where(_status("RUNNING"), jobs.c.lease_until > 0)
    newest = running.order_by(jobs.c.id.desc()).limit(_LIMIT).cte("running")
    looked = job_events.alias()
    of_job = select(looked.c.seq).where(looked.c.job_id == newest.c.id, looked.c.kind == "scores")
    last = of_job.order_by(looked.c.seq.desc()).limit(1).correlate(newest).scalar_subquery()
    same = and_(job_events.c.job_id == newest.c.id, job_events.c.seq == last, job_events.c.attempt == newest.c.attempt)
    return select(newest.c.id, job_events.c.body).join_from(newest, job_events, same)


def _projects() -> Select[Any]:
    counts = [func.coalesce(func.sum(project_counters.c[name]), 0) for name in ProjectUse._fields[1:]]
    same = project_counters.c.project_id == projects.c.id
    named = projects.c.name.in_(bindparam("names", expanding=True))
    query = select(projects.c.name, *(cast(count, BigInteger) for count in counts))
    return query.join_from(projects, project_counters, same, isouter=True).where(named).group_by(projects.c.name)


def _shown_models() -> CompoundSelect[Any]:
    # Two walks down an index, each of which ends at its limit, however many models there are. IN, not a join: SQLite
    # may turn a join around and read every model.
    live = _columns(models, ModelRow).where(models.c.deleted_at.is_(None))
    newest = live.order_by(models.c.id.desc()).limit(_LIMIT).cte("newest")
    older = model_aliases.c.model_id < select(func.min(newest.c.id)).scalar_subquery()
    walk = select(model_aliases.c.model_id).distinct().where(older).order_by(model_aliases.c.model_id.desc())
    both = union_all(select(newest), live.where(models.c.id.in_(walk.limit(_ALIASED))))
    return both.order_by(literal_column("1").desc())


_CLOCK = select(db_now())
_LEDGER = _ledger()
_JOBS = _jobs()
_ELIGIBLE = _eligible()
_LIVE_JOBS = _live_jobs()
# Every running job has a lease: the condition makes SQLite take the small index of the leases.
_BUSY_SLOTS = (
    select(jobs.c.worker, func.count()).where(_status("RUNNING"), jobs.c.lease_until > 0).group_by(jobs.c.worker)
)
_STORED_MODELS = _stored(models, models.c.artifact_bytes)
_STORED_DATASETS = _stored(datasets, datasets.c.raw_bytes + datasets.c.index_bytes)
_SHOWN_MODELS = _shown_models()
_PROJECTS = _projects()
_RUNNING_LOSSES = _running_losses()
_HEARTBEATS = (
    _columns(heartbeats, HeartbeatRow)
    .where(heartbeats.c.seen_at >= _SINCE)
    .order_by(heartbeats.c.seen_at.desc(), heartbeats.c.process)
    .limit(_LIMIT)
)


class Stats:
    """One read transaction's answers; `now` is the database's clock at its start, Unix seconds."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._heartbeats: dict[tuple[float, int], tuple[HeartbeatRow, ...]] = {}
        self.now = float(connection.execute(_CLOCK).scalar_one())

    def ledger(self) -> tuple[LedgerTotal, ...]:
        """Every count, folded or not. ONE statement: exact before, during and after a fold."""
        return tuple(map(LedgerTotal._make, self._ask(_LEDGER)))

    def jobs(self, *, limit: int, finished_within: float) -> JobPage:
        """RUNNING jobs, then PENDING ones by age, then those that ended in the last `finished_within` seconds."""
        since = self.now - finished_within
        found: list[JobRow] = []
        for part in _JOBS:
            if len(found) < limit:
                bound = {"since": since} if part is _JOBS[-1] else {}
                found.extend(map(JobRow._make, self._ask(part, limit=limit - len(found), **bound)))
        hidden = self._ask(_ELIGIBLE, since=since)[0][0] - limit if len(found) == limit else 0
        return JobPage(tuple(found), int(hidden))

    def running_losses(self, *, limit: int) -> dict[int, Any]:
        """The latest scores that the newest `limit` RUNNING jobs reported in this attempt, by job, unchecked."""
        return dict(self._ask(_RUNNING_LOSSES, limit=limit))

    def live_jobs(self) -> tuple[LiveJobs, ...]:
        """PENDING and RUNNING jobs by type, and how many of them are due now."""
        return tuple(map(LiveJobs._make, self._ask(_LIVE_JOBS, now=self.now)))

    def busy_slots(self) -> dict[str, int]:
        """RUNNING jobs by the process name of the worker that holds them."""
        return {worker: count for worker, count in self._ask(_BUSY_SLOTS) if worker is not None}

    def stored_models(self) -> Stored:
        """Models that are not deleted, and their artifacts. Reads every one: not for every second."""
        return Stored._make(map(int, self._ask(_STORED_MODELS)[0]))

    def stored_datasets(self) -> Stored:
        """Data sets that are not deleted, and their uploads and indexes. Reads every one: not for every second."""
        return Stored._make(map(int, self._ask(_STORED_DATASETS)[0]))

    def projects(self, names: Sequence[str]) -> tuple[ProjectUse, ...]:
        """What the projects of these names use; names of no project are left out."""
        return tuple(map(ProjectUse._make, self._ask(_PROJECTS, names=names)))

    def shown_models(self, *, newest: int, aliased: int) -> tuple[ModelRow, ...]:
        """The newest models, and the newest of the older ones that have an alias; without the deleted, newest first."""
        return tuple(map(ModelRow._make, self._ask(_SHOWN_MODELS, limit=newest, aliased=aliased)))

    def scores_of(self, model_ids: Collection[int]) -> dict[int, Any]:
        """The scores of these models as they were stored, so nothing in them is sure; they never change."""
        if not model_ids:
            return {}
        found = self._ask(select(models.c.id, models.c.scores).where(models.c.id.in_(model_ids)))
        return {row.id: row.scores for row in found}

    def heartbeats(self, *, within: float, limit: int) -> tuple[HeartbeatRow, ...]:
        """The processes seen in the last `within` seconds, latest first; the order of equal rows is stable."""
        if (within, limit) not in self._heartbeats:
            rows = self._ask(_HEARTBEATS, since=self.now - within, limit=limit)
            self._heartbeats[within, limit] = tuple(map(HeartbeatRow._make, rows))
        return self._heartbeats[within, limit]

    def _ask(self, statement: Executable, **values: object) -> Sequence[Any]:
        with outages():
            return self._connection.execute(statement, values).all()


@contextmanager
def open_stats(database: Database) -> Iterator[Stats]:
    """Answers from one consistent snapshot; raises Unavailable."""
    with database.read() as connection:
        yield Stats(connection)
