"""Copies an object of a bucket to a file, within a limit, through obstore."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from ml_training.domain.errors import SourceUnavailable
from ml_training.domain.file_signatures import SNIFF_BYTES, sniff
from ml_training.sources.refused import SourceRefused, refused

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Store

CHUNK_BYTES = 1 << 20
CONNECT_SECONDS, SILENT_SECONDS, RETRY_SECONDS = 5, 20, 5
WHOLE_REQUEST = timedelta(days=1)  # the silence in it is limited instead: a large object takes its time
DEFAULT_REGION = "us-east-1"
PLAIN_HTTP = "http://"
_CODE, _STATUS = re.compile(r"<Code>\s*(\w+)\s*</Code>"), re.compile(r"\b(?:status code|status): (\d{3})")
_NO_BUCKET = frozenset({"NoSuchBucket", "InvalidBucketName", "PermanentRedirect", "AuthorizationHeaderMalformed"})
_ACCOUNT = frozenset(
    {"SignatureDoesNotMatch", "InvalidAccessKeyId", "ExpiredToken", "InvalidToken", "RequestTimeTooSkewed"}
)
ACCOUNT = "the bucket refuses the key of this root: its operator must correct it"


@dataclass(frozen=True, slots=True)
class WantedFile:
    """An object of a bucket. url: of the root; known_version: of a copy that there is, empty without one."""

    url: str
    key: str
    file_format: str
    known_version: str = ""


def fetch_file(
    wanted: WantedFile,
    path: Path,
    *,
    most_bytes: int,
    should_stop: Callable[[], bool],
    arrived: Callable[[int], None],
) -> str | None:
    """Write the object to `path`; its ETag, empty without a strong one, or None when it is that of the known version.

    arrived: called with the number of bytes so far. Raises SourceRefused, and SourceUnavailable when the bucket is away
    or the job should stop.
    """
    import obstore  # here: a process that reads no bucket does not load it
    from obstore.exceptions import BaseError

    try:
        answer = obstore.get(_open(wanted.url), wanted.key)
        version = _strong(answer.meta["e_tag"])
        if version and version == wanted.known_version:
            return None
        size, received = answer.meta["size"], 0
        if size > most_bytes:
            raise refused(f"the object has {size:,} bytes, and {most_bytes:,} is the limit")
        with path.open("wb") as file:
            for part in answer.stream(min_chunk_size=CHUNK_BYTES):
                if should_stop():
                    raise SourceUnavailable("the job should stop")
                received += file.write(part)
                if received > most_bytes:
                    raise refused(f"the object has more than {most_bytes:,} bytes, the limit")
                arrived(received)
    except (BaseError, FileNotFoundError, ValueError) as error:
        raise _meaning(error) from None
    if received != size:
        raise SourceUnavailable(f"an object of {size:,} bytes ended after {received:,}")
    _check_format(path, wanted.file_format)
    return version


def check(url: str) -> None:
    """Ask whether the bucket of a root answers to its key; raises as `fetch_file`."""
    import obstore
    from obstore.exceptions import BaseError

    try:
        next(iter(obstore.list(_open(url), chunk_size=1)), None)
    except (BaseError, FileNotFoundError, ValueError) as error:
        raise _meaning(error) from None


def _open(url: str) -> "S3Store":
    from obstore.store import S3Store

    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    endpoint = options.get("endpoint", "")
    path_style = options.get("path_style", str(bool(endpoint))).lower() in ("true", "1")
    config: dict[str, Any] = {
        "region": options.get("region", DEFAULT_REGION),
        "virtual_hosted_style_request": not path_style,
    }
    if endpoint:
        config["endpoint"] = endpoint
    account, _, bucket = parts.netloc.rpartition("@")
    if account:  # else the role of the machine or of its service account
        key_id, _, secret = account.partition(":")
        config |= {"access_key_id": unquote(key_id), "secret_access_key": unquote(secret)}
    client: ClientConfig = {
        "allow_http": endpoint.startswith(PLAIN_HTTP),
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "read_timeout": timedelta(seconds=SILENT_SECONDS),
        "timeout": WHOLE_REQUEST,
    }
    retry: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=RETRY_SECONDS)}
    prefix = unquote(parts.path).strip("/")
    return S3Store(bucket, prefix=prefix or None, client_options=client, retry_config=retry, **config)


def _strong(tag: str | None) -> str:
    """The ETag, if equal ones mean equal bytes (RFC 9110, 8.8.1)."""
    return "" if tag is None or tag.startswith("W/") else tag


def _check_format(path: Path, file_format: str) -> None:
    with path.open("rb") as file:
        reason = sniff(file.read(SNIFF_BYTES), file_format)
    if reason is not None:
        raise refused(reason)


def _meaning(error: Exception) -> SourceRefused | SourceUnavailable:
    """What an error of obstore means. Its text holds the address and perhaps what was signed, so it is not repeated."""
    text = str(error)
    code, status = _CODE.search(text), _STATUS.search(text)
    name, number = code[1] if code else "", status[1] if status else ""
    if name in _NO_BUCKET:
        return refused("the bucket of this root does not exist or is elsewhere: its operator must correct it")
    if isinstance(error, FileNotFoundError):
        return refused("there is no such object below this root")
    if name in _ACCOUNT or number == "401":
        return refused(ACCOUNT)
    if name == "AccessDenied" or number == "403":
        return refused("the key of this root may not read this object")
    if isinstance(error, ValueError):
        return refused("the key of the object is not one that the bucket can hold")
    return SourceUnavailable("the bucket of a root does not answer")
