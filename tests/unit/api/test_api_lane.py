"""What lasts may hold only so many threads, and a wait ends when there is nothing to wait for."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from ml_training.services.cancel import request_cancel

from ml_training.api.context import EXTENSION, context_of
from ml_training.api.lane import SlowLane
from ml_training.domain.errors import Unavailable
from ml_training.execution.run_job import run_next
from ml_training.services.resources import Resources
from tests.support.api import ready_dataset, stored_model, train_spec
from tests.support.eventually import eventually
from tests.support.forms import form_request
from tests.support.jobs import train_at_once, worker_context


def places(take: Callable[[], object]) -> int:
    """How often something can be taken."""
    taken = 0
    with suppress(Unavailable):
        while take() is not None:
            taken += 1
    return taken


@pytest.mark.parametrize(("threads", "transfers"), [(8, 6), (4, 2), (3, 1), (2, 1)])
def test_two_threads_stay_free_for_short_requests(threads: int, transfers: int) -> None:
    lane = SlowLane(threads=threads, waits=100)
    assert places(lambda: lane.enter("upload")) == transfers
    assert lane.enter_wait() is None


def test_waits_are_fewer_than_places_so_that_uploads_find_one() -> None:
    lane = SlowLane(threads=8, waits=4)
    assert places(lane.enter_wait) == 4
    assert places(lambda: lane.enter("upload")) == 2


def test_a_refused_wait_takes_no_place_away() -> None:
    lane = SlowLane(threads=3, waits=1)
    with lane.enter("upload"):
        assert places(lane.enter_wait) == 0
    assert places(lane.enter_wait) == 1


def test_a_place_is_given_back_once() -> None:
    lane = SlowLane(threads=4, waits=1)
    slot = lane.enter("upload")
    slot.release()
    slot.release()
    assert places(lambda: lane.enter("upload")) == 2


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
    context = worker_context(resources.database, tmp_path / "store", train_at_once)
    thread = in_thread(lambda: run_next(context))
    response = client.get(f"/api/v1/jobs/{job_id}?wait=60")
    thread.join()
    assert response.get_json()["status"] == "COMPLETED"
    assert response.get_json()["result"] == {"model_id": 1}
    assert "Retry-After" not in response.headers


def test_a_wait_that_is_over_answers_with_what_is_there(client: FlaskClient, resources: Resources) -> None:
    response = client.get(f"/api/v1/jobs/{new_job(client, resources)}?wait=1")
    assert (response.status_code, response.get_json()["status"]) == (200, "PENDING")


def test_one_wait_too_many_answers_at_once_and_says_when_to_come_back(
    app: Flask, client: FlaskClient, resources: Resources
) -> None:
    job_id = new_job(client, resources)
    answers: list[str] = []
    waiting = in_thread(
        lambda: answers.append(app.test_client().get(f"/api/v1/jobs/{job_id}?wait=60").get_json()["status"])
    )
    lane = context_of(app).lane
    eventually(lambda: _is_full(lane), what="the first wait holds its place")
    second = client.get(f"/api/v1/jobs/{job_id}?wait=60")
    assert (second.status_code, second.headers["Retry-After"]) == (200, "1")
    assert not answers
    request_cancel(resources, job_id)
    waiting.join()
    assert answers == ["CANCELLED"]
    assert not _is_full(lane)


def test_a_wait_for_what_has_ended_needs_no_place(app: Flask, client: FlaskClient, resources: Resources) -> None:
    job_id = new_job(client, resources)
    request_cancel(resources, job_id)
    lane = context_of(app).lane
    with lane.enter("upload"), lane.enter("upload"):
        assert "Retry-After" not in client.get(f"/api/v1/jobs/{job_id}?wait=60").headers


def test_a_draining_process_ends_its_waits(app: Flask, client: FlaskClient, resources: Resources) -> None:
    job_id = new_job(client, resources)
    app.extensions[EXTENSION] = replace(context_of(app), is_draining=lambda: True)
    assert client.get(f"/api/v1/jobs/{job_id}?wait=60").get_json()["status"] == "PENDING"


def test_transfers_beyond_the_places_are_503_and_come_through_afterwards(
    app: Flask, client: FlaskClient, resources: Resources
) -> None:
    model_id = stored_model(resources, dataset_id=ready_dataset(resources))
    lane = context_of(app).lane
    with lane.enter("upload"), lane.enter("upload"):
        response = client.get(f"/api/v1/models/{model_id}/download")
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
        assert client.post("/api/v1/datasets", **form_request({"name": "x"})).status_code == 503
        assert client.get("/api/v1/health/live").status_code == 200
    for method in ("GET", "HEAD", "GET", "GET"):  # a place that leaked would be missed at the third
        with client.open(f"/api/v1/models/{model_id}/download", method=method) as download:
            assert download.status_code == 200
    assert not _is_full(lane)


def _is_full(lane: SlowLane) -> bool:
    slot = lane.enter_wait()
    if slot is not None:
        slot.release()
    return slot is None
