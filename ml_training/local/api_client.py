"""The HTTP client of the command line and of the sample run: paths in, JSON out, errors as exceptions."""

import ipaddress
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

Json = dict[str, Any]
API = "/api/v1"
TIMEOUT = httpx.Timeout(10.0, connect=3.0, write=300.0)
UPLOAD_TIMEOUT = httpx.Timeout(600.0, connect=3.0)


class Unreachable(Exception):
    """No server answered at the URL, or the answer was not from this API."""


class ApiProblem(Exception):
    """The API refused a request; `document` is its problem document (RFC 9457)."""

    def __init__(self, status: int, document: Json) -> None:
        super().__init__(document.get("title", f"HTTP {status}"))
        self.status = status
        self.document = document

    def text_lines(self) -> list[str]:
        """For people: the problem, then one line for each wrong field."""
        title = self.document.get("title", "The service refused")
        detail = self.document.get("detail", "")
        first = f"{title} ({self.status}): {detail}" if detail else f"{title} ({self.status})"
        fields = [f"  {error['pointer'] or '/'}: {error['detail']}" for error in self.document.get("errors", [])]
        return [first, *fields]


class ApiClient:
    """Calls the endpoints below /api/v1 of `url`; raises ApiProblem and Unreachable."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        # Proxies in the environment are for remote hosts, not for this machine.
        self._http = httpx.Client(base_url=self.url + API, timeout=TIMEOUT, trust_env=not _is_loopback(self.url))

    def __enter__(self) -> "ApiClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **params: str | int | None) -> Json:
        """GET `path`; query parameters that are None are left out."""
        return self._call("GET", path, params={name: value for name, value in params.items() if value is not None})

    def post(self, path: str, body: object = None, *, headers: Mapping[str, str] | None = None) -> Json:
        """POST `body` as JSON."""
        return self._call("POST", path, json=body, headers=headers)

    def upload(self, path: str, file: Path, *, fields: Mapping[str, str]) -> Json:
        """POST a file as multipart/form-data, streamed from the disk."""
        with file.open("rb") as stream:
            return self._call("POST", path, files={"file": (file.name, stream)}, data=fields, timeout=UPLOAD_TIMEOUT)

    def list_items(self, path: str, *, limit: int, **params: str | int | None) -> Iterator[Json]:
        """The first `limit` items of a paged list."""
        cursor: str | None = None
        while limit > 0:
            page = self.get(path, limit=min(limit, 100), cursor=cursor, **params)
            yield from page["items"]
            limit -= len(page["items"])
            cursor = page["next_cursor"]
            if not cursor or not page["items"]:
                return

    def _call(self, method: str, path: str, **options: Any) -> Json:
        try:
            response = self._http.request(method, path, **options)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise Unreachable(
                f"no ML Training Service answers at {self.url} ({error or type(error).__name__})"
            ) from error
        document = _document(response)
        if response.is_success and document is not None:
            return document
        if document is not None and "title" in document:
            raise ApiProblem(response.status_code, document)
        raise Unreachable(f"what answers at {self.url} is not an ML Training Service (HTTP {response.status_code})")


def _document(response: httpx.Response) -> Json | None:
    try:
        document = response.json()
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
