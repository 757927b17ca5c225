"""The routes of the exporter: the metrics page and the two health checks."""

import hmac
import os
import time
from http import HTTPStatus
from typing import Any

import orjson

from exporter.broker import BrokerProbe
from exporter.http_request import HttpRequest
from exporter.http_server import HttpResponse, RouteHandler
from exporter.negotiation import negotiate
from exporter.page_builder import PageBuilder
from exporter.snapshot import DatabaseSnapshot

SNAPSHOT_FRESH_SECONDS = 60.0
PAGE_FRESH_SECONDS = 10.0
NEEDS_TOKEN = b"401 Unauthorized: send `Authorization: Bearer` and the token of ML_TRAINING_METRICS_TOKEN\n"


def make_routes(
    snapshot: DatabaseSnapshot, builder: PageBuilder, probe: BrokerProbe, *, token: str = ""
) -> dict[str, RouteHandler]:
    """Every route of the exporter, by path; token: that a reader of the metrics must show, empty: none."""
    wanted = f"Bearer {token}".encode() if token else b""

    def page(request: HttpRequest) -> HttpResponse:
        headers = request.headers
        if wanted and not hmac.compare_digest(headers.get("authorization", "").encode("latin-1"), wanted):
            return HttpResponse(NEEDS_TOKEN, status=HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"})
        variant = negotiate(headers.get("accept", ""), headers.get("accept-encoding", ""))
        extra = {"Vary": "Accept, Accept-Encoding", "Cache-Control": "no-store"}
        if variant.gzip:
            extra["Content-Encoding"] = "gzip"
        return HttpResponse(builder.body(variant), variant.format.value, headers=extra)

    def live(_request: HttpRequest) -> HttpResponse:
        return _json({"status": "ok", "pid": os.getpid()}, ok=True)

    def ready(_request: HttpRequest) -> HttpResponse:
        parts: dict[str, dict[str, Any]] = {
            "database": {"ok": snapshot.connected, "required": True},
            "snapshot": {
                "ok": snapshot.age < SNAPSHOT_FRESH_SECONDS,
                "required": True,
                "age_seconds": round(snapshot.age, 3),
            },
            "page": {"ok": time.monotonic() - builder.built_at < PAGE_FRESH_SECONDS, "required": True},
            "broker": {"ok": probe.connected, "required": False},  # every number but the live ones is from the database
        }
        ok = all(part["ok"] for part in parts.values() if part["required"])
        return _json({"status": "ready" if ok else "not ready", "pid": os.getpid(), "parts": parts}, ok=ok)

    return {"/metrics": page, "/health/live": live, "/health/ready": ready}


def _json(document: dict[str, Any], *, ok: bool) -> HttpResponse:
    status = HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE
    return HttpResponse(orjson.dumps(document), "application/json", status, {"Cache-Control": "no-store"})
