"""Workbooks within the limits: bombs, cells far away, damage; and the sizes of other formats."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest

from ml_training.tabular.ingest_result import IngestResult
from tests.support.real_files import feather, workbook

Refused = Callable[..., list[tuple[Any, Any, str]]]
SHEET = "xl/worksheets/sheet1.xml"


def changed(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The workbook with the XML of its first sheet changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            content = old.read(info)
            new.writestr(info.filename, change(content) if info.filename == SHEET else content)
    return buffer.getvalue()


GOOD = workbook(["a", "b"], [1, "x"], [2, "y"])


def test_a_zip_bomb_is_refused_before_it_is_unpacked(refused: Refused) -> None:
    bomb = changed(GOOD, lambda xml: xml + b" " * (200 << 20))
    ((_, _, detail),) = refused(bomb, "xlsx")
    assert "100 times its size" in detail
    ((_, _, detail),) = refused(bomb, "xlsx", limits={"unpacked_bytes": 1_000_000, "unpack_ratio": 10_000})
    assert "1,000,000 bytes" in detail


def test_a_cell_in_the_last_column_costs_no_memory(refused: Refused) -> None:
    book = openpyxl.Workbook()
    cells = book.active
    assert cells is not None
    cells["A1"], cells["XFD2"] = "a", 1
    buffer = io.BytesIO()
    book.save(buffer)
    ((_, _, detail),) = refused(buffer.getvalue(), "xlsx")
    assert "16,384 columns, and 5,000 is the limit" in detail


def test_the_size_that_a_sheet_states_is_not_believed(columns: Callable[..., dict[str, list[Any]]]) -> None:
    small = changed(GOOD, lambda xml: xml.replace(b'<dimension ref="A1:B3"', b'<dimension ref="A1:A1"'))
    assert small != GOOD
    assert columns(small, "xlsx") == {"a": [1, 2], "b": ["x", "y"]}


@pytest.mark.parametrize(
    "data", [GOOD[:200], changed(GOOD, lambda xml: xml[: len(xml) // 2]), b"PK\x03\x04....", zipfile.ZipFile]
)
def test_a_damaged_workbook_is_refused(refused: Refused, data: Any) -> None:
    if data is zipfile.ZipFile:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("readme.txt", "no workbook")
        data = buffer.getvalue()
    ((_, _, detail),) = refused(data, "xlsx")
    assert "damaged" in detail


def test_cells_beyond_the_limit_are_refused_in_every_format(refused: Refused) -> None:
    rows = [[1, 2] for _ in range(2_500)]
    lines = "".join(json.dumps({"a": 1, "b": 2}) + "\n" for _ in rows)
    for data, file_format in (
        (workbook(["a", "b"], *rows), "xlsx"),
        (lines, "jsonl"),
        (feather(a=[1] * 2_500, b=[2] * 2_500), "feather"),
    ):
        ((_, _, detail),) = refused(data, file_format, limits={"cells": 4_000})
        assert "4,000 cells" in detail


def test_keys_that_come_late_are_columns_too(ingest: Callable[..., IngestResult]) -> None:
    lines = "".join(
        json.dumps({"a": number} | ({"late": 1.5} if number == 4_999 else {})) + "\n" for number in range(5_000)
    )
    result = ingest(lines, "jsonl", threads=lambda: 2)
    assert result.index is not None
    assert (result.rows, result.index.names, result.index.nulls("late")) == (5_000, ("a", "late"), 4_999)


@pytest.mark.parametrize(
    ("lines", "row", "words"),
    [
        ('{"a": 1}\n{"a": \n', 2, "not a JSON object"),
        ('{"a": 1}\n[1]\n', 2, "not a JSON object"),
        ('{"a": 1, "a": 2}\n', 1, "a key occurs twice"),
        ('{"a": "x\\u0000"}\n', 1, "NUL"),
        ('{"a": "\\ud800"}\n', None, "surrogate"),
        ("\n\n", None, "no rows"),
    ],
)
def test_what_is_not_json_lines_is_refused(refused: Refused, lines: str, row: int | None, words: str) -> None:
    ((found, _, detail),) = refused(lines, "jsonl")
    assert found == row
    assert words in detail
