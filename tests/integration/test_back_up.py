"""A backup that was made while the service ran is the whole service on the other database; a damaged one is refused."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from ml_training.db import claims, datasets, jobs
from ml_training.db.engine import Database, open_database
from ml_training.db.keys import valid_keys
from ml_training.db.storage_identity import read_identity
from ml_training.db.storage_references import needed_objects
from ml_training.db.table_copies import copied_tables, last_ids, read_rows
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from ml_training.domain.errors import Unavailable
from ml_training.domain.states import JobStatus
from ml_training.maintenance import backup, hold, object_copies, restore
from ml_training.maintenance.backup import BackupFailed, back_up
from ml_training.maintenance.backup_files import BackupDamaged, BackupFiles, Manifest
from ml_training.maintenance.hold import HoldLost, held_sweeps
from ml_training.maintenance.restore import RestoreRefused
from ml_training.maintenance.sweep import sweep_storage_once
from ml_training.maintenance.verify import violations
from ml_training.services.cancel import request_cancel
from ml_training.services.datasets import accept_upload, delete_dataset, store_upload
from ml_training.storage.base import ObjectKind, Storage
from ml_training.storage.local import LocalStorage
from tests.support.access import make_key
from tests.support.command_line import run_command
from tests.support.eventually import eventually
from tests.support.in_process_service import InProcessService
from tests.support.jobs import read_job, store_job
from tests.support.predictions import add, customers, predict, submit, train

Rows = dict[str, list[list[Any]]]


def silent(_stage: str, _done: int, _total: int) -> None:
    """Nobody looks."""


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[InProcessService]:
    """The service over an empty database."""
    with InProcessService(tmp_path / "data", database_url) as service:
        yield service


@pytest.fixture
def empty(service: InProcessService, new_sqlite: Any, request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty database of the other kind."""
    is_sqlite = service.resources.database.dialect == "sqlite"
    make: Callable[[], str] = request.getfixturevalue("new_postgresql") if is_sqlite else new_sqlite
    database = open_database(make()).of(DEFAULT_PROJECT_ID)
    yield database
    database.dispose()


def every_row(database: Database) -> Rows:
    """All rows that a backup holds, by table."""
    with database.read() as connection:
        return {copied.name: sorted(read_rows(connection, copied), key=repr) for copied in copied_tables(connection)}


def fill(service: InProcessService) -> int:
    """Data, models, predictions, keys, and jobs in every state; the id of one that runs."""
    resources, database = service.resources, service.resources.database
    dataset_id = add(service, customers(200))
    model_id = train(service, dataset_id)
    predict(service, model_id=model_id, dataset_id=dataset_id)
    status, _ = submit(service, job_type="TRAIN", model_name="x", model_type="lightgbm", dataset_id=dataset_id)
    assert status == 422
    make_key(database)  # from now on the service refuses requests without one
    waiting, running, stopping = (store_job(database, dataset_id=dataset_id) for _ in range(3))
    with database.write() as connection:
        connection.execute(text("UPDATE jobs SET priority = 1 WHERE id IN (:a, :b)"), {"a": running, "b": stopping})
        for _ in range(2):
            assert claims.claim_next(connection, worker="w", lease_seconds=600.0)
    assert read_job(database, running).status is read_job(database, stopping).status is JobStatus.RUNNING
    request_cancel(resources, stopping)
    request_cancel(resources, store_job(database, dataset_id=dataset_id))
    with database.write() as connection:  # the newest row is gone: its id must not come again
        connection.execute(text("DELETE FROM jobs WHERE id = (SELECT max(id) FROM jobs)"))
    assert read_job(database, waiting).status is JobStatus.PENDING
    return running


