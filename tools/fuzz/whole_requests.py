"""The whole requests that the mutations start from: each kind of route, body and header, of both servers."""

import json

HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"
FORM = b"Content-Type: multipart/form-data; boundary=b\r\n"
SPEC = {
    "job_type": "TRAIN",
    "model_name": "fuzz",
    "model_type": "lightgbm",
    "dataset_id": 1,
    "target": {"column": "y"},
    "params": {"n_estimators": 5, "learning_rate": 0.1},
    "validation": {"method": "holdout", "test_size": 0.2},
    "train_start": "2026-01-01T00:00:00Z",
}
PREDICT = {"job_type": "PREDICT", "model_id": 1, "rows": [{"a": 1, "b": "x", "c": None}]}
FILE = (
    b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nfuzz\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\na,b\n1,2\n3,4\n\r\n--b--\r\n'
)
READS = (
    "/api/v1/jobs?limit=5&status=PENDING",
    "/api/v1/jobs/1",
    "/api/v1/jobs/1/events?after=0",
    "/api/v1/jobs/1/logs?limit=3",
    "/api/v1/models?name=fuzz&sort=oldest",
    "/api/v1/models/1",
    "/api/v1/models/1/download",
    "/api/v1/datasets?limit=2",
    "/api/v1/datasets/1/preview?limit=5",
    "/api/v1/datasets/sha256/" + "0" * 64,
    "/api/v1/datasets/samples",
    "/api/v1/test-results",
    "/api/v1/comparisons",
    "/api/v1/predictions/1/preview",
    "/api/v1/model-types",
    "/api/v1/health/live",
    "/api/v1/health/ready",
    "/docs",
    "/docs/assets/css/swagger-ui.css",
    "/openapi.json",
)
EXPORTER_READS = ("/metrics", "/health/live", "/health/ready", "/", "/metrics?a=b", "http://localhost/metrics")
EXPORTER_HEADERS = (
    b"",
    b"Accept: application/openmetrics-text;version=1.0.0;q=0.9,text/plain;q=0.5\r\nAccept-Encoding: gzip\r\n",
    b"Connection: close\r\n",
    b"Content-Length: 3\r\n",
)


def api_requests() -> list[bytes]:
    """Requests to the API that it reads to their end; those with a body also in chunks."""
    bodies = [
        ("POST /api/v1/jobs", JSON, json.dumps(SPEC).encode()),
        ("POST /api/v1/jobs?dry_run=true", JSON, json.dumps(SPEC).encode()),
        ("POST /api/v1/jobs", JSON + b"Idempotency-Key: fuzz\r\n", json.dumps(PREDICT).encode()),
        ("POST /api/v1/jobs/batch", JSON, json.dumps({"jobs": [SPEC, PREDICT]}).encode()),
        ("POST /api/v1/jobs/1/cancel", JSON, b""),
        ("POST /api/v1/datasets", JSON, b'{"name": "fuzz", "sample": "no such sample"}'),
        ("POST /api/v1/datasets", FORM, FILE),
        ("PATCH /api/v1/models/1", JSON, b'{"aliases": ["champion"], "tags": ["a"], "description": "x"}'),
        ("DELETE /api/v1/models/1", b"", b""),
        ("DELETE /api/v1/datasets/999", b"", b""),
    ]
    with_length = [_with_length(first, headers, body) for first, headers, body in bodies]
    in_chunks = [_in_chunks(first, headers, body) for first, headers, body in bodies if body]
    return [*map(read, READS), *with_length, *in_chunks]


def exporter_requests() -> list[bytes]:
    """Requests to the exporter."""
    return [read(path, headers) for path in EXPORTER_READS for headers in EXPORTER_HEADERS]


def read(path: str, headers: bytes = b"Accept: */*\r\n") -> bytes:
    """A GET of a path."""
    return f"GET {path} HTTP/1.1\r\n".encode() + HOST + headers + b"\r\n"


def _with_length(first: str, headers: bytes, body: bytes) -> bytes:
    return f"{first} HTTP/1.1\r\n".encode() + HOST + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _in_chunks(first: str, headers: bytes, body: bytes) -> bytes:
    middle = len(body) // 2
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:middle], body[middle:]))
    head = f"{first} HTTP/1.1\r\n".encode() + HOST + headers + b"Transfer-Encoding: chunked\r\n\r\n"
    return head + chunks + b"0\r\n\r\n"
