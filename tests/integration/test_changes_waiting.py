"""Clients that wait for changes hold no thread: many wait, and everybody else is served as if nobody did."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.support.api_process import Api, read_response, running_api
from tests.support.eventually import eventually
from tests.support.jobs import store_dataset, store_job
from tests.support.redis_server import RedisServer

CHANGES = "/api/v1/changes"
CLIENTS = 20  # the process has 8 threads, of which 4 may wait


def ask(api: Api, **query: Any) -> dict[str, Any]:
    """The answer of the route."""
    with httpx.Client(base_url=str(api.client.base_url), timeout=70) as client:
        answer = client.get(CHANGES, params=query)
    assert answer.status_code == 200, answer.text
    assert "retry-after" not in answer.headers, "it was answered at once, since too many wait"
    found: dict[str, Any] = answer.json()
    return found


def waiting(api: Api) -> int:
    """How many connections the process keeps: this many clients wait."""
    [child] = api.master.children()
    return sum(one.status == "ESTABLISHED" for one in child.net_connections() if one.laddr.port == api.port)


def test_twenty_clients_wait_and_all_hear_of_one_job(api: Api) -> None:
    dataset_id = store_dataset(api.resources.database)
    position = ask(api)["next"]
    api.client.get("/api/v1/health/live")
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = [pool.submit(ask, api, after=position, wait=60) for _ in range(CLIENTS)]
        eventually(lambda: waiting(api) > CLIENTS)
        assert not any(answer.done() for answer in answers)
        job_id = store_job(api.resources.database, dataset_id=dataset_id)
        # All four waits of the other kind are still free, and so are the threads for short requests.
        waits = [pool.submit(api.client.get, f"/api/v1/jobs/{job_id}", params={"wait": 1}) for _ in range(4)]
        assert api.client.get("/api/v1/jobs").status_code == 200
        assert ["retry-after" in wait.result().headers for wait in waits] == [False] * 4
        told = [answer.result() for answer in answers]
    assert {json.dumps(answer["items"]) for answer in told} == {json.dumps(told[0]["items"])}
    assert [(item["kind"], item["id"]) for item in told[0]["items"]] == [("job", job_id)]
    assert "Traceback" not in api.fleet.log("api")


def test_a_wait_ends_after_its_time_with_nothing(api: Api) -> None:
    position = ask(api)["next"]
    answer = ask(api, after=position, wait=1)
    assert (answer["items"], answer["next"], answer["reset"]) == ([], position, False)


def test_a_connection_serves_the_next_request_after_a_wait(api: Api) -> None:
    position = ask(api)["next"]
    with httpx.Client(base_url=str(api.client.base_url), timeout=70) as client:
        for _ in range(3):
            assert client.get(CHANGES, params={"after": position, "wait": 1}).json()["items"] == []
            assert client.get("/api/v1/health/live").status_code == 200


def request_of(position: str, *, wait: int) -> bytes:
    """The request as it is sent."""
    return f"GET {CHANGES}?after={position}&wait={wait} HTTP/1.1\r\nHost: localhost\r\n".encode()


def test_a_client_that_goes_away_frees_its_place(api: Api) -> None:
    position = ask(api)["next"]
    before = waiting(api)
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            stack.enter_context(api.raw(request_of(position, wait=60) + b"\r\n"))
        eventually(lambda: waiting(api) == before + CLIENTS)
    eventually(lambda: waiting(api) <= before)


def read_all(connection: socket.socket) -> bytes:
    """Everything until the server closes the connection."""
    return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_a_client_that_stops_to_send_or_sends_more_is_answered_at_once(api: Api) -> None:
    position = ask(api)["next"]
    with api.raw(request_of(position, wait=60) + b"\r\n") as connection:
        connection.shutdown(socket.SHUT_WR)
        assert read_response(connection)[0] == 200
    last = request_of(position, wait=0) + b"Connection: close\r\n\r\n"
    first = request_of(position, wait=60) + b"\r\n"
    with api.raw(first + last) as connection:  # the second one is there before the first one waits
        assert read_all(connection).count(b"HTTP/1.1 200 OK") == 2
    with api.raw(first) as connection:
        connection.sendall(last)
        assert read_all(connection).count(b"HTTP/1.1 200 OK") == 2


def test_a_wait_with_connection_close_is_answered_and_closed(api: Api) -> None:
    position = ask(api)["next"]
    with api.raw(request_of(position, wait=1) + b"Connection: close\r\n\r\n") as connection:
        status, headers, body = read_response(connection)
        assert (status, headers["connection"], json.loads(body)["items"]) == (200, "close", [])
        assert connection.recv(1) == b""


def test_a_process_that_stops_answers_those_who_wait(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: bytes, redis_server: RedisServer
) -> None:
    directory = tmp_path_factory.mktemp("stops")
    (directory / "jobs.db").write_bytes(sqlite_template)
    with running_api(directory, f"sqlite:///{directory / 'jobs.db'}", redis_server.url, api_workers="1") as api:
        position = ask(api)["next"]
        with ThreadPoolExecutor(1) as pool:
            before = waiting(api)
            answer = pool.submit(ask, api, after=position, wait=60)
            eventually(lambda: waiting(api) > before)
            began = time.monotonic()
            api.master.terminate()
            assert answer.result()["items"] == []
            assert time.monotonic() - began < 30, "long before its time was over"
