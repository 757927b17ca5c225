"""What took the place of a file, and rows that a hand damaged: an error at once, never a hang or a 500."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from ml_training.domain.errors import Unavailable
from ml_training.domain.states import JobStatus
from ml_training.selection.index import INDEX_FILE, SelectionIndex
from ml_training.services import queries
from ml_training.storage.base import IntegrityError, ObjectKind
from ml_training.storage.local import LocalStorage
from tests.support.in_process_service import InProcessService
from tests.support.stored_files import stored_path

CSV = b"a,y\n" + b"".join(b"%d,%d\n" % (row, row % 2) for row in range(60))
SECRET = b"outside of the storage"


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        here = Path.cwd()
        os.chdir(path.parent)  # the name of a socket is limited to 104 bytes
        try:
            one.bind(path.name)
        finally:
            os.chdir(here)


def _link(path: Path) -> None:
    outside = path.parents[3] / "outside"
    outside.write_bytes(SECRET)
    path.symlink_to(outside)


PUT_IN_PLACE: dict[str, Callable[[Path], None]] = {
    "FIFO": lambda path: os.mkfifo(path),
    "directory": lambda path: path.mkdir(),
    "link": _link,
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "link to a device that never ends": lambda path: path.symlink_to("/dev/zero"),
    "socket": _socket,
}


def replace(path: Path, kind: str) -> None:
    """Put something else in the place of a file."""
    path.unlink()
    PUT_IN_PLACE[kind](path)


@pytest.mark.parametrize("kind", PUT_IN_PLACE)
def test_a_storage_opens_regular_files_only(tmp_path: Path, kind: str) -> None:
    storage = LocalStorage(tmp_path / "storage")
    stored = storage.put_bytes(ObjectKind.ARTIFACT, SECRET)
    replace(stored_path(storage, stored.key), kind)
    with pytest.raises(IntegrityError):
        storage.read_bytes(stored.key, sha256=stored.sha256)
    assert not storage.verify(stored.key, stored.sha256)
    if kind != "directory":  # which is an object too: its hash is another
        with pytest.raises(IntegrityError), storage.local(stored.key):
            pass
    storage.put_bytes(ObjectKind.ARTIFACT, SECRET)
    assert storage.read_bytes(stored.key, sha256=stored.sha256) == SECRET, "storing it again repairs it"
    assert not stored_path(storage, stored.key).is_symlink()


def test_an_identity_that_is_no_file_is_trouble_and_not_a_hang(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    storage.ensure_identity("one")
    replace(tmp_path / "identity", "FIFO")
    with pytest.raises(OSError, match="no regular file"):
        storage.identity()


@pytest.fixture
def service(tmp_path: Path, new_sqlite: Callable[[], str]) -> Iterator[InProcessService]:
    """An API and a worker with one data set and one model of it."""
    with InProcessService(tmp_path, new_sqlite()) as service:
        service.upload(CSV, {"name": "data"})
        assert train(service) == 202
        service.work()
        yield service


def train(service: InProcessService, *, rounds: int = 0) -> int:
    """The status of a submission; `rounds` makes it another check than the one before, which is kept."""
    spec = {"job_type": "TRAIN", "model_name": "m", "model_type": "logistic_regression", "dataset_id": 1}
    spec |= {"target": {"column": "y"}, "validation": {"method": "holdout", "test_size": 0.3 + 0.01 * rounds}}
    return service.post(json.dumps(spec).encode(), {"Content-Type": "application/json"})[0]


def last_job(service: InProcessService) -> dict[str, object]:
    found: dict[str, object] = service.get("/jobs?limit=1")["items"][0]
    return found


@pytest.mark.parametrize("kind", PUT_IN_PLACE)
def test_nothing_in_the_place_of_an_artifact_holds_a_thread_or_a_slot(service: InProcessService, kind: str) -> None:
    model = queries.get_model(service.resources, 1)
    replace(stored_path(service.resources.storage, model.artifact_key), kind)
    status, body = service.ask("/models/1/download")
    assert status == 503
    assert b"damaged" in body
    assert SECRET not in body
    spec = b'{"job_type": "TEST", "model_id": 1, "dataset_id": 1}'
    assert service.post(spec, {"Content-Type": "application/json"})[0] == 202
    service.work()
    job = last_job(service)
    assert (job["status"], job["error"]["code"]) == ("FAILED", "integrity")  # type: ignore[index]


@pytest.mark.parametrize("kind", PUT_IN_PLACE)
def test_nothing_in_the_place_of_an_index_holds_a_thread_or_a_slot(service: InProcessService, kind: str) -> None:
    waiting = train(service)
    dataset = queries.get_dataset(service.resources, 1)
    assert dataset.index_key is not None
    replace(stored_path(service.resources.storage, dataset.index_key) / INDEX_FILE, kind)
    assert service.ask("/datasets/1/preview")[0] == 409
    assert train(service) == 409, "its check is kept, but not the file"
    assert train(service, rounds=1) == 409
    assert waiting == 202
    service.work()
    job = last_job(service)
    assert (job["status"], job["error"]["code"]) == ("FAILED", "dataset_changed")  # type: ignore[index]


@pytest.mark.parametrize("kind", PUT_IN_PLACE)
def test_nothing_in_the_place_of_an_upload_holds_a_slot(service: InProcessService, kind: str) -> None:
    status, body = service.send_file(b"a,y\n1,2\n", {"name": "second"})
    assert status == 201
    dataset = queries.get_dataset(service.resources, body["id"])
    replace(stored_path(service.resources.storage, dataset.raw_key), kind)
    service.work()
    assert last_job(service)["status"] == "FAILED"
    assert service.get(f"/datasets/{body['id']}")["status"] == "REJECTED"


MANIFESTS = [b"{", b"[]", b"null", b"{}", b'{"version": 3}', b'{"version": 3, "columns": [{}], "rows": 1}']


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_a_damaged_manifest_is_a_changed_data_set(service: InProcessService, manifest: bytes) -> None:
    waiting = train(service)
    dataset = queries.get_dataset(service.resources, 1)
    path = stored_path(service.resources.storage, str(dataset.index_key)) / INDEX_FILE
    content = path.read_bytes()
    start = content.rindex(b"manifest 0")
    path.write_bytes(content[:start] + manifest + b"manifest %020d %020d" % (start, len(manifest)))
    with pytest.raises(ValueError, match=r"damaged|not known|delimiter|property"):
        SelectionIndex.open(path.parent)
    status, body = service.ask("/datasets/1/preview")
    assert status == 409
    assert b"dataset_changed" in body
    assert train(service, rounds=1) == 409
    assert waiting == 202
    service.work()
    job = last_job(service)
    assert (job["status"], job["error"]["code"]) == ("FAILED", "dataset_changed")  # type: ignore[index]


@pytest.mark.parametrize("spec", ["[]", "null", "7", '"x"', "{}", '{"job_type": "SHELL"}'])
def test_a_damaged_spec_costs_its_own_job_only(service: InProcessService, spec: str) -> None:
    assert train(service) == 202
    broken = int(str(last_job(service)["id"]))
    assert train(service) == 202
    with service.resources.database.write() as connection:
        connection.execute(text("UPDATE jobs SET spec = :spec WHERE id = :id"), {"spec": spec, "id": broken})
    assert service.ask(f"/jobs/{broken}")[0] == 200
    assert service.ask("/jobs")[0] == 200
    service.work()
    found = [queries.get_job(service.resources, job_id) for job_id in (broken, broken + 1)]
    assert [job.status for job in found] == [JobStatus.FAILED, JobStatus.COMPLETED]
    assert found[0].error is not None
    assert found[0].error.code == "bad_spec"
    assert service.ask(f"/jobs/{broken}")[0] == 200


COLUMNS = {
    "datasets.profile": ["/datasets", "/datasets/1"],
    "datasets.reasons": ["/datasets", "/datasets/1"],
    "models.scores": ["/models", "/models/1"],
    "models.details": ["/models", "/models/1"],
    "models.lineage": ["/models", "/models/1"],
}


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("damage", ["{", "[" * 100_000])
def test_damaged_json_in_a_row_breaks_no_list(service: InProcessService, column: str, damage: str) -> None:
    table, _, name = column.partition(".")
    with service.resources.database.write() as connection:
        connection.execute(text(f"UPDATE {table} SET {name} = :damage"), {"damage": damage})
    for path in COLUMNS[column]:
        status, body = service.ask(path)
        assert status == 200, body


def test_a_spec_that_is_no_json_is_refused_by_the_database(service: InProcessService) -> None:
    for damage in ("{", "", "\\x00"):
        with pytest.raises(Unavailable), service.resources.database.write() as connection:
            connection.execute(text("UPDATE jobs SET spec = :damage"), {"damage": damage})
    assert service.ask("/jobs")[0] == 200
