"""A real HTTP server in a thread: it answers with prepared JSON documents and records the requests."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request that the server received."""

    method: str
    path: str  # includes the query
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class JsonServer:
    """Answers by method and path without query; several answers to one path come in turn, the last one repeats."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], list[tuple[int, object]]] = {}
        self._headers: dict[tuple[str, str], Mapping[str, str]] = {}
        self.requests: list[RecordedRequest] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self._http.server_address[1]

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    def answer(
        self, method: str, path: str, document: object, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """Add an answer; a path without one gets 404. headers: of every answer to the path from now on."""
        self._answers.setdefault((method, path), []).append((status, document))
        self._headers[method, path] = headers or {}

    def take_file(self, data: bytes, dataset: object) -> None:
        """Answer as the API when a file of these bytes is sent in one piece, and this data set is made of it."""
        self.answer("POST", "/api/v1/uploads", {"id": 3, "received_bytes": 0, "bytes": len(data)}, status=201)
        self.answer("PATCH", "/api/v1/uploads/3", {}, headers={"Upload-Offset": str(len(data))})
        self.answer("POST", "/api/v1/datasets", dataset, status=201)

    def sent_to(self, method: str, path: str) -> list[RecordedRequest]:
        """The requests to one path."""
        return [request for request in self.requests if (request.method, request.path) == (method, path)]

    def close(self) -> None:
        """Stop listening."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _next_answer(self, method: str, path: str) -> tuple[int, object]:
        answers = self._answers.get((method, path), [(404, {"title": "Not found", "status": 404})])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            server_version = "JsonServer"
            sys_version = ""

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                server.requests.append(RecordedRequest(self.command, self.path, dict(self.headers), body))
                status, document = server._next_answer(self.command, self.path.partition("?")[0])
                data = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                for name, value in server._headers.get((self.command, self.path), {}).items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            do_GET = do_POST = do_HEAD = do_DELETE = do_PATCH = _serve  # noqa: N815 - the base class looks for these names

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        return Handler


@contextmanager
def json_server() -> Iterator[JsonServer]:
    """A running server, closed at the end of the context."""
    server = JsonServer()
    try:
        yield server
    finally:
        server.close()
