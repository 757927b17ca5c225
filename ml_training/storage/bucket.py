"""The requests to one bucket, each with a limit of time, through obstore; every failure of the server is an OSError.

Nothing here needs more of a server than put, get, list, copy, delete and multipart uploads: no conditional requests
(some servers ignore the condition), no ranges (some answer with the whole object), no deletion of many keys at once.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from ml_training.storage.bucket_errors import is_missing, storage_error

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config, S3Credential, S3CredentialProvider

PART_BYTES = 8 << 20  # of a multipart upload; a server takes 10,000 parts
PARTS_AT_ONCE = 2
CHUNK_BYTES = 1 << 20
LISTED_AT_ONCE = 1_000
CONNECT_SECONDS = 5
REQUEST_SECONDS = 60  # of one request with at most a part in it
LOOK_SECONDS = 5  # of one that only looks whether the bucket is there
SILENT_SECONDS = 20  # of a download in which no byte arrives
RETRY_SECONDS = 30
DOWNLOAD_SECONDS = 60  # and one more for each of
BYTES_A_SECOND = 64 << 10
NEVER = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketAddress:
    """Where a bucket is, and with which key it is asked."""

    bucket: str
    prefix: str = ""
    endpoint: str = ""  # empty: that of AWS in the region
    region: str = ""
    path_style: bool | None = None  # None: only with an endpoint
    access_key_id: str = ""  # empty: the role of the machine or of its service account
    secret_access_key: str = ""

    def __repr__(self) -> str:
        return f"<{self.place}>"

    @property
    def place(self) -> str:
        """The bucket as operators know it."""
        url = f"s3://{self.bucket}/{self.prefix}".rstrip("/")
        return f"{url} at {self.endpoint}" if self.endpoint else url


@dataclass(frozen=True, slots=True)
class Found:
    """What the bucket says about an object: its path below the prefix, its size in bytes and its age in seconds."""

    path: str
    size: int
    age: float


class Bucket:
    """The objects below the prefix of one bucket; connects lazily, safe for threads."""

    def __init__(self, address: BucketAddress) -> None:
        self.place = address.place
        self._store = _store(address, request=timedelta(seconds=REQUEST_SECONDS), retry_seconds=RETRY_SECONDS)
        self._quick = _store(address, request=timedelta(seconds=LOOK_SECONDS), retry_seconds=LOOK_SECONDS // 2)
        # The time of a download depends on its size, so that the silence in it is limited, and `_within` the whole.
        silent = timedelta(seconds=SILENT_SECONDS)
        self._download = _store(address, request=NEVER, retry_seconds=RETRY_SECONDS, read=silent)

    def put(self, path: str, data: bytes) -> None:
        """Store an object of at most a part; it is there as a whole or not at all."""
        with self._errors():
            obstore.put(self._store, path, data, use_multipart=False)

    def create(self, path: str, data: bytes) -> None:
        """Store a small object unless there is one; a server that cannot do that replaces it."""
        with self._errors(), suppress(AlreadyExistsError):
            obstore.put(self._quick, path, data, mode="create")

    def put_parts(self, path: str, chunks: Iterable[bytes]) -> None:
        """Store a stream in parts; the errors of `chunks` are raised, and then nothing is stored."""
        # Not `obstore.put` with the iterator: it takes the chunks inside its event loop, where nothing may be asked.
        with (
            self._errors(),
            obstore.open_writer(self._store, path, buffer_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE) as file,
        ):
            for chunk in chunks:
                file.write(chunk)

    def copy(self, source: str, target: str) -> None:
        """Let the server copy an object of at most 5 GiB."""
        with self._errors():
            obstore.copy(self._store, source, target)

    def read_small(self, path: str, *, most_bytes: int) -> bytes | None:
        """The first bytes of a small object, asked for without patience; None when there is none."""
        try:
            with self._errors():
                chunks = obstore.get(self._quick, path).stream(min_chunk_size=most_bytes)
                return bytes(next(iter(chunks), b""))[:most_bytes]
        except FileNotFoundError:
            return None

    def chunks(self, path: str, *, expect: Callable[[int], object] = int) -> Iterator[bytes]:
        """The content of an object; raises FileNotFoundError when there is none, OSError when it does not end well.

        expect: is called with the size in bytes, before the first of them.
        """
        with self._errors():
            answer = obstore.get(self._download, path)
            size, got = answer.meta["size"], 0
            expect(size)
            deadline = time.monotonic() + DOWNLOAD_SECONDS + size / BYTES_A_SECOND
            for chunk in answer.stream(min_chunk_size=CHUNK_BYTES):
                got += len(chunk)
                yield bytes(chunk)
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{self.place}: {size:,} bytes did not arrive in time")
        if got != size:
            raise OSError(f"{self.place}: an answer of {size:,} bytes ended after {got:,}")

    def download(self, path: str, file: BinaryIO, *, expect: Callable[[int], object]) -> str:
        """Write the content of an object into a file; its SHA-256. Raises as `chunks`."""
        digest = hashlib.sha256()
        for chunk in self.chunks(path, expect=expect):
            digest.update(chunk)
            file.write(chunk)
        return digest.hexdigest()

    def upload(self, source: Path, path: str) -> None:
        """Store a file, in parts if it is large."""
        with source.open("rb") as file:
            if source.stat().st_size <= PART_BYTES:
                self.put(path, file.read())
            else:
                self.put_parts(path, iter(lambda: file.read(CHUNK_BYTES), b""))

    def find(self, path: str) -> Found | None:
        """What there is at this path; None when there is nothing."""
        try:
            with self._errors():
                return _found(obstore.head(self._store, path))
        except FileNotFoundError:
            pass
        try:
            with self._errors():  # the answer to HEAD does not say whether the object or the whole bucket is missing
                return _found(obstore.get(self._quick, path).meta)
        except FileNotFoundError:
            return None

    def list(self, folder: str) -> Iterator[Found]:
        """Every object below a folder, in the order of their paths."""
        with self._errors():
            for some in obstore.list(self._store, folder, chunk_size=LISTED_AT_ONCE):
                yield from map(_found, some)

    def signed_url(self, path: str, *, seconds: int) -> str:
        """An address from which everybody can read an object for `seconds`; nothing is asked of the server."""
        with self._errors():
            return obstore.sign(self._store, "GET", path, timedelta(seconds=seconds))

    def delete(self, path: str) -> None:
        """Remove an object; it is no error when there is none."""
        try:
            with self._errors():
                obstore.delete(self._store, path)
        except FileNotFoundError:
            pass

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise FileNotFoundError for a missing object, and every other error of the server as another OSError."""
        try:
            yield
        except (BaseError, FileNotFoundError) as error:
            if is_missing(error):
                raise FileNotFoundError(f"{self.place} does not hold this object") from None
            raise storage_error(error, self.place) from None


