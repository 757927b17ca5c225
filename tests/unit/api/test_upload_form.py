"""Uploads are streamed: fields in any order, every reason at once, nothing kept in memory."""

import io
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from ml_training.api.upload_form import (
    BUFFER_BYTES,
    CHUNK_BYTES,
    FIELD_BYTES,
    MAX_PARTS,
    Upload,
    format_of,
    read_upload,
)
from ml_training.domain.errors import BadRequest, FieldError, Invalid, WrongKind
from ml_training.services import queries
from ml_training.services.resources import Resources
from ml_training.storage.base import StoredObject
from tests.support.forms import form_request

BOUNDARY = b"frontier"
CSV = b"a,b\r\n1,2\r\n--frontie\r\n-3,4\n"


def part(name: str, data: bytes, *, filename: str | None = None) -> bytes:
    """One part of a form."""
    disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
    return b"--%s\r\nContent-Disposition: %s\r\n\r\n%s\r\n" % (BOUNDARY, disposition.encode(), data)


def form(*parts: bytes) -> bytes:
    """A whole form."""
    return b"".join(parts) + b"--%s--\r\n" % BOUNDARY


class Store:
    """Keeps what it is given, and in which pieces."""

    def __init__(self, refusal: Invalid | None = None) -> None:
        self.files: list[tuple[str, bytes]] = []
        self._refusal = refusal

    def __call__(self, file_format: str, chunks: Iterator[bytes]) -> StoredObject:
        if self._refusal is not None:
            next(chunks)
            raise self._refusal
        data = b"".join(chunks)
        self.files.append((file_format, data))
        return StoredObject("uploads/x", "0" * 64, len(data))


class Trickle(io.RawIOBase):
    """A stream that gives at most `step` bytes at a time."""

    def __init__(self, data: bytes, step: int) -> None:
        self._data = io.BytesIO(data)
        self._step = step

    def read(self, size: int = -1) -> bytes:
        return self._data.read(self._step)


def upload(data: bytes, *, step: int = 1 << 16, store: Store | None = None) -> Upload:
    """Read a form."""
    return read_upload(Trickle(data, step), BOUNDARY, store or Store())  # type: ignore[arg-type]


def pointers(data: bytes, store: Store | None = None) -> list[str]:
    """The pointers of the reasons against a form."""
    with pytest.raises(Invalid) as caught:
        upload(data, store=store)
    return sorted(error.pointer for error in caught.value.errors)


NAME = part("name", b"data")
FILE = part("file", CSV, filename="x.csv")


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64, 1 << 16])
@pytest.mark.parametrize(
    "parts", [[NAME, FILE, part("time_column", b"t")], [FILE, NAME, part("time_column", b"t")]], ids=["before", "after"]
)
def test_fields_may_stand_before_and_after_the_file(parts: list[bytes], step: int) -> None:
    store = Store()
    found = upload(form(*parts), step=step, store=store)
    assert store.files == [("csv", CSV)]
    assert (found.form.name, found.form.time_column, found.form.phase_column) == ("data", "t", None)
    assert (found.file_format, found.stored.size) == ("csv", len(CSV))


@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_bytes_come_out_as_they_went_in(data: bytes, step: int) -> None:
    if b"--" + BOUNDARY in data:
        return
    store = Store()
    upload(form(NAME, part("file", data, filename="x.csv")), step=step, store=store)
    assert store.files == [("csv", data)]


@given(st.binary(max_size=200), st.integers(0, 300), st.integers(1, 50))
def test_a_damaged_form_is_rejected_and_never_a_defect(junk: bytes, at: int, step: int) -> None:
    whole = form(NAME, FILE)
    with suppress(BadRequest, WrongKind, Invalid):
        upload(whole[:at] + junk + whole[at:], step=step)


@pytest.mark.parametrize("cut", [0, 1, 40, 80, 120, -1, -5, -12])
def test_a_form_that_ends_early_is_refused(cut: int) -> None:
    whole = form(NAME, FILE).rstrip()
    with pytest.raises(BadRequest):
        upload(whole[:cut])


def test_every_reason_is_given_at_once_and_nothing_is_stored() -> None:
    store = Store()
    wrong = form(
        part("name", b"../x"),
        part("colour", b"red"),
        FILE,
        part("time_column", b"c" * 257),
        part("name", b"y"),
        part("group_column", b"x" * (FIELD_BYTES + 1)),
    )
    assert pointers(wrong, store) == ["/colour", "/group_column", "/name", "/name", "/time_column"]
    assert store.files == []


