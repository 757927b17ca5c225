"""What a running job reads: its data set and its models; stored bytes are compared with the hashes in their rows."""

from collections.abc import Iterator
from contextlib import contextmanager

from ml_training.db import datasets, results
from ml_training.db.engine import Database
from ml_training.domain.errors import ErrorCode, JobFailed, ObjectMissing
from ml_training.domain.records import Dataset, Model
from ml_training.selection.index import SelectionIndex
from ml_training.storage.base import Storage


def load_dataset(database: Database, dataset_id: int, *, deleted_too: bool = False) -> Dataset:
    """The data set; raises JobFailed when it is gone.

    deleted_too: also a deleted one; its row stays, and its bytes as long as a model was trained on it.
    """
    with database.read() as connection:
        dataset = datasets.get_dataset(connection, dataset_id, deleted_too=deleted_too)
    if dataset is None:
        raise JobFailed(ErrorCode.DATASET_CHANGED, f"data set {dataset_id} is gone", hint="submit on another one")
    return dataset


@contextmanager
def open_index(storage: Storage, dataset: Dataset) -> Iterator[SelectionIndex]:
    """The verified index of a data set, on this machine until the end of the block; raises JobFailed."""
    with storage.local(verified_index_key(storage, dataset)) as path:
        try:
            index = SelectionIndex.open(path)
        except (OSError, ValueError):
            verified_index_key(storage, dataset)  # it was damaged after it was compared: then this raises
            raise
        yield index


def verified_index_key(storage: Storage, dataset: Dataset) -> str:
    """The key of the index; raises JobFailed when its bytes are not the ones that were profiled."""
    if dataset.index_key is None or dataset.index_sha256 is None:
        raise JobFailed(ErrorCode.DATASET_REJECTED, f"data set {dataset.id} has no usable data")
    if not storage.verify_local(dataset.index_key, dataset.index_sha256):
        raise unusable_object(storage, dataset.index_key)(
            ErrorCode.DATASET_CHANGED,
            f"the stored bytes of data set {dataset.id} are damaged or gone",
            hint="restore them from a backup, or upload the file again as a new version",
        )
    return dataset.index_key


def unusable_object(storage: Storage, key: str) -> type[JobFailed]:
    """The error for an object that is not intact: it is damaged for every worker, but perhaps missing for this one."""
    return JobFailed if storage.has(key) else ObjectMissing


@contextmanager
def assert_unchanged(storage: Storage, dataset: Dataset) -> Iterator[None]:
    """Raises JobFailed at the end of the block when the bytes of the index changed during the block.

    A result would come from mixed data; and an error that a reader raises for cut or removed files is not its defect.
    """
    try:
        yield
    except (OSError, ValueError):
        verified_index_key(storage, dataset)
        raise
    verified_index_key(storage, dataset)


def load_models(database: Database, model_ids: list[int]) -> list[Model]:
    """The models in the order asked for; raises JobFailed when one was deleted after the submission."""
    with database.read() as connection:
        found = [results.get_model(connection, model_id) for model_id in model_ids]
    missing = [str(model_id) for model_id, model in zip(model_ids, found, strict=True) if model is None]
    if missing:
        raise JobFailed(
            ErrorCode.BAD_SPEC, f"deleted after the submission: model {', '.join(missing)}", hint="name other models"
        )
    return [model for model in found if model is not None]