def test_a_restored_backup_is_the_same_service_on_the_other_database(
    service: InProcessService, empty: Database, tmp_path: Path
) -> None:
    database, running = service.resources.database, fill(service)
    before, directory = every_row(database), tmp_path / "backup"
    back_up(database, service.resources.storage, directory, progress=silent)
    storage = LocalStorage(tmp_path / "restored")
    restore.restore(empty, storage, directory, progress=silent)

    after = every_row(empty)
    changed = {"jobs", "job_events", "ledger", "project_counters"}  # by the jobs that ran
    assert {name: rows for name, rows in after.items() if name not in changed} == {
        name: rows for name, rows in before.items() if name not in changed
    }
    states = {row[0]: row[3] for row in before["jobs"]}
    found = {row[0]: row[3] for row in after["jobs"]}
    assert {job_id for job_id in states if states[job_id] != found[job_id]} == {running, running + 1}
    assert (found[running], found[running + 1]) == ("PENDING", "CANCELLED")
    job = read_job(empty, running)
    assert (job.attempt, job.runtime_seconds) == (1, read_job(database, running).runtime_seconds)
    assert not after["lost_attempts"], "an attempt that the backup cut off is not charged"
    assert len(after["ledger"]) == len(before["ledger"]) + 1, "the cancelled job, and nothing twice"
    with empty.read() as connection:
        for what, key, sha256 in needed_objects(connection):
            assert storage.verify(key, sha256), what
        assert len(valid_keys(connection)) == 1
        assert read_identity(connection) == storage.identity() != service.resources.storage.identity()
        kept = last_ids(connection, copied_tables(connection))
    assert list(violations(empty, storage, sweep_age_seconds=0.0)) == []
    with database.read() as connection:
        assert kept["jobs"] == last_ids(connection, copied_tables(connection))["jobs"]
    newest = store_job(empty, dataset_id=1)
    assert newest == store_job(database, dataset_id=1) == max(states) + 2
    with InProcessService(tmp_path / "elsewhere", url_of(empty)) as restored:
        resources = replace(restored.resources, storage=storage)
        stored = store_upload(resources, "csv", [b"a,b\n1,2\n"])
        assert accept_upload(resources, name="more", file_format="csv", stored=stored).id == 2


def url_of(database: Database) -> str:
    """The URL of a database of the tests."""
    return str(database._writer.url.render_as_string(hide_password=False))


