"""Files in pieces: a broken upload goes on, one data set is made of it, and every mistake is answered."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from ml_training.db import removals
from ml_training.db.tables import datasets
from ml_training.db.upload_tables import upload_pieces, uploads
from ml_training.domain.limits import Limits
from ml_training.domain.resumable_upload import MOST_OPEN
from ml_training.maintenance.cleanup import forget_uploads_once
from ml_training.services import projects, resumable_uploads
from ml_training.storage.base import ObjectKind
from tests.support.in_process_service import PREFIX, InProcessService

PATH = PREFIX + "/uploads"
PIECE = "application/offset+octet-stream"
CSV = b"a,b\n" + b"".join(b"%d,%d\n" % (number, number * number) for number in range(5_000))
DIGEST = hashlib.sha256(CSV).hexdigest()


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[InProcessService]:
    with InProcessService(tmp_path / "data", database_url, limits=Limits(upload_bytes=1 << 20)) as service:
        yield service


def metadata(**values: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items())


def create(service: InProcessService, size: int = len(CSV), **values: str) -> TestResponse:
    headers = {"Upload-Length": str(size), "Upload-Metadata": metadata(**{"filename": "data.csv", **values})}
    return service.client.post(PATH, headers={"Tus-Resumable": "1.0.0", **headers})


def made(service: InProcessService, size: int = len(CSV), **values: str) -> int:
    answer = create(service, size, **values)
    assert answer.status_code == 201, answer.data
    return int(answer.get_json()["id"])


def append(service: InProcessService, upload_id: int, offset: int, data: bytes) -> TestResponse:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": str(offset), "Content-Type": PIECE}
    return service.client.patch(f"{PATH}/{upload_id}", data=data, headers=headers)


def finish(service: InProcessService, upload_id: int, **fields: Any) -> TestResponse:
    return service.client.post(PREFIX + "/datasets", json={"name": "data", "upload_id": upload_id, **fields})


def sent(service: InProcessService, data: bytes = CSV, **values: str) -> int:
    """An upload of which all bytes have arrived, in two pieces."""
    upload_id, half = made(service, len(data), **values), len(data) // 2
    assert append(service, upload_id, 0, data[:half]).status_code == 204
    assert append(service, upload_id, half, data[half:]).status_code == 204
    return upload_id


def objects(service: InProcessService, kind: ObjectKind) -> list[str]:
    return [key for key, _ in service.resources.storage.list_keys() if key.startswith(kind)]


def nothing_is_left(service: InProcessService) -> None:
    """Every object has a row, after a sweep; and every invariant holds."""
    service.sweep()
    with service.resources.database.read() as connection:
        named = set(connection.execute(select(datasets.c.raw_key)).scalars())
        named |= set(connection.execute(select(upload_pieces.c.key)).scalars())
    assert set(objects(service, ObjectKind.UPLOAD)) == named
    assert service.violations() == []


def test_pieces_become_one_data_set(service: InProcessService) -> None:
    answer = create(service, sha256=DIGEST)
    assert answer.status_code == 201
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    address = answer.headers["Location"]
    offset = 0
    for size in (10, 30_000, len(CSV)):
        piece = append(service, int(address.rpartition("/")[2]), offset, CSV[offset : offset + size])
        assert (piece.status_code, piece.data) == (204, b"")
        offset = int(piece.headers["Upload-Offset"])
    head = service.client.head(address)
    assert (head.headers["Upload-Offset"], head.headers["Upload-Length"]) == (str(len(CSV)),) * 2
    assert head.headers["Cache-Control"] == "no-store"
    service.sweep()
    assert len(objects(service, ObjectKind.UPLOAD)) == 3
    assert service.violations() == []
    dataset = finish(service, answer.get_json()["id"]).get_json()
    assert (dataset["sha256"], dataset["bytes"]) == (DIGEST, len(CSV))
    service.work()
    assert (service.get(f"/datasets/{dataset['id']}")["status"], service.get("/uploads")["items"]) == ("READY", [])
    assert service.get(f"/uploads/{answer.get_json()['id']}")["dataset_id"] == dataset["id"]
    nothing_is_left(service)


def test_a_file_in_one_piece_is_not_stored_twice(service: InProcessService, monkeypatch: pytest.MonkeyPatch) -> None:
    upload_id = made(service, sha256=DIGEST)
    append(service, upload_id, 0, CSV)
    monkeypatch.setattr(resumable_uploads, "store_upload", None)
    dataset = finish(service, upload_id).get_json()
    service.work()
    assert service.get(f"/datasets/{dataset['id']}")["status"] == "READY"
    nothing_is_left(service)


def test_a_data_set_is_made_once_however_often_it_is_asked_for(service: InProcessService) -> None:
    upload_id = sent(service)
    first = finish(service, upload_id, time_column="a").get_json()
    assert finish(service, upload_id, time_column="a").get_json() == first
    other = finish(service, upload_id, time_column="b")
    assert (other.status_code, "with other fields" in other.get_json()["detail"]) == (409, True)
    late = append(service, upload_id, len(CSV), b"more")
    assert (late.status_code, "has ended" in late.get_json()["detail"]) == (409, True)
    assert [item["id"] for item in service.get("/datasets")["items"]] == [first["id"]]


def test_of_two_that_end_an_upload_at_once_one_makes_the_data_set(
    service: InProcessService, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = sent(service)
    real, answers = resumable_uploads.store_upload, []

    def late(*arguments: Any) -> Any:
        """While the first request stores the bytes, the second one does all of it."""
        monkeypatch.setattr(resumable_uploads, "store_upload", real)
        stored = real(*arguments)
        answers.append(finish(service, upload_id).get_json())
        return stored

    monkeypatch.setattr(resumable_uploads, "store_upload", late)
    answers.append(finish(service, upload_id).get_json())
    assert answers[0] == answers[1]
    assert [item["id"] for item in service.get("/datasets")["items"]] == [answers[0]["id"]]
    nothing_is_left(service)


def test_a_piece_that_begins_elsewhere_is_told_where_to_go_on(service: InProcessService) -> None:
    upload_id = made(service)
    append(service, upload_id, 0, CSV[:100])
    for offset in (0, 99, 101, len(CSV)):
        answer = append(service, upload_id, offset, CSV[:1])
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (409, "100")
    too_long = append(service, upload_id, 100, CSV[100:] + b"more")
    assert too_long.status_code == 413
    early = finish(service, upload_id)
    assert (early.status_code, f"100 of {len(CSV):,} bytes" in early.get_json()["detail"]) == (409, True)
    assert service.get(f"/uploads/{upload_id}")["received_bytes"] == 100
    assert service.violations() == []


def test_of_two_pieces_for_one_place_one_is_kept(service: InProcessService, monkeypatch: pytest.MonkeyPatch) -> None:
    storage, upload_id = service.resources.storage, made(service)
    real = storage.put_stream

    def late(*arguments: Any, **options: Any) -> Any:
        monkeypatch.setattr(type(storage), "put_stream", lambda _storage, *rest, **more: real(*rest, **more))
        stored = real(*arguments, **options)
        assert append(service, upload_id, 0, CSV[:700]).status_code == 204
        return stored

    monkeypatch.setattr(type(storage), "put_stream", lambda _storage, *rest, **more: late(*rest, **more))
    answer = append(service, upload_id, 0, CSV[:500])
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (409, "700")
    assert append(service, upload_id, 700, CSV[700:]).status_code == 204
    assert finish(service, upload_id).get_json()["sha256"] == DIGEST
    nothing_is_left(service)


def test_a_client_that_was_started_again_goes_on(service: InProcessService) -> None:
    upload_id = made(service, sha256=DIGEST)
    append(service, upload_id, 0, CSV[:100])
    again = create(service, sha256=DIGEST)
    assert (again.status_code, again.get_json()["id"], again.headers["Upload-Offset"]) == (200, upload_id, "100")
    assert made(service, sha256="0" * 64) != upload_id
    assert made(service) != upload_id, "without a SHA-256 nobody knows whether it is the same file"
    append(service, upload_id, 100, CSV[100:])
    finish(service, upload_id)
    assert made(service, sha256=DIGEST) != upload_id, "an upload that has ended is not open"


@pytest.mark.parametrize(
    ("headers", "pointer"),
    [
        ({"Upload-Metadata": metadata(filename="x.csv")}, "/Upload-Length"),
        ({"Upload-Length": "-1", "Upload-Metadata": metadata(filename="x.csv")}, "/Upload-Length"),
        ({"Upload-Length": "many", "Upload-Metadata": metadata(filename="x.csv")}, "/Upload-Length"),
        ({"Upload-Length": "1"}, "/Upload-Metadata"),
        ({"Upload-Length": "1", "Upload-Metadata": "filename ???"}, "/Upload-Metadata"),
        ({"Upload-Length": "1", "Upload-Metadata": "filename /w=="}, "/Upload-Metadata"),
        ({"Upload-Length": "1", "Upload-Metadata": metadata(name="x.csv")}, "/filename"),
        ({"Upload-Length": "1", "Upload-Metadata": metadata(filename="x.csv", sha256="12")}, "/sha256"),
    ],
)
def test_wrong_headers_are_named(service: InProcessService, headers: dict[str, str], pointer: str) -> None:
    answer = service.client.post(PATH, headers=headers)
    assert (answer.status_code, [error["pointer"] for error in answer.get_json()["errors"]]) == (422, [pointer])
    assert service.get("/uploads")["items"] == []


def test_what_can_never_become_a_data_set_is_refused_at_once(service: InProcessService) -> None:
    assert create(service, filename="x.exe").status_code == 415
    assert create(service, size=(1 << 20) + 1).status_code == 413
    wrong = append(service, made(service), 0, b"PK\x03\x04" + bytes(len(CSV) - 4))
    assert (wrong.status_code, "ZIP archive" in wrong.get_json()["errors"][0]["detail"]) == (422, True)
    answer = service.client.patch(f"{PATH}/{made(service)}", data=b"a", headers={"Upload-Offset": "0"})
    assert answer.status_code == 415
    packed = {"Upload-Offset": "0", "Content-Type": PIECE, "Content-Encoding": "gzip"}
    assert service.client.patch(f"{PATH}/{made(service)}", data=b"a", headers=packed).status_code == 415
    assert objects(service, ObjectKind.UPLOAD) == []


def test_another_version_of_the_protocol_is_refused_with_ours(service: InProcessService) -> None:
    answer = service.client.head(f"{PATH}/{made(service)}", headers={"Tus-Resumable": "0.2.2"})
    assert (answer.status_code, answer.headers["Tus-Version"]) == (412, "1.0.0")
    assert answer.headers["Tus-Extension"] == "creation,expiration,termination"


def test_bytes_that_are_not_those_of_the_file_make_no_data_set(service: InProcessService) -> None:
    announced = sent(service, sha256="0" * 64)
    answer = finish(service, announced)
    assert (answer.status_code, "another SHA-256" in answer.get_json()["detail"]) == (409, True)
    assert made(service, sha256="0" * 64) != announced, "the same client sends all of it again"
    damaged = sent(service)
    [key, *_] = objects(service, ObjectKind.UPLOAD)
    with service.resources.storage.local(key) as file:
        file.chmod(0o600)
        file.write_bytes(b"x" * file.stat().st_size)
    answer = finish(service, damaged)
    assert (answer.status_code, "is damaged" in answer.get_json()["detail"]) == (409, True)
    assert service.ask(f"/uploads/{damaged}")[0] == 404
    assert service.get("/datasets")["items"] == []


def test_an_upload_can_be_forgotten_and_is_after_a_day(service: InProcessService) -> None:
    first, second = sent(service), sent(service)
    assert service.client.delete(f"{PATH}/{first}").status_code == 204
    assert service.client.delete(f"{PATH}/{first}").status_code == 404
    assert append(service, first, len(CSV), b"x").status_code == 404
    assert finish(service, first).status_code == 404
    assert forget_uploads_once(service.resources) == 0
    with service.resources.database.write() as connection:
        connection.execute(update(uploads).values(changed_at=uploads.c.changed_at - 86_401.0))
    assert forget_uploads_once(service.resources) == 1
    assert service.ask(f"/uploads/{second}")[0] == 404
    nothing_is_left(service)


def test_a_project_has_so_many_open_uploads_and_so_many_bytes(service: InProcessService) -> None:
    for _ in range(MOST_OPEN):
        made(service, 1)
    answer = create(service, 1)
    assert (answer.status_code, "GET /uploads" in answer.get_json()["detail"]) == (429, True)
    assert len(service.get("/uploads")["items"]) == MOST_OPEN
    for item in service.get("/uploads")["items"][2:]:
        service.client.delete(f"{PATH}/{item['id']}")
    projects.set_quotas(service.resources.database, service.resources.caller, 1, {"quotas": {"stored_bytes": 5}})
    assert create(service, 3).status_code == 201
    over = create(service, 1)
    assert (over.status_code, "delete data sets" in over.get_json()["detail"]) == (409, True)


def test_an_upload_has_so_many_pieces(service: InProcessService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resumable_uploads, "MOST_PIECES", 2)
    upload_id = made(service)
    for offset in range(2):
        assert append(service, upload_id, offset, CSV[offset : offset + 1]).status_code == 204
    answer = append(service, upload_id, 2, CSV[2:])
    assert (answer.status_code, "send larger ones" in answer.get_json()["detail"]) == (409, True)
    assert service.get(f"/uploads/{upload_id}")["received_bytes"] == 2


def test_a_piece_whose_equal_bytes_are_being_removed_is_sent_again(service: InProcessService) -> None:
    """The row would name bytes that the sweeper takes away."""
    database, upload_id = service.resources.database, made(service)
    stored = service.resources.storage.put_bytes(ObjectKind.UPLOAD, CSV)
    with database.write() as connection:
        removals.mark_unnamed(connection, [stored.key])
    with database.write() as connection:
        assert removals.begin_removals(connection, sweep="s", older_than_seconds=-1.0, limit=1) == [stored.key]
    answer = append(service, upload_id, 0, CSV)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    with database.write() as connection:
        removals.end_removals(connection, [stored.key], sweep="s")
    assert append(service, upload_id, 0, CSV).status_code == 204
    nothing_is_left(service)


def test_an_option_that_the_format_has_not_is_refused_by_its_field(service: InProcessService) -> None:
    answer = finish(service, sent(service), sheet="Data")
    assert (answer.status_code, [error["pointer"] for error in answer.get_json()["errors"]]) == (422, ["/sheet"])


def test_another_project_sees_no_upload(service: InProcessService) -> None:
    upload_id, foreign = sent(service), service.client_of(2)
    answers = [
        foreign.get(f"{PATH}/{upload_id}"),
        foreign.delete(f"{PATH}/{upload_id}"),
        foreign.patch(f"{PATH}/{upload_id}", data=b"", headers={"Upload-Offset": "0", "Content-Type": PIECE}),
        foreign.post(PREFIX + "/datasets", json={"name": "x", "upload_id": upload_id}),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert foreign.get(PATH).get_json() == {"items": []}
