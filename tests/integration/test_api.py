"""The API as it runs: gunicorn, its processes and threads, real sockets, and clients that do not behave."""

import hashlib
import json
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from ml_training.db.heartbeats import list_heartbeats
from ml_training.domain.records import Heartbeat
from ml_training.execution.run_job import run_next
from ml_training.services.cancel import request_cancel
from tests.support.api import ready_dataset, stored_model, train_spec
from tests.support.api_process import LIVE, Api, live, read_response, running_api
from tests.support.eventually import eventually
from tests.support.fleet import Fleet
from tests.support.jobs import train_at_once
from tests.support.wiring import make_worker_context

MEMORY_LIMIT = 130_000_000  # the libraries alone take 95 to 105 MB, by the machine
GROWTH_LIMIT = 8_000_000  # by what a process still adds to its caches after it has seen each kind of request
PROMPT_SECONDS = 9.0  # a client that keeps a thread keeps it for ten; a busy machine alone took seven


@pytest.fixture
def fresh_api(tmp_path: Path, database_url: str, broker_url: str) -> Iterator[Api]:
    """Two processes, on each kind of database."""
    with running_api(tmp_path, database_url, broker_url) as api:
        yield api


def test_every_process_writes_its_heartbeat(fresh_api: Api) -> None:
    def rows() -> list[Heartbeat]:
        with fresh_api.resources.database.read() as connection:
            return list_heartbeats(connection, kind="api", within_seconds=30)

    def all_beat() -> bool:
        children = {child.pid for child in fresh_api.master.children()}
        return len(children) == 2 and {row.body["pid"] for row in rows()} == children

    eventually(all_beat, what="both processes beat")
    (started,) = {row.body["master_started_at"] for row in rows()}
    assert abs(fresh_api.master.create_time() - started) < 30
    assert fresh_api.client.get("/api/v1/health/ready").json()["parts"]["database"] == {"ok": True, "detail": "answers"}


def test_the_server_has_no_control_socket(api: Api) -> None:
    assert [connection for connection in api.master.net_connections(kind="unix") if connection.laddr] == []


def test_a_wait_over_http_ends_with_the_job(fresh_api: Api, tmp_path: Path) -> None:
    job = fresh_api.client.post("/api/v1/jobs", json=train_spec(ready_dataset(fresh_api.resources))).json()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(fresh_api.client.get, f"/api/v1/jobs/{job['id']}?wait=60")
        assert run_next(make_worker_context(fresh_api.resources.database, tmp_path / "store", train_at_once))
        assert waiting.result().json()["result"] == {"model_id": 1}


