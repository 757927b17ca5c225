"""Objects that no row names are removed, and no row ever names one that was, in every order of their steps."""

import hashlib
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from ml_training.db import datasets, heartbeats, removals, sweep_holds
from ml_training.db.engine import Database
from ml_training.db.removals import BytesRemoved
from ml_training.db.storage_references import named_keys
from ml_training.domain.errors import Unavailable
from ml_training.domain.records import Job
from ml_training.domain.states import JobStatus
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.run_job import run_next
from ml_training.maintenance.sweep import sweep_storage_once
from ml_training.process.counted_put import counted_put
from ml_training.services.datasets import accept_upload, store_upload
from ml_training.services.resources import Resources
from ml_training.storage.base import ObjectKind, Storage, StoredObject
from ml_training.storage.local import LocalStorage
from tests.support.eventually import eventually
from tests.support.jobs import a_model, read_job, store_dataset, store_job
from tests.support.wiring import SLOW, make_worker_context

AT_ONCE = -1.0  # seconds: every mark is older
HOUR = 3_600.0


class WithoutAges(LocalStorage):
    """A store whose clock says nothing, as that of a bucket: every age that it tells is wrong."""

    def __init__(self, root: Path, age: float) -> None:
        super().__init__(root)
        self._age = age

    def list_keys(self) -> Iterator[tuple[str, float]]:
        """See Storage."""
        yield from ((key, self._age) for key, _ in super().list_keys())

    def sweep_scratch(self, *, older_than: float) -> int:
        """Nothing of this machine."""
        return 0


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """A directory whose ages are useless: all objects look old."""
    return WithoutAges(tmp_path / "storage", 1e9)


def put_file(storage: Storage, data: bytes) -> StoredObject:
    """A file with this content."""
    return storage.put_bytes(ObjectKind.UPLOAD, data)


def put_files(storage: Storage, data: bytes) -> StoredObject:
    """A directory of two files with this content."""
    with storage.scratch() as directory:
        (directory / "a").write_bytes(data)
        (directory / "b").write_bytes(data)
        return storage.put_directory(ObjectKind.INDEX, directory)


def name(database: Database, stored: StoredObject) -> int:
    """A row that names the object; raises BytesRemoved."""
    row = {"raw_key": stored.key, "raw_sha256": stored.sha256, "raw_bytes": stored.size}
    row |= dict.fromkeys(("time_column", "phase_column", "group_column"))
    with database.write() as connection:
        return datasets.insert_dataset(connection, put_after=stored.put_after, name="d", file_format="csv", **row)


class Sweep:
    """One sweep, step by step."""

    def __init__(self, database: Database, storage: Storage, label: str = "a sweep") -> None:
        self._database, self._storage, self._label = database, storage, label
        self.keys: list[str] = []

    def begin(self) -> None:
        """Choose what to remove."""
        with self._database.write() as connection:
            self.keys = removals.begin_removals(connection, sweep=self._label, older_than_seconds=AT_ONCE, limit=100)

    def remove(self) -> None:
        """Remove it."""
        for key in self.keys:
            self._storage.delete(key)

    def end(self) -> int:
        """Say so."""
        with self._database.write() as connection:
            return removals.end_removals(connection, self.keys, sweep=self._label)


class Put:
    """A put of bytes and the row that names them, step by step."""

    def __init__(self, database: Database, put: Callable[[], StoredObject]) -> None:
        self._database, self._put = database, put
        self.row: int | None = None
        self.refused = False

    def count(self) -> None:
        """Read how many removals have ended."""
        with self._database.read() as connection:
            self._removals = removals.count_removals(connection)

    def put(self) -> None:
        """Store the bytes."""
        self._stored = replace(self._put(), put_after=self._removals)

    def name(self) -> None:
        """Store the row."""
        try:
            self.row = name(self._database, self._stored)
        except BytesRemoved:
            self.refused = True


def mark(database: Database, key: str) -> None:
    """A tombstone, as after a sweep that saw the object without a row."""
    with database.write() as connection:
        removals.mark_unnamed(connection, [key])


def orders(first: list[str], second: list[str]) -> Iterator[tuple[str, ...]]:
    """Every order of the steps of two processes that keeps the order of each."""
    for places in itertools.combinations(range(len(first) + len(second)), len(first)):
        one, two = iter(first), iter(second)
        yield tuple(next(one if place in places else two) for place in range(len(first) + len(second)))


