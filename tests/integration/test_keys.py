"""Keys over real processes: the first one closes every process, a revoked one opens none, other machines need one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from ml_training.api.first_key import StartRefused, prepare_keys
from ml_training.db import keys
from ml_training.db.access_tables import api_keys
from ml_training.db.engine import Database
from ml_training.domain.api_keys import ApiKey
from ml_training.domain.caller import SERVICE, Role
from ml_training.services.keys import create_key, has_keys, revoke_key, store_bootstrap_key
from ml_training.settings import Settings
from tests.support.access import bearer, make_key
from tests.support.api_process import Api, running_api
from tests.support.eventually import eventually

EVERYWHERE = "0.0.0.0"  # noqa: S104 - the API refuses to listen there, or a test of it is closed
JOBS = "/api/v1/jobs"
FIRST = ApiKey("0123456789ab", "c" * 64)


@pytest.fixture
def api(tmp_path: Path, database_url: str, broker_url: str) -> Iterator[Api]:
    """A running API of two processes."""
    with running_api(tmp_path, database_url, broker_url, api_workers="2") as api:
        yield api


def statuses(api: Api, headers: list[tuple[str, str]] | None = None) -> set[int]:
    """The answers of many short connections, which both processes serve."""
    found = set()
    for _ in range(20):
        found.add(api.client.get(JOBS, headers=[*(headers or []), ("Connection", "close")]).status_code)
    return found


def is_refused(api: Api, headers: list[tuple[str, str]] | None = None) -> bool:
    """Whether no process accepts these headers: after many of them the answer is 429."""
    return statuses(api, headers) <= {401, 429}


def test_the_first_key_closes_every_process_and_a_revoked_one_opens_none(api: Api) -> None:
    assert statuses(api) == {200}
    key = make_key(api.resources.database, Role.VIEWER)
    eventually(lambda: is_refused(api), what="every process asks for a key")
    assert statuses(api, bearer(key)) == {200}
    revoke_key(api.resources.database, SERVICE, key.key_id)
    eventually(lambda: is_refused(api, bearer(key)), what="no process accepts a revoked key")
    assert is_refused(api)


def test_a_key_is_replaced_without_a_restart_and_without_a_gap(api: Api) -> None:
    first = make_key(api.resources.database, Role.VIEWER)
    eventually(lambda: is_refused(api), what="every process asks for a key")
    second = make_key(api.resources.database, Role.VIEWER)
    eventually(lambda: statuses(api, bearer(second)) == {200}, what="every process accepts the new key")
    assert statuses(api, bearer(first)) == {200}
    revoke_key(api.resources.database, SERVICE, first.key_id)
    eventually(lambda: is_refused(api, bearer(first)), what="no process accepts the old key")
    assert statuses(api, bearer(second)) == {200}


def test_two_keys_or_a_long_one_on_the_wire_are_refused(api: Api) -> None:
    key = make_key(api.resources.database)
    eventually(lambda: is_refused(api), what="every process asks for a key")
    assert is_refused(api, [*bearer(key), *bearer(key)])
    assert is_refused(api, [("Authorization", f"Bearer {key.key}{'0' * 7_000}")])
    assert api.client.get(JOBS, headers={"Authorization": "Bearer " + "0" * 1_000_000}).status_code == 431
    assert statuses(api, bearer(key)) == {200}


def test_the_last_use_of_a_key_becomes_known(api: Api) -> None:
    key = make_key(api.resources.database)
    eventually(lambda: statuses(api, bearer(key)) == {200}, what="the key is known")

    def last_use() -> float | None:
        with api.resources.database.read() as connection:
            found = keys.get_key(connection, key.key_id)
        return found.last_used_at if found else None

    eventually(last_use, what="a heartbeat writes the use")


def test_a_refused_role_is_reported_and_a_wrong_key_is_counted(api: Api) -> None:
    viewer, admin = make_key(api.resources.database, Role.VIEWER), make_key(api.resources.database)
    eventually(lambda: is_refused(api), what="every process asks for a key")
    assert api.client.get("/api/v1/keys", headers=bearer(viewer)).status_code == 403
    newest = api.client.get("/api/v1/audit?limit=1", headers=bearer(admin)).json()["items"][0]
    assert (newest["outcome"], newest["key_id"], newest["subject_ids"]) == (
        "forbidden",
        viewer.key_id,
        ["GET /api/v1/keys"],
    )


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings of an API that other machines can reach."""
    return Settings(database_url=database_url, data_dir=tmp_path / "data", api_host=EVERYWHERE)


def with_file(settings: Settings, tmp_path: Path, text: str) -> Settings:
    """The same settings, with a file for the first key."""
    path = tmp_path / "first_key"
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return settings.model_copy(update={"bootstrap_key_file": path})


