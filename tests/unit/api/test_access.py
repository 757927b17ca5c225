"""A service is open until its first key, then closed for good; what a caller may ask is limited."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from ml_training.api.access import FAILURES_AT_ONCE, Access, RateLimits
from ml_training.api.app import create_app
from ml_training.api.context import context_of
from ml_training.api.counters import Counters
from ml_training.api.route_rules import MissingRule
from ml_training.db.access_tables import api_keys
from ml_training.db.clock import db_now
from ml_training.db.engine import Database
from ml_training.db.keys import list_keys
from ml_training.domain.caller import SERVICE, Role
from ml_training.domain.errors import TooMany, Unauthenticated, Unavailable
from ml_training.services import queries
from ml_training.services.key_cache import FRESH_SECONDS, NEW_KEY_SECONDS, KeyCache
from ml_training.services.keys import NewKey, revoke_key
from ml_training.services.resources import Resources
from ml_training.settings import Settings
from tests.support.access import bearer, make_key
from tests.support.api import ready_dataset

JOBS = "/api/v1/jobs"
NO_LIMITS = RateLimits(per_key=0, per_address=0)


class Clock:
    """Monotonic seconds that a test turns forward."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def database(resources: Resources) -> Database:
    """The database of the app."""
    return resources.database


@pytest.fixture
def access(database: Database, clock: Clock) -> Access:
    """What the app uses to find its callers, with a clock of the test."""
    return made(database, clock)


def made(database: Database, clock: Clock, *, is_local: bool = True, limits: RateLimits = NO_LIMITS) -> Access:
    """Access over a database."""
    return Access(KeyCache(database, clock=clock), Counters(), is_local=is_local, limits=limits, clock=clock)


def identify(access: Access, key: NewKey | None, address: str = "10.0.0.1") -> Role:
    """The role of the caller with this key."""
    header = None if key is None else bearer(key)[0][1]
    return access.identify(header, address=address, request_id="").role


def test_without_keys_everybody_on_this_machine_is_an_admin(client: FlaskClient) -> None:
    assert client.get(JOBS).status_code == 200
    assert client.get("/api/v1/audit").status_code == 200
    # A client may have a key of another service in its environment.
    assert client.get(JOBS, headers={"Authorization": "Bearer of another service"}).status_code == 200


def test_the_first_key_closes_a_process_within_a_second(access: Access, database: Database, clock: Clock) -> None:
    assert identify(access, None) is Role.ADMIN
    key = make_key(database, Role.VIEWER)
    clock.now += FRESH_SECONDS
    with pytest.raises(Unauthenticated):
        identify(access, None)
    assert identify(access, key) is Role.VIEWER


def test_a_revoked_key_is_refused_within_a_second_and_the_service_stays_closed(
    access: Access, database: Database, clock: Clock
) -> None:
    key = make_key(database)
    assert identify(access, key) is Role.ADMIN
    revoke_key(database, SERVICE, key.key_id)
    clock.now += FRESH_SECONDS
    for shown in (key, None):
        with pytest.raises(Unauthenticated):
            identify(access, shown)


def test_a_key_that_was_just_made_is_known_at_once(access: Access, database: Database, clock: Clock) -> None:
    identify(access, make_key(database))
    clock.now += NEW_KEY_SECONDS
    assert identify(access, make_key(database, Role.VIEWER)) is Role.VIEWER


def test_a_key_expires_between_two_looks_at_the_keys(database: Database, clock: Clock) -> None:
    key = make_key(database, expires_at=time.time() + 3_600)
    with database.write() as connection:  # so late that the test is not late itself, and before the next look
        connection.execute(update(api_keys).values(expires_at=db_now() + 30))
    access = made(database, clock)
    assert identify(access, key) is Role.ADMIN
    access.keys._looked_at = clock.now + 30  # no other look: the moment of the expiry is known from the last one
    clock.now += 30
    with pytest.raises(Unauthenticated):
        identify(access, key)


def test_an_outage_of_the_database_neither_opens_the_service_nor_locks_anybody_out(
    access: Access, database: Database, clock: Clock, lose_database: Callable[[], None]
) -> None:
    key = make_key(database)
    identify(access, key)
    lose_database()
    for _ in range(3):
        clock.now += 10 * FRESH_SECONDS
        assert identify(access, key) is Role.ADMIN
        with pytest.raises(Unauthenticated):
            identify(access, None)


def test_a_process_that_could_never_read_the_keys_lets_nobody_in(
    access: Access, lose_database: Callable[[], None]
) -> None:
    lose_database()
    with pytest.raises(Unavailable):
        identify(access, None)


def test_a_service_that_other_machines_reach_is_never_open(database: Database, clock: Clock) -> None:
    with pytest.raises(Unauthenticated):
        identify(made(database, clock, is_local=False), None)


def test_an_app_that_listens_on_another_address_is_closed_without_any_key(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"api_host": "0.0.0.0"}))  # noqa: S104 - nothing listens
    assert app.test_client().get(JOBS).status_code == 401
    context_of(app).resources.close()


@pytest.mark.parametrize(
    ("proxies", "address"), [("127.0.0.1", "203.0.113.9"), ("", "127.0.0.1"), ("10.0.0.0/8", "127.0.0.1")]
)
def test_the_audit_names_the_client_behind_a_trusted_proxy(settings: Settings, proxies: str, address: str) -> None:
    app = create_app(settings.model_copy(update={"trusted_proxies": proxies}))
    made = app.test_client().post(
        "/api/v1/projects", json={"name": "team"}, headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}
    )
    assert made.status_code == 201
    [entry] = app.test_client().get("/api/v1/audit").get_json()["items"]
    assert (entry["action"], entry["address"]) == ("project.create", address)
    context_of(app).resources.close()


