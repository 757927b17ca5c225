"""Reads a Parquet file as a table: checks the metadata before any value, then reads one column at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pyarrow.types as pt

from ml_training.domain.limits import Limits
from ml_training.tabular.ingest_result import Rejected, damage_is_a_reason, reason
from ml_training.tabular.table import FileFacts
from ml_training.tabular.table_limits import check_cells, check_columns, check_names, check_unpacked

PLAIN = (pt.is_null, pt.is_boolean, pt.is_integer, pt.is_floating, pt.is_decimal, pt.is_date, pt.is_timestamp)
TEXT = (pt.is_string, pt.is_large_string, pt.is_string_view)
FACTS = FileFacts("parquet")
TEXT_NUMBER = 4  # bytes of the number of a text
READABLE = "numbers, booleans, strings, dates and timestamps are read: convert or drop the column"


@dataclass(frozen=True, slots=True)
class ParquetTable:
    """The table of a Parquet file; strings stay dictionary-encoded, so a repeated string is in memory once."""

    file: pq.ParquetFile
    rows: int
    names: tuple[str, ...]
    facts: FileFacts = FACTS
    first_row: int = 1
    typed: bool = True

    def column(self, name: str) -> Any:
        """See Table."""
        with damage_is_a_reason("the Parquet file is damaged"):
            # Arrow takes "a.b" for a part of "a" and reads it too: `column(name)` picks the right one.
            column = self.file.read(columns=[name], use_threads=False).column(name)
            column.validate(full=True)  # checks that texts are UTF-8 and that each code is in the dictionary
        if len(column) != self.rows:
            detail = f"the column has {len(column):,} values, but the footer of the file says {self.rows:,}"
            raise Rejected(reason(detail, column=name))
        return plain(column)


@contextmanager
def open_parquet(path: Path, *, limits: Limits, roles: Sequence[str | None]) -> Iterator[ParquetTable]:
    """The table of a Parquet file; raises Rejected with every fault that its metadata shows."""
    with damage_is_a_reason("the file is not sound Parquet"):
        metadata = pq.read_metadata(path)
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    check_columns(metadata.num_columns, limits=limits)
    check_cells(metadata.num_rows, metadata.num_columns, limits=limits)
    packed, stored = path.stat().st_size, sum(group.total_byte_size for group in groups)
    check_unpacked(stored, packed, limits=limits)
    with damage_is_a_reason("the file is not sound Parquet"):
        schema = metadata.schema.to_arrow_schema()
    check_names(schema.names, roles, limits=limits)
    check_types(schema)
    if not metadata.num_rows:
        raise Rejected(reason("the file has no rows"))
    check_unpacked(unpacked_bytes(schema, metadata.num_rows, stored), packed, limits=limits)
    texts = [field.name for field in schema if any(is_text(field.type) for is_text in TEXT)]
    with damage_is_a_reason("the file is not sound Parquet"):
        file = pq.ParquetFile(path, read_dictionary=texts)
    with file:
        yield ParquetTable(file, metadata.num_rows, tuple(schema.names))


def unpacked_bytes(schema: Any, rows: int, stored: int) -> int:
    """Bytes of the values in memory. Run lengths and dictionaries shrink them in the file, often very far.

    stored: bytes of the encoded values before compression; the texts in memory are at most that long, since a repeated
    one is there once, and each value is the number of a text.
    """
    kinds = [field.type.value_type if pt.is_dictionary(field.type) else field.type for field in schema]
    texts = sum(any(is_text(kind) for is_text in TEXT) for kind in kinds)
    bits = sum(kind.bit_width for kind in kinds if not any(is_kind(kind) for is_kind in (pt.is_null, *TEXT)))
    return int(rows * bits // 8 + texts * TEXT_NUMBER * rows + (stored if texts else 0))


def check_types(schema: Any) -> None:
    """Raise Rejected with every column whose type is not read."""
    reasons = [
        reason(f"values of type {str(field.type)[:60]} are not read; {READABLE}", column=field.name)
        for field in schema
        if not _is_read(field.type)
    ]
    if reasons:
        raise Rejected(*reasons)


def _is_read(kind: Any) -> bool:
    plain = kind.value_type if pt.is_dictionary(kind) else kind
    return any(is_kind(plain) for is_kind in (*PLAIN, *TEXT))


def plain(column: Any) -> Any:
    """Keep texts dictionary-encoded, as `read_dictionary` returns them; decode other values."""
    if pt.is_dictionary(column.type) and not pt.is_string(column.type.value_type):
        return column.cast(column.type.value_type)
    return column
