"""Which rows reference which stored objects: those of all projects, since equal bytes are stored once."""

from collections.abc import Collection, Iterator

from sqlalchemy import Connection, and_, or_, select

from ml_training.db.tables import checkpoints, datasets, jobs, models, predictions
from ml_training.db.upload_tables import upload_pieces

# With the project, since the index on the data set of a model begins with it.
_ON_DATASET = and_(models.c.project_id == datasets.c.project_id, models.c.dataset_id == datasets.c.id)
_TRAINED = select(models.c.id).where(_ON_DATASET, models.c.deleted_at.is_(None)).exists()
_NEEDED = or_(datasets.c.deleted_at.is_(None), _TRAINED)

_NOT_ENDED = ["PENDING", "RUNNING"]
_STUDIES = jobs.alias("studies_of_checkpoints")
_WAITS = and_(_STUDIES.c.id == checkpoints.c.study_job_id, _STUDIES.c.status.in_(_NOT_ENDED))
_CHECKPOINTS = (
    select(checkpoints.c.job_id, checkpoints.c.key, checkpoints.c.sha256)
    .join(jobs, jobs.c.id == checkpoints.c.job_id)
    .where(or_(jobs.c.status.in_(_NOT_ENDED), select(_STUDIES.c.id).where(_WAITS).exists()))
)


def named_keys(connection: Connection, keys: Collection[str]) -> set[str]:
    """Those of the keys whose objects a row needs.

    A deleted data set needs its bytes as long as a model was trained on it; a job needs its checkpoints until it ends,
    a study the states of the trials that it may continue, and an upload its pieces until a data set is made of it.
    """
    if not keys:
        return set()
    of_datasets = select(datasets.c.raw_key, datasets.c.index_key).where(_NEEDED)
    of_datasets = of_datasets.where(or_(datasets.c.raw_key.in_(keys), datasets.c.index_key.in_(keys)))
    found = {key for row in connection.execute(of_datasets) for key in row}
    for column, needed in (
        (models.c.artifact_key, models.c.deleted_at.is_(None)),
        (predictions.c.object_key, predictions.c.deleted_at.is_(None)),
    ):
        found.update(connection.execute(select(column).where(column.in_(keys), needed)).scalars())
    found.update(row.key for row in connection.execute(_CHECKPOINTS.where(checkpoints.c.key.in_(keys))))
    found.update(connection.execute(select(upload_pieces.c.key).where(upload_pieces.c.key.in_(keys))).scalars())
    return found & set(keys)


def needed_objects(connection: Connection) -> Iterator[tuple[str, str, str]]:
    """(what, key, sha256) of every object that rows need; a deleted data set as long as a model was trained on it."""
    for row in connection.execute(select(datasets).where(_NEEDED)):
        yield f"data set {row.id} upload", row.raw_key, row.raw_sha256
        if row.index_key is not None:
            yield f"data set {row.id} index", row.index_key, row.index_sha256
    for row in connection.execute(select(models).where(models.c.deleted_at.is_(None))):
        yield f"model {row.id}", row.artifact_key, row.artifact_sha256
    for row in connection.execute(select(predictions).where(predictions.c.deleted_at.is_(None))):
        yield f"prediction {row.id}", row.object_key, row.sha256
    for row in connection.execute(_CHECKPOINTS):
        yield f"a checkpoint of job {row.job_id}", row.key, row.sha256
    for row in connection.execute(select(upload_pieces)):
        yield f"upload {row.upload_id}, from byte {row.first_byte} on", row.key, row.sha256
