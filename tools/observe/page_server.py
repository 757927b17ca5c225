"""HTTP server of the page that draws a dashboard: files, dashboard, proxy to Prometheus, report of the page."""

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
class DrawnPage:
    """What the page reported after drawing: each panel, and every error."""

    panels: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class PageServer(ThreadingHTTPServer):
    """Serves one dashboard at a time, on a free port."""

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
        """Set what the next page shows."""
        self.document, self.report = json.dumps(document).encode(), b"{}"
        self.is_drawn.clear()

    def drawn(self) -> DrawnPage:
        """What the last page reported."""
        return DrawnPage(**json.loads(self.report))

    def file_of(self, path: str) -> Path:
        """The file that a URL path of the page names."""
        if ICONS in path:
            return self.project / GRAFANA_ICONS / path.partition(ICONS)[2]
        return self.project / "dist" / Path(path).name


class _Handler(BaseHTTPRequestHandler):
    server: PageServer

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, urlsplit(self.path).query
        if path == "/":
            self._respond(200, "text/html", INDEX)
        elif path == "/drawn":  # Chromium takes the picture when the page and this image are loaded
            self.server.is_drawn.wait(DRAWING_SECONDS)
            self._respond(204, "text/plain", b"")
        elif path == "/dashboard.json":
            self._respond(200, "application/json", self.server.document)
        elif path.startswith("/prometheus/"):
            response = self.server.prometheus.get(f"{path.removeprefix('/prometheus')}?{query}")
            self._respond(response.status_code, "application/json", hide_host_name(response.content))
        elif (file := self.server.file_of(path)).is_file():
            self._respond(200, mimetypes.guess_type(file)[0] or "application/octet-stream", file.read_bytes())
        else:
            self._respond(404, "text/plain", b"")

    def do_POST(self) -> None:
        self.server.report = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.is_drawn.set()
        self._respond(204, "text/plain", b"")

    def _respond(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: nobody reads it."""


def hide_host_name(body: bytes) -> bytes:
    """Replace the machine's name in process names such as worker@machine-pid: pictures are public, the name is not."""
    return body.replace(f"@{socket.gethostname()}-".encode(), b"@host-")


@contextmanager
def running_page_server(project: Path, prometheus_url: str) -> Iterator[PageServer]:
    """A page server in a thread; stopped afterwards."""
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
