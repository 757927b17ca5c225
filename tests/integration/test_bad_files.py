"""Files as people send them, over the real app and the real ingest: read, or refused by row and column, never half."""

import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ml_training.storage.base import ObjectKind
from tests.support.in_process_service import PREFIX, InProcessService

WIDE = ",".join(f"c{number}" for number in range(100_000)) + "\n" + ",".join(["1"] * 100_000) + "\n"
WHEN = {"time_column": "when"}
THREE_FORMATS = "when,x\n2024-01-31,1\n31.01.2024,2\n01/31/2024,3\n2024-02-01,4\n"
Reasons = list[tuple[int | None, str | None, str]]


@pytest.fixture
def service(tmp_path: Path, new_sqlite: Callable[[], str]) -> Iterator[InProcessService]:
    with InProcessService(tmp_path / "data", new_sqlite()) as service:
        yield service


def stored(service: InProcessService, kind: ObjectKind) -> list[str]:
    """The keys of this kind."""
    return [key for key, _ in service.resources.storage.list_keys() if key.startswith(f"{kind.value}/")]


REFUSED: dict[str, tuple[str | bytes, dict[str, str], Reasons]] = {
    "ragged rows": ("a,b\n1,2\n3\n4,5,6\n", {}, [(3, None, "1 values"), (4, None, "3 values")]),
    "duplicate headers": ("a,b, a \n1,2,3\n", {}, [(None, "a", "2 columns have this name")]),
    "DOS text": ("größe,b\n1,2\n".encode("cp850"), {}, [(1, None, "not UTF-8")]),
    "Cyrillic, later": ("a,b\n1,2\n3,кофе\n".encode("windows-1251"), {}, [(3, None, "0xEA")]),
    "UTF-16, damaged": ("a,b\n1,\ud800\n".encode("utf-16", "surrogatepass"), {}, [(2, None, "not utf-16")]),
    "a JSON array": (b'[{"a": 1}]', {}, [(None, None, "JSON array")]),
    "point or thousands": ("a;b\n1.234;x\n", {}, [(2, "a", "say decimal=. or decimal=,")]),
    "a total below": ("a,b\nx,1\nTotal,1\n", {}, [(3, None, "say total_row=drop")]),
    "a column decided and one not": (
        "a;b;d\n1.234;x;03/04/2025\n",
        {"time_column": "d"},
        [(2, "a", "decimal"), (2, "d", "date_format")],
    ),
    "empty": (b"", {}, [(None, None, "empty")]),
    "header only": ("a,b\n", {}, [(None, None, "no rows")]),
    "100,000 columns": (WIDE, {}, [(None, None, "100,000 columns, and 5,000 is the limit")]),
    "dates in three formats": (THREE_FORMATS, WHEN, [(3, "when", "'31.01.2024' in row 3, '01/31/2024' in row 4")]),
    "a time in words": ("when,x\n2024-01-31,1\nyesterday,2\n", WHEN, [(3, "when", "'yesterday'")]),
    "no such column": ("a,b\n1,2\n", WHEN, [(None, "when", "no such column")]),
    "a quote never closed": ('a,b\n1,2\n3,"4\n', {}, [(3, None, "never closed")]),
    "a damaged archive": (b"PK\x03\x04....", {}, [(None, None, "Excel")]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_file_is_refused_by_row_and_column_and_leaves_nothing_half_stored(
    service: InProcessService, name: str
) -> None:
    content, roles, expected = REFUSED[name]
    data = content if isinstance(content, bytes) else content.encode()
    found = reasons(service, data, roles)
    assert [(row, column) for row, column, _ in found] == [(row, column) for row, column, _ in expected]
    for (_, _, detail), (_, _, words) in zip(found, expected, strict=True):
        assert words in detail
    assert stored(service, ObjectKind.INDEX) == []
    assert service.violations() == []
    shown = service.upload(b"a,b\n1,2\n", {"name": "next"})
    assert shown["status"] == "READY", "the next file is read"


def reasons(service: InProcessService, data: bytes, roles: dict[str, str]) -> Reasons:
    """Why the file is refused: at the door, where its first bytes show it, or by its verdict."""
    status, body = service.send_file(data, {"name": "bad", **roles})
    if status == 422:
        assert {error["pointer"] for error in body["errors"]} == {"/file"}
        assert stored(service, ObjectKind.UPLOAD) == []
        return [(_row_in(error["detail"]), None, error["detail"]) for error in body["errors"]]
    service.work()
    shown = service.get(f"/datasets/{body['id']}")
    job = service.get(f"/jobs/{shown['job_id']}")
    assert (status, shown["status"], job["status"]) == (201, "REJECTED", "COMPLETED")
    assert (shown["profile"], shown["rows"]) == (None, None)
    refused = service.client.post(PREFIX + "/jobs", json=spec(shown["id"]))
    assert refused.status_code == 409
    return [(reason["row"], reason["column"], reason["detail"]) for reason in shown["reasons"]]


def _row_in(detail: str) -> int | None:
    _, _, rest = detail.partition(" in line ")
    return int(rest.split()[0]) if rest else None


def spec(dataset_id: int) -> dict[str, Any]:
    """A TRAIN job on the data set."""
    target = {"column": "b"}
    return {"job_type": "TRAIN", "model_name": "m", "model_type": "ridge", "dataset_id": dataset_id, "target": target}


@pytest.mark.parametrize(
    ("text", "roles", "kinds"),
    [
        ("\ufeffa,b\n1,2\n", {}, ["integer", "integer"]),
        ("a,b\n1,x\ntwo,y\n3.5,\n", {}, ["category", "category"]),
        ("a,b\n1,true\n2,false\n3,7\n", {}, ["integer", "category"]),
        ("a,b\n1,2\n2.5,NA\n", {}, ["number", "number"]),
        ("when,x\n2024-01-31,1\n2024-01-31T12:00:00,2\n2024-01-31 13:30,3\n", WHEN, ["time", "integer"]),
        ("a;b\n1;2\n", {}, ["integer", "integer"]),
        ("a;b\n1.234,5;12 %\n-;3,5 %\n", {}, ["number", "number"]),
        ("a;b\n1.234;x\n", {"decimal": ","}, ["integer", "category"]),
        ("when,x\n03/04/2025,1\n05/06/2025,2\n", WHEN | {"date_format": "day_first"}, ["time", "integer"]),
    ],
    ids=[
        "BOM",
        "mixed types",
        "mixed booleans",
        "mixed numbers",
        "three ways to write a time",
        "semicolons",
        "decimal commas",
        "an option decides the decimal mark",
        "an option decides the dates",
    ],
)
def test_what_is_only_untidy_is_read(
    service: InProcessService, text: str, roles: dict[str, str], kinds: list[str]
) -> None:
    shown = service.upload(text.encode(), {"name": "untidy", **roles})
    assert shown["status"] == "READY", shown["reasons"]
    assert [column["kind"] for column in shown["profile"]["columns"]] == kinds
    assert len(stored(service, ObjectKind.INDEX)) == 1
    assert service.violations() == []


def test_100_000_columns_cost_neither_time_nor_memory(service: InProcessService) -> None:
    service.upload(b"a,b\n1,2\n", {"name": "first"})  # the parsers are loaded
    tracemalloc.start()
    started = time.process_time()
    found = reasons(service, WIDE.encode(), {})
    seconds, (_, peak) = time.process_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 1
    assert seconds < 10
    assert peak < 64 << 20
    assert len(json.dumps(found)) < 1_000
