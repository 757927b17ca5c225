"""What the server answers: the page, and whether this process lives and has something to say."""

import os
import time
from http import HTTPStatus
from typing import Any

import orjson

from exporter.broker import BrokerProbe
from exporter.http_request import Request
from exporter.http_server import Handler, Response
from exporter.negotiation import negotiate
from exporter.page_builder import Painter
from exporter.snapshot import Snapshots

FRESH_SECONDS = 60.0
PAINTED_SECONDS = 10.0


def make_routes(snapshots: Snapshots, painter: Painter, probe: BrokerProbe) -> dict[str, Handler]:
    """Every route of the exporter, by path."""

    def page(request: Request) -> Response:
        headers = request.headers
        variant = negotiate(headers.get("accept", ""), headers.get("accept-encoding", ""))
        extra = {"Vary": "Accept, Accept-Encoding", "Cache-Control": "no-store"}
        if variant.gzip:
            extra["Content-Encoding"] = "gzip"
        return Response(painter.body(variant), variant.format.value, headers=extra)

    def live(_request: Request) -> Response:
        return _json({"status": "ok", "pid": os.getpid()}, ok=True)

    def ready(_request: Request) -> Response:
        parts: dict[str, dict[str, Any]] = {
            "database": {"ok": snapshots.connected, "required": True},
            "snapshot": {"ok": snapshots.age < FRESH_SECONDS, "required": True, "age_seconds": round(snapshots.age, 3)},
            "page": {"ok": time.monotonic() - painter.painted_at < PAINTED_SECONDS, "required": True},
            "broker": {"ok": probe.connected, "required": False},  # every number but the live ones is from the database
        }
        ok = all(part["ok"] for part in parts.values() if part["required"])
        return _json({"status": "ready" if ok else "not ready", "pid": os.getpid(), "parts": parts}, ok=ok)

    return {"/metrics": page, "/health/live": live, "/health/ready": ready}


def _json(document: dict[str, Any], *, ok: bool) -> Response:
    status = HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE
    return Response(orjson.dumps(document), "application/json", status, {"Cache-Control": "no-store"})