def _store(
    address: BucketAddress, *, request: timedelta, retry_seconds: float, read: timedelta | None = None
) -> S3Store:
    client: ClientConfig = {
        "allow_http": address.endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "timeout": request,
    }
    if read is not None:
        client["read_timeout"] = read
    path_style = bool(address.endpoint) if address.path_style is None else address.path_style
    retry: RetryConfig = {
        "max_retries": 10,
        "retry_timeout": timedelta(seconds=retry_seconds),
        "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5), "base": 2},
    }
    # The library also reads AWS_* from the environment: what is set here must win over each of them.
    config: S3Config = {
        "virtual_hosted_style_request": not path_style,
        "region": address.region or "us-east-1",
        "skip_signature": False,
    }
    if address.endpoint:
        config["aws_endpoint_url_s3"] = _endpoint(address, path_style=path_style)
    return S3Store(
        address.bucket,
        prefix=address.prefix or None,
        config=config,
        client_options=client,
        retry_config=retry,
        credential_provider=_credentials(address) if address.access_key_id else None,
    )


def _credentials(address: BucketAddress) -> "S3CredentialProvider":
    """The key of the address, and no session token of the environment."""

    def provide() -> "S3Credential":
        return {
            "access_key_id": address.access_key_id,
            "secret_access_key": address.secret_access_key,
            "token": None,
            "expires_at": None,
        }

    return provide


def _endpoint(address: BucketAddress, *, path_style: bool) -> str:
    """obstore wants the name of the bucket in the endpoint where it is in the host name of each request."""
    scheme, _, host = address.endpoint.rstrip("/").partition("://")
    return f"{scheme}://{host}" if path_style else f"{scheme}://{address.bucket}.{host}"


def _found(meta: Any) -> Found:
    age = (datetime.now(UTC) - meta["last_modified"]).total_seconds()
    return Found(meta["path"], meta["size"], max(0.0, age))
