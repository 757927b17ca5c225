"""Opens the bucket of the settings, with the cache of this machine in front of it."""

from ml_training.settings import Settings
from ml_training.storage.bucket import Bucket, BucketAddress
from ml_training.storage.object_cache import ObjectCache
from ml_training.storage.s3 import S3Storage


def open_bucket(settings: Settings) -> S3Storage:
    """The storage at `storage_url`, which is set; nothing is asked yet."""
    bucket, _, prefix = settings.storage_url.removeprefix("s3://").partition("/")
    address = BucketAddress(
        bucket=bucket,
        prefix=prefix.strip("/"),
        endpoint=settings.s3_endpoint,
        region=settings.s3_region,
        path_style=settings.s3_path_style,
        access_key_id=settings.s3_access_key_id,
        secret_access_key=settings.s3_secret_access_key,
    )
    cache = ObjectCache(settings.cache_directory / "objects", limit_bytes=settings.cache_bytes)
    return S3Storage(Bucket(address), cache)
