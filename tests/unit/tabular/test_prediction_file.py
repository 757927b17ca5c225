"""The file of a prediction: exact, the same every time, and what RFC 4180 says."""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml_training.tabular.prediction_file import PREVIEW_CHARACTERS, PREVIEW_ROWS, Preview, write_tables

NUMBERS = [0.1, -0.0, 5e-324, 1.7976931348623157e308, 1e-7, 123456789.123456789, 2.0, None]
TEXTS = ["plain", 'a "quoted" word', "comma, semicolon; tab\t", "two\nlines", "two\r\nlines", "=1+1", "ümläut 🙂", None]
WHEN = [datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)] * 7 + [None]


def a_table() -> Any:
    return pa.table(
        {
            "row": pa.array(range(8), pa.int64()),
            'odd "name", with\nall': pa.array(TEXTS),
            "when": pa.array(WHEN, pa.timestamp("us", tz="UTC")),
            "flag": pa.array([True, False] * 4),
            "number": pa.array(NUMBERS),
        }
    )


def written(file_format: str, *tables: Any) -> bytes:
    return b"".join(write_tables(iter(tables), tables[0].schema, file_format, lineage={"model_sha256": "ab"}))


def test_csv_is_rfc_4180_and_loses_no_digit() -> None:
    data = written("csv", a_table(), a_table())
    assert data.count(b"\r\n") == 1 + 16 + 2  # a line break inside of a text is a part of it
    header, *rows = csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True)
    assert header == a_table().schema.names
    assert len(rows) == 16
    first = rows[:8]
    assert [row[1] for row in first] == [text or "" for text in TEXTS]
    assert [row[2] for row in first] == ["2026-01-31T12:00:00.123456Z"] * 7 + [""]
    assert [row[3] for row in first[:2]] == ["true", "false"]
    found = [float(row[4]) if row[4] else None for row in first]
    assert found == NUMBERS
    assert first[1][4].startswith("-"), "the sign of zero too"


def test_a_set_of_classes_is_a_json_array_in_csv_and_a_list_elsewhere() -> None:
    sets: list[list[str]] = [["a"], [], ['"quoted", ü', "b"]]
    found = pa.table({"prediction_set": pa.array(sets, pa.list_(pa.string()))})
    _, *rows = csv.reader(io.StringIO(written("csv", found).decode("utf-8"), newline=""), strict=True)
    assert [json.loads(text) for [text] in rows] == sets
    assert rows[2] == ['["\\"quoted\\", ü", "b"]']
    assert pq.read_table(io.BytesIO(written("parquet", found))).to_pydict() == {"prediction_set": sets}
    preview = Preview()
    preview.seen(found)
    assert [row["prediction_set"] for row in preview.rows] == sets
    numbers = pa.table({"prediction_set": pa.array([[True, False], [True]], pa.list_(pa.bool_()))})
    assert written("csv", numbers).splitlines()[1:] == [b'"[true, false]"', b'"[true]"']


def test_parquet_holds_the_table_and_says_where_it_is_from() -> None:
    found = pq.read_table(io.BytesIO(written("parquet", a_table(), a_table())))
    assert found.to_pydict() == pa.concat_tables([a_table(), a_table()]).to_pydict()
    assert found.schema.metadata[b"ml_training"] == b'{"model_sha256":"ab"}'


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_equal_tables_give_equal_bytes(file_format: str) -> None:
    assert written(file_format, a_table()) == written(file_format, a_table())


def test_a_table_is_written_before_the_next_one_is_asked_for() -> None:
    asked = []

    def tables() -> Any:
        for number in range(3):
            asked.append(number)
            yield a_table()

    chunks = write_tables(tables(), a_table().schema, "csv", lineage={})
    assert asked == []
    assert next(chunks)
    assert asked == [0]


def test_the_preview_is_the_first_rows_and_small() -> None:
    preview = Preview()
    for _ in range(60):
        preview.seen(a_table())
    assert len(preview.rows) == PREVIEW_ROWS
    assert preview.rows[0]["when"] == "2026-01-31T12:00:00.123456Z"
    assert preview.rows[7]["number"] is None
    wide = Preview()
    for _ in range(9):
        wide.seen(pa.table({"text": ["x" * (PREVIEW_CHARACTERS // 4)]}))
        wide.seen(a_table())
    assert [len(row) for row in wide.rows[:2]] == [1, 5]
    assert sum(len(str(row.get("text", ""))) for row in wide.rows) <= PREVIEW_CHARACTERS
    assert len(wide.rows) < PREVIEW_ROWS
