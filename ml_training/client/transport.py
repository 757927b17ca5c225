"""HTTP: paths in, JSON out, errors as exceptions; calls that are safe to repeat survive a restart of the service."""

import os
import ssl
import time
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from ml_training.client.errors import ApiError, Json, Unreachable, UsageError
from ml_training.domain.variables import is_loopback

API = "/api/v1"
TIMEOUT = httpx.Timeout(30.0, connect=3.0, write=300.0)
UPLOAD_TIMEOUT = httpx.Timeout(600.0, connect=3.0)
RETRY_SECONDS = 60.0  # for a service that restarts
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
TRANSIENT_STATUSES = frozenset({429, 502, 503, 504})
START_HINT = 'start one with "ml-training up", or set ML_TRAINING_API_URL; "ml-training doctor" checks it'
CA_FILE = "SSL_CERT_FILE"  # also read by curl, OpenSSL and httpx
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Patience:
    """Pauses between the tries of one call; they grow, and end after `seconds`."""

    def __init__(self, seconds: float, pause: Callable[[float], None]) -> None:
        self._pause = pause
        self._seconds = seconds
        self.restart()

    def restart(self) -> None:
        """Start again from the shortest pause, after something went right."""
        self._deadline = time.monotonic() + self._seconds
        self._paused = 0.0
        self._next = FIRST_PAUSE

    def wait(self, wanted: float | None = None) -> bool:
        """Pause, for `wanted` seconds if the service asked for it; False at once when the time is over."""
        seconds = self._next if wanted is None else wanted
        self._paused += seconds
        if self._paused > self._seconds or time.monotonic() + seconds > self._deadline:
            return False
        self._pause(seconds)
        self._next = min(2 * self._next, LONGEST_PAUSE)
        return True