@pytest.mark.parametrize("put", [put_file, put_files])
def test_in_every_order_of_a_put_and_a_sweep_a_row_names_intact_bytes(
    database: Database, storage: Storage, put: Callable[[Storage, bytes], StoredObject]
) -> None:
    outcomes = set()
    for number, order in enumerate(orders(["count", "put", "name"], ["begin", "remove", "end"])):
        data = f"content {number}".encode()
        old = put(storage, data)
        mark(database, old.key)
        sweep = Sweep(database, storage)
        writer = Put(database, lambda data=data: put(storage, data))  # type: ignore[misc]
        for step in order:
            getattr(sweep if hasattr(sweep, step) else writer, step)()
        assert (writer.row is None) == writer.refused
        if writer.row is not None:
            assert storage.verify(old.key, old.sha256), f"{order}: a row names bytes that are gone"
        else:
            again = counted_put(database, lambda data=data: put(storage, data))  # type: ignore[misc]
            assert name(database, again)
            assert storage.verify(again.key, again.sha256), order
        outcomes.add((order, writer.refused))
    assert {refused for _, refused in outcomes} == {False, True}
    assert (("begin", "remove", "end", "count", "put", "name"), False) in outcomes, "what ended before does not matter"
    assert (("count", "put", "name", "begin", "remove", "end"), False) in outcomes, "the row was first"
    assert (("count", "put", "begin", "remove", "end", "name"), True) in outcomes


def test_a_directory_that_lost_a_file_while_it_was_stored_again_gets_no_row(
    database: Database, storage: Storage
) -> None:
    """A store over a network removes file by file: a put in between may find the object there, without a file."""
    old = put_files(storage, b"x")
    mark(database, old.key)
    sweep = Sweep(database, storage)
    sweep.begin()
    stored = counted_put(database, lambda: put_files(storage, b"x"))
    with storage.local(old.key) as path:
        (path / "a").unlink()
    sweep.end()
    assert storage.has(old.key)
    with pytest.raises(BytesRemoved):
        name(database, stored)


def test_a_row_and_a_sweep_at_the_same_time_wait_for_each_other(database: Database, storage: Storage) -> None:
    stored = counted_put(database, lambda: put_file(storage, b"a,b\n"))
    mark(database, stored.key)
    sweep, named = Sweep(database, storage), threading.Event()
    row = {"raw_key": stored.key, "raw_sha256": "", "raw_bytes": 1, "name": "d", "file_format": "csv"}
    row |= dict.fromkeys(("time_column", "phase_column", "group_column"))
    with ThreadPoolExecutor(1) as thread:
        with database.write() as connection:
            datasets.insert_dataset(connection, put_after=stored.put_after, **row)
            begun = thread.submit(lambda: (named.set(), sweep.begin()))
            assert named.wait(60)
            if database.dialect == "postgresql":
                eventually(lambda: waits_for_a_lock(database), what="the sweep waits for the row")
            assert not begun.done()
        begun.result(60)
    assert sweep.keys == [], "it has seen the row that was not committed yet when it began"
    with database.read() as connection:
        assert named_keys(connection, [stored.key]) == {stored.key}
        assert removals.unnamed_since(connection, [stored.key]) == {}


