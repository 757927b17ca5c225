"""The one place that chooses a storage backend."""

from ml_training.settings import Settings
from ml_training.storage.base import Storage
from ml_training.storage.local import LocalStorage


def open_storage(settings: Settings) -> Storage:
    """The storage of this service: a directory in the data directory. Nothing is made before the first write."""
    return LocalStorage(settings.data_dir / "storage")
