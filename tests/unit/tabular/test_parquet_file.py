"""Parquet and Feather files: types are taken from the file, sizes from its metadata, and damage is a reason."""

import io
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.feather import write_feather

from ml_training.tabular.feather_file import FeatherTable
from ml_training.tabular.feather_size import NotSound, unpacked_sizes
from ml_training.tabular.ingest_result import IngestResult

Refused = Callable[..., list[tuple[Any, Any, str]]]
NOON = "2026-01-31T12:00:00Z"
MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def parquet(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (pa.array([1, 2], pa.int8()), "integer", [1, 2]),
        (pa.array([1, None], pa.int64()), "number", [1.0, None]),
        (pa.array([1, 2**63 - 1], pa.uint64()), "integer", [1, 2**63 - 1]),
        (pa.array([1, 2**63], pa.uint64()), "number", [1.0, float(2**63)]),
        (pa.array(np.array([1.5, np.nan], np.float16)), "number", [1.5, None]),
        (pa.array([0.1, None], pa.float32()), "number", [float(np.float32(0.1)), None]),
        (pa.array([1.5, np.inf]), "number", [1.5, None]),
        (pa.array([Decimal("1.25"), None], pa.decimal128(38, 5)), "number", [1.25, None]),
        (pa.array([True, None]), "boolean", [True, None]),
        (pa.array(["b", None]), "category", ["b", None]),
        (pa.array(["b", " b", ""], pa.large_string()), "category", ["b", " b", ""]),
        (pa.array(["1", "2"]), "category", ["1", "2"]),
        (pa.array(["b", "a", None]).dictionary_encode(), "category", ["b", "a", None]),
        (pa.DictionaryArray.from_arrays(pa.array([1, 1]), ["unused", "a"]), "category", ["a", "a"]),
        (pa.array([5, 6, 5]).dictionary_encode(), "integer", [5, 6, 5]),
        (pa.array([date(2026, 1, 31), None]), "time", ["2026-01-31T00:00:00Z", None]),
        (pa.array([MOMENT], pa.timestamp("ns", "Europe/Berlin")), "time", [NOON]),
        (pa.array([MOMENT.replace(tzinfo=None)], pa.timestamp("s")), "time", [NOON]),
        (pa.array([1_500], pa.timestamp("ns")), "time", ["1970-01-01T00:00:00.000001Z"]),
        (pa.array([0, 2**40], pa.int64()).cast(pa.timestamp("s")), "time", ["1970-01-01T00:00:00Z", None]),
        (pa.nulls(2), "number", [None, None]),
    ],
)
def test_each_type_becomes_its_kind(
    ingest: Callable[..., IngestResult],
    columns: Callable[..., dict[str, list[Any]]],
    values: Any,
    kind: str,
    expected: list[Any],
) -> None:
    data = parquet(pa.table({"x": values, "x.y": values}))
    result = ingest(data, "parquet")
    assert result.profile is not None, result.reasons
    assert [column["kind"] for column in result.profile["columns"]] == [kind, kind]
    assert columns(data, "parquet") == {"x": expected, "x.y": expected}


def test_types_that_are_not_read_are_named_with_their_columns(refused: Refused) -> None:
    table = pa.table(
        {
            "list": [[1], [2]],
            "ok": [1, 2],
            "struct": [{"a": 1}, {"a": 2}],
            "bytes": [b"a", b"b"],
            "span": pa.array([1, 2], pa.duration("s")),
            "clock": pa.array([1, 2], pa.time32("ms")),
        }
    )
    found = refused(parquet(table), "parquet")
    assert [column for _, column, _ in found] == ["list", "struct", "bytes", "span", "clock"]
    assert "list<element: int64>" in found[0][2]


def test_times_beyond_microseconds_are_a_reason(refused: Refused) -> None:
    data = parquet(pa.table({"t": pa.array([2**62], pa.int64()).cast(pa.timestamp("ms")), "x": [1]}))
    ((_, column, detail),) = refused(data, "parquet")
    assert column == "t"
    assert "out of bounds" in detail


@pytest.mark.parametrize(
    ("times", "accepted"),
    [
        (pa.array([NOON, "", None]), True),
        (pa.array([NOON, None, NOON], pa.large_string()).dictionary_encode(), True),
        (pa.array([date(2026, 1, 31)] * 3), True),
        (pa.array([1, 2, 3]), True),
        (pa.array([1.5e9, None, 1.6e9]), True),
        (pa.array([1, 2, 2**62]), False),
        (pa.array([True, False, True]), False),
        (pa.array(["x", NOON, "y"]), False),
        (pa.nulls(3, pa.timestamp("us")), False),
    ],
)
def test_a_time_column_is_a_timestamp_a_date_or_text_that_is_one(
    ingest: Callable[..., IngestResult], times: Any, accepted: bool
) -> None:
    result = ingest(parquet(pa.table({"t": times})), "parquet", time_column="t")
    assert (result.index is not None) == accepted
    assert all(reason["column"] == "t" for reason in result.reasons)
    if times.type == pa.string() and not accepted:
        ((row, detail),) = [(reason["row"], reason["detail"]) for reason in result.reasons]
        assert row == 1
        assert str(detail).endswith("'x' in row 1, 'y' in row 3")


