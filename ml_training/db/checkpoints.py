"""Every statement about checkpoints: the next attempt of a job resumes from its newest checkpoint."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, select

from ml_training.db.clock import db_now
from ml_training.db.removals import keep_objects
from ml_training.db.tables import checkpoints

HANDED_OVER = ("done", "key", "sha256", "bytes", "created_at")
KEPT = 2  # the newest, and one more in case its bytes are damaged


class CheckpointRow(NamedTuple):
    """Where the bytes of a checkpoint are; `done`: the number of rounds before it."""

    done: int
    key: str
    sha256: str


def insert_checkpoint(connection: Connection, *, job_id: int, put_after: int | None = None, **values: Any) -> None:
    """Store a checkpoint of the current attempt, and delete all but the KEPT newest of the job.

    values: attempt, done, key, sha256, bytes; study_job_id when a study needs it after the job has ended.
    put_after: of its bytes; raises BytesRemoved.
    """
    keep_objects(connection, [values["key"]], put_after=put_after)
    connection.execute(insert(checkpoints).values(job_id=job_id, created_at=db_now(), **values))
    newest = select(checkpoints.c.id).where(checkpoints.c.job_id == job_id).order_by(checkpoints.c.id.desc())
    kept = list(connection.execute(newest.limit(KEPT)).scalars())
    connection.execute(delete(checkpoints).where(checkpoints.c.job_id == job_id, checkpoints.c.id.not_in(kept)))


def hand_over_states(connection: Connection, study_job_id: int, heirs: Mapping[int, int]) -> None:
    """The states of a study's trials become the first checkpoints of the jobs that continue them; the others go.

    heirs: by the id of the job that has ended, that of the one that continues it.
    """
    of_study = checkpoints.c.study_job_id == study_job_id
    found = connection.execute(select(checkpoints).where(of_study, checkpoints.c.job_id.in_(heirs))).mappings()
    rows = [
        {"job_id": heirs[row["job_id"]], "attempt": 0, **{name: row[name] for name in HANDED_OVER}} for row in found
    ]
    if rows:  # a row has named their objects all the time, so no sweep has removed them
        connection.execute(insert(checkpoints), rows)
    connection.execute(delete(checkpoints).where(of_study))


def list_checkpoints(connection: Connection, job_id: int) -> list[CheckpointRow]:
    """The checkpoints of a job, newest first."""
    found = select(checkpoints.c.done, checkpoints.c.key, checkpoints.c.sha256)
    found = found.where(checkpoints.c.job_id == job_id).order_by(checkpoints.c.id.desc())
    return [CheckpointRow(*row) for row in connection.execute(found)]