def test_fifty_equal_requests_at_once_make_one_job(fresh_api: Api) -> None:
    spec = train_spec(ready_dataset(fresh_api.resources))

    def submit(_: int) -> httpx.Response:
        return fresh_api.client.post("/api/v1/jobs", json=spec, headers={"Idempotency-Key": "once"})

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(submit, range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(fresh_api.client.get("/api/v1/jobs").json()["items"]) == 1


def test_the_database_gone_is_503_and_the_process_lives(
    tmp_path: Path, new_postgresql: Any, postgres: Any, broker_url: str
) -> None:
    url = new_postgresql()
    with running_api(tmp_path, url, broker_url, api_workers="1") as api:
        assert api.client.get("/api/v1/jobs").status_code == 200
        postgres.execute(f"DROP DATABASE {url.rsplit('/', 1)[-1]} WITH (FORCE)")
        for path in ("/api/v1/jobs", "/api/v1/health/ready", "/api/v1/models/1"):
            response = api.client.get(path)
            assert (response.status_code, response.headers["Content-Type"]) == (503, "application/problem+json")
            assert int(response.headers["Retry-After"]) >= 1
        refused = api.client.post("/api/v1/jobs", json=train_spec(1))
        assert (refused.status_code, refused.json()["title"]) == (503, "Service unavailable")
        assert live(api.client)["status"] == "live"


def test_waits_beyond_four_answer_at_once_and_health_has_a_thread(api: Api) -> None:
    job_id = api.client.post("/api/v1/jobs", json=train_spec(ready_dataset(api.resources))).json()["id"]
    with ThreadPoolExecutor(20) as pool:
        waits = [pool.submit(api.client.get, f"/api/v1/jobs/{job_id}?wait=60") for _ in range(20)]
        eventually(lambda: sum(wait.done() for wait in waits) == 16, what="all but four have answered")
        assert all(wait.result().headers["Retry-After"] == "1" for wait in waits if wait.done())
        for path in (LIVE, "/api/v1/health/ready", "/api/v1/jobs"):
            assert _seconds(api, path) < PROMPT_SECONDS
        request_cancel(api.resources, job_id)
        assert {wait.result().json()["status"] for wait in waits} == {"PENDING", "CANCELLED"}


HEAD = b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
FORM = b"POST /api/v1/datasets HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEAD,
        HEAD + b"Content-Length: 500\r\n\r\n{",
        HEAD + b"Content-Length: 500000\r\n\r\n{",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
        HEAD + b"Content-Length: 500\r\nExpect: 100-continue\r\n\r\n{",
        FORM + b"Content-Length: 500000\r\n\r\n--b\r\n",
        HEAD.replace(b"/jobs", b"/nothing") + b"Content-Length: 500000\r\n\r\n{",
        b"GARBAGE\r\n\r\n",
    ],
    ids=["silent", "head", "body", "large body", "chunked", "expect", "upload", "unread body", "garbage"],
)
def test_three_hundred_clients_that_never_finish_do_not_block_others(api: Api, data: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(api.raw(data))
        assert max(_seconds(api, LIVE) for _ in range(10)) < PROMPT_SECONDS
        assert _seconds(api, "/api/v1/jobs") < PROMPT_SECONDS


def _seconds(api: Api, path: str) -> float:
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", api.port), timeout=20) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        status, _, _ = read_response(connection)
    assert status == 200
    return time.monotonic() - start


@pytest.mark.slow
def test_a_request_that_does_not_arrive_is_408_after_ten_seconds(api: Api) -> None:
    with api.raw(HEAD) as connection, api.raw(HEAD + b"Content-Length: 9\r\n\r\n{") as other, api.raw(b"") as silent:
        assert [read_response(connection)[0], read_response(other)[0]] == [408, 408]
        assert silent.recv(10) == b""


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX Y: 1\r\n\r\n", 400),
        (HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        (HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: xchunked\r\n\r\n", 501),
        (b"GET /" + b"x" * 5_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 100 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nA: " + b"b" * 9_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 50_000, 431),
    ],
)
def test_a_request_that_is_not_http_is_answered_with_a_problem(api: Api, data: bytes, status: int) -> None:
    with api.raw(data) as connection:
        code, headers, body = read_response(connection)
    assert (code, headers["content-type"]) == (status, "application/problem+json")
    problem = json.loads(body)
    assert (problem["status"], problem["request_id"]) == (status, headers["x-request-id"])


def test_requests_in_one_packet_and_in_pieces_are_answered_in_order(api: Api) -> None:
    request = b"GET %s HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: %s\r\n\r\n"
    first, second, third = (request % (LIVE.encode(), name) for name in (b"first", b"second", b"third"))
    with api.raw(first + second + third[:30]) as connection:
        connection.sendall(third[30:-2] + b"Connection: close\r\n\r\n")
        data = b""
        while chunk := connection.recv(65_536):
            data += chunk
    ids = [line.split(b": ")[1] for line in data.split(b"\r\n") if line.lower().startswith(b"x-request-id")]
    assert ids == [b"first", b"second", b"third"]


def test_a_connection_survives_an_error_whose_body_was_read(api: Api) -> None:
    with httpx.Client(base_url=api.client.base_url, trust_env=False) as client:
        for _ in range(3):
            response = client.post("/api/v1/jobs", content=b"{", headers={"Content-Type": "application/json"})
            assert response.status_code == 400
        pool = client._transport._pool  # type: ignore[attr-defined]
        assert len(pool.connections) == 1
        assert "Request Count: 3" in repr(pool.connections[0])


def test_an_upload_over_the_limit_is_413_before_it_is_sent(api: Api) -> None:
    with api.raw(FORM + b"Content-Length: 3000000000\r\n\r\n--b\r\n") as connection:
        status, headers, body = read_response(connection)
    assert (status, headers["content-type"]) == (413, "application/problem+json")
    assert "2,147,549,184 bytes" in json.loads(body)["detail"]


def test_a_large_upload_arrives_whole_and_takes_no_memory(api: Api) -> None:
    line = b"1,2,3,4,5,6,7\r\n"
    digest = hashlib.sha256()

    def form() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\n'
        for _ in range(640):
            digest.update(line * 7_000)
            yield line * 7_000
        yield b'\r\n--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nlarge\r\n--b--\r\n'

    before = max(api.memory())
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = api.client.post("/api/v1/datasets", content=form(), headers=headers)
    assert response.status_code == 201, response.text
    assert (response.json()["bytes"], response.json()["sha256"]) == (640 * 7_000 * len(line), digest.hexdigest())
    assert max(api.memory()) < before + 10_000_000


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is for Linux")
def test_a_process_stays_small_after_a_thousand_mixed_requests(api: Api) -> None:
    dataset_id = ready_dataset(api.resources)
    model_id = stored_model(api.resources, dataset_id=dataset_id, artifact=bytes(200_000))
    spec, json_type = train_spec(dataset_id), {"Content-Type": "application/json"}
    csv = b"a,b\n" + b"1,2\n" * 20_000
    calls = [
        lambda: api.client.get("/api/v1/jobs?limit=50"),
        lambda: api.client.get(f"/api/v1/datasets/{dataset_id}/preview"),
        lambda: api.client.get(f"/api/v1/models/{model_id}/download"),
        lambda: api.client.get("/api/v1/health/ready"),
        lambda: api.client.get("/openapi.json"),
        lambda: api.client.post("/api/v1/jobs", json=spec),
        lambda: api.client.post("/api/v1/jobs", json=spec | {"target": {"column": "nothing"}}),
        lambda: api.client.post("/api/v1/jobs/batch", json={"jobs": [spec, spec, 7]}),
        lambda: api.client.post("/api/v1/jobs", content=b"[" * 200_000, headers=json_type),
        lambda: api.client.post("/api/v1/datasets", files={"file": ("x.csv", csv)}, data={"name": "x"}),
    ]
    with ThreadPoolExecutor(8) as pool:
        statuses = [answer.status_code for answer in pool.map(lambda number: calls[number % 10](), range(200))]
        warm = max(api.memory())
        statuses += [answer.status_code for answer in pool.map(lambda number: calls[number % 10](), range(800))]
    assert {status for status in statuses if status >= 500} <= {503}  # all permits may be taken
    assert statuses.count(503) < 100
    assert max(api.memory()) < min(MEMORY_LIMIT, warm + GROWTH_LIMIT)


def test_a_stop_answers_waiting_clients_and_ends_with_code_0(tmp_path: Path, new_sqlite: Any, broker_url: str) -> None:
    with running_api(tmp_path, new_sqlite(), broker_url, api_workers="1", limits__waits="1") as api:
        job_id = api.client.post("/api/v1/jobs", json=train_spec(ready_dataset(api.resources))).json()["id"]
        path = f"/api/v1/jobs/{job_id}?wait="

        def wait_a_minute() -> Any:
            """Repeat while the check below has the only permit: then the answer comes at once."""
            while True:
                started = time.monotonic()
                answer = api.client.get(f"{path}60")
                if "Retry-After" not in answer.headers or time.monotonic() > started + 1:
                    return answer

        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(wait_a_minute)
            eventually(lambda: "Retry-After" in api.client.get(f"{path}1").headers, what="the only permit is taken")
            api.fleet.processes["api"].terminate()
            assert waiting.result().json()["status"] == "PENDING"
        assert api.fleet.stop("api") == 0
        with pytest.raises(OSError, match="refused"):
            api.raw(b"")


def test_settings_that_cannot_be_used_are_all_named_at_once(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, {"ML_TRAINING_API_PORT": "99999", "ML_TRAINING_API_THREADS": "1"})
    assert fleet.start("api", "ml_training.api").wait(60) == 1
    log = fleet.log("api")
    assert "ML_TRAINING_API_PORT" in log
    assert "ML_TRAINING_API_THREADS" in log
    assert "Traceback" not in log
