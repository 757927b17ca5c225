"""Deletes jobs that ended long ago; their counts stay in the ledger."""

from collections.abc import Iterable, Iterator
from itertools import islice

from sqlalchemy import Connection, and_, delete, exists, select, tuple_

from ml_training.db.clock import read_clock
from ml_training.db.study_tables import studies, trials
from ml_training.db.tables import idempotency_keys, jobs

IDS_PER_QUERY = 10_000  # a key may belong to a batch of a thousand jobs, and SQLite takes about 30,000 values


def forget_jobs(connection: Connection, *, older_than_seconds: float, limit: int) -> int:
    """Delete up to `limit` jobs that ended longer ago, the oldest first, with their job events; returns how many.

    Their results stay: models, test results, comparisons, and studies with their trials. The jobs of a study go with
    it, in as many calls as they need, before its own.
    """
    old = (
        select(jobs.c.id)
        .where(jobs.c.finished_at < read_clock(connection) - older_than_seconds, jobs.c.parent_id.is_(None))
        .order_by(jobs.c.finished_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(connection.execute(old).scalars())
    if not ids:
        return 0
    studied, made = jobs.alias("studied"), jobs.alias("made")  # with the project, since the index begins with it
    family = and_(made.c.project_id == studied.c.project_id, made.c.parent_id == studied.c.id)
    of_studies = select(made.c.id).join_from(studied, made, family).where(studied.c.id.in_(ids)).limit(limit)
    children = list(connection.execute(of_studies).scalars())
    if children:
        return connection.execute(delete(jobs).where(jobs.c.id.in_(children))).rowcount
    found_nothing = ~exists().where(studies.c.job_id == trials.c.study_job_id)
    connection.execute(delete(trials).where(trials.c.study_job_id.in_(ids), found_nothing))
    return connection.execute(delete(jobs).where(jobs.c.id.in_(ids))).rowcount


def forget_keys(connection: Connection, *, older_than_seconds: float, limit: int) -> int:
    """Check up to `limit` keys and delete those without any remaining job; returns how many.

    A key is kept as long as one of its jobs; keys younger than the retention time are not checked.
    """
    query = (
        select(idempotency_keys.c.project_id, idempotency_keys.c.key, idempotency_keys.c.outcome)
        .where(idempotency_keys.c.created_at < read_clock(connection) - older_than_seconds)
        .order_by(idempotency_keys.c.created_at)
        .limit(limit)
    )
    kept = {
        (row.project_id, row.key): [item["job_id"] for item in row.outcome if "job_id" in item]
        for row in connection.execute(query)
    }
    alive: set[int] = set()
    for wanted in _batches({job_id for ids in kept.values() for job_id in ids}, IDS_PER_QUERY):
        alive |= set(connection.execute(select(jobs.c.id).where(jobs.c.id.in_(wanted))).scalars())
    gone = [key for key, ids in kept.items() if alive.isdisjoint(ids)]
    each = tuple_(idempotency_keys.c.project_id, idempotency_keys.c.key)
    return connection.execute(delete(idempotency_keys).where(each.in_(gone))).rowcount if gone else 0


def _batches(ids: Iterable[int], size: int) -> Iterator[list[int]]:
    rest = iter(ids)
    while batch := list(islice(rest, size)):
        yield batch
