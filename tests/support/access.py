"""Callers of every kind for tests of a closed service, and a request for each operation of the OpenAPI document."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from ml_training.db.access_tables import api_keys
from ml_training.db.engine import Database
from ml_training.domain.caller import SERVICE, Role
from ml_training.services.keys import NewKey, create_key, revoke_key

METHODS = ("get", "post", "put", "patch", "delete")
ORDER = list(Role)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the OpenAPI document; role: the least that it says it needs, None for an open one."""

    method: str
    path: str
    role: Role | None

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    """Every operation of a document."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                role = item[method].get("x-required-role")
                yield Operation(method, path, None if role is None else Role(role))


def make_key(database: Database, role: Role = Role.ADMIN, **values: Any) -> NewKey:
    """A new key."""
    return create_key(database, SERVICE, name=role.value, role=role, **values)


def expired_key(database: Database) -> NewKey:
    """An admin's key that has just expired."""
    made = make_key(database, expires_at=time.time() + 3_600)
    with database.write() as connection:
        connection.execute(update(api_keys).where(api_keys.c.key_id == made.key_id).values(expires_at=1.0))
    return made


def revoked_key(database: Database) -> NewKey:
    """An admin's key that has just been revoked."""
    made = make_key(database)
    revoke_key(database, SERVICE, made.key_id)
    return made


def wrong_headers(database: Database) -> dict[str, list[tuple[str, str]]]:
    """Authorization headers that show no valid key, each with what is wrong with it."""
    good, other = make_key(database).key, make_key(database).key
    secret = good.rpartition("_")[2]
    flipped = good[:-1] + ("0" if good[-1] != "0" else "1")
    values = {
        "no header": [],
        "wrong secret": [f"Bearer {flipped}"],
        "secret of another key": [f"Bearer {other.rpartition('_')[0]}_{secret}"],
        "unknown id": [f"Bearer mlt_000000000000_{secret}"],
        "revoked": [f"Bearer {revoked_key(database).key}"],
        "expired": [f"Bearer {expired_key(database).key}"],
        "empty": [""],
        "no scheme": [good],
        "another scheme": [f"Basic {good}"],
        "id only": [f"Bearer {good.rpartition('_')[0]}"],
        "digest in place of the secret": [f"Bearer {good[:17]}{'0' * 64}"],
        "upper case": [f"Bearer {good.upper()}"],
        "with a space": [f"Bearer {good} "],
        "with a line break": [f"Bearer {good}%0a"],
        "two keys": [f"Bearer {good},Bearer {good}"],
        "long": [f"Bearer {good}{'0' * 100_000}"],
        "other digits": [f"Bearer {good[:-1]}\u0661".encode().decode("latin-1")],
    }
    return {name: [("Authorization", value) for value in given] for name, given in values.items()}


def bearer(key: NewKey) -> list[tuple[str, str]]:
    """The header of a key."""
    return [("Authorization", f"Bearer {key.key}")]


class Caller:
    """Sends requests to a closed app, each from an address of its own, so that no limit of an address is reached."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client
        self._sent = 0

    def send(self, operation: Operation, headers: list[tuple[str, str]], **options: Any) -> TestResponse:
        """One request of an operation, on things that there are not, with a body that is wrong."""
        self._sent += 1
        path = operation.path.replace("{sha256}", "0" * 64).replace("{key_id}", "0" * 12)
        path = "/".join("999" if part.startswith("{") else part for part in path.split("/"))
        address = f"10.{self._sent >> 16 & 255}.{self._sent >> 8 & 255}.{self._sent & 255}"
        body = {"json": {"wrong": 1}} if operation.method in ("post", "patch", "put") else {}
        return self._client.open(
            path,
            method=operation.method.upper(),
            headers=[*headers, ("X-Request-Id", "same")],
            environ_base={"REMOTE_ADDR": address},
            **body,
            **options,
        )