def test_a_backup_is_of_one_moment_while_others_write_and_sweep(
    service: InProcessService, empty: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources, dataset_id = service.resources, add(service, customers(60))
    database, storage = resources.database, resources.storage
    copied = object_copies.copy_object
    stop, deleted = threading.Event(), []

    def late(*given: Any, **more: Any) -> int:
        if not deleted:  # after the rows were read: what they name is deleted and a sweep comes by
            deleted.append(dataset_id)
            delete_dataset(resources, dataset_id)
            sweep_storage_once(resources, age_seconds=-1.0)
            upload(b"later,2\n", name="later")
        return copied(*given, **more)

    def upload(data: bytes, *, name: str) -> None:
        accept_upload(resources, name=name, file_format="csv", stored=store_upload(resources, "csv", [data]))

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with suppress(Unavailable, FileNotFoundError):  # a sweep of this age removes what is being stored
                upload(b"a,b\n%d,2\n" % number, name="busy")

    monkeypatch.setattr(backup, "copy_object", late)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        manifest = back_up(database, storage, tmp_path / "backup", progress=silent)
    finally:
        stop.set()
        writer.join()
    assert deleted
    target = LocalStorage(tmp_path / "restored")
    restore.restore(empty, target, tmp_path / "backup", progress=silent)
    with empty.read() as connection:
        rows = connection.execute(text("SELECT count(*) FROM datasets")).scalar_one()
        assert datasets.get_dataset(connection, dataset_id) is not None, "as it was when the rows were read"
        assert connection.execute(text("SELECT count(*) FROM datasets WHERE name = 'later'")).scalar_one() == 0
    assert rows == manifest.tables["datasets"].lines
    assert list(violations(empty, target, sweep_age_seconds=0.0)) == []
    assert sweep_storage_once(resources, age_seconds=-1.0).removed > 0, "the sweepers go on"


def backed_up(service: InProcessService, directory: Path) -> Manifest:
    """A backup of a small service."""
    add(service, customers(60))
    return back_up(service.resources.database, service.resources.storage, directory, progress=silent)


def cut(path: Path) -> None:
    """The last bytes are gone."""
    path.write_bytes(path.read_bytes()[:-3])


def other_schema(path: Path) -> None:
    """As if an older version had made it."""
    files = BackupFiles(path.parent)
    files.write_manifest(files.read_manifest().model_copy(update={"revision": "0007", "version": "0.9.0"}))


def a_row_less(path: Path) -> None:
    """A well-formed file with one row less."""
    path.write_bytes(gzip.compress(b"\n".join(gzip.decompress(path.read_bytes()).split(b"\n")[1:])))


def an_object(directory: Path) -> Path:
    """The upload in the backup."""
    [path] = (directory / "storage" / "uploads").glob("??/*")
    return path


DAMAGES: dict[str, tuple[Callable[[Path], Path], Callable[[Path], object], str]] = {
    "a table": (lambda root: root / "tables" / "jobs.jsonl.gz", cut, "jobs.jsonl.gz"),
    "a row less": (lambda root: root / "tables" / "jobs.jsonl.gz", a_row_less, "jobs.jsonl.gz"),
    "no table": (lambda root: root / "tables" / "models.jsonl.gz", Path.unlink, "models.jsonl.gz is missing"),
    "the list of objects": (lambda root: root / "objects.jsonl.gz", cut, "objects.jsonl.gz"),
    "an object": (an_object, cut, "data set 1 upload"),
    "no object": (an_object, Path.unlink, "data set 1 upload"),
    "the manifest": (lambda root: root / "manifest.json", cut, "manifest.json cannot be read"),
    "a number in it": (
        lambda root: root / "manifest.json",
        lambda path: path.write_text(path.read_text().replace('"lines": 1,', '"lines": 2,', 1)),
        "is not what was written",
    ),
    "no manifest": (lambda root: root / "manifest.json", Path.unlink, "no whole backup"),
}


def test_a_damaged_backup_is_refused_before_anything_is_changed(
    service: InProcessService, empty: Database, tmp_path: Path
) -> None:
    directory, storage = tmp_path / "backup", LocalStorage(tmp_path / "restored")
    backed_up(service, directory)
    rows = every_row(empty)
    for name, (find, damage, message) in DAMAGES.items():
        path = find(directory)
        intact = path.read_bytes()
        damage(path)
        with pytest.raises(BackupDamaged, match=message):
            restore.restore(empty, storage, directory, progress=silent)
        assert every_row(empty) == rows, name
        assert list(storage.list_keys()) == [], name
        assert storage.identity() is None
        path.write_bytes(intact)
    other_schema(directory / "manifest.json")
    with pytest.raises(RestoreRefused, match=r"schema 0007.* version 0\.9\.0 "):
        restore.restore(empty, storage, directory, progress=silent)
    assert every_row(empty) == rows


def test_a_service_that_is_not_empty_is_not_overwritten(
    service: InProcessService, empty: Database, tmp_path: Path
) -> None:
    directory, own = tmp_path / "backup", service.resources.storage
    manifest = backed_up(service, directory)
    with pytest.raises(BackupFailed, match="holds a backup already"):
        back_up(service.resources.database, own, directory, progress=silent)
    before = every_row(service.resources.database)
    with pytest.raises(RestoreRefused, match=r"not empty .*datasets"):
        restore.restore(service.resources.database, LocalStorage(tmp_path / "new"), directory, progress=silent)
    assert every_row(service.resources.database) == before
    with pytest.raises(RestoreRefused, match="belongs to a service already"):
        restore.restore(empty, own, directory, progress=silent)
    other = LocalStorage(tmp_path / "other")
    other.ensure_identity("a" * 32)
    with pytest.raises(RestoreRefused, match="belongs to a service already"):
        restore.restore(empty, other, directory, same_storage=True, progress=silent)
    restore.restore(empty, own, directory, same_storage=True, progress=silent)
    with empty.read() as connection:
        assert read_identity(connection) == manifest.storage == own.identity()


def test_an_interrupted_backup_and_an_interrupted_restore_are_repeated(
    service: InProcessService, empty: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, storage = tmp_path / "backup", LocalStorage(tmp_path / "restored")
    add(service, customers(60))
    resources, calls = service.resources, []

    def second_fails(source: Storage, target: Storage, key: str, *, sha256: str) -> int:
        calls.append(key)
        if len(calls) == 2:
            raise OSError("No space left on device")
        return object_copies.copy_object(source, target, key, sha256=sha256)

    monkeypatch.setattr(backup, "copy_object", second_fails)
    with pytest.raises(OSError, match="No space"):
        back_up(resources.database, resources.storage, directory, progress=silent)
    with pytest.raises(BackupDamaged, match="no whole backup"):
        restore.restore(empty, storage, directory, progress=silent)
    back_up(resources.database, resources.storage, directory, progress=silent)

    def fails(*_: Any) -> None:
        raise Unavailable("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(restore, "set_last_ids", fails)
        with pytest.raises(Unavailable):
            restore.restore(empty, storage, directory, progress=silent)
    assert every_row(empty)["datasets"] == []
    restore.restore(empty, storage, directory, progress=silent)
    assert every_row(empty)["datasets"] == every_row(resources.database)["datasets"]
    with empty.write() as connection:  # the triggers are there again
        connection.execute(text("UPDATE jobs SET status = 'RUNNING', lease_until = 1, worker = 'w' WHERE id < 0"))
        assert jobs.get_job(connection, 1) is not None
    with pytest.raises(Exception, match="never changes"), empty.write() as connection:
        connection.execute(text("UPDATE jobs SET progress = 0.5 WHERE id = 1"))


def test_bytes_that_are_damaged_make_no_backup(service: InProcessService, tmp_path: Path) -> None:
    add(service, customers(60))
    [path] = (tmp_path / "data" / "storage" / "uploads").glob("??/*")
    path.write_bytes(b"damaged")
    resources, directory = service.resources, tmp_path / "backup"
    with pytest.raises(BackupFailed, match="data set 1 upload"):
        back_up(resources.database, resources.storage, directory, progress=silent)
    assert not BackupFiles(directory).exists()
    assert [key for key, _ in BackupFiles(directory).storage.list_keys() if key.startswith(ObjectKind.UPLOAD)] == []


def test_a_hold_is_renewed_while_the_copy_runs_and_a_lost_one_is_noticed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hold, "RENEW_SECONDS", 0.01)
    monkeypatch.setattr(hold, "HOLD_SECONDS", 60.0)
    with held_sweeps(database) as held:
        with database.write() as connection:
            earlier = "UPDATE sweep_holds SET valid_until = valid_until - 50 RETURNING valid_until"
            first = connection.execute(text(earlier)).scalar_one()
        eventually(lambda: valid_until(database) > first + 40, what="the hold was renewed")
        held.check()
        with database.write() as connection:
            connection.execute(text("DELETE FROM sweep_holds"))
        with pytest.raises(HoldLost):
            held.check()
    assert valid_until(database) == 0.0


def test_a_backup_whose_hold_was_lost_is_none(
    service: InProcessService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(service, customers(60))
    resources, directory = service.resources, tmp_path / "backup"

    def late(*given: Any, **more: Any) -> int:
        with resources.database.write() as connection:  # as after a quarter of an hour in which nobody renewed it
            connection.execute(text("DELETE FROM sweep_holds"))
        return object_copies.copy_object(*given, **more)

    with monkeypatch.context() as patched:
        patched.setattr(backup, "copy_object", late)
        with pytest.raises(HoldLost):
            back_up(resources.database, resources.storage, directory, progress=silent)
    assert not BackupFiles(directory).exists()
    back_up(resources.database, resources.storage, directory, progress=silent)


def test_a_storage_of_another_service_makes_no_backup(service: InProcessService, tmp_path: Path) -> None:
    """It may hold every object that the rows name, as an old copy of the storage does."""
    add(service, customers(60))
    resources, directory, other = service.resources, tmp_path / "backup", LocalStorage(tmp_path / "other")
    with resources.database.read() as connection:
        for _, key, sha256 in needed_objects(connection):
            object_copies.copy_object(resources.storage, other, key, sha256=sha256)
    other.ensure_identity("a" * 32)
    with pytest.raises(BackupFailed, match="is not the storage"):
        back_up(resources.database, other, directory, progress=silent)
    assert not BackupFiles(directory).exists()


def valid_until(database: Database) -> float:
    """The end of the hold; 0 when there is none."""
    with database.read() as connection:
        return float(connection.execute(text("SELECT max(valid_until) FROM sweep_holds")).scalar() or 0.0)


def test_the_commands_back_up_and_restore_a_service(
    service: InProcessService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_sqlite: Any
) -> None:
    add(service, customers(60))
    monkeypatch.setenv("ML_TRAINING_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ML_TRAINING_DATABASE_URL", url_of(service.resources.database))
    directory = str(tmp_path / "backup")
    done = run_command("backup", directory, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.splitlines()[-1])["objects"] == 2
    assert (tmp_path / "backup" / "manifest.json").stat().st_mode & 0o077 == 0, "it holds everything"
    again = run_command("backup", directory)
    assert again.exit_code == 1
    monkeypatch.setenv("ML_TRAINING_DATA_DIR", str(tmp_path / "second"))
    monkeypatch.setenv("ML_TRAINING_DATABASE_URL", f"sqlite:///{tmp_path / 'second' / 'new.db'}")
    restored = run_command("restore", directory)
    assert restored.exit_code == 0, restored.output
    assert "are restored" in restored.output
    refused = run_command("restore", directory)
    assert refused.exit_code == 1
