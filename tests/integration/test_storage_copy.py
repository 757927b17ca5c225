"""A service moves to another storage while it runs, and back; who sees the old one after the switch stores nothing."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from ml_training.db import datasets, heartbeats
from ml_training.db.removals import BytesRemoved
from ml_training.db.storage_identity import read_identity
from ml_training.domain.errors import Unavailable
from ml_training.maintenance import object_copies, storage_copy
from ml_training.maintenance.hold import HoldLost
from ml_training.maintenance.storage_copy import CopyRefused, CopyReport, copy_storage
from ml_training.maintenance.verify import violations
from ml_training.process import storage_check
from ml_training.process.counted_put import counted_put
from ml_training.services.datasets import accept_upload, store_upload
from ml_training.services.resources import Resources
from ml_training.storage.base import ObjectKind, Storage
from ml_training.storage.local import LocalStorage
from tests.support.command_line import run_command
from tests.support.in_process_service import InProcessService
from tests.support.predictions import add, customers, predict, train


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[InProcessService]:
    """The service over an empty database."""
    with InProcessService(tmp_path / "data", database_url) as service:
        yield service


def move(resources: Resources, source: Storage, target: Storage, *, switch: bool = False) -> CopyReport:
    """Copy everything that rows name."""
    return copy_storage(resources.database, source, target, switch=switch, alive_seconds=30.0, progress=lambda *_: None)


def upload(resources: Resources, number: int) -> int:
    """A data set that is not parsed yet."""
    stored = store_upload(resources, "csv", [b"a,b\n%d,2\n" % number])
    return accept_upload(resources, name="more", file_format="csv", stored=stored).id


def test_a_service_moves_while_it_runs_and_back(
    service: InProcessService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources, old, new = service.resources, service.resources.storage, LocalStorage(tmp_path / "new")
    dataset_id = add(service, customers(200))
    predict(service, model_id=train(service, dataset_id), dataset_id=dataset_id)
    nobodys = old.put_bytes(ObjectKind.UPLOAD, b"of nobody")
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            upload(resources, number)
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        report = move(resources, old, new)
    finally:
        stop.set()
        writer.join()
    assert report.copied >= 4
    assert new.identity() is None, "nobody takes it for the storage of the service before the switch"
    late = upload(resources, 10**6)
    in_flight = counted_put(resources.database, lambda: old.put_bytes(ObjectKind.UPLOAD, b"in flight"))
    report = move(resources, old, new, switch=True)
    assert report.identity == new.identity() != old.identity()
    with resources.database.read() as connection:
        row = datasets.get_dataset(connection, late)
    assert row is not None
    assert new.verify(row.raw_key, row.raw_sha256), "what came in since"
    assert not new.has(nobodys.key)

    moved = replace(resources, storage=new)
    assert list(violations(resources.database, new, sweep_age_seconds=3600.0)) == []
    upload(moved, 10**7)
    values = {"raw_key": in_flight.key, "raw_sha256": in_flight.sha256, "raw_bytes": 1, "name": "x"}
    values |= dict.fromkeys(("time_column", "phase_column", "group_column")) | {"file_format": "csv"}
    with pytest.raises(BytesRemoved), resources.database.write() as connection:
        datasets.insert_dataset(connection, put_after=in_flight.put_after, **values)
    monkeypatch.setattr(storage_check, "RECORDED_SECONDS", 0.0)
    with pytest.raises(Unavailable, match="belongs to the storage"):  # a process that was left over
        upload(resources, 2)

    back = move(moved, new, old, switch=True)
    assert back.identity == old.identity()
    assert back.copied == 1, "all but one upload is there still"
    upload(resources, 3)
    assert list(violations(resources.database, old, sweep_age_seconds=3600.0)) == []


def test_a_switch_needs_a_service_that_is_stopped_and_a_storage_of_its_own(
    service: InProcessService, tmp_path: Path
) -> None:
    resources, old, new = service.resources, service.resources.storage, LocalStorage(tmp_path / "new")
    with pytest.raises(CopyRefused, match="belongs to no storage yet"):
        move(resources, old, new)
    upload(resources, 1)
    foreign = LocalStorage(tmp_path / "foreign")
    foreign.ensure_identity("a" * 32)
    for source, target, message in (
        (old, foreign, "belongs to another service"),
        (old, old, "is the storage of this service already"),
        (foreign, new, "the database belongs to the storage"),
    ):
        with pytest.raises(CopyRefused, match=message):
            move(resources, source, target)
    with resources.database.write() as connection:
        heartbeats.write_heartbeat(connection, process="worker@here-1", kind="worker", body={"slots": 1})
    move(resources, old, new)
    with pytest.raises(CopyRefused, match="worker@here-1 still run"):
        move(resources, old, new, switch=True)
    with resources.database.read() as connection:
        assert read_identity(connection) == old.identity()
    assert new.identity() is None


def test_an_interrupted_copy_is_continued_and_damaged_bytes_stop_the_switch(
    service: InProcessService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources, old, new = service.resources, service.resources.storage, LocalStorage(tmp_path / "new")
    ids = [upload(resources, number) for number in range(3)]
    calls = []

    def second_fails(source: Storage, target: Storage, key: str, *, sha256: str) -> int:
        calls.append(key)
        if len(calls) == 2:
            raise OSError("connection reset")
        return object_copies.copy_object(source, target, key, sha256=sha256)

    monkeypatch.setattr(storage_copy, "copy_object", second_fails)
    with pytest.raises(OSError, match="reset"):
        move(resources, old, new)
    assert move(resources, old, new).copied == 2
    with resources.database.read() as connection:
        row: Any = datasets.get_dataset(connection, ids[0])
    with new.local(row.raw_key) as path:
        path.write_bytes(b"damaged")
    with pytest.raises(CopyRefused, match=f"data set {ids[0]} upload"):
        move(resources, old, new, switch=True)
    assert new.identity() is None
    new.delete(row.raw_key)
    with old.local(row.raw_key) as path:
        path.write_bytes(b"damaged")
    with pytest.raises(CopyRefused, match=f"data set {ids[0]} upload.*damaged"):
        move(resources, old, new, switch=True)
    assert not new.has(row.raw_key)


def test_a_switch_whose_hold_was_lost_is_none(
    service: InProcessService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources, old, new = service.resources, service.resources.storage, LocalStorage(tmp_path / "new")
    upload(resources, 1)

    def late(*given: Any, **more: Any) -> int:
        with resources.database.write() as connection:  # as after a quarter of an hour in which nobody renewed it
            connection.execute(text("DELETE FROM sweep_holds"))
        return object_copies.copy_object(*given, **more)

    with monkeypatch.context() as patched:
        patched.setattr(storage_copy, "copy_object", late)
        with pytest.raises(HoldLost):
            move(resources, old, new, switch=True)
    assert new.identity() is None
    assert move(resources, old, new, switch=True).identity == new.identity() is not None


def test_the_command_copies_and_says_how_to_switch(
    service: InProcessService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    upload(service.resources, 1)
    monkeypatch.setenv("ML_TRAINING_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ML_TRAINING_DATABASE_URL", database_url)
    old, new = str(tmp_path / "data" / "storage"), str(tmp_path / "new" / "storage")
    done = run_command("storage", "copy", old, new)
    assert done.exit_code == 0, done.output
    assert "--switch" in done.output
    switched = run_command("storage", "copy", old, new, "--switch")
    assert switched.exit_code == 0, switched.output
    assert "start the service" in switched.output
    again = run_command("storage", "copy", old, new, "--switch")
    assert again.exit_code == 1
    assert "already" in again.output
