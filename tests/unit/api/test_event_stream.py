"""The events and the log of a job: everything once, in order, the end last; and who may listen."""

import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ml_training.api import event_stream
from ml_training.api.context import EXTENSION, context_of
from ml_training.api.event_stream import KEEP_ALIVE, Peer
from ml_training.db.claims import claim_next
from ml_training.db.job_events import EVENTS_CAP, append_events
from ml_training.domain.errors import ErrorCode, JobFailed
from ml_training.execution.run_job import run_next
from ml_training.services.cancel import request_cancel
from ml_training.services.job_updates import EVENTS_PER_POLL
from ml_training.services.resources import Resources
from tests.support.api import documented_body, ready_dataset, train_spec
from tests.support.jobs import a_model
from tests.support.sse import SseEvent, parse_stream
from tests.support.wiring import make_worker_context

JOB = "/api/v1/jobs/1"


@pytest.fixture
def job_id(client: FlaskClient, resources: Resources) -> int:
    """A PENDING job."""
    return int(client.post("/api/v1/jobs", json=train_spec(ready_dataset(resources))).get_json()["id"])


@pytest.fixture
def finished(resources: Resources, job_id: int, tmp_path: Path) -> int:
    """A COMPLETED job that reported two scores and two log lines."""

    def work(context: Any, job: Any, reporter: Any) -> Any:
        reporter.log("reads\ndata: x\r\n\r\nid: 9")
        reporter.scores(1, {"train_logloss": 0.5})
        reporter.scores(2, {"train_logloss": 0.25})
        reporter.log("schließt \u2028 ab")
        return a_model(job)

    assert run_next(make_worker_context(resources.database, tmp_path, work))
    return job_id


