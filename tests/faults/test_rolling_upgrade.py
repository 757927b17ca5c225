"""From one version to the next while users work: both run on the new schema, and nothing fails or is lost."""

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from ml_training.db.engine import open_database
from ml_training.db.schema_version import head_revision, schema_version
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from ml_training.local.ports import free_port
from ml_training.maintenance.verify import violations
from ml_training.storage.local import LocalStorage
from tests.support.datasets import generated_csv
from tests.support.eventually import PATIENCE, eventually
from tests.support.fleet import SHORT_TIMES, Fleet
from tests.support.old_version import code_before_the_newest_migration
from tests.support.postgres import PostgresServer
from tests.support.redis_server import RedisServer

pytestmark = [pytest.mark.slow, pytest.mark.faults]
ENOUGH = 5  # accepted jobs of each stage


@dataclass(slots=True)
class Load:
    """Users that send work and look at it, without a pause, until they are asked to stop."""

    urls: list[str]
    statuses: Counter[int] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    jobs: list[int] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Upload a file, train a small model on it, read lists, delete the file of the round before."""
        number = 0
        with httpx.Client(timeout=60) as client:
            dataset_id = self._upload(client, self.urls[0], number)
            while not self.stop.is_set():
                number += 1
                url = self.urls[number % len(self.urls)]
                spec = {"job_type": "TRAIN", "model_name": "m", "model_type": "lightgbm", "dataset_id": dataset_id}
                spec |= {"target": {"column": "target"}, "params": {"n_estimators": 3}}
                headers = {"Idempotency-Key": f"job {number}"}
                answer = self._send(client, "POST", f"{url}/jobs", json=spec, headers=headers)
                if answer.status_code == 202:
                    self.jobs.append(answer.json()["id"])
                for path in ("/jobs", "/models", "/datasets", f"/datasets/{dataset_id}"):
                    self._send(client, "GET", url + path)
                if number % 5 == 0:
                    self._upload(client, url, number)

    def _upload(self, client: httpx.Client, url: str, number: int) -> int:
        files = {"file": ("data.csv", generated_csv(100 + number, 3))}
        form = {"name": f"data-{number}"}
        answer = self._send(client, "POST", f"{url}/datasets", data=form, files=files)
        dataset_id = int(answer.json()["id"])
        if number == 0:  # the one that jobs use
            eventually(lambda: client.get(f"{url}/datasets/{dataset_id}").json()["status"] == "READY", what="data")
        return dataset_id

    def _send(self, client: httpx.Client, method: str, url: str, **more: object) -> httpx.Response:
        answer = client.request(method, url, **more)  # type: ignore[arg-type]
        self.statuses[answer.status_code] += 1
        if answer.status_code >= 500:
            self.errors.append(f"{method} {url}: {answer.status_code} {answer.text[:300]}")
        return answer


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database that was never migrated."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'jobs.db'}"
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    postgres.execute("CREATE DATABASE rolling")
    yield postgres.url("rolling")
    postgres.execute("DROP DATABASE rolling WITH (FORCE)")


class Version:
    """The processes of one version."""

    def __init__(self, name: str, code: Path, fleet: Fleet) -> None:
        self._name, self._code, self._fleet = name, code, fleet
        self._port = free_port("127.0.0.1")

    @property
    def url(self) -> str:
        """The address of its API."""
        return f"http://127.0.0.1:{self._port}/api/v1"

    def migrate(self) -> None:
        """Migrate the database to the schema of this version."""
        subprocess.run(
            [sys.executable, "-m", "ml_training.db.migrate"], cwd=self._code, env=self._environment(), check=True
        )

    def start(self, *parts: str) -> None:
        """Start parts and wait until they work."""
        for part in parts:
            command = {"api": ["ml_training.api"], "worker": ["workers"], "maintenance": ["workers", "maintenance"]}
            name = f"{self._name}-{part}"
            with (self._fleet.directory / f"{name}.log").open("ab") as log:
                self._fleet.processes[name] = subprocess.Popen(
                    [sys.executable, "-m", *command[part]],
                    cwd=self._code,
                    env=self._environment(),
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        for part in parts:
            eventually(lambda part=part: self._works(part), what=f"{self._name} {part}")  # type: ignore[misc]

    def stop(self, *parts: str) -> None:
        """Stop parts in order, as an operator does."""
        for part in parts:
            assert self._fleet.stop(f"{self._name}-{part}") == 0, self._fleet.log(f"{self._name}-{part}")[-2_000:]

    def _works(self, part: str) -> bool:
        assert self._fleet.processes[f"{self._name}-{part}"].poll() is None, self._fleet.log(f"{self._name}-{part}")
        if part != "api":
            return {"worker": "child_ready", "maintenance": "maintenance_started"}[part] in self._fleet.log(
                f"{self._name}-{part}"
            )
        try:
            return httpx.get(f"{self.url}/health/live").status_code == 200
        except httpx.HTTPError:
            return False

    def _environment(self) -> dict[str, str]:
        variables = {**os.environ, **self._fleet.variables, "PYTHONPATH": str(self._code)}
        return variables | {"ML_TRAINING_API_PORT": str(self._port)}


def test_both_versions_run_side_by_side_and_nothing_fails_or_is_lost(
    empty_url: str, tmp_path: Path, redis_server: RedisServer
) -> None:
    values = {"database_url": empty_url, "broker_url": redis_server.url, "data_dir": str(tmp_path / "data")}
    values |= {"worker_concurrency": "1", "worker_threads": "1", **SHORT_TIMES}
    fleet = Fleet(tmp_path, {f"ML_TRAINING_{name.upper()}": value for name, value in values.items()})
    old = Version("old", code_before_the_newest_migration(tmp_path / "before"), fleet)
    new = Version("new", Path(__file__).parents[2], fleet)
    load = Load([old.url])
    users = threading.Thread(target=load.run, daemon=True)
    database = open_database(empty_url).of(DEFAULT_PROJECT_ID)
    try:
        old.migrate()
        old.start("api", "worker", "maintenance")
        users.start()
        _wait_for_jobs(load, "of the old version")
        new.migrate()
        with database.read() as connection:
            assert schema_version(connection).revision == head_revision()
        _wait_for_jobs(load, "of the old version on the new schema")
        new.start("api", "worker", "maintenance")
        load.urls.append(new.url)
        _wait_for_jobs(load, "of both versions")
        load.urls.remove(old.url)
        _wait_for_jobs(load, "of the new version")
        old.stop("maintenance", "worker", "api")
        _wait_for_jobs(load, "of the new version alone")
        load.stop.set()
        users.join(PATIENCE)
        assert load.errors == []
        assert load.statuses[202] == len(load.jobs) == len(set(load.jobs))
        assert set(load.statuses) <= {200, 201, 202}, load.statuses
        with httpx.Client(base_url=new.url, timeout=60) as client:
            for job_id in load.jobs:
                eventually(
                    lambda job_id=job_id: client.get(f"/jobs/{job_id}").json()["status"] == "COMPLETED",  # type: ignore[misc]
                    what=f"job {job_id} completes",
                )
        eventually(
            lambda: (
                list(violations(database, LocalStorage(tmp_path / "data" / "storage"), sweep_age_seconds=3600.0)) == []
            ),
            what="no invariant is violated",
        )
    finally:
        load.stop.set()
        fleet.end()
        database.dispose()


def _wait_for_jobs(load: Load, stage: str) -> None:
    """So that each stage has work of its own."""
    before = len(load.jobs)
    eventually(lambda: len(load.jobs) >= before + ENOUGH or bool(load.errors), what=f"jobs {stage}")
    assert load.errors == []