def waits_for_a_lock(database: Database) -> bool:
    """Whether a process waits for a lock of PostgreSQL."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with database.read() as connection:
        return bool(connection.execute(text(waiting)).scalar_one())


@pytest.mark.parametrize("age", [0.0, 1e9], ids=["all look new", "all look old"])
def test_an_object_without_a_row_goes_after_its_time_and_one_with_a_row_stays(
    resources: Resources, tmp_path: Path, age: float
) -> None:
    storage = WithoutAges(tmp_path / "storage", age)
    resources = replace(resources, storage=storage)
    database = resources.database
    kept = counted_put(database, lambda: put_file(storage, b"kept"))
    dataset_id = name(database, kept)
    nobodys = put_file(storage, b"of a refused upload")
    assert sweep_storage_once(resources, age_seconds=HOUR).removed == 0
    assert storage.has(nobodys.key)
    shift(database, HOUR + 60)
    assert sweep_storage_once(resources, age_seconds=HOUR).removed == 1
    assert [key for key, _ in storage.list_keys()] == [kept.key]
    with database.write() as connection:
        datasets.mark_deleted(connection, dataset_id)
    assert sweep_storage_once(resources, age_seconds=HOUR).removed == 0, "its time begins now, not when it was stored"
    shift(database, HOUR + 60)
    assert sweep_storage_once(resources, age_seconds=HOUR).removed == 1
    assert list(storage.list_keys()) == []


@pytest.mark.parametrize("age", [0.0, 1e9], ids=["all look new", "all look old"])
def test_a_row_for_an_object_that_waits_for_its_removal_starts_its_time_anew(
    resources: Resources, tmp_path: Path, age: float
) -> None:
    storage = WithoutAges(tmp_path / "storage", age)
    resources = replace(resources, storage=storage)
    stored = counted_put(resources.database, lambda: put_file(storage, b"twice"))
    sweep_storage_once(resources, age_seconds=HOUR)
    shift(resources.database, HOUR + 60)
    dataset_id = name(resources.database, stored)
    with resources.database.write() as connection:
        datasets.mark_deleted(connection, dataset_id)
    assert sweep_storage_once(resources, age_seconds=HOUR).removed == 0


def shift(database: Database, seconds: float) -> None:
    """So much time passes for the tombstones."""
    with database.write() as connection:
        for column in ("unnamed_since", "removing_since", "removed_at"):
            connection.execute(text(f"UPDATE tombstones SET {column} = {column} - :s"), {"s": seconds})


def test_a_removal_whose_process_died_is_repeated_by_another_one(resources: Resources, storage: Storage) -> None:
    resources = replace(resources, storage=storage)
    database = resources.database
    stored = counted_put(database, lambda: put_file(storage, b"x"))
    mark(database, stored.key)
    dead = Sweep(database, storage, "dead")
    dead.begin()
    assert dead.keys == [stored.key]
    assert sweep_storage_once(resources, age_seconds=AT_ONCE).removed == 0, "it may still be at work"
    with pytest.raises(BytesRemoved):
        name(database, stored)
    shift(database, removals.TAKE_OVER_SECONDS + 1)
    assert sweep_storage_once(resources, age_seconds=HOUR).removed == 1
    assert dead.end() == 0, "it learns that it came too late"
    assert name(database, counted_put(database, lambda: put_file(storage, b"x")))


def test_a_sweep_that_was_frozen_gives_back_what_it_had_chosen(
    resources: Resources, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = replace(resources, storage=storage)
    stored = put_file(storage, b"x")
    mark(resources.database, stored.key)
    with monkeypatch.context() as patched:
        patched.setattr(removals, "REMOVE_WITHIN_SECONDS", -1.0)
        stop = RuntimeError("one batch is enough")
        patched.setattr(removals, "give_back", lambda *given, **more: (give_back(*given, **more), raised(stop)))
        with pytest.raises(RuntimeError, match="one batch"):
            sweep_storage_once(resources, age_seconds=AT_ONCE)
    assert storage.has(stored.key)


give_back = removals.give_back


def raised(error: Exception) -> None:
    """Raise it."""
    raise error


def test_a_store_that_fails_leaves_the_rest_to_the_next_sweep(
    resources: Resources, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = replace(resources, storage=storage)
    stored = [put_file(storage, data) for data in (b"1", b"2", b"3")]
    delete, calls = storage.delete, itertools.count()

    def failing(key: str, **more: float) -> bool:
        if next(calls) == 1:
            raise OSError("no answer")
        return delete(key, **more)

    with monkeypatch.context() as patched:
        patched.setattr(storage, "delete", failing)
        with pytest.raises(OSError, match="no answer"):
            sweep_storage_once(resources, age_seconds=AT_ONCE)
    assert sum(storage.has(object.key) for object in stored) == 2
    assert sweep_storage_once(resources, age_seconds=AT_ONCE).removed == 1, "the one of which it is not known waits"
    shift(resources.database, removals.TAKE_OVER_SECONDS + 1)
    assert sweep_storage_once(resources, age_seconds=AT_ONCE).removed == 1


def test_a_put_that_is_older_than_what_is_remembered_gets_no_row(database: Database, storage: Storage) -> None:
    slow = counted_put(database, lambda: put_file(storage, b"slow"))
    other = put_file(storage, b"other")
    mark(database, other.key)
    sweep = Sweep(database, storage)
    sweep.begin(), sweep.remove(), sweep.end()
    assert name(database, slow), "removals of other objects do not matter"
    shift(database, removals.REMEMBERED_SECONDS + 1)
    with database.write() as connection:
        assert removals.forget_removals(connection, limit=10) == 1
        assert connection.execute(text("SELECT count(*) FROM tombstones")).scalar_one() == 0
    with pytest.raises(BytesRemoved):
        name(database, slow)
    assert name(database, counted_put(database, lambda: put_file(storage, b"slow")))


def test_nothing_is_removed_while_somebody_asks_to_wait(resources: Resources, storage: Storage) -> None:
    resources = replace(resources, storage=storage)
    put_file(storage, b"of nobody")
    with resources.database.write() as connection:
        sweep_holds.hold_sweeps(connection, "a backup", seconds=60.0)
    assert sweep_storage_once(resources, age_seconds=AT_ONCE).removed == 0
    with resources.database.write() as connection:
        assert sweep_holds.renew_hold(connection, "a backup", seconds=60.0)
        connection.execute(text("UPDATE sweep_holds SET valid_until = 1"))
    with resources.database.write() as connection:
        assert not sweep_holds.renew_hold(connection, "a backup", seconds=60.0), "it learns that it had ended"
    assert sweep_storage_once(resources, age_seconds=AT_ONCE).removed == 1
    with resources.database.write() as connection:
        sweep_holds.release_hold(connection, "a backup")
        assert connection.execute(text("SELECT count(*) FROM sweep_holds")).scalar_one() == 0


def test_nothing_is_removed_while_a_process_of_an_older_version_runs(resources: Resources, storage: Storage) -> None:
    """It stores rows without a look at the tombstones."""
    resources = replace(resources, storage=storage)
    put_file(storage, b"of nobody")
    with resources.database.write() as connection:
        heartbeats.write_heartbeat(connection, process="worker@old-1", kind="worker", body={"slots": 1})
    assert sweep_storage_once(resources, age_seconds=AT_ONCE).removed == 0
    with resources.database.write() as connection:
        heartbeats.delete_heartbeat(connection, "worker@old-1")
    assert sweep_storage_once(resources, age_seconds=AT_ONCE).removed == 1


def removal_of(database: Database, storage: Storage, key: str) -> None:
    """An equal object, which nobody needs, is removed from beginning to end."""
    mark(database, key)
    sweep = Sweep(database, storage)
    sweep.begin(), sweep.remove(), sweep.end()
    assert sweep.keys == [key]


def test_a_job_whose_result_was_removed_while_it_was_stored_runs_again_uncharged(
    resources: Resources, tmp_path: Path
) -> None:
    database, storage, removed = resources.database, resources.storage, []
    job_id = store_job(database, dataset_id=store_dataset(database))

    def train(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
        stored = counted_put(context.database, lambda: storage.put_bytes(ObjectKind.ARTIFACT, b"a model"))
        if not removed:
            removal_of(database, storage, stored.key)
            removed.append(stored.key)
        return a_model(job, stored=stored)

    worker = make_worker_context(database, tmp_path / "storage", train, times=SLOW)
    assert run_next(worker)
    assert read_job(database, job_id).status is JobStatus.PENDING
    with database.write() as connection:
        assert connection.execute(text("SELECT count(*) FROM lost_attempts")).scalar_one() == 0
        assert connection.execute(text("SELECT count(*) FROM models")).scalar_one() == 0
        connection.execute(text("UPDATE jobs SET run_after = created_at"))
    assert run_next(worker)
    assert read_job(database, job_id).status is JobStatus.COMPLETED
    assert storage.has(removed[0])


def test_an_upload_whose_bytes_were_removed_while_they_were_sent_is_refused_and_works_again(
    resources: Resources,
) -> None:
    def send() -> StoredObject:
        return store_upload(resources, "csv", [b"a,b\n1,2\n"])

    stored = send()
    removal_of(resources.database, resources.storage, stored.key)
    with pytest.raises(Unavailable, match="send the file again"):
        accept_upload(resources, name="data", file_format="csv", stored=stored)
    accept_upload(resources, name="data", file_format="csv", stored=send())


def test_many_writers_of_equal_bytes_and_sweepers_leave_no_row_without_its_bytes(
    resources: Resources, tmp_path: Path
) -> None:
    database, written, removed = resources.database, threading.Event(), threading.Event()
    storage = WithoutAges(tmp_path / "storage", 1e9)
    swept = replace(resources, storage=storage)
    tried, refused, stored_rows = [], [], []

    def write(writer: int) -> None:
        for number in itertools.count():
            if number >= 25 and removed.is_set():  # a busy machine may give the sweepers no turn for a while
                return
            tried.append(writer)
            data = hashlib.sha256(bytes([number % 2])).digest()
            stored = counted_put(database, lambda data=data: put_file(storage, data))  # type: ignore[misc]
            try:
                row = name(database, stored)
            except BytesRemoved:
                refused.append(writer)
                continue
            assert storage.verify(stored.key, stored.sha256)
            stored_rows.append(row)
            with database.write() as connection:
                assert storage.verify(stored.key, stored.sha256)
                datasets.mark_deleted(connection, row)

    def sweep() -> None:
        while not written.is_set():
            if sweep_storage_once(swept, age_seconds=AT_ONCE).removed:
                removed.set()

    with ThreadPoolExecutor(5) as threads:
        sweepers = [threads.submit(sweep) for _ in range(2)]
        try:
            for writer in [threads.submit(write, number) for number in range(3)]:
                writer.result(300)
        finally:
            written.set()
            removed.set()
        for sweeper in sweepers:
            sweeper.result(300)
    assert stored_rows
    assert len(refused) + len(stored_rows) == len(tried)
    eventually(lambda: sweep_storage_once(swept, age_seconds=AT_ONCE).removed == 0, what="all is swept")
    assert list(storage.list_keys()) == []
