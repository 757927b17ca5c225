"""The one place that chooses a storage backend, and the place of what a machine keeps for itself."""

from ml_training.settings import Settings
from ml_training.storage.base import Storage
from ml_training.storage.file_cache import FileCache
from ml_training.storage.local import LocalStorage


def open_storage(settings: Settings) -> Storage:
    """The storage of this service: a bucket, or a directory in the data directory. Nothing is made or asked yet."""
    if settings.storage_url:
        # Imported here: the library takes memory in processes that have no bucket.
        from ml_training.storage.open_bucket import open_bucket

        return open_bucket(settings)
    return LocalStorage(settings.data_dir / "storage")


def open_file_cache(settings: Settings) -> FileCache:
    """The cache of binned rows. Nothing is made before the first write."""
    return FileCache(settings.cache_directory / "binned", limit_bytes=settings.binned_cache_bytes)
