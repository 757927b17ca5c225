"""Clients that send what is not HTTP, stop in the middle, or do not read: each one harms itself only."""

import json
import resource
import socket
import time
from contextlib import ExitStack

import httpx
import pytest

from ml_training.api.client_socket import SEND_SECONDS
from tests.support.api import ready_dataset, stored_model, train_spec
from tests.support.api_process import LIVE, Api, live, read_response
from tests.support.eventually import eventually

JOBS = b"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
FORM = b"POST /api/v1/datasets HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
LARGEST_ASSET = "/docs/assets/js/swagger-ui-bundle.js"
HEAD_SECONDS = 10  # after which a silent client is disconnected
CONNECTIONS = 800  # of one API process


@pytest.mark.parametrize(
    "chunks",
    [
        b"zz\r\n{}\r\n0\r\n\r\n",
        b"-2\r\n{}\r\n0\r\n\r\n",
        b"0x2\r\n{}\r\n0\r\n\r\n",
        b"\r\n{}\r\n0\r\n\r\n",
        b'2;x="\r\n{}\r\n0\r\n\r\n',
        b"2;a\rb\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}0\r\n\r\n",
        b"2\r\n{}\r\n0\r\nHost: other\r\n\r\n",
        b"2\r\n{}\r\n0\r\nno colon\r\n\r\n",
        b"2\r\n{}\r\n0\r\nA: b\n\r\n\r\n",
        b"2\r\n{}\r\n0\r\n" + b"A: b\r\n" * 100 + b"\r\n",
        b"2\r\n{}\r\n" + b"0" * 9_000,
    ],
)
@pytest.mark.parametrize("head", [JOBS, FORM], ids=["json", "upload"])
def test_a_malformed_chunked_body_is_400_and_ends_the_connection(api: Api, head: bytes, chunks: bytes) -> None:
    with api.raw(head + CHUNKED + chunks + b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") as connection:
        status, headers, body = read_response(connection)
    assert (status, headers["content-type"], headers["connection"]) == (400, "application/problem+json", "close")
    assert json.loads(body)["status"] == 400  # and nothing behind it: the next request was not read
    assert "Traceback" not in api.fleet.log("api")


def test_malformed_chunks_that_no_route_reads_get_one_answer(api: Api) -> None:
    with api.raw(JOBS.replace(b"/jobs", b"/nothing") + CHUNKED + b"zz\r\n") as connection:
        status, _, body = read_response(connection)
    assert (status, json.loads(body)["status"]) == (404, 404)
    assert "Traceback" not in api.fleet.log("api")


@pytest.mark.parametrize("length", [500, 500_000])
@pytest.mark.parametrize("head", [JOBS, FORM], ids=["json", "upload"])
def test_a_body_that_is_cut_short_is_400_although_its_first_part_is_a_job(api: Api, head: bytes, length: int) -> None:
    spec = train_spec(ready_dataset(api.resources))
    before = api.client.get("/api/v1/jobs").json()["items"]
    with api.raw(head + b"Content-Length: %d\r\n\r\n" % length + json.dumps(spec).encode()) as connection:
        connection.shutdown(socket.SHUT_WR)
        status, headers, body = read_response(connection)
    assert (status, headers["connection"]) == (400, "close")
    assert "before its Content-Length" in json.loads(body)["detail"]
    assert api.client.get("/api/v1/jobs").json()["items"] == before


def test_chunks_that_end_early_are_400(api: Api) -> None:
    for head in (JOBS, FORM):
        with api.raw(head + CHUNKED + b"5\r\n{") as connection:
            connection.shutdown(socket.SHUT_WR)
            assert read_response(connection)[0] == 400


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (f"GET {LIVE} HTTP/1.1\r\nHost: evil.example\r\n", 421),
        (f"GET {LIVE} HTTP/1.1\r\nHost:\r\n", 421),
        (f"GET {LIVE} HTTP/1.1\r\n", 421),
        (f"GET http://evil.example{LIVE} HTTP/1.1\r\nHost: localhost\r\n", 421),
        (f"GET http://localhost{LIVE} HTTP/1.1\r\nHost: localhost\r\n", 200),
        (f"GET //localhost{LIVE} HTTP/1.1\r\nHost: localhost\r\n", 404),
        (f"GET /{LIVE} HTTP/1.1\r\nHost: localhost\r\n", 404),
        (f"GET {LIVE.replace('health/', 'health%2f')} HTTP/1.1\r\nHost: localhost\r\n", 404),
    ],
    ids=["foreign", "empty", "none", "foreign uri", "own uri", "empty part", "empty first part", "encoded slash"],
)
def test_a_foreign_name_or_another_spelling_of_a_path_is_refused(api: Api, head: str, status: int) -> None:
    with api.raw(f"{head}Connection: close\r\n\r\n".encode()) as connection:
        assert read_response(connection)[0] == status


def not_reading(api: Api, path: str, *, requests: int = 1) -> socket.socket:
    """A client with a small receive buffer that asks for something and never reads the answer."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", api.port))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * requests)
    return connection


@pytest.mark.parametrize("path", [LARGEST_ASSET, "/openapi.json", "/api/v1/model-types"])
def test_clients_that_never_read_occupy_no_thread(api: Api, path: str) -> None:
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(not_reading(api, path, requests=4))
        with httpx.Client(base_url=api.client.base_url, timeout=SEND_SECONDS / 2, trust_env=False) as client:
            for _ in range(10):
                assert live(client)["status"] == "live"


@pytest.mark.slow
def test_downloads_that_nobody_reads_leave_threads_and_end(api: Api) -> None:
    model_id = stored_model(api.resources, dataset_id=ready_dataset(api.resources), artifact=bytes(20_000_000))
    path = f"/api/v1/models/{model_id}/download"
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(not_reading(api, path))
        eventually(lambda: api.client.head(path).status_code == 503, what="all permits are taken")
        assert live(api.client)["status"] == "live"
        eventually(lambda: len(api.client.get(path).content) == 20_000_000, what="their permits are free again")


def test_a_slow_client_gets_its_whole_answer(api: Api) -> None:
    whole = api.client.get(LARGEST_ASSET).content
    with not_reading(api, LARGEST_ASSET) as connection:
        data = b""
        while len(body := data.partition(b"\r\n\r\n")[2]) < len(whole):
            data += connection.recv(20_000)
    assert body == whole


@pytest.mark.slow
def test_a_client_that_takes_nothing_is_disconnected(api: Api) -> None:
    with not_reading(api, LARGEST_ASSET, requests=20) as connection:
        started = time.monotonic()
        eventually(lambda: _is_reset(connection), what="the server has given it up")
        assert time.monotonic() - started >= SEND_SECONDS / 2


def _is_reset(connection: socket.socket) -> bool:
    return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


def test_silent_clients_up_to_the_limit_keep_nobody_out(api: Api) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2_048)), hard))
    started = time.monotonic()
    with ExitStack() as stack:
        silent = [stack.enter_context(api.raw(b"")) for _ in range(CONNECTIONS + 20)]
        assert live(api.client)["status"] == "live"
        assert time.monotonic() - started < HEAD_SECONDS  # later the oldest would have gone by themselves
        assert silent[0].recv(10) == b""  # the oldest had to go
        silent[-1].sendall(f"GET {LIVE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert read_response(silent[-1])[0] == 200