class Transport:
    """Calls the endpoints below /api/v1 of `url`; raises ApiError and Unreachable.

    retry_seconds: for how long a call that is safe to repeat is repeated while the service is away or overloaded; 0
    never repeats. A service that has not answered yet is not waited for, because its address may be wrong, unless
    `is_known` says that it is there. pause: waits for a number of seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        retry_seconds: float = RETRY_SECONDS,
        pause: Callable[[float], None] = time.sleep,
        is_known: bool = False,
    ) -> None:
        self.url = url.rstrip("/")
        self.retry_seconds = retry_seconds
        self.pause = pause
        self._has_answered = is_known
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # Proxies in the environment are for remote hosts, not for this machine.
        self._http = httpx.Client(
            base_url=self.url + API,
            timeout=TIMEOUT,
            headers=headers,
            trust_env=not is_local(self.url),
            verify=trusted_certificates(self.url),
        )
        # A notebook never closes its client: the connections end with it, without a warning of open sockets.
        weakref.finalize(self, self._http.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def patience(self) -> Patience:
        """The pauses of a call that is repeated."""
        return Patience(self.retry_seconds, self.pause)

    def get(self, path: str, **params: object) -> Json:
        """GET `path`; query parameters that are None are left out."""
        return self._json("GET", path, params=_given(params))

    def get_text(self, path: str, *, accept: str) -> str:
        """GET `path` as a text of this media type."""
        response = self._send("GET", path, headers={"Accept": accept})
        if not response.is_success:
            self._document(response)
        return response.text

    def get_once(self, path: str) -> Json:
        """GET `path` without repeating it: what the service answers now."""
        return self._json("GET", path, repeatable=False)

    def exists(self, path: str) -> bool:
        """HEAD `path`: whether it answers 200; a service or a proxy that does not know the path answers otherwise."""
        return self._send("HEAD", path).status_code == httpx.codes.OK

    def post(
        self,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = True,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> Json:
        """POST `body` as JSON.

        An Idempotency-Key is added unless `headers` has one; where the route ignores it and a second call would do
        more than the first, pass `repeatable=False`.
        """
        keyed = {"Idempotency-Key": uuid.uuid4().hex, **(headers or {})}
        return self._json("POST", path, repeatable=repeatable, json=body, headers=keyed, timeout=timeout)

    def patch(self, path: str, body: object) -> Json:
        """PATCH with JSON."""
        return self._json("PATCH", path, json=body)

    def post_once(self, path: str, body: object) -> Json:
        """POST `body` as JSON without an Idempotency-Key, and without repeating it."""
        return self._json("POST", path, repeatable=False, json=body)

    def delete(self, path: str) -> None:
        """DELETE; a repeated one that finds nothing more is fine."""
        response = self._send("DELETE", path)
        if not response.is_success:
            self._document(response)

    def send_bytes(self, path: str, chunks: Iterator[bytes], *, size: int, offset: int) -> Mapping[str, str]:
        """PATCH with `size` bytes of a file from `offset` on, not repeated; the headers of the answer."""
        headers = {"Content-Type": "application/offset+octet-stream", "Content-Length": str(size)}
        headers["Upload-Offset"] = str(offset)
        try:
            response = self._http.request("PATCH", path, content=chunks, headers=headers, timeout=UPLOAD_TIMEOUT)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        if not response.is_success:
            self._document(response)
        return response.headers

    def list_items(self, path: str, *, limit: int, **params: object) -> Iterator[Json]:
        """The first `limit` items of a paged list."""
        cursor: str | None = None
        while limit > 0:
            page = self.get(path, limit=min(limit, 100), cursor=cursor, **params)
            yield from page["items"]
            limit -= len(page["items"])
            cursor = page["next_cursor"]
            if not cursor or not page["items"]:
                return

    @contextmanager
    def stream(self, path: str, *, headers: Mapping[str, str] | None = None) -> Iterator[httpx.Response]:
        """GET `path` and read the body piece by piece; raises Unreachable also when the body breaks off."""
        try:
            # A file may be in a bucket: httpx sends the key to no other host than that of the service.
            with self._http.stream("GET", path, headers=headers, follow_redirects=True) as response:
                self._has_answered = True
                if response.status_code != httpx.codes.OK:
                    response.read()
                    self._document(response)
                yield response
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from error

    def _json(self, method: str, path: str, *, repeatable: bool = True, **options: Any) -> Json:
        return self._document(self._send(method, path, repeatable=repeatable, **options))

    def _send(self, method: str, path: str, *, repeatable: bool = True, **options: Any) -> httpx.Response:
        patience = self.patience()
        while True:
            try:
                response = self._http.request(method, path, **options)
            except (httpx.TransportError, httpx.InvalidURL) as error:
                safe = repeatable or isinstance(error, NOT_SENT)
                if not (self._has_answered and safe and patience.wait()):
                    raise self._unreachable(error) from error
                continue
            self._has_answered = True
            is_transient = repeatable and response.status_code in TRANSIENT_STATUSES
            if not (is_transient and patience.wait(retry_after(response.headers))):
                return response

    def _document(self, response: httpx.Response) -> Json:
        try:
            document = response.json()
        except ValueError:
            document = None
        if isinstance(document, dict) and response.is_success:
            return document
        if isinstance(document, dict) and "title" in document:
            raise ApiError(response.status_code, document)
        raise Unreachable(f"what answers at {self.url} is not an ML Training Service (HTTP {response.status_code})")

    def _unreachable(self, error: Exception) -> Unreachable:
        cause = str(error) or type(error).__name__
        if "CERTIFICATE_VERIFY_FAILED" in cause:
            hint = f"name the certificate of its authority in {CA_FILE}, and the service as its certificate names it"
            return Unreachable(f"the certificate of {self.url} is not trusted ({cause}): {hint}")
        return Unreachable(f"no ML Training Service answers at {self.url} ({cause}): {START_HINT}")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of a Retry-After header; None without one."""
    value = headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else None


def trusted_certificates(url: str) -> ssl.SSLContext | bool:
    """Those of SSL_CERT_FILE, also for this machine; else the public ones. Raises UsageError."""
    file = os.environ.get(CA_FILE)
    if not file or not url.startswith("https:"):
        return True
    try:
        return ssl.create_default_context(cafile=file)
    except OSError as error:
        why = "holds no certificate in PEM form" if isinstance(error, ssl.SSLError) else error.strerror
        raise UsageError(f"{CA_FILE}: {file}: {why}") from None


def is_local(url: str) -> bool:
    """Whether the URL is of this machine."""
    return is_loopback(urlsplit(url).hostname or "")


def _given(params: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}
