"""CSV files: what is read, and what is refused with the row and the remedy."""

import gzip
import time
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_training.tabular.ingest_result import IngestResult

Columns = Callable[..., dict[str, list[Any]]]
Refused = Callable[..., list[tuple[Any, Any, str]]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2.5\n3,4\n", {"a": [1, 3], "b": [2.5, 4.0]}),
        ("\ufeffa,b\n1,2\n", {"a": [1], "b": [2]}),
        ("a;b\n1;2,5\n", {"a": [1], "b": [2.5]}),
        ("a\tb\n1\tx y\n", {"a": [1], "b": ["x y"]}),
        ('"a;b;c;d",e\n1,2\n', {"a;b;c;d": [1], "e": [2]}),
        ("a,b;c\n1,2\n", {"a": [1], "b;c": [2]}),
        ("a,b\r\n1,2\r\n3,4", {"a": [1, 3], "b": [2, 4]}),
        ("a,b\r1,2\r3,4\r", {"a": [1, 3], "b": [2, 4]}),
        ("\n\na,b\n\n1,2\n\n", {"a": [1], "b": [2]}),
        ("only\n1\n2\n", {"only": [1, 2]}),
        (' a , "b" \n 1 , x \n', {"a": [1], '"b"': ["x"]}),
        ('a,b\n1,"two\nlines, and ""quotes"""\n', {"a": [1], "b": ['two\nlines, and "quotes"']}),
        ('"a\nb",c\n1,2\n', {"a\nb": [1], "c": [2]}),
        ('a,b\n1,5" pipe\n', {"a": [1], "b": ['5" pipe']}),
        ("größe,年龄,🎲\n1,ä,b\n", {"größe": [1], "年龄": ["ä"], "🎲": ["b"]}),
        ("a.b,a,__class__\n1,2,3\n", {"a.b": [1], "a": [2], "__class__": [3]}),
    ],
)
def test_well_formed_text_is_read_as_written(columns: Columns, text: str, expected: dict[str, list[Any]]) -> None:
    assert columns(text) == expected
    assert columns(text, "gzip me") == expected


@pytest.mark.parametrize(
    ("data", "row", "word"),
    [
        (b"", None, "empty"),
        (b"\n\r\n \n", None, "empty"),
        (b"a,b\n", None, "no rows"),
        (b"a,b", None, "no rows"),
        (b"a,b\n\n\n", None, "no rows"),
        ("größe,b\n1,2\n".encode("mac-roman"), 1, "0x9A in line 1 is not UTF-8: save the file as UTF-8"),
        ("größe,b\n1,2\n".encode("cp850"), 1, "0x94 in line 1 is not UTF-8"),
        ("имя,b\n1,2\n".encode("windows-1251"), 1, "not UTF-8"),
        ("a,b\n1,\ud800\n".encode("utf-16", "surrogatepass"), 2, "not utf-16"),
        (b"a,b\n1,\0\n", None, "NUL"),
        (b"\x89PNG\r\n\x1a\n", None, "PNG"),
        (b"PK\x03\x04....", None, "Excel"),
        (b"a,b\n1,\xc3", None, "cut off"),
        (b'"a,b\n1,2\n', 1, "header cannot be read"),
        (b'a,b\n1,2\n3,"4\n5,6\n', 3, "never closed"),
        (b'a,b\n1,"2\n', 2, "never closed"),
        (b'a\n"1\n2\n', 2, "never closed"),
    ],
)
def test_a_file_that_is_not_csv_says_why(refused: Refused, data: bytes, row: int | None, word: str) -> None:
    (reason,) = refused(data)
    assert reason[0] == row
    assert word in reason[2]


def test_a_wrong_byte_deep_in_the_file_is_named_with_its_line(refused: Refused) -> None:
    lines = [b"%d,caf\xc3\xa9" % number for number in range(200_000)]  # characters on every boundary of pieces
    lines[150_000] = b"150000,caf\xe9"
    ((row, _, detail),) = refused(b"a,b\n" + b"\n".join(lines))
    assert row == 150_002
    assert "0xE9" in detail


def test_a_nul_byte_deep_in_the_file_is_named_with_its_line(refused: Refused) -> None:
    data = b"a,b\n" + b"1,2\n" * 600_000 + b"1,\0\n"
    ((row, _, detail),) = refused(data)
    assert row == 600_002
    assert "NUL" in detail


def test_ragged_rows_are_counted_and_the_first_are_named_as_a_spreadsheet_counts(refused: Refused) -> None:
    found = refused("a,b\n1,2\n3\n4,5,6\n\n7,8\n9\n0,1\n")
    assert [(row, detail) for row, _, detail in found] == [
        (3, "2 rows have 1 values, the header 2, in rows 3, 6"),
        (4, "the row has 3 values, the header 2: put a value that contains the separator in quotes"),
    ]


def test_many_ragged_rows_are_one_reason(refused: Refused) -> None:
    ((row, _, detail),) = refused("a,b\n1,2\n" + "1\n" * 1_000)
    assert (row, detail) == (3, "1,000 rows have 1 values, the header 2, first in rows 3, 4, 5")


def test_at_most_fifty_reasons_are_given(refused: Refused) -> None:
    ragged = "".join("1," * width + "1\n" for width in range(2, 100))
    assert len(refused("a,b\n1,2\n" + ragged)) == 50
    assert len(refused(",".join(["same", "other"] * 100) + ",,\n1\n")) == 4
    assert len(refused("," * 200 + "\n1\n")) == 1


