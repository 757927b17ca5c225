"""Writes the output of a PREDICT job as a stream of bytes; equal tables give equal bytes with one version of Arrow.

CSV is RFC 4180 in UTF-8: text is quoted, a missing value is an empty field, numbers have as many digits as their exact
value needs, times are RFC 3339, a set of classes is a JSON array. A cell that begins with "=" is written as it is: a
spreadsheet may run it.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pyarrow.types as pt

CRLF = "\r\n"
RFC_3339 = "%Y-%m-%dT%H:%M:%SZ"
METADATA_KEY = "ml_training"
NO_LIMIT = 2**63  # of bytes: the number of cells was checked at the submission, and a full disk is an outage
PREVIEW_ROWS = 200
PREVIEW_CHARACTERS = 1 << 20


class _Pieces:
    """A file to write to, whose bytes are taken away piece by piece."""

    closed = False

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: Any) -> int:
        self._written.append(bytes(data))
        return len(self._written[-1])

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        """The bytes since the last call."""
        taken, self._written = b"".join(self._written), []
        return taken


def write_tables(
    tables: Iterable[Any], schema: Any, file_format: str, *, lineage: Mapping[str, Any]
) -> Iterator[bytes]:
    """The bytes of a `parquet` or `csv` file with these tables, each written before the next one is asked for.

    lineage: what the file says about its origin (Parquet only); it must not differ between equal jobs.
    """
    pieces = _Pieces()
    with _writer(pieces, schema, file_format, lineage) as writer:
        for table in tables:
            writer.write_table(table if file_format == "parquet" else _with_texts(table))
            yield pieces.take()
    yield pieces.take()


def _writer(pieces: _Pieces, schema: Any, file_format: str, lineage: Mapping[str, Any]) -> Any:
    if file_format == "parquet":
        origin = json.dumps(lineage, sort_keys=True, separators=(",", ":"))
        return pq.ParquetWriter(pieces, schema.with_metadata({METADATA_KEY: origin}), compression="zstd")
    options = pa_csv.WriteOptions(eol=CRLF)
    return pa_csv.CSVWriter(pieces, _text_schema(schema), write_options=options)


def _text_schema(schema: Any) -> Any:
    return pa.schema([(field.name, pa.string() if _needs_text(field.type) else field.type) for field in schema])


def _needs_text(kind: Any) -> bool:
    return bool(pt.is_timestamp(kind) or pt.is_list(kind))


def _with_texts(table: Any) -> Any:
    """The table with times and sets of classes as text."""
    return pa.table([_as_text(column) for column in table.columns], schema=_text_schema(table.schema))


def _as_text(column: Any) -> Any:
    if pt.is_timestamp(column.type):
        return pc.strftime(column, format=RFC_3339)
    if pt.is_list(column.type):
        return pa.array([json.dumps(value, ensure_ascii=False) for value in column.to_pylist()], pa.string())
    return column


class Preview:
    """Collects the first rows as JSON values: at most PREVIEW_ROWS, and at most PREVIEW_CHARACTERS in all."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self._characters = 0
        self._is_full = False

    def seen(self, table: Any) -> Any:
        """The table itself; its first rows are taken as far as there is room."""
        self._add(table)
        return table

    def _add(self, table: Any) -> None:
        room = 0 if self._is_full else PREVIEW_ROWS - len(self.rows)
        for number in range(min(room, table.num_rows)):
            [row] = table.slice(number, 1).to_pylist()
            row = {name: _json_value(value) for name, value in row.items()}
            self._characters += len(json.dumps(row, ensure_ascii=False))
            if self._characters > PREVIEW_CHARACTERS:
                self._is_full = True
                return
            self.rows.append(row)


def _json_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, float) and not math.isfinite(value):
        return None  # the end of an interval may be infinite, which JSON cannot hold
    return value
