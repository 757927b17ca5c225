"""Streams over real connections: no gap, no duplicate, an end, and a permit only while a client listens."""

import socket
import sqlite3
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from ml_training.db import claims, jobs
from ml_training.db.job_events import append_events
from ml_training.db.jobs import JobProgress
from ml_training.execution.run_job import run_next
from ml_training.execution.transitions import AttemptFence, cancel
from ml_training.services.cancel import request_cancel
from tests.support.api import ready_dataset, train_spec
from tests.support.api_process import LIVE, Api, running_api
from tests.support.eventually import eventually
from tests.support.jobs import a_model, read_job
from tests.support.sse import SseEvent, read_events
from tests.support.wiring import make_worker_context

LINES = 60


@pytest.fixture
def fresh_api(tmp_path: Path, database_url: str, broker_url: str) -> Iterator[Api]:
    """One process, on each kind of database."""
    with running_api(tmp_path, database_url, broker_url, api_workers="1") as api:
        yield api


def new_job(api: Api) -> int:
    """A PENDING job."""
    return int(api.client.post("/api/v1/jobs", json=train_spec(ready_dataset(api.resources))).json()["id"])


def listen(api: Api, job_id: int, *, last: int | None = None) -> Any:
    """A stream; a context manager."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    return api.client.stream("GET", f"/api/v1/jobs/{job_id}/events", headers=headers)


def try_stream(api: Api, job_id: int, streams: ExitStack, *, last: int | None = None) -> httpx.Response | None:
    """A stream, or None without a permit for it; the stream stays open until `streams` closes."""
    with ExitStack() as stack:
        response: httpx.Response = stack.enter_context(listen(api, job_id, last=last))
        if response.status_code == 503:
            return None
        assert response.status_code == 200
        streams.enter_context(stack.pop_all())
    return response


class Worker(threading.Thread):
    """Runs a job that writes a log line for each release of `go_on`."""

    def __init__(self, api: Api, directory: Path) -> None:
        super().__init__(daemon=True)
        self._api = api
        self._place = make_worker_context(api.resources.database, directory, self._work)
        self.go_on = threading.Semaphore(0)

    def run(self) -> None:
        assert run_next(self._place)

    def _work(self, context: Any, job: Any, reporter: Any) -> Any:
        for number in range(1, LINES + 1):
            assert self.go_on.acquire(timeout=60)
            reporter.progress(number / LINES, f"round {number}", eta_seconds=float(LINES - number))
            reporter.scores(number, {"train_logloss": 1.0 / number})
            reporter.log(f"line {number}")
        return a_model(job)


def test_a_client_that_reconnects_often_gets_every_event_once(fresh_api: Api, tmp_path: Path) -> None:
    job_id = new_job(fresh_api)
    worker = Worker(fresh_api, tmp_path / "store")
    worker.start()
    journal: list[SseEvent] = []
    progress: list[float] = []
    breaks = 0
    while not (journal and journal[-1].event == "end"):
        with ExitStack() as streams:
            last = journal[-1].id if journal else None
            response = eventually(
                lambda last=last, streams=streams: try_stream(fresh_api, job_id, streams, last=last), what="a permit"
            )
            first = None
            for sent in read_events(response.iter_lines()):
                first = first or sent
                worker.go_on.release(4)
                if sent.event == "progress":
                    progress.append(sent.data["progress"])
                    continue
                journal.append(sent)
                if len(journal) % 7 == 0:
                    breaks += 1
                    break  # the client closes the stream in the middle of a batch
            assert first is not None
            assert first.event == "progress"
    worker.join(30)
    assert [sent.id for sent in journal] == list(range(1, 2 * LINES + 2))
    assert [sent.data["line"] for sent in journal if sent.event == "log"] == [f"line {n}" for n in range(1, LINES + 1)]
    assert [sent.data["iteration"] for sent in journal if sent.event == "scores"] == list(range(1, LINES + 1))
    assert progress == sorted(progress)
    assert breaks >= 10


def test_a_stream_continues_after_a_lost_attempt_until_the_end(fresh_api: Api) -> None:
    job_id = new_job(fresh_api)
    with listen(fresh_api, job_id) as response:
        events = read_events(response.iter_lines())
        assert next(events).data["status"] == "PENDING"
        for attempt in (1, 2):
            with fresh_api.resources.database.write() as connection:
                job = claims.claim_next(connection, worker="w", lease_seconds=60)
                assert job is not None
            assert next(events).data["attempt"] == attempt
            moved = JobProgress(fraction=0.5, message="half", eta_seconds=None, features_count=None)
            with fresh_api.resources.database.write() as connection:
                jobs.renew(connection, job_id=job_id, attempt=attempt, lease_seconds=60, progress=moved)
                append_events(connection, job_id=job_id, attempt=attempt, events=[("log", {"line": "half"})])
            assert next(events).data["progress"] == 0.5
            assert (found := next(events)).data["attempt"] == found.id == attempt
            if attempt == 1:
                with fresh_api.resources.database.write() as connection:
                    jobs.hand_back(connection, job_id=job_id, attempt=1, delay=0.0, message="waits to run again")
                back = next(events).data
                assert (back["status"], back["progress"]) == ("PENDING", 0.0)
        with fresh_api.resources.database.write() as connection:
            assert cancel(connection, AttemptFence.of(job))
        assert [(sent.event, sent.id, sent.data["status"]) for sent in events] == [
            ("progress", None, "CANCELLED"),
            ("end", 3, "CANCELLED"),
        ]


def test_a_pending_job_that_is_cancelled_ends_its_streams(fresh_api: Api) -> None:
    job_id = new_job(fresh_api)
    with listen(fresh_api, job_id) as response:
        events = read_events(response.iter_lines())
        assert next(events).data["status"] == "PENDING"
        request_cancel(fresh_api.resources, job_id)
        assert [(sent.event, sent.id) for sent in events] == [("progress", None), ("end", None)]


def test_a_listener_keeps_no_transaction_open(fresh_api: Api) -> None:
    job_id = new_job(fresh_api)
    with listen(fresh_api, job_id) as response:
        events = read_events(response.iter_lines())
        assert next(events).event == "progress"
        with fresh_api.resources.database.write() as connection:
            append_events(connection, job_id=job_id, attempt=1, events=[("log", {"line": "x"})])
        assert next(events).event == "log"
        found: list[bool] = []
        eventually(
            lambda: found.append(somebody_reads(fresh_api)) or len(found) == 100, every=0.02, what="several looks"
        )
    assert sum(found) < len(found) / 4, "a look takes a hundredth of the time between two looks"


def somebody_reads(api: Api) -> bool:
    """Whether the API has a transaction open at this moment."""
    if api.resources.database.dialect == "postgresql":
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in %'"
        with api.resources.database.read() as connection:
            return bool(connection.execute(text(query)).scalar())
    api.resources.database.dispose()
    path = api.fleet.variables["ML_TRAINING_DATABASE_URL"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=0)) as connection:
        is_busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return bool(is_busy)


def test_the_fifth_stream_is_503_until_another_client_leaves(api: Api) -> None:
    job_id = new_job(api)
    with ExitStack() as streams, ExitStack() as early:
        assert try_stream(api, job_id, early)
        assert all(try_stream(api, job_id, streams) for _ in range(3))
        with listen(api, job_id) as refused:
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
            assert refused.headers["Content-Type"] == "application/problem+json"
        assert api.client.get(LIVE).status_code == 200
        assert api.client.get(f"/api/v1/jobs/{job_id}?wait=60").headers["Retry-After"] == "1"
        early.close()
        eventually(lambda: try_stream(api, job_id, streams), within=3, what="the permit of the client that left")
        assert not try_stream(api, job_id, streams)


REQUEST = b"GET /api/v1/jobs/%d/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close throws away and resets


@pytest.mark.parametrize("leave", ["at once", "after the head", "with a reset", "half"])
def test_a_client_that_leaves_at_any_moment_releases_its_permit(api: Api, leave: str) -> None:
    job_id = new_job(api)
    for _ in range(8):
        with eventually(lambda: try_connect(api, job_id, leave), what="a permit") as connection:
            if leave == "with a reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            if leave == "half":
                connection.shutdown(socket.SHUT_WR)
                eventually(lambda connection=connection: b"keep-alive" in connection.recv(1_000))
    with ExitStack() as streams:
        eventually(lambda: try_stream(api, job_id, streams))
        for _ in range(3):
            eventually(lambda: try_stream(api, job_id, streams), what="four permits again")


def try_connect(api: Api, job_id: int, leave: str) -> socket.socket | None:
    """A connection whose stream has begun, or whose client does not read the answer."""
    connection = api.raw(REQUEST % job_id)
    if leave == "at once" or connection.recv(12) == b"HTTP/1.1 200":
        return connection
    connection.close()
    return None


def test_a_stop_ends_the_streams_and_a_client_can_come_back(tmp_path: Path, new_sqlite: Any, broker_url: str) -> None:
    with running_api(tmp_path, new_sqlite(), broker_url, api_workers="1") as api:
        job_id = new_job(api)
        with listen(api, job_id) as response:
            lines = response.iter_lines()
            assert next(lines) == "retry: 2000"
            events = read_events(lines)
            assert next(events).event == "progress"
            api.fleet.processes["api"].terminate()
            assert list(events) == []  # a whole answer, not one that was cut off
        assert api.fleet.stop("api") == 0
        assert read_job(api.resources.database, job_id).status.value == "PENDING"


def test_many_streams_one_after_the_other_release_everything(api: Api) -> None:
    job_id = new_job(api)
    request_cancel(api.resources, job_id)
    with httpx.Client(base_url=api.client.base_url, trust_env=False) as client:
        path = f"/api/v1/jobs/{job_id}/events"
        eventually(lambda: client.get(path).status_code == 200, what="the clients before have left")
        for _ in range(50):
            assert client.get(path).text.count("event: end") == 1
        assert len(client._transport._pool.connections) == 1  # type: ignore[attr-defined]
