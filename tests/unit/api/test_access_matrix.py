"""Every operation of the OpenAPI document, called by everybody who must not: nothing is answered, changed or told."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from ml_training.db.access_tables import audit
from ml_training.db.engine import Database
from ml_training.domain.caller import Role
from ml_training.services.resources import Resources
from tests.support.access import Caller, Operation, bearer, make_key, operations, wrong_headers

OPEN = {
    "GET /api/v1/health/live",
    "GET /api/v1/health/ready",
    "GET /api/v1/sign-in",
    "GET /api/v1/sign-in/start",
    "GET /api/v1/sign-in/callback",
}
OWN = {"DELETE /api/v1/sign-in"}  # of everybody who has come in: it ends one's own session
# What PRODUCT says of each role; every other operation that reads is a viewer's, every other one a submitter's.
ADMINS = {
    "POST /api/v1/keys",
    "GET /api/v1/keys",
    "DELETE /api/v1/keys/{key_id}",
    "GET /api/v1/audit",
    "POST /api/v1/projects",
    "GET /api/v1/projects",
    "GET /api/v1/projects/{project_id}",
    "PATCH /api/v1/projects/{project_id}",
}
OPERATORS = {"POST /api/v1/workers/{process}/drain"}


@pytest.fixture
def all_operations(client: FlaskClient) -> list[Operation]:
    """Every operation of the document, as served."""
    return list(operations(client.get("/openapi.json").get_json()))


@pytest.fixture
def database(resources: Resources) -> Database:
    """The database of the app."""
    return resources.database


def stored(database: Database) -> int:
    """How many entries the audit has."""
    with database.read() as connection:
        return len(connection.execute(select(audit.c.id)).all())


def test_every_operation_needs_the_role_that_it_should(all_operations: list[Operation]) -> None:
    for operation in all_operations:
        name = str(operation)
        if name in OPEN:
            assert operation.role is None, name
        elif name in ADMINS:
            assert operation.role is Role.ADMIN, name
        elif name in OPERATORS:
            assert operation.role is Role.OPERATOR, name
        elif name in OWN:
            assert operation.role is Role.VIEWER, name
        else:
            assert operation.role is (Role.VIEWER if operation.method == "get" else Role.SUBMITTER), name


def test_without_a_valid_key_every_answer_is_the_same_401(
    client: FlaskClient, all_operations: list[Operation], database: Database
) -> None:
    everyone = wrong_headers(database)
    caller, before = Caller(client), stored(database)
    for operation in all_operations:
        if operation.role is None:
            continue
        answers = {name: caller.send(operation, headers) for name, headers in everyone.items()}
        leaks = {name: answer.status_code for name, answer in answers.items() if answer.status_code != 401}
        assert leaks == {}, operation
        assert len({(answer.data, tuple(answer.headers.items())) for answer in answers.values()}) == 1, operation
        assert answers["no header"].headers["WWW-Authenticate"].startswith("Bearer ")
    assert stored(database) == before, "a flood of wrong keys must not fill the disk"


@pytest.mark.parametrize("role", Role)
def test_a_role_gets_what_it_includes_and_403_for_all_else(
    client: FlaskClient, all_operations: list[Operation], database: Database, role: Role
) -> None:
    key = make_key(database, role)
    caller = Caller(client)
    for operation in all_operations:
        answer = caller.send(operation, bearer(key))
        if operation.role is None or role.includes(operation.role):
            assert answer.status_code not in (401, 403), (str(operation), answer.data)
        else:
            assert answer.status_code == 403, (str(operation), answer.data)
            assert operation.role.value in answer.get_json()["detail"]
            assert role.value in answer.get_json()["detail"]


def test_a_key_anywhere_but_in_its_header_opens_nothing(
    client: FlaskClient, all_operations: list[Operation], database: Database
) -> None:
    key = make_key(database).key
    caller = Caller(client)
    for operation in all_operations:
        if operation.role is not None:
            for options in (
                {"query_string": {"api_key": key, "access_token": key}},
                {"headers_too": [("X-Api-Key", key), ("Cookie", f"key={key}"), ("Proxy-Authorization", key)]},
            ):
                headers: Any = options.pop("headers_too", [])
                assert caller.send(operation, headers, **options).status_code == 401, operation


def test_paths_and_methods_without_a_route_need_a_key_too(app: Flask, database: Database) -> None:
    key = make_key(database)
    client = app.test_client()
    for method, path in (
        ("GET", "/nothing"),
        ("GET", "/api/v1/nothing"),
        ("PUT", "/api/v1/jobs"),
        ("OPTIONS", "/api/v1/jobs"),
    ):
        assert client.open(path, method=method).status_code == 401
        assert client.open(path, method=method, headers=bearer(key)).status_code in (404, 405)


def test_the_document_says_what_an_operation_needs(client: FlaskClient, all_operations: list[Operation]) -> None:
    document = client.get("/openapi.json").get_json()
    [scheme] = document["components"]["securitySchemes"].items()
    assert (scheme[1]["type"], scheme[1]["scheme"]) == ("http", "bearer")
    for operation in all_operations:
        told = document["paths"][operation.path][operation.method]
        assert told["security"] == ([] if operation.role is None else [{scheme[0]: []}])
        assert ({"401", "403", "429"} <= set(told["responses"])) == (operation.role is not None)
