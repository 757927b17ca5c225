"""Slow requests occupy a limited number of threads, and a wait ends when the job ends."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ml_training.api.context import EXTENSION, context_of
from ml_training.api.slow_requests import SlowRequestLimiter
from ml_training.domain.errors import Unavailable
from ml_training.execution.run_job import run_next
from ml_training.services.cancel import request_cancel
from ml_training.services.resources import Resources
from tests.support.api import ready_dataset, stored_model, train_spec
from tests.support.eventually import eventually
from tests.support.forms import form_request
from tests.support.jobs import train_at_once
from tests.support.wiring import make_worker_context


def permits(take: Callable[[], object]) -> int:
    """How often something can be taken."""
    taken = 0
    with suppress(Unavailable):
        while take() is not None:
            taken += 1
    return taken


@pytest.mark.parametrize(("threads", "transfers"), [(8, 6), (4, 2), (3, 1), (2, 1)])
def test_two_threads_stay_free_for_short_requests(threads: int, transfers: int) -> None:
    limiter = SlowRequestLimiter(threads=threads, waits=100)
    assert permits(lambda: limiter.acquire("upload")) == transfers
    assert limiter.try_acquire_wait() is None


def test_waits_are_fewer_than_permits_so_that_uploads_find_one() -> None:
    limiter = SlowRequestLimiter(threads=8, waits=4)
    assert permits(limiter.try_acquire_wait) == 4
    assert permits(lambda: limiter.acquire("upload")) == 2


def test_a_refused_wait_takes_no_permit() -> None:
    limiter = SlowRequestLimiter(threads=3, waits=1)
    with limiter.acquire("upload"):
        assert permits(limiter.try_acquire_wait) == 0
    assert permits(limiter.try_acquire_wait) == 1


def test_a_permit_is_released_once() -> None:
    limiter = SlowRequestLimiter(threads=4, waits=1)
    permit = limiter.acquire("upload")
    permit.release()
    permit.release()
    assert permits(lambda: limiter.acquire("upload")) == 2


def new_job(client: FlaskClient, resources: Resources) -> int:
    """A PENDING job."""
    return int(client.post("/api/v1/jobs", json=train_spec(ready_dataset(resources))).get_json()["id"])


def in_thread(call: Callable[[], object]) -> threading.Thread:
    """Run in the background."""
    thread = threading.Thread(target=call)
    thread.start()
    return thread


def test_a_wait_answers_when_the_job_ends(client: FlaskClient, resources: Resources, tmp_path: Path) -> None:
    job_id = new_job(client, resources)
    context = make_worker_context(resources.database, tmp_path / "store", train_at_once)
    thread = in_thread(lambda: run_next(context))
    response = client.get(f"/api/v1/jobs/{job_id}?wait=60")
    thread.join()
    assert response.get_json()["status"] == "COMPLETED"
    assert response.get_json()["result"] == {"model_id": 1}
    assert "Retry-After" not in response.headers


def test_a_wait_that_times_out_answers_with_the_current_state(client: FlaskClient, resources: Resources) -> None:
    response = client.get(f"/api/v1/jobs/{new_job(client, resources)}?wait=1")
    assert (response.status_code, response.get_json()["status"]) == (200, "PENDING")


def test_one_wait_too_many_answers_at_once_with_retry_after(
    app: Flask, client: FlaskClient, resources: Resources
) -> None:
    job_id = new_job(client, resources)
    answers: list[str] = []
    waiting = in_thread(
        lambda: answers.append(app.test_client().get(f"/api/v1/jobs/{job_id}?wait=60").get_json()["status"])
    )
    limiter = context_of(app).slow_requests
    eventually(lambda: _is_full(limiter), what="the first wait has its permit")
    second = client.get(f"/api/v1/jobs/{job_id}?wait=60")
    assert (second.status_code, second.headers["Retry-After"]) == (200, "1")
    assert not answers
    request_cancel(resources, job_id)
    waiting.join()
    assert answers == ["CANCELLED"]
    assert not _is_full(limiter)


def test_a_wait_for_an_ended_job_needs_no_permit(app: Flask, client: FlaskClient, resources: Resources) -> None:
    job_id = new_job(client, resources)
    request_cancel(resources, job_id)
    limiter = context_of(app).slow_requests
    with limiter.acquire("upload"), limiter.acquire("upload"):
        assert "Retry-After" not in client.get(f"/api/v1/jobs/{job_id}?wait=60").headers


def test_a_draining_process_ends_its_waits(app: Flask, client: FlaskClient, resources: Resources) -> None:
    job_id = new_job(client, resources)
    app.extensions[EXTENSION] = replace(context_of(app), is_draining=lambda: True)
    assert client.get(f"/api/v1/jobs/{job_id}?wait=60").get_json()["status"] == "PENDING"


def test_transfers_without_a_permit_are_503_and_succeed_afterwards(
    app: Flask, client: FlaskClient, resources: Resources
) -> None:
    model_id = stored_model(resources, dataset_id=ready_dataset(resources))
    limiter = context_of(app).slow_requests
    with limiter.acquire("upload"), limiter.acquire("upload"):
        response = client.get(f"/api/v1/models/{model_id}/download")
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
        assert client.post("/api/v1/datasets", **form_request({"name": "x"})).status_code == 503
        assert client.get("/api/v1/health/live").status_code == 200
    for method in ("GET", "HEAD", "GET", "GET"):  # a leaked permit would make the third one fail
        with client.open(f"/api/v1/models/{model_id}/download", method=method) as download:
            assert download.status_code == 200
    assert not _is_full(limiter)


def _is_full(limiter: SlowRequestLimiter) -> bool:
    permit = limiter.try_acquire_wait()
    if permit is not None:
        permit.release()
    return permit is None


def test_costly_work_is_done_one_at_a_time_and_the_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = SlowRequestLimiter(threads=8, waits=4)
    done: list[str] = []

    def work() -> None:
        with limiter.acquire_turn("large body"):
            done.append("second")

    with limiter.acquire_turn("large body"):
        second = threading.Thread(target=work)
        second.start()
        eventually(lambda: permits_left(limiter) == 4, what="the second one waits, and counts")
        done.append("first")
    second.join()
    assert done == ["first", "second"]
    assert permits_left(limiter) == 6
    monkeypatch.setattr("ml_training.api.slow_requests.TURN_SECONDS", 0.01)
    with limiter.acquire_turn("large body"), pytest.raises(Unavailable, match="takes long"):
        limiter.acquire_turn("large body")
    assert permits_left(limiter) == 6


def permits_left(limiter: SlowRequestLimiter) -> int:
    """How many transfers could begin now."""
    taken = []
    with suppress(Unavailable):
        while True:
            taken.append(limiter.acquire("upload"))
    for permit in taken:
        permit.release()
    return len(taken)


def test_a_large_body_is_checked_in_its_turn_and_a_small_one_at_once(client: FlaskClient, app: Flask) -> None:
    spec = {"job_type": "PREDICT", "model_id": 1, "rows": [{"a": "x" * 100}] * 10}
    app.extensions[EXTENSION] = replace(context_of(app), resources=with_large_bodies(context_of(app).resources))
    with context_of(app).slow_requests.acquire_turn("large body"), pytest.MonkeyPatch.context() as patch:
        patch.setattr("ml_training.api.slow_requests.TURN_SECONDS", 0.01)
        assert client.post("/api/v1/jobs", json=spec).status_code == 422  # the model does not exist
        refused = client.post("/api/v1/jobs", json={**spec, "rows": spec["rows"] * 20})  # type: ignore[operator]
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert client.post("/api/v1/jobs", json={**spec, "rows": spec["rows"] * 20}).status_code == 422  # type: ignore[operator]


def with_large_bodies(resources: Resources) -> Resources:
    """The same resources with the usual limit of JSON bodies."""
    return replace(resources, limits=resources.limits.model_copy(update={"json_body_bytes": 1 << 20}))