def test_header_names_must_be_there_distinct_and_short(refused: Refused) -> None:
    found = refused("a,, a ," + "x" * 257 + "\n1,2,3,4\n")
    assert [(column, detail.split(":")[0]) for _, column, detail in found] == [
        (None, "column 2 has no name"),
        ("x" * 256, "a column name has 257 characters, and 256 is the limit"),
        ("a", "2 columns have this name"),
    ]


def test_an_unknown_role_is_refused_by_its_name(refused: Refused) -> None:
    found = refused("a,b\n1,2\n", time_column="when", phase_column="a", group_column="who")
    assert [column for _, column, _ in found] == ["when", "who"]


def test_a_hundred_thousand_columns_are_refused_from_the_header(refused: Refused) -> None:
    started = time.process_time()
    ((_, _, detail),) = refused(",".join(f"c{number}" for number in range(100_000)) + "\n" + "1," * 99_999 + "1\n")
    assert "100,000 columns, and 5,000 is the limit" in detail
    assert time.process_time() - started < 5


def test_a_header_without_end_is_refused(refused: Refused) -> None:
    ((_, _, detail),) = refused("x" * 9_000_000)
    assert "a name is longer than 131,072" in detail
    ((_, _, detail),) = refused((("x" * 3_000) + ",") * 3_000)
    assert "header is longer" in detail


def test_a_row_without_end_is_refused(refused: Refused) -> None:
    ((_, _, detail),) = refused('a,b\n1,"' + "x\n" * 18_000_000)
    assert "a quote may be opened and never closed" in detail


@pytest.mark.parametrize("limits", [{"cells": 19}, {"columns": 1}])
def test_limits_are_named(refused: Refused, limits: dict[str, int]) -> None:
    ((_, _, detail),) = refused("a,b\n" + "1,2\n" * 10, limits=limits)
    assert str(next(iter(limits.values()))) in detail
    assert "limit" in detail


def test_rows_times_columns_at_the_limit_are_taken(columns: Columns) -> None:
    assert len(columns("a,b\n" + "1,2\n" * 10, limits={"cells": 20})["a"]) == 10


def test_a_gzip_bomb_is_stopped_while_it_unpacks(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(b"a,b\n" + b"1,2\n" * 25_000_000)
    unpacked = 0
    decompress = gzip.GzipFile.read

    def counting(self: gzip.GzipFile, size: int = -1) -> bytes:
        nonlocal unpacked
        piece = decompress(self, size)
        unpacked += len(piece)
        return piece

    monkeypatch.setattr(gzip.GzipFile, "read", counting)
    ((_, _, detail),) = refused(bomb, "csv.gz")
    assert "100 times its size" in detail
    assert unpacked < 25_000_000
    ((_, _, detail),) = refused(bomb, "csv.gz", limits={"unpacked_bytes": 1_000_000, "unpack_ratio": 10_000})
    assert "1,000,000 bytes" in detail


@pytest.mark.parametrize(
    "data",
    [
        b"a,b\n1,2\n",
        gzip.compress(b"a,b\n1,2\n", mtime=0)[:-4],
        gzip.compress(b"a,b\n1,2\n", mtime=0) + b"rubbish",
        gzip.compress(b"a,b\n1,2\n", mtime=0)[:10] + b"\xff\xff\xff",
        zlib.compress(b"a,b\n1,2\n"),
    ],
)
def test_damaged_gzip_is_refused(refused: Refused, data: bytes) -> None:
    ((_, _, detail),) = refused(data, "csv.gz")
    assert "gzip" in detail


def test_two_gzip_members_are_one_file(columns: Columns) -> None:
    assert columns(gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n"), "csv.gz") == {"a": [1, 3], "b": [2, 4]}


def test_progress_rises_and_what_it_raises_stops_the_reading(ingest: Callable[..., IngestResult]) -> None:
    class Stop(Exception):
        pass

    seen: list[float] = []

    def progress(fraction: float, message: str) -> None:
        assert message
        seen.append(fraction)
        if len(seen) == limit:
            raise Stop

    data = "a,b\n" + "1,2\n" * 1_000_000
    limit = 0
    ingest(data, progress=progress)
    assert seen == sorted(seen)
    assert len(seen) >= 5
    assert 0 < seen[0] < seen[-1] <= 1
    for stop_at in (1, 2, len(seen)):
        limit = stop_at
        seen.clear()
        with pytest.raises(Stop):
            ingest(data, progress=progress)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_get_a_result(ingest: Callable[..., IngestResult], data: bytes) -> None:
    ingest(data)
    ingest(b"a,b\n" + data)
    ingest(data, "csv.gz")
    ingest(data, "parquet")


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=5))
def test_any_quoted_cells_come_back_as_they_were(columns: Columns, rows: list[tuple[str, str]]) -> None:
    def quoted(cell: str) -> str:
        return '"~' + cell.replace('"', '""') + '~"'  # the signs keep it text, and keep its spaces

    text = "a,b\n" + "".join(f"{quoted(first)},{quoted(second)}\n" for first, second in rows)
    expected = [[f"~{cell}~" for cell in column] for column in zip(*rows, strict=True)]
    assert list(columns(text).values()) == expected
