"""A thing of another project answers byte for byte like an unknown one, by the same statements; names are free."""

import io
import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, text

from ml_training.db.invariants import broken_rows
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from ml_training.maintenance.sweep import sweep_storage_once
from ml_training.services import slots
from tests.support.forms import form_request
from tests.support.in_process_service import PREFIX, InProcessService

ROWS = "x,y\n" + "".join(f"{n % 7},{'ab'[n % 2]}\n" for n in range(60))
OTHER = 2
UNKNOWN = 987654
UNKNOWN_SHA = "0" * 64
PATCHES: dict[str, dict[str, Any]] = {
    "/models/{model_id}": {"json": {"description": "mine"}},
    "/projects/{project_id}": {"json": {"quotas": {}}},
    "/uploads/{upload_id}": {
        "data": b"x,y",
        "headers": {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"},
    },
}
TUNE: dict[str, Any] = {
    "job_type": "TUNE",
    "model_name": "tuned",
    "train": {"model_type": "ridge", "target": {"column": "y"}},
    "search": {"/params/alpha": {"low": 0.1, "high": 1.0}},
    "sampler": "random",
    "metric": "f1",
    "trials": 2,
}
NOT_OF_A_PROJECT = {"/projects/{project_id}"}  # an admin sees every project


@dataclass(frozen=True, slots=True)
class Things:
    """What a project has of each kind: ids by the name of the parameter in a path."""

    ids: dict[str, int]
    sha256: str


class TwoProjects:
    """A service with two projects, of which one has one thing of each kind."""

    def __init__(self, service: InProcessService) -> None:
        self.service = service
        with service.resources.database.write() as connection:
            connection.execute(text("INSERT INTO projects (name, created_at) VALUES ('other', 0.0)"))
        self.owner, self.stranger = service.client_of(DEFAULT_PROJECT_ID), service.client_of(OTHER)
        self.things = fill(service, self.owner)


def fill(service: InProcessService, client: FlaskClient) -> Things:
    """One thing of each kind."""
    request = form_request({"name": "churn", "file": (io.BytesIO(ROWS.encode()), "data.csv")})
    dataset = ok(client.post(f"{PREFIX}/datasets", **request), 201)
    service.work()
    data = {"dataset_id": dataset["id"]}
    train = {**data, "job_type": "TRAIN", "model_type": "ridge", "model_name": "churn", "target": {"column": "y"}}
    models = [run(service, client, train)["result"]["model_id"] for _ in range(2)]
    test = run(service, client, {**data, "job_type": "TEST", "model_id": models[0]})
    compare = run(service, client, {**data, "job_type": "COMPARE", "model_ids": models, "metric": "f1"})
    predict = run(service, client, {**data, "job_type": "PREDICT", "model_id": models[0]})
    explain = run(service, client, {**data, "job_type": "EXPLAIN", "model_id": models[0]})
    drift = run(service, client, {**data, "job_type": "DRIFT", "model_id": models[0]})
    study = run(service, client, TUNE | {"train": TUNE["train"] | data})
    ok(client.patch(f"{PREFIX}/models/{models[0]}", json={"aliases": ["champion"], "tags": ["eu"]}), 200)
    headers = {"Upload-Length": "4", "Upload-Metadata": "filename YS5jc3Y="}
    return Things(
        {
            "upload_id": ok(client.post(f"{PREFIX}/uploads", headers=headers), 201)["id"],
            "dataset_id": dataset["id"],
            "job_id": test["id"],
            "model_id": models[0],
            "test_result_id": test["result"]["test_result_id"],
            "comparison_id": compare["result"]["comparison_id"],
            "prediction_id": predict["result"]["prediction_id"],
            "explanation_id": explain["result"]["explanation_id"],
            "drift_report_id": drift["result"]["drift_report_id"],
            "study_id": study["result"]["study_id"],
        },
        dataset["sha256"],
    )


def run(service: InProcessService, client: FlaskClient, spec: dict[str, Any]) -> dict[str, Any]:
    """Submit a job and run it."""
    job = ok(client.post(f"{PREFIX}/jobs", json=spec), 202)
    service.work()
    done = ok(client.get(f"{PREFIX}/jobs/{job['id']}"), 200)
    assert done["status"] == "COMPLETED", done
    return done


def ok(answer: Any, status: int) -> dict[str, Any]:
    """The body of an answer with this status."""
    assert answer.status_code == status, answer.data
    body: dict[str, Any] = answer.get_json()
    return body


@pytest.fixture
def two(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoProjects]:
    """Two projects in one service, which reads its workers' heartbeats once: else a request would now and then."""
    monkeypatch.setattr(slots, "KEPT_SECONDS", math.inf)
    with InProcessService(tmp_path / "data", database_url) as service:
        yield TwoProjects(service)


@contextmanager
def executed() -> Iterator[list[str]]:
    """Every statement of the block, in order."""
    found: list[str] = []

    def record(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        found.append(statement)

    event.listen(Engine, "before_cursor_execute", record)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", record)


Seen = tuple[int, list[tuple[str, str]], str, list[str]]


def seen(client: FlaskClient, method: str, path: str, *, headers: dict[str, str] | None = None, **request: Any) -> Seen:
    """Everything that an answer tells: status, headers and body; and its statements. The id of the request is fixed."""
    statements = ["SELECT key_changes"]
    while any("key_changes" in statement for statement in statements):  # once a second, whatever is asked for
        with executed() as statements:
            given = {"X-Request-Id": "same", **(headers or {})}
            answer = client.open(PREFIX + path, method=method, headers=given, **request)
            body = answer.data.decode()
    told = sorted((key, value) for key, value in answer.headers if key != "Content-Length")
    return answer.status_code, told, body, statements


def renamed(found: Seen, unknown: str, foreign: str) -> Seen:
    """The answer for an unknown thing as if it had been asked for the foreign one."""
    status, headers, body, statements = found
    return status, headers, body.replace(unknown, foreign), statements


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(method, path below the prefix, parameter) of every route with an id or a hash in its path."""
    for path, item in document["paths"].items():
        for parameter in re.findall(r"{(\w+)}", path):
            for method in item:
                yield method.upper(), path.removeprefix(PREFIX), parameter
                if method == "get":
                    yield "HEAD", path.removeprefix(PREFIX), parameter


def test_every_route_answers_for_a_foreign_thing_as_for_an_unknown_one(two: TwoProjects) -> None:
    compared = []
    for method, path, parameter in operations(two.service.document):
        if path in NOT_OF_A_PROJECT:
            continue
        foreign, unknown = str(two.things.ids.get(parameter, two.things.sha256)), str(UNKNOWN)
        if parameter == "sha256":
            unknown = UNKNOWN_SHA
        body = PATCHES[path] if method == "PATCH" else {}
        template = f"{{{parameter}}}"
        of_foreign, of_unknown = (
            seen(two.stranger, method, path.replace(template, name), **body) for name in (foreign, unknown)
        )
        assert of_foreign == renamed(of_unknown, unknown, foreign), f"{method} {path}"
        assert of_foreign[0] == 404, f"{method} {path}: {of_foreign}"
        compared.append(path)
    assert {"/jobs/{job_id}/events", "/models/{model_id}/download", "/datasets/sha256/{sha256}"} <= set(compared)
    assert len(compared) >= 25
    for method, path, parameter in operations(two.service.document):  # and nothing has happened to what was tried
        if method == "GET" and path not in NOT_OF_A_PROJECT:
            name = str(two.things.ids.get(parameter, two.things.sha256))
            status = two.owner.get(PREFIX + path.replace(f"{{{parameter}}}", name)).status_code
            assert status == 200 or path.endswith("/out-of-fold"), path


def specs(things: dict[str, int], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(what is named, spec): jobs that name a data set, models and a name."""
    data, model = {"dataset_id": things["dataset_id"]}, things["model_id"]
    yield (
        str(data["dataset_id"]),
        {
            **data,
            "job_type": "TRAIN",
            "model_type": "ridge",
            "model_name": "m",
            "target": {"column": "y"},
        },
    )
    yield str(model), {"dataset_id": 555555, "job_type": "TEST", "model_id": model}
    yield str(model), {"dataset_id": 555555, "job_type": "EXPLAIN", "model_id": model}
    yield str(model), {"dataset_id": 555555, "job_type": "DRIFT", "model_id": model}
    yield str(data["dataset_id"]), TUNE | {"train": TUNE["train"] | data}
    yield str(model), {"job_type": "COMPARE", "dataset_id": 555555, "model_ids": [model, 666666], "metric": "f1"}
    yield str(model), {"job_type": "PREDICT", "model_id": model, "rows": [{"x": 1}]}
    yield name, {"job_type": "PREDICT", "model": name, "rows": [{"x": 1}]}
    yield name, {"job_type": "PREDICT", "model": f"{name}@champion", "rows": [{"x": 1}]}


def test_a_spec_that_names_a_foreign_thing_is_refused_like_one_that_names_nothing(two: TwoProjects) -> None:
    nothing = dict.fromkeys(two.things.ids, UNKNOWN)
    for (foreign, spec), (unknown, other) in zip(specs(two.things.ids, "churn"), specs(nothing, "nope"), strict=True):
        ways = [("/jobs", spec, other), ("/jobs?dry_run=true", spec, other)]
        ways.append(("/jobs/batch", {"jobs": [spec]}, {"jobs": [other]}))
        for path, named, unnamed in ways:
            of_foreign, of_unknown = (seen(two.stranger, "POST", path, json=sent) for sent in (named, unnamed))
            assert of_foreign == renamed(of_unknown, unknown, foreign), spec
            assert of_foreign[0] == (207 if path == "/jobs/batch" else 422)
    assert ok(two.stranger.get(f"{PREFIX}/jobs"), 200)["items"] == []


def test_a_check_that_has_passed_for_one_project_does_not_pass_for_another(two: TwoProjects) -> None:
    train = next(specs(two.things.ids, ""))[1]
    ok(two.owner.post(f"{PREFIX}/jobs?dry_run=true", json=train), 200)
    ok(two.stranger.post(f"{PREFIX}/jobs?dry_run=true", json=train), 422)
    ok(two.stranger.post(f"{PREFIX}/jobs", json=train), 422)
    ok(two.owner.post(f"{PREFIX}/jobs", json=train), 202)


LISTS = (
    *("/jobs", "/jobs?status=COMPLETED", "/jobs?name=churn", "/jobs?dataset_id=1", "/jobs?model_type=ridge"),
    *("/jobs?sort=oldest", "/jobs?status=COMPLETED&job_type=TRAIN", "/datasets", "/datasets?name=churn", "/models"),
    *("/models?name=churn", "/models?alias=champion", "/models?tag=eu", "/models?dataset_id=1", "/test-results"),
    *("/models?model_type=ridge", "/models?name=churn&alias=champion", "/comparisons", "/predictions"),
    *("/jobs?q=CHU", "/jobs?q=churn&status=COMPLETED", "/models?q=c", "/models?q=c&model_type=ridge", "/datasets?q=ch"),
)


def test_lists_hold_what_the_project_stores(two: TwoProjects) -> None:
    for path in LISTS:
        assert ok(two.owner.get(PREFIX + path), 200)["items"], path
        assert ok(two.stranger.get(PREFIX + path), 200) == {"items": [], "next_cursor": None}, path


def test_names_versions_aliases_and_keys_are_free_in_each_project(two: TwoProjects) -> None:
    mine = fill(two.service, two.stranger)
    versions = [
        ok(client.get(f"{PREFIX}/models/{things.ids['model_id']}"), 200)
        for client, things in ((two.owner, two.things), (two.stranger, mine))
    ]
    assert [(model["name"], model["version"], model["aliases"]) for model in versions] == [
        ("churn", 1, ["champion"]),
        ("churn", 1, ["champion"]),
    ]
    spec = {"job_type": "PREDICT", "model": "churn@champion", "rows": [{"x": 1}]}
    for client, things in ((two.owner, two.things), (two.stranger, mine)):
        job = ok(client.post(f"{PREFIX}/jobs", json=spec, headers={"Idempotency-Key": "k"}), 202)
        assert job["spec"]["model_id"] == things.ids["model_id"]
        again = ok(client.post(f"{PREFIX}/jobs", json=spec, headers={"Idempotency-Key": "k"}), 202)
        assert again["id"] == job["id"]
    two.service.work()
    assert two.service.violations() == []


def test_bytes_are_shared_below_and_stay_while_any_project_needs_them(two: TwoProjects) -> None:
    service, mine = two.service, fill(two.service, two.stranger)
    ok_empty = two.owner.delete(f"{PREFIX}/predictions/{two.things.ids['prediction_id']}")
    assert ok_empty.status_code == 204
    for model in ok(two.owner.get(f"{PREFIX}/models"), 200)["items"]:
        assert two.owner.delete(f"{PREFIX}/models/{model['id']}").status_code == 204
    assert two.owner.delete(f"{PREFIX}/datasets/{two.things.ids['dataset_id']}").status_code == 204
    sweep_storage_once(service.resources, age_seconds=-1.0)
    assert service.violations() == []
    assert two.stranger.get(f"{PREFIX}/models/{mine.ids['model_id']}/download").status_code == 200
    assert two.stranger.get(f"{PREFIX}/datasets/{mine.ids['dataset_id']}/preview").status_code == 200
    assert two.owner.get(f"{PREFIX}/datasets/sha256/{two.things.sha256}").status_code == 404


def test_the_invariants_see_a_row_that_names_a_foreign_one(two: TwoProjects) -> None:
    moves = {
        "test_results": "15: what one project stores, another does not name",
        "model_aliases": "15: what one project stores, another does not name",
        "predictions": "15: what one project stores, another does not name",
    }
    for table, rule in moves.items():
        with two.service.resources.database.write() as connection:
            connection.execute(text(f"UPDATE {table} SET project_id = {OTHER}"))
            assert rule in [found for found, _ in broken_rows(connection)], table
            connection.get_transaction().rollback()  # type: ignore[union-attr]
    with two.service.resources.database.write() as connection:
        connection.execute(text("UPDATE comparisons SET project_id = 77"))
        assert "15: every row belongs to a project that there is" in [found for found, _ in broken_rows(connection)]
        connection.get_transaction().rollback()  # type: ignore[union-attr]


def test_the_database_keeps_a_job_in_its_project(two: TwoProjects) -> None:
    job = ok(
        two.owner.post(
            f"{PREFIX}/jobs", json={"job_type": "PREDICT", "model": "churn", "rows": [{"x": 1}], "priority": 9}
        ),
        202,
    )
    with (
        pytest.raises(Exception, match="stays in its project"),
        two.service.resources.database.write() as connection,
    ):
        connection.execute(text("UPDATE jobs SET project_id = 2 WHERE id = :id"), {"id": job["id"]})
    assert json.loads(two.owner.get(f"{PREFIX}/jobs/{job['id']}").data)["status"] == "PENDING"