def stream_of(client: FlaskClient, query: str = "", **headers: str) -> list[SseEvent]:
    """Every event of a stream that ends."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with client.get(f"{JOB}/events{query}", headers=named) as response:
        assert (response.status_code, response.mimetype) == (200, "text/event-stream")
        return parse_stream(response.text)


def test_a_stream_sends_the_state_then_the_journal_then_the_end(client: FlaskClient, finished: int) -> None:
    state, *journal = stream_of(client)
    assert state == SseEvent(
        None,
        "progress",
        {"status": "COMPLETED", "progress": 1.0, "progress_message": "done", "eta_seconds": None, "attempt": 1},
    )
    assert [(sent.id, sent.event) for sent in journal] == [
        (1, "log"),
        (2, "scores"),
        (3, "scores"),
        (4, "log"),
        (5, "end"),
    ]
    assert journal[0].data["line"] == "reads\ndata: x\r\n\r\nid: 9"
    assert journal[3].data["line"] == "schließt \u2028 ab"
    assert (journal[2].data["iteration"], journal[2].data["train_logloss"]) == (2, 0.25)
    assert journal[4].data["status"] == "COMPLETED"
    for sent in journal:
        assert sent.data["attempt"] == 1
        assert sent.data["at"].startswith("20")
        assert sent.data["at"].endswith("Z")


def test_a_stream_is_not_cached_and_names_the_reconnect_time(client: FlaskClient, finished: int) -> None:
    with client.get(f"{JOB}/events") as response:
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.text.startswith("retry: 2000\n\n")


@pytest.mark.parametrize(
    ("query", "headers", "ids"),
    [
        ("", {"Last_Event_ID": "3"}, [4, 5]),
        ("?after=3", {}, [4, 5]),
        ("?after=1", {"Last_Event_ID": "4"}, [5]),
        ("?after=0", {}, [1, 2, 3, 4, 5]),
    ],
)
def test_a_stream_resumes_after_the_last_event_received(
    client: FlaskClient, finished: int, query: str, headers: dict[str, str], ids: list[int]
) -> None:
    sent = stream_of(client, query, **headers)
    assert [item.id for item in sent[1:]] == ids
    assert sent[-1].event == "end"


@pytest.mark.parametrize("last", [5, 7, 999_999_999])
def test_a_client_that_has_read_everything_gets_the_end_again_without_an_id(
    client: FlaskClient, finished: int, last: int
) -> None:
    sent = stream_of(client, Last_Event_ID=str(last))
    assert [(item.id, item.event) for item in sent] == [(None, "progress"), (None, "end")]
    assert sent[1].data["status"] == "COMPLETED"


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5", "+1", "1 2", "1" * 10, "\u0663"])
def test_a_wrong_last_event_id_is_422_and_named(client: FlaskClient, finished: int, value: str) -> None:
    response = client.get(f"{JOB}/events", headers={"Last-Event-ID": value})
    assert (response.status_code, response.mimetype) == (422, "application/problem+json")
    assert [error["pointer"] for error in response.get_json()["errors"]] == ["/Last-Event-ID"]
    wrong = client.get(f"{JOB}/events?after={value.replace('+', '%2B')}")
    assert [error["pointer"] for error in wrong.get_json()["errors"]] == ["/after"]


def test_a_job_cancelled_before_it_started_ends_too(client: FlaskClient, resources: Resources, job_id: int) -> None:
    request_cancel(resources, job_id)
    state, end = stream_of(client)
    assert (state.data["status"], end.id, end.event) == ("CANCELLED", None, "end")
    assert end.data == {"status": "CANCELLED", "attempt": 0, "at": client.get(JOB).get_json()["finished_at"]}


def test_a_failed_job_says_so_at_the_end(
    client: FlaskClient, resources: Resources, job_id: int, tmp_path: Path
) -> None:
    def fail(context: Any, job: Any, reporter: Any) -> Any:
        raise JobFailed(ErrorCode.TRAINING_ERROR, "no")

    run_next(make_worker_context(resources.database, tmp_path, fail))
    assert [(sent.event, sent.data["status"]) for sent in stream_of(client)] == [
        ("progress", "FAILED"),
        ("end", "FAILED"),
    ]


def write_lines(resources: Resources, job_id: int, count: int, *, attempt: int = 1) -> None:
    """So many log lines."""
    with resources.database.write() as connection:
        lines = [("log", {"line": f"line {number}"}) for number in range(count)]
        append_events(connection, job_id=job_id, attempt=attempt, events=lines)


@pytest.mark.parametrize("lines", [EVENTS_PER_POLL - 1, EVENTS_PER_POLL, 2 * EVENTS_PER_POLL + 7, EVENTS_CAP + 5])
def test_a_long_journal_arrives_complete_with_one_end(
    client: FlaskClient, resources: Resources, job_id: int, tmp_path: Path, lines: int
) -> None:
    write_lines(resources, job_id, lines)
    assert run_next(make_worker_context(resources.database, tmp_path, lambda context, job, reporter: a_model(job)))
    journal = stream_of(client)[1:]
    kept = min(lines, EVENTS_CAP)
    assert [sent.id for sent in journal[:kept]] == list(range(1, kept + 1))
    assert [sent.event for sent in journal[kept:]] == ["end"]
    assert journal[-1].id == (lines + 1 if lines < EVENTS_CAP else None)


def test_a_lost_attempt_stays_in_the_journal(client: FlaskClient, resources: Resources, job_id: int) -> None:
    write_lines(resources, job_id, 2)
    write_lines(resources, job_id, 1, attempt=2)
    request_cancel(resources, job_id)
    assert [(sent.id, sent.data["attempt"]) for sent in stream_of(client)[1:-1]] == [(1, 1), (2, 1), (3, 2)]
    lines = documented_body(client, "/jobs/{job_id}/logs", client.get(f"{JOB}/logs"))["items"]
    assert [(line["seq"], line["attempt"]) for line in lines] == [(1, 1), (2, 1), (3, 2)]


def test_an_unknown_job_has_no_events_and_no_log(client: FlaskClient) -> None:
    assert client.get(f"{JOB}/events").status_code == 404
    assert client.get(f"{JOB}/logs").status_code == 404


def test_a_stream_without_a_permit_is_503_and_every_end_releases_the_permit(
    app: Flask, client: FlaskClient, resources: Resources, job_id: int
) -> None:
    limiter = context_of(app).slow_requests  # one permit
    with closing(client.get(f"{JOB}/events", buffered=False)):
        refused = client.get(f"{JOB}/events")
        assert (refused.status_code, refused.mimetype) == (503, "application/problem+json")
        assert refused.headers["Retry-After"] == "1"
        assert client.get(f"{JOB}?wait=60").headers["Retry-After"] == "1"
        assert client.get("/api/v1/health/live").status_code == 200
    with limiter.acquire_stream():
        assert client.get("/api/v1/jobs/2/events").status_code == 404
        assert client.get(f"{JOB}/events", headers={"Last-Event-ID": "x"}).status_code == 422
    with client.head(f"{JOB}/events") as head:
        assert (head.status_code, head.data) == (200, b"")
    with closing(client.get(f"{JOB}/events", buffered=False)) as response:
        assert next(iter(response.iter_encoded())) == event_stream.RETRY
    request_cancel(resources, job_id)
    assert stream_of(client)[-1].event == "end"
    with limiter.acquire_stream():
        pass


def test_a_draining_process_ends_its_streams_without_an_end_event(app: Flask, client: FlaskClient, job_id: int) -> None:
    app.extensions[EXTENSION] = replace(context_of(app), is_draining=lambda: True)
    assert [sent.event for sent in stream_of(client)] == ["progress"]


def live(client: FlaskClient) -> Iterator[bytes]:
    """The pieces of a stream, as they come."""
    return iter(client.get(f"{JOB}/events", buffered=False).iter_encoded())


def test_progress_is_sent_only_when_it_changes(client: FlaskClient, resources: Resources, job_id: int) -> None:
    pieces = live(client)
    assert next(pieces) == event_stream.RETRY
    assert parse_stream(next(pieces).decode())[0].data["status"] == "PENDING"
    with resources.database.write() as connection:
        assert claim_next(connection, worker="w", lease_seconds=60)
    [running] = parse_stream(next(pieces).decode())
    assert (running.id, running.data["status"], running.data["attempt"]) == (None, "RUNNING", 1)
    write_lines(resources, job_id, 1)
    [line] = parse_stream(next(pieces).decode())
    assert (line.id, line.event) == (1, "log")


def test_a_silent_stream_sends_keep_alive_comments(
    client: FlaskClient, job_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "KEEP_ALIVE_SECONDS", 0.3)
    pieces = live(client)
    assert b"progress" in next(pieces) + next(pieces)
    assert [next(pieces), next(pieces)] == [KEEP_ALIVE, KEEP_ALIVE]
    assert event_stream.KEEP_ALIVE.startswith(b": ")


def test_a_stream_is_silent_during_an_outage_and_continues_after_it(
    client: FlaskClient, resources: Resources, settings: Any, job_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "KEEP_ALIVE_SECONDS", 0.3)
    path = Path(settings.database_url.removeprefix("sqlite:///"))
    pieces = live(client)
    assert b"progress" in next(pieces) + next(pieces)
    resources.database.dispose()
    away = path.rename(path.with_suffix(".away"))
    path.mkdir()
    assert [next(pieces), next(pieces)] == [KEEP_ALIVE, KEEP_ALIVE]
    path.rmdir()
    away.rename(path)
    request_cancel(resources, job_id)
    sent = [piece for piece in pieces if piece != KEEP_ALIVE]
    assert [sent.event for sent in parse_stream(b"".join(sent).decode())] == ["progress", "end"]


def test_a_removed_job_ends_its_stream(client: FlaskClient, resources: Resources, job_id: int) -> None:
    pieces = live(client)
    assert b"progress" in next(pieces) + next(pieces)
    with resources.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM jobs")
    assert list(pieces) == []


def test_a_peer_that_closed_its_side_has_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        connection, _ = server.accept()
        with connection:
            peer = Peer(connection)
            assert not peer.has_left()
            client.sendall(b"x")
            assert not peer.has_left()
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
            assert connection.recv(10) == b"x"
            client.close()
            assert peer.has_left()
    assert not Peer(None).has_left()


def test_the_log_is_paged_from_the_oldest_line(client: FlaskClient, resources: Resources, finished: int) -> None:
    first = documented_body(client, "/jobs/{job_id}/logs", client.get(f"{JOB}/logs?limit=1"))
    assert [(line["seq"], line["line"]) for line in first["items"]] == [(1, "reads\ndata: x\r\n\r\nid: 9")]
    second = client.get(f"{JOB}/logs?limit=1&cursor={first['next_cursor']}").get_json()
    assert [line["seq"] for line in second["items"]] == [4]
    assert second["next_cursor"] is None
    assert client.get(f"{JOB}/logs?cursor=4").get_json() == {"items": [], "next_cursor": None}
    assert client.get(f"{JOB}/logs?cursor=x").status_code == client.get(f"{JOB}/logs?limit=0").status_code == 422