def test_many_wrong_keys_from_one_address_are_slowed_and_a_right_one_is_not(
    access: Access, database: Database, clock: Clock
) -> None:
    key = make_key(database)
    for _ in range(int(FAILURES_AT_ONCE)):
        with pytest.raises(Unauthenticated):
            identify(access, None)
    with pytest.raises(TooMany) as slowed:
        identify(access, None)
    assert slowed.value.retry_after == 1
    assert identify(access, key) is Role.ADMIN, "behind a proxy everybody has the same address"
    with pytest.raises(Unauthenticated):
        identify(access, None, address="10.0.0.2")
    clock.now += 1
    with pytest.raises(Unauthenticated):
        identify(access, None)


def test_the_requests_of_a_key_and_of_an_address_are_limited(database: Database, clock: Clock) -> None:
    access = made(database, clock, limits=RateLimits(per_key=2, per_address=4))
    first, second = make_key(database), make_key(database)
    for _ in range(10):
        identify(access, first)
    with pytest.raises(TooMany) as limited:
        identify(access, first)
    assert limited.value.retry_after == 1
    for _ in range(9):
        identify(access, second)
    with pytest.raises(TooMany):
        identify(access, second)
    clock.now += 10
    assert identify(access, first) is identify(access, second)


def test_the_use_of_a_key_is_written_once_a_minute_and_by_no_request(
    access: Access, database: Database, clock: Clock
) -> None:
    key = make_key(database)

    def last_use() -> float | None:
        access.keys.write_uses()
        with database.read() as connection:
            [found] = list_keys(connection, before_id=None, limit=10)
        return found.last_used_at

    assert last_use() is None
    identify(access, key)
    first = last_use()
    assert first is not None
    for passed, is_written in ((30, False), (29, False), (2, True)):
        clock.now += passed
        identify(access, key)
        assert (last_use() != first) == is_written


def test_a_route_without_a_rule_stops_the_start(app: Flask, settings: Settings) -> None:
    from ml_training.api import docs

    def forgotten() -> str:
        return ""

    made_before = docs.docs_blueprint

    def with_a_forgotten_route(document: dict[str, object]) -> object:
        blueprint = made_before(document)
        blueprint.add_url_rule("/forgotten", "forgotten", forgotten)
        return blueprint

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ml_training.api.app.docs_blueprint", with_a_forgotten_route)
        with pytest.raises(MissingRule, match=r"docs\.forgotten"):
            create_app(settings)


def test_who_may_not_delete_what_another_key_made_is_in_the_audit(
    client: FlaskClient, resources: Resources, database: Database
) -> None:
    dataset_id = ready_dataset(resources)
    key = make_key(database, Role.SUBMITTER)
    assert client.delete(f"/api/v1/datasets/{dataset_id}", headers=bearer(key)).status_code == 403
    newest = queries.list_audit(resources).items[0]
    assert (newest.outcome, newest.key_id) == ("forbidden", key.key_id)
    assert newest.subject_ids == (f"DELETE /api/v1/datasets/{dataset_id}",)


def test_an_upload_belongs_to_the_key_that_made_it(client: FlaskClient, database: Database) -> None:
    mine, other = (bearer(make_key(database, Role.SUBMITTER)) for _ in range(2))
    values = {"Upload-Length": "4", "Upload-Metadata": "filename YS5jc3Y="}
    path = client.post("/api/v1/uploads", headers=[*mine, *values.items()]).headers["Location"]
    piece = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    body = {"name": "x", "upload_id": int(path.rpartition("/")[2])}
    assert client.patch(path, data=b"a\n1\n", headers=[*other, *piece.items()]).status_code == 403
    assert client.patch(path, data=b"a\n1\n", headers=[*mine, *piece.items()]).status_code == 204
    assert client.post("/api/v1/datasets", json=body, headers=other).status_code == 403
    assert client.delete(path, headers=other).status_code == 403
    assert client.post("/api/v1/datasets", json=body, headers=mine).status_code == 201


def test_a_stranger_is_told_less_about_the_parts(client: FlaskClient, database: Database) -> None:
    told = client.get("/api/v1/health/ready").get_json()["parts"]
    key = make_key(database)
    context_of(client.application).access.keys.forget()
    hidden = client.get("/api/v1/health/ready").get_json()["parts"]
    assert {name: part["ok"] for name, part in hidden.items()} == {name: part["ok"] for name, part in told.items()}
    assert {part["detail"] for part in hidden.values()} == {"a request with a key is told"}
    assert client.get("/api/v1/health/ready", headers=bearer(key)).get_json()["parts"] == told


def test_liveness_asks_no_database(client: FlaskClient, lose_database: Callable[[], None]) -> None:
    lose_database()
    assert client.get("/api/v1/health/live").status_code == 200


def test_no_file_of_the_log_or_the_database_holds_a_secret(
    client: FlaskClient, settings: Settings, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    made = client.post("/api/v1/keys", json={"name": "n", "role": "viewer"}).get_json()
    secret = made["key"].rpartition("_")[2]
    client.get(JOBS, headers={"Authorization": f"Bearer {made['key']}"})
    client.get(JOBS, headers={"Authorization": f"Bearer {made['key']}0"})
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert made["id"].encode() in stored
    assert secret.encode() not in stored
    assert secret not in caplog.text
    assert client.get("/api/v1/keys", headers={"Authorization": "Bearer x"}).status_code == 401
