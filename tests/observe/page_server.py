"""Serves the render page to Chromium: its files, one dashboard, Prometheus behind the same origin, and a mailbox."""

import json
import mimetypes
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

INDEX = b"""<!doctype html><html><head><meta charset="utf-8"><link rel="stylesheet" href="/main.css">
<style>html, body { background: #111217; margin: 0 } #root { padding: 16px }</style></head>
<body class="theme-dark"><div id="root"></div><script src="/main.js"></script>
<img src="/drawn" style="display: none"></body></html>"""
DRAWING_SECONDS = 60
ICONS = "/img/icons/"
GRAFANA_ICONS = Path("node_modules/@grafana/ui/dist/public/img/icons")


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the page reported: each panel, and every error that it wrote."""

    panels: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class PageServer(ThreadingHTTPServer):
    """Shows one dashboard at a time, on a free port."""

    daemon_threads = True

    def __init__(self, project: Path, prometheus: httpx.Client) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.project = project
        self.prometheus = prometheus
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"
        self.document = b"{}"
        self.report = b"{}"
        self.is_drawn = threading.Event()

    def show(self, document: Mapping[str, Any]) -> None:
        """What the next page is to show."""
        self.document, self.report = json.dumps(document).encode(), b"{}"
        self.is_drawn.clear()

    def drawn(self) -> Drawn:
        """What the last page said."""
        return Drawn(**json.loads(self.report))

    def file_of(self, path: str) -> Path:
        """The file behind a path of the page."""
        if ICONS in path:
            return self.project / GRAFANA_ICONS / path.partition(ICONS)[2]
        return self.project / "dist" / Path(path).name


class _Handler(BaseHTTPRequestHandler):
    server: PageServer

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, urlsplit(self.path).query
        if path == "/":
            self._answer(200, "text/html", INDEX)
        elif path == "/drawn":  # Chromium takes the picture once the page is loaded, and so is this image
            self.server.is_drawn.wait(DRAWING_SECONDS)
            self._answer(204, "text/plain", b"")
        elif path == "/dashboard.json":
            self._answer(200, "application/json", self.server.document)
        elif path.startswith("/prometheus/"):
            found = self.server.prometheus.get(f"{path.removeprefix('/prometheus')}?{query}")
            self._answer(found.status_code, "application/json", without_own_name(found.content))
        elif (file := self.server.file_of(path)).is_file():
            self._answer(200, mimetypes.guess_type(file)[0] or "application/octet-stream", file.read_bytes())
        else:
            self._answer(404, "text/plain", b"")

    def do_POST(self) -> None:
        self.server.report = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.is_drawn.set()
        self._answer(204, "text/plain", b"")

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def without_own_name(body: bytes) -> bytes:
    """Processes are called kind@machine-pid. A picture is for everybody, the name of this machine is not."""
    return body.replace(f"@{socket.gethostname()}-".encode(), b"@host-")


@contextmanager
def serving(project: Path, prometheus_url: str) -> Iterator[PageServer]:
    """A page server in a thread."""
    with (
        httpx.Client(base_url=prometheus_url, timeout=30, trust_env=False) as http,
        PageServer(project, http) as server,
    ):
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
