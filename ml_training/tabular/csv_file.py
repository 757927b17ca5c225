"""Parses a CSV file once, in blocks, into an Arrow file of text columns.

The kind of a column depends on all its values, so the text is kept on disk until the kind is known. Only one column
is in memory at a time.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv

from ml_training.domain.limits import Limits
from ml_training.tabular.csv_text import Pieces, checked_pieces, split_header
from ml_training.tabular.ingest_result import MAX_REASONS, Reason, Rejected, damage_is_a_reason, reason
from ml_training.tabular.table import TextTable
from ml_training.tabular.table_limits import check_cells, check_names

BLOCK = 16 << 20  # bytes parsed at a time; a row must end in the same block or in the next one
END = "\0"  # a row added after the last one: an unclosed quote would swallow it; checked text never contains it


@contextmanager
def open_csv(
    path: Path,
    file_format: str,
    *,
    limits: Limits,
    work: Path,
    roles: Sequence[str | None],
    consumed: Callable[[float], None],
) -> Iterator[TextTable]:
    """The table of a `csv` or `csv.gz` file; raises Rejected with every ragged row, or with the first invalid text."""
    pieces = checked_pieces(path, file_format, limits=limits, consumed=consumed)
    names, delimiter, body = split_header(pieces, limits=limits)
    check_names(names, roles, limits=limits)
    spool = work / "text.arrow"
    rows = _spool(body, spool, columns=len(names), delimiter=delimiter, limits=limits)
    if not rows:
        raise Rejected(reason("the file has a header and no rows"))
    with pa.memory_map(str(spool)) as mapped:
        table = pa.ipc.open_file(mapped).read_all().slice(0, rows)
        yield TextTable(table, tuple(names), {name: position for position, name in enumerate(names)})


def _spool(body: Iterator[bytes], spool: Path, *, columns: int, delimiter: str, limits: Limits) -> int:
    """Parse `body` into an Arrow file of string columns; returns the number of rows, without the END row."""
    ragged: list[Reason] = []
    end = f"\n{END}{delimiter * (columns - 1)}\n".encode()
    schema = pa.schema([(str(position), pa.string()) for position in range(columns)])
    rows, last = 0, None
    with damage_is_a_reason("the file is not sound CSV"), pa.ipc.new_file(str(spool), schema) as writer:
        for batch in _batches(chain(body, [end]), schema.names, delimiter=delimiter, ragged=ragged):
            rows += batch.num_rows
            check_cells(rows - 1, columns, limits=limits)
            if batch.num_rows:
                last = batch.column(0)[batch.num_rows - 1].as_py()
                writer.write_batch(batch)
    if last != END:
        row = rows + len(ragged) + 1
        ragged.append(reason("a quote is opened in or before this row and never closed", row=row))
    if ragged:
        raise Rejected(*ragged)
    return rows - 1


def _batches(body: Iterator[bytes], names: list[str], *, delimiter: str, ragged: list[Reason]) -> Iterator[Any]:
    def note(row: Any) -> str:
        detail = f"the row has {row.actual_columns:,} values, the header {row.expected_columns:,}"
        ragged.append(reason(detail, row=row.number + 1))  # counted from the first row after the header
        return "skip" if len(ragged) < MAX_REASONS else "error"

    try:
        yield from pa_csv.open_csv(
            pa.PythonFile(io.BufferedReader(Pieces(body), BLOCK), mode="r"),
            read_options=pa_csv.ReadOptions(column_names=names, use_threads=False, block_size=BLOCK),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note),
            convert_options=pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except pa.ArrowInvalid as error:
        if ragged:
            raise Rejected(*ragged) from None
        if "straddling" in str(error):
            detail = f"a row is longer than a block of {BLOCK:,} bytes: a quote may be opened and never closed"
            raise Rejected(reason(detail)) from None
        raise