@pytest.mark.parametrize(
    ("limits", "word"),
    [({"columns": 1}, "2 columns"), ({"cells": 1_999}, "1,999 cells"), ({"unpacked_bytes": 9_999}, "9,999 bytes")],
)
def test_limits_are_checked_before_a_value_is_read(
    refused: Refused, limits: dict[str, int], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = parquet(pa.table({"x": list(range(1_000)), "y": list(range(1_000))}), use_dictionary=False)
    monkeypatch.setattr(pq, "ParquetFile", None)
    ((_, _, detail),) = refused(data, "parquet", limits=limits)
    assert word in detail


def test_a_parquet_bomb_is_refused_from_its_metadata(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    data = parquet(pa.table({"x": np.zeros(4_000_000)}), use_dictionary=False, compression="zstd")
    assert len(data) < 200_000
    monkeypatch.setattr(pq, "ParquetFile", None)
    ((_, _, detail),) = refused(data, "parquet")
    assert "100 times its size" in detail


def test_a_long_text_that_repeats_is_in_memory_once(ingest: Callable[..., IngestResult]) -> None:
    before = pa.total_allocated_bytes()
    text = "x" * 1_000_000
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100_000, np.int32)), [text])
    result = ingest(parquet(pa.table({"x": column, "y": np.arange(100_000)})), "parquet")
    assert result.profile is not None
    assert result.profile["columns"][0]["kind"] == "text"
    assert pa.default_memory_pool().max_memory() - before < 100_000_000 + 100_000_000


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"PAR1", "sound Parquet"),
        (b"not parquet at all", "sound Parquet"),
        (parquet(pa.table({"x": [1]}))[:-10], "sound Parquet"),
        (parquet(pa.table({"x": pa.array([], pa.int64())})), "no rows"),
        (parquet(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])), "2 columns have this name"),
        (parquet(pa.table({"": [1]})), "column 1 has no name"),
    ],
)
def test_a_file_that_is_not_usable_parquet_says_why(refused: Refused, data: bytes, word: str) -> None:
    ((_, _, detail),) = refused(data, "parquet")
    assert word in detail


def test_a_failing_disk_is_a_fault_and_not_a_result(
    ingest: Callable[..., IngestResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(pq, "read_metadata", broken)
    with pytest.raises(OSError, match="Input/output"):
        ingest(b"PAR1", "parquet")


def test_damaged_files_get_a_result_and_never_a_crash(ingest: Callable[..., IngestResult]) -> None:
    sound = parquet(pa.table({"n": list(range(300)), "s": [str(number % 7) for number in range(300)]}))
    dice = random.Random(5)
    outcomes = set()
    for _ in range(150):
        data = bytearray(sound)
        for _ in range(dice.choice([1, 3, 30])):
            data[dice.randrange(len(data))] = dice.randrange(256)
        outcomes.add(ingest(bytes(data), "parquet").index is None)
    assert outcomes == {True, False}


def feather(table: pa.Table) -> bytes:
    file = io.BytesIO()
    write_feather(table, file, compression="zstd", chunksize=3_000_000)
    return file.getvalue()


def test_a_file_that_unpacks_very_far_is_refused_before_a_value_is_read(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unpack(*_: Any, **__: Any) -> None:
        raise AssertionError("a value was read")

    zeros = pa.table({"x": np.zeros(5_000_000, dtype=np.int64)})  # 40 MB
    codes = pa.table({"x": pa.array(["a"]).dictionary_encode().take(pa.array(np.zeros(5_000_000, dtype=np.int32)))})
    files = [("parquet", parquet(zeros)), ("feather", feather(zeros)), ("parquet", parquet(codes))]
    monkeypatch.setattr(pq.ParquetFile, "read", unpack)
    monkeypatch.setattr(FeatherTable, "column", unpack)
    for kind, data in files:
        assert len(data) < 200_000
        ((_, _, detail),) = refused(data, kind)
        assert detail == "the file unpacks to more than 100 times its size, the limit"


def test_the_size_of_a_feather_file_is_known_from_its_metadata(tmp_path: Path) -> None:
    table = pa.table(
        {
            "x": np.arange(100_000.0),
            "t": ["some text"] * 100_000,
            "c": pa.array(["a", "b"] * 50_000).dictionary_encode(),
        }
    )
    for compression in ("zstd", "lz4", "uncompressed"):
        path = tmp_path / compression
        write_feather(table, str(path), compression=compression, chunksize=30_000)
        assert sum(unpacked_sizes(path)) == pytest.approx(table.nbytes, rel=0.01)


def test_a_feather_file_with_forged_metadata_is_refused(tmp_path: Path, refused: Refused) -> None:
    sound = feather(pa.table({"x": np.arange(1_000.0)}))
    draw = random.Random(1)
    path = tmp_path / "forged"
    for _ in range(300):
        forged = bytearray(sound)
        for _ in range(3):
            forged[draw.randrange(len(forged))] = draw.randrange(256)
        path.write_bytes(forged)
        with suppress(NotSound):
            assert all(isinstance(size, int) for size in unpacked_sizes(path))
    ((_, _, detail),) = refused(sound[:-6] + b"ARROWX", "feather")
    assert "not sound Feather" in detail
