"""Quotas hold exactly, also when many ask at once, and an answer says what is left and when to come again."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from ml_training.db.invariants import broken_rows
from tests.support.forms import form_request
from tests.support.in_process_service import PREFIX, InProcessService

ROWS = "x,y\n" + "".join(f"{n % 7},{'ab'[n % 2]}\n" for n in range(60))
TRAIN = {"job_type": "TRAIN", "model_type": "ridge", "model_name": "m", "dataset_id": 1, "target": {"column": "y"}}
TEST = {"job_type": "TEST", "model_id": 1, "dataset_id": 1}
AT_ONCE = 50


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[InProcessService]:
    """With a data set and a model."""
    with InProcessService(tmp_path / "data", database_url) as service:
        service.upload(ROWS.encode(), {"name": "data"})
        assert service.client.post(f"{PREFIX}/jobs", json=TRAIN).status_code == 202
        service.work()
        yield service
        with service.resources.database.read() as connection:
            assert not list(broken_rows(connection))


def allow(service: InProcessService, **quotas: int | None) -> None:
    """Set quotas of the project."""
    with service.resources.database.write() as connection:
        for name, value in quotas.items():
            connection.execute(text(f"UPDATE projects SET {name} = :value WHERE id = 1"), {"value": value})


def submit(service: InProcessService, spec: dict[str, Any] = TRAIN, **headers: str) -> Any:
    """The answer to a submission."""
    return service.client_of(1).post(f"{PREFIX}/jobs", json=spec, headers=headers)


def upload(service: InProcessService, rows: str = ROWS) -> Any:
    """The answer to an upload."""
    request = form_request({"name": "more", "file": (io.BytesIO(rows.encode()), "data.csv")})
    return service.client_of(1).post(f"{PREFIX}/datasets", **request)


def stored(service: InProcessService) -> int:
    """What the project stores, in bytes."""
    with service.resources.database.read() as connection:
        return int(connection.execute(text("SELECT sum(stored_bytes) FROM project_counters")).scalar_one())


def pending(service: InProcessService) -> int:
    """Jobs that wait."""
    with service.resources.database.read() as connection:
        return int(connection.execute(text("SELECT count(*) FROM jobs WHERE status = 'PENDING'")).scalar_one())


@pytest.mark.parametrize(
    ("quotas", "limit"), [({"pending_jobs": 7}, 7), ({"submissions_per_minute": 9}, 7)], ids=["pending", "a minute"]
)
def test_of_many_submissions_at_once_exactly_as_many_pass(
    service: InProcessService, quotas: dict[str, int], limit: int
) -> None:
    allow(service, **quotas)  # two jobs were submitted in this minute: the ingest and the training
    with ThreadPoolExecutor(16) as pool:
        statuses = [answer.status_code for answer in pool.map(lambda _: submit(service), range(AT_ONCE))]
    assert sorted(set(statuses)) == [202, 429]
    assert statuses.count(202) == pending(service) == limit


def test_a_full_project_says_what_is_left_and_when_and_does_not_hurt_another(service: InProcessService) -> None:
    allow(service, pending_jobs=1)
    with service.resources.database.write() as connection:
        connection.execute(text("INSERT INTO projects (name, created_at) VALUES ('other', 0.0)"))
    assert submit(service).status_code == 202
    refused = submit(service)
    assert refused.status_code == 429
    assert "1 PENDING jobs, and 0 are left" in refused.get_json()["detail"]
    assert int(refused.headers["Retry-After"]) >= 1
    assert service.client_of(1).post(f"{PREFIX}/jobs?dry_run=true", json=TRAIN).status_code == 429
    assert upload(service).status_code == 429, "an upload is a job too"
    request = form_request({"name": "more", "file": (io.BytesIO(ROWS.encode()), "data.csv")})
    assert service.client_of(2).post(f"{PREFIX}/datasets", **request).status_code == 201
    service.work()
    assert submit(service).status_code == 202


def test_a_batch_that_can_never_pass_is_a_conflict(service: InProcessService) -> None:
    allow(service, pending_jobs=3)
    many = {"jobs": [TRAIN] * 4}
    answer = service.client.post(f"{PREFIX}/jobs/batch", json=many)
    assert (answer.status_code, pending(service)) == (409, 0)
    assert "3 PENDING jobs, and these are 4" in answer.get_json()["detail"]
    assert "Retry-After" not in answer.headers


def test_a_minute_later_the_next_submission_passes(service: InProcessService) -> None:
    allow(service, submissions_per_minute=3)
    assert submit(service).status_code == 202
    refused = submit(service)
    assert (refused.status_code, int(refused.headers["Retry-After"]) <= 60) == (429, True)
    assert "3 jobs a minute" in refused.get_json()["detail"]
    with service.resources.database.write() as connection:  # the clock of the rows, as no sleep could set it
        connection.execute(text("UPDATE jobs SET created_at = created_at - 61 WHERE status = 'PENDING'"))
        connection.execute(text("UPDATE jobs SET run_after = created_at WHERE status = 'PENDING'"))
        connection.execute(text("UPDATE projects SET submissions_per_minute = 4 WHERE id = 1"))
    assert submit(service).status_code == 202
    assert submit(service).status_code in (202, 429)


def test_a_repeated_request_under_its_key_is_answered_although_the_quota_is_used_up(service: InProcessService) -> None:
    allow(service, pending_jobs=1)
    first = submit(service, **{"Idempotency-Key": "k"})
    again = submit(service, **{"Idempotency-Key": "k"})
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.get_json()["id"] == again.get_json()["id"]


def test_bytes_are_counted_until_they_are_deleted(service: InProcessService) -> None:
    used = stored(service)
    assert used > len(ROWS)
    allow(service, stored_bytes=used + len(ROWS) - 1)
    refused = upload(service)
    assert refused.status_code == 409
    assert f"{len(ROWS) - 1:,} are left and this needs {len(ROWS):,}" in refused.get_json()["detail"]
    allow(service, stored_bytes=used)
    assert submit(service).status_code == 409, "nothing is left for a model"
    assert submit(service, TEST).status_code == 202, "a test stores no bytes"
    service.work()
    assert service.client.delete(f"{PREFIX}/models/1").status_code == 204
    assert stored(service) < used
    assert submit(service).status_code == 202


def test_of_many_uploads_at_once_exactly_as_many_pass(service: InProcessService) -> None:
    allow(service, stored_bytes=stored(service) + 3 * len(ROWS))
    with ThreadPoolExecutor(4) as pool:
        statuses = [answer.status_code for answer in pool.map(lambda _: upload(service), range(12))]
    assert statuses.count(201) == 3
    assert set(statuses) <= {201, 409, 429, 503}


def test_quotas_are_checked_for_each_project_of_a_group(service: InProcessService) -> None:
    with service.resources.database.write() as connection:
        connection.execute(text("INSERT INTO projects (name, created_at, pending_jobs) VALUES ('other', 0.0, 2)"))
    request = form_request({"name": "data", "file": (io.BytesIO(ROWS.encode()), "data.csv")})
    dataset = service.client_of(2).post(f"{PREFIX}/datasets", **request).get_json()
    service.work()

    def send(number: int) -> tuple[int, int]:
        project = 1 + number % 2
        spec = TRAIN if project == 1 else {**TRAIN, "dataset_id": dataset["id"]}
        return project, service.client_of(project).post(f"{PREFIX}/jobs", json=spec).status_code

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(send, range(40)))
    assert answers.count((1, 202)) == 20
    assert answers.count((2, 202)) == 2
    assert answers.count((2, 429)) == 18