def test_a_file_of_the_wrong_kind_does_not_hide_the_other_reasons() -> None:
    refusal = Invalid("no", errors=(FieldError("/file", "not CSV"),))
    assert pointers(form(FILE, part("colour", b"red")), Store(refusal)) == ["/colour", "/file", "/name"]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], ["/file", "/name"]),
        ([NAME], ["/file"]),
        ([FILE], ["/name"]),
        ([NAME, part("file", CSV)], ["/file"]),
        ([NAME, FILE, FILE], ["/file"]),
        ([NAME, FILE, part("other", CSV, filename="y.csv")], ["/other"]),
        ([NAME, part("other", CSV, filename="y.csv")], ["/file", "/other"]),
        ([NAME, FILE, part("time_column", b"")], ["/time_column"]),
    ],
)
def test_missing_and_unknown_parts_are_named(parts: list[bytes], expected: list[str]) -> None:
    assert pointers(form(*parts)) == expected


@pytest.mark.parametrize("data", [b"\xff", b"a\0b"])
def test_a_field_that_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(BadRequest):
        upload(form(part("name", data), FILE))


OPTIONS = {
    "separator": b"tab",
    "decimal": b",",
    "thousands": b" ",
    "encoding": b"windows-1252",
    "date_format": b"day_first",
    "missing_values": b"NA,-999, none",
    "index_column": b"drop",
    "duplicate_columns": b"rename",
    "header_row": b"3",
    "total_row": b"keep",
}


def test_the_reading_options_are_read_from_the_form() -> None:
    found = upload(form(NAME, *(part(name, value) for name, value in OPTIONS.items()), FILE)).form.options()
    assert found.model_dump(exclude_none=True) == {
        **{name: value.decode() for name, value in OPTIONS.items()},
        "separator": "\t",
        "thousands": "space",
        "missing_values": ("NA", "-999", "none"),
        "header_row": 3,
    }


@pytest.mark.parametrize("name", OPTIONS)
def test_a_wrong_reading_option_is_refused_by_its_field_before_anything_is_stored(name: str) -> None:
    store = Store()
    wrong = b"x," * 60 if name == "missing_values" else b"purple"
    assert pointers(form(NAME, part(name, wrong), FILE), store) == [f"/{name}"]
    assert store.files == []


def test_an_option_that_means_nothing_for_the_format_is_refused_before_and_after_the_file() -> None:
    store = Store()
    parquet = part("file", b"PAR1", filename="x.parquet")
    for parts in ([NAME, part("separator", b";"), parquet], [NAME, parquet, part("separator", b";")]):
        assert pointers(form(*parts), store) == ["/separator"]
    assert pointers(form(NAME, part("sheet", b"Data"), FILE)) == ["/sheet"]
    assert upload(form(NAME, part("date_format", b"iso"), parquet)).file_format == "parquet"


def test_a_form_has_at_most_twenty_parts() -> None:
    with pytest.raises(Invalid, match="20 parts"):
        upload(form(*(part(f"x{number}", b"") for number in range(MAX_PARTS + 1))))


@pytest.mark.parametrize(
    "data",
    [
        b"x" * (BUFFER_BYTES + 1) + form(NAME, FILE),
        b"--frontier\r\n" + b"X-Header: " + b"h" * (BUFFER_BYTES + 1),
        form(NAME, FILE) + b"x" * (BUFFER_BYTES + 1),
    ],
    ids=["preamble", "header", "epilogue"],
)
def test_text_outside_the_parts_is_bounded(data: bytes) -> None:
    with pytest.raises(BadRequest):
        upload(data)


@pytest.mark.parametrize(
    ("filename", "file_format"),
    [
        ("x.csv", "csv"),
        ("X.CSV", "csv"),
        ("a.b.csv.gz", "csv.gz"),
        ("../../x.parquet", "parquet"),
        (".csv", "csv"),
        ("x.txt", "csv"),
        ("x.tab", "tsv"),
        ("x.ndjson.gz", "jsonl.gz"),
        ("x.XLSX", "xlsx"),
        ("x.arrow", "feather"),
    ],
)
def test_the_format_is_what_the_name_says(filename: str, file_format: str) -> None:
    assert format_of(filename) == file_format


@pytest.mark.parametrize("filename", ["x", "", "x.xls", "x.csv.zip", "csv", "x.gz", "x.pkl", "x.csv\0"])
def test_another_suffix_is_refused_with_the_remedy(filename: str) -> None:
    with pytest.raises(WrongKind, match=r"\.csv, \.csv\.gz, .*\.parquet"):
        format_of(filename)


