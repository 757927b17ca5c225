"""Writes the rows of a query, which arrive as text, to a Parquet file with their exact types.

Equal text gives equal bytes: the size of the parts is decided by the text alone. One part is in memory at a time.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

from ml_training.domain.query_columns import QueryColumn, QueryType
from ml_training.tabular.ingest_result import Reason, reason

BLOCK_BYTES = 16 << 20  # twice the largest row, see sources/rows_file.py
GROUP_BYTES = 32 << 20  # of the values in a row group
LARGEST_EXACT = 2**53
_TYPES = {
    QueryType.BOOLEAN: pa.bool_(),
    QueryType.INTEGER_16: pa.int16(),
    QueryType.INTEGER_32: pa.int32(),
    QueryType.INTEGER_64: pa.int64(),
    QueryType.UNSIGNED_64: pa.uint64(),
    QueryType.REAL: pa.float32(),
    QueryType.DOUBLE: pa.float64(),
    QueryType.NUMBER: pa.float64(),
    QueryType.DATE: pa.date32(),
    QueryType.TIME: pa.timestamp("us"),
    QueryType.TIME_UTC: pa.timestamp("us", tz="UTC"),
    QueryType.TEXT: pa.string(),
}
_OF_COLUMN = re.compile(r"CSV column #(\d+): (.*)", re.DOTALL)
_VALUE = re.compile(r"invalid value '(.*)'", re.DOTALL)


class _Unreadable(Exception):
    """A value cannot be read as the type of its column."""

    def __init__(self, found: Reason) -> None:
        super().__init__()
        self.reason = found


def write_parquet(
    text: Path, columns: Sequence[QueryColumn], path: Path, *, progress: Callable[[float], None]
) -> tuple[Reason, ...]:
    """Write the rows of `text` to `path`; the reasons why that cannot be done, none when it is done.

    text: see domain/query_columns.py. progress: called with the share that is done, after each part.
    """
    schema = pa.schema([pa.field(column.name, _TYPES[column.type]) for column in columns])
    size, done = max(1, text.stat().st_size), 0
    try:
        with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1) as writer:
            for group in _groups(_batches(text, columns), schema):
                writer.write_table(group, row_group_size=max(1, len(group)))
                done += group.nbytes
                progress(min(1.0, done / (2 * size)))  # an estimate: values are at most about twice their text
    except _Unreadable as error:
        return (error.reason,)
    return ()


def _groups(batches: Iterator[Any], schema: Any) -> Iterator[Any]:
    """Tables of about GROUP_BYTES."""
    kept: list[Any] = []
    for batch in batches:
        kept.append(batch)
        if sum(part.nbytes for part in kept) >= GROUP_BYTES:
            yield pa.Table.from_batches(kept, schema)
            kept = []
    if kept:
        yield pa.Table.from_batches(kept, schema)


def _batches(text: Path, columns: Sequence[QueryColumn]) -> Iterator[Any]:
    """The rows in parts; raises _Unreadable."""
    if not text.stat().st_size:
        return
    numbers = [str(number) for number in range(len(columns))]  # names may be anything
    types = {number: _TYPES[column.type] for number, column in zip(numbers, columns, strict=True)}
    try:
        with csv.open_csv(
            text,
            csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, column_names=numbers),
            csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            csv.ConvertOptions(
                column_types=types,
                null_values=[""],
                true_values=["t"],
                false_values=["f"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        ) as reader:
            for batch in reader:
                yield _plain(batch, columns)
    except pa.ArrowInvalid as error:
        raise _Unreadable(_reason(str(error), columns)) from None


def _plain(batch: Any, columns: Sequence[QueryColumn]) -> Any:
    """The batch under the names of the columns; equal numbers get equal bytes, whatever the sign of their zero."""
    arrays = []
    for column, values in zip(columns, batch.columns, strict=True):
        if column.type is QueryType.NUMBER:
            _check_exact(column, values)
        arrays.append(pc.add(values, values.type.to_pandas_dtype()(0)) if pa.types.is_floating(values.type) else values)
    return pa.RecordBatch.from_arrays(arrays, [column.name for column in columns])


def _check_exact(column: QueryColumn, values: Any) -> None:
    """Whole numbers from 2**53 on are ids, mostly, and two of them would become one."""
    numbers = values.drop_null().to_numpy()
    large = np.abs(numbers[np.isfinite(numbers)])
    if large.size and large.max() >= LARGEST_EXACT:  # 2**53 + 1 becomes 2**53
        detail = "a number is 2**53 or more, and such numbers are not exact in 64-bit floats"
        raise _Unreadable(
            reason(
                f"{detail}: cast the column to an integer of 64 bits, or to a double if that is fine",
                column=column.name,
            )
        )


def _reason(message: str, columns: Sequence[QueryColumn]) -> Reason:
    found = _OF_COLUMN.search(message)
    if found is None:
        return reason(f"the rows of the query cannot be read: {message[:200]}")
    column = columns[int(found[1])]
    value = _VALUE.search(found[2])
    shown = f"the value {value[1][:60]!r}" if value else "a value"
    return reason(
        f"{shown} cannot be read as {column.type.value}: leave such rows out, or make it NULL", column=column.name
    )
