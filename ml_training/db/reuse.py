"""Finds the results of equal jobs, by the key that is stored with them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, select

from ml_training.db.project_scope import own
from ml_training.db.study_tables import trials
from ml_training.db.tables import models, predictions

MOST_CANDIDATES = 5  # they have equal bytes: when those of some are not usable, those of others hardly are


def _of_key(table: Table, *columns: Any) -> Select[Any]:
    # In the order of the index, so that it is the one to read.
    wanted = select(*columns).where(own(table), table.c.reuse_key == bindparam("wanted_key"))
    return wanted.order_by(table.c.project_id, table.c.reuse_key, table.c.id)


_MODELS = _of_key(models, models.c.id).where(models.c.deleted_at.is_(None)).limit(MOST_CANDIDATES)
_PREDICTIONS = _of_key(predictions, predictions.c.id).where(predictions.c.deleted_at.is_(None)).limit(MOST_CANDIDATES)
_TRIALS = _of_key(trials, trials.c.job_id, trials.c.scores).limit(1)


def equal_models(connection: Connection, reuse_key: str) -> Sequence[int]:
    """The ids of a few models of equal jobs that were not deleted, the oldest first."""
    return connection.execute(_MODELS, {"wanted_key": reuse_key}).scalars().all()


def equal_predictions(connection: Connection, reuse_key: str) -> Sequence[int]:
    """The ids of a few predictions of equal jobs that were not deleted, the oldest first."""
    return connection.execute(_PREDICTIONS, {"wanted_key": reuse_key}).scalars().all()


def equal_trial(connection: Connection, reuse_key: str) -> tuple[int, dict[str, Any]] | None:
    """The job of the oldest equal trial, and its scores on the held-out rows; None when there is none."""
    row = connection.execute(_TRIALS, {"wanted_key": reuse_key}).first()
    return None if row is None else (int(row.job_id), dict(row.scores))