class Large(io.RawIOBase):
    """A form with a file of 64 MiB that is nowhere."""

    size = 64 << 20

    def __init__(self) -> None:
        head = NAME + b'--frontier\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\n'
        self._head, self._tail = io.BytesIO(head), io.BytesIO(b"\r\n--frontier--\r\n")
        self._left = self.size

    def read(self, size: int = -1) -> bytes:
        if found := self._head.read(size):
            return found
        step = min(size, self._left)
        self._left -= step
        return b"x" * step or self._tail.read(size)


def test_a_large_file_passes_through_in_small_pieces() -> None:
    seen: list[int] = []

    def store(_: str, chunks: Iterator[bytes]) -> StoredObject:
        seen.append(sum(len(chunk) for chunk in chunks))
        return StoredObject("uploads/x", "0" * 64, seen[0])

    tracemalloc.start()
    read_upload(Large(), BOUNDARY, store)  # type: ignore[arg-type]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen == [Large.size]
    assert peak < 8 * CHUNK_BYTES


def send(client: FlaskClient, **fields: Any) -> Any:
    """POST a form."""
    return client.post("/api/v1/datasets", **form_request(fields))


def test_an_upload_becomes_a_data_set_with_its_ingest_job(client: FlaskClient, resources: Resources) -> None:
    response = send(client, file=(io.BytesIO(CSV), "x.csv"), name="mine", time_column="a")
    assert response.status_code == 201
    dataset = response.get_json()
    assert response.headers["Location"] == f"/api/v1/datasets/{dataset['id']}"
    assert (dataset["status"], dataset["bytes"], dataset["time_column"]) == ("PROCESSING", len(CSV), "a")
    assert queries.get_job(resources, dataset["job_id"]).job_type.value == "INGEST"
    assert (
        resources.storage.read_bytes(f"uploads/{dataset['sha256'][:2]}/{dataset['sha256']}", sha256=dataset["sha256"])
        == CSV
    )


def test_the_same_name_again_is_a_new_version(client: FlaskClient) -> None:
    versions = [send(client, file=(io.BytesIO(CSV), "x.csv"), name="mine").get_json()["version"] for _ in range(2)]
    assert versions == [1, 2]


def test_a_sample_becomes_a_data_set(client: FlaskClient) -> None:
    shown = client.get("/api/v1/datasets/samples").get_json()["items"]
    assert {"breast_cancer", "iris"} <= {sample["sample"] for sample in shown}
    response = client.post("/api/v1/datasets", json={"name": "flowers", "sample": "iris"})
    assert (response.status_code, response.get_json()["name"]) == (201, "flowers")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, ["/name", "/sample"]),
        ({"name": "x", "sample": "mars"}, ["/sample"]),
        ({"name": "x", "sample": 7}, ["/sample"]),
        ({"name": "x", "sample": "iris", "colour": "red"}, ["/colour"]),
        ([], [""]),
    ],
)
def test_a_wrong_sample_request_names_its_fields(client: FlaskClient, body: object, expected: list[str]) -> None:
    response = client.post("/api/v1/datasets", json=body)
    assert response.status_code == 422
    assert sorted(error["pointer"] for error in response.get_json()["errors"]) == expected


def test_a_file_over_the_limit_is_413_with_and_without_content_length(
    client: FlaskClient, resources: Resources
) -> None:
    announced = send(client, file=(io.BytesIO(b"a,b\n" * 60_000), "x.csv"), name="mine")
    body = form(NAME, part("file", b"a,b\n" * 25_100, filename="x.csv"))
    for response in (
        announced,
        client.post("/api/v1/datasets", data=body, content_type="multipart/form-data; boundary=frontier"),
    ):
        assert (response.status_code, response.mimetype) == (413, "application/problem+json")
        assert "limit of" in response.get_json()["detail"]
    assert list(resources.storage.list_keys()) == []
    assert client.get("/api/v1/datasets").get_json()["items"] == []


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        ("multipart/form-data; boundary=\u00e9", 400),
        ("multipart/form-data; boundary=" + "b" * 71, 400),
        ("multipart/mixed; boundary=x", 415),
        ("text/csv", 415),
    ],
)
def test_a_body_that_is_not_a_form_is_rejected(client: FlaskClient, kind: str, status: int) -> None:
    response = client.post("/api/v1/datasets", data=b"x", content_type=kind)
    assert (response.status_code, response.mimetype) == (status, "application/problem+json")