def test_the_api_refuses_to_listen_to_other_machines_without_a_key(settings: Settings, database: Database) -> None:
    with pytest.raises(StartRefused, match="keys create --role admin"):
        prepare_keys(settings)
    prepare_keys(settings.model_copy(update={"api_host": "127.0.0.1"}))
    assert not has_keys(database)
    make_key(database)
    prepare_keys(settings)


def test_the_process_says_why_it_does_not_start(settings: Settings, broker_url: str) -> None:
    values = {"DATABASE_URL": settings.database_url, "BROKER_URL": broker_url, "API_HOST": EVERYWHERE}
    environment = {**os.environ, **{f"ML_TRAINING_{name}": value for name, value in values.items()}}
    process = [sys.executable, "-m", "ml_training.api"]
    done = subprocess.run(process, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "keys create --role admin" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_first_key_of_a_file_is_an_admin_and_is_stored_once(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    named = with_file(settings, tmp_path, f"{FIRST.text}\n")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: prepare_keys(named), range(4)))
    with database.read() as connection:
        [stored] = connection.execute(select(api_keys)).mappings().all()
        changes, _ = keys.read_changes(connection)
    assert (stored["key_id"], stored["role"], stored["secret_sha256"]) == (FIRST.key_id, "admin", FIRST.digest)
    assert changes == 1


def test_a_first_key_that_was_revoked_stays_revoked(settings: Settings, database: Database, tmp_path: Path) -> None:
    named = with_file(settings, tmp_path, FIRST.text)
    prepare_keys(named)
    revoke_key(database, SERVICE, FIRST.key_id)
    prepare_keys(named)
    with database.read() as connection:
        assert keys.valid_keys(connection) == {}


@pytest.mark.parametrize("text", ["", "hunter2", "mlt_0123456789ab_short", f"{FIRST.text} {FIRST.text}", "\u00e4"])
def test_a_file_without_a_key_stops_the_start_and_its_content_is_not_repeated(
    settings: Settings, tmp_path: Path, text: str
) -> None:
    with pytest.raises(StartRefused, match=r"first_key|ascii") as refused:
        prepare_keys(with_file(settings, tmp_path, text))
    assert text == "" or text not in str(refused.value)


def test_a_file_that_is_not_there_or_has_a_taken_id_stops_the_start(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    with pytest.raises(StartRefused, match="cannot be read"):
        prepare_keys(settings.model_copy(update={"bootstrap_key_file": tmp_path / "none"}))
    prepare_keys(with_file(settings, tmp_path, FIRST.text))
    with pytest.raises(StartRefused, match="id of another key"):
        prepare_keys(with_file(settings, tmp_path, ApiKey(FIRST.key_id, "d" * 64).text))
    assert not store_bootstrap_key(
        database, SERVICE, Path(str(with_file(settings, tmp_path, FIRST.text).bootstrap_key_file))
    )


def test_the_routes_make_and_revoke_keys(api: Api) -> None:
    made = api.client.post("/api/v1/keys", json={"name": "admin", "role": "admin"})
    assert made.status_code == 201
    client = httpx.Client(base_url=api.client.base_url, headers={"Authorization": f"Bearer {made.json()['key']}"})
    with client:
        eventually(lambda: is_refused(api), what="every process asks for a key")
        wrong = client.post("/api/v1/keys", json={"name": " ", "role": "root", "expires_at": 5, "more": 1})
        assert wrong.status_code == 422
        assert {error["pointer"] for error in wrong.json()["errors"]} >= {"/role", "/expires_at", "/more"}
        gone = client.post(
            "/api/v1/keys", json={"name": "n ", "role": "viewer", "project": "x", "expires_at": "2020-01-01T00:00:00Z"}
        )
        assert [error["pointer"] for error in gone.json()["errors"]] == ["/name", "/project", "/expires_at"]
        listed = client.get("/api/v1/keys").json()["items"]
        assert [(key["id"], key["role"]) for key in listed] == [(made.json()["id"], "admin")]
        assert "c" * 64 not in json.dumps(listed)
        second = client.post("/api/v1/keys", json={"name": "n", "role": "viewer"}).json()
        path = f"/api/v1/keys/{second['id']}"
        assert [client.delete(path).status_code for _ in range(2)] == [204, 409]
        assert client.delete("/api/v1/keys/ffffffffffff").status_code == 404
        assert client.delete("/api/v1/keys/none").status_code == 404


def test_a_key_of_the_command_and_a_key_of_the_route_are_the_same_thing(database: Database) -> None:
    made = create_key(database, SERVICE, name="n", role=Role.VIEWER)
    with database.read() as connection:
        assert keys.valid_keys(connection)[made.key_id].secret_sha256 == ApiKey(*made.key.split("_")[1:]).digest
