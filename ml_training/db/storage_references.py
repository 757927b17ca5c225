"""Which rows reference which stored objects: those of all projects, since equal bytes are stored once."""

from collections.abc import Iterator

from sqlalchemy import Connection, and_, or_, select

from ml_training.db.tables import checkpoints, datasets, jobs, models, predictions

# With the project, since the index on the data set of a model begins with it.
_ON_DATASET = and_(models.c.project_id == datasets.c.project_id, models.c.dataset_id == datasets.c.id)
_TRAINED = select(models.c.id).where(_ON_DATASET, models.c.deleted_at.is_(None)).exists()


_CHECKPOINTS = (
    select(checkpoints.c.job_id, checkpoints.c.key, checkpoints.c.sha256)
    .join(jobs, jobs.c.id == checkpoints.c.job_id)
    .where(jobs.c.status.in_(["PENDING", "RUNNING"]))
)


def is_referenced(connection: Connection, key: str) -> bool:
    """Whether a row needs the object.

    A deleted data set needs its bytes as long as a model was trained on it; a job needs its checkpoints until it ends.
    """
    of_dataset = or_(datasets.c.raw_key == key, datasets.c.index_key == key)
    found = connection.execute(select(datasets.c.id, datasets.c.deleted_at).where(of_dataset)).all()
    deleted = [row.id for row in found if row.deleted_at is not None]
    if len(deleted) < len(found):
        return True
    trained = select(models.c.id).join(datasets, _ON_DATASET).where(datasets.c.id.in_(deleted))
    by_trained = trained.where(models.c.deleted_at.is_(None)).limit(1)
    by_model = select(models.c.id).where(models.c.artifact_key == key, models.c.deleted_at.is_(None)).limit(1)
    by_prediction = select(predictions.c.id).where(predictions.c.object_key == key, predictions.c.deleted_at.is_(None))
    by_job = _CHECKPOINTS.where(checkpoints.c.key == key).limit(1)
    return any(connection.execute(query).first() for query in (by_trained, by_model, by_prediction.limit(1), by_job))


def needed_objects(connection: Connection) -> Iterator[tuple[str, str, str]]:
    """(what, key, sha256) of every object that rows need; a deleted data set as long as a model was trained on it."""
    for row in connection.execute(select(datasets).where(or_(datasets.c.deleted_at.is_(None), _TRAINED))):
        yield f"data set {row.id} upload", row.raw_key, row.raw_sha256
        if row.index_key is not None:
            yield f"data set {row.id} index", row.index_key, row.index_sha256
    for row in connection.execute(select(models).where(models.c.deleted_at.is_(None))):
        yield f"model {row.id}", row.artifact_key, row.artifact_sha256
    for row in connection.execute(select(predictions).where(predictions.c.deleted_at.is_(None))):
        yield f"prediction {row.id}", row.object_key, row.sha256
    for row in connection.execute(_CHECKPOINTS):
        yield f"a checkpoint of job {row.job_id}", row.key, row.sha256
