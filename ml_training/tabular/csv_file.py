"""Parses a CSV file once, in blocks, into an Arrow file of text columns.

The kind of a column depends on all its values, so the text is kept on disk until the kind is known.

A file is first parsed in small blocks, by several threads where they are granted. When that finds a fault, the file is
parsed again by one thread in large blocks, which says what is wrong, and in which row.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
QUICK_BLOCK = 4 << 20  # pyarrow reads up to 32 blocks ahead of what it has parsed
END = "\0"  # a row added after the last one: an unclosed quote would swallow it; checked text never contains it


@dataclass(frozen=True, slots=True)
class Parsing:
    """How a file is parsed: in blocks of `block` bytes, by `threads` threads."""

    block: int
    threads: int


EXACT = Parsing(BLOCK, threads=1)


@contextmanager
def open_csv(
    path: Path,
    file_format: str,
    *,
    limits: Limits,
    work: Path,
    roles: Sequence[str | None],
    consumed: Callable[[float], None],
    threads: Callable[[], int],
) -> Iterator[TextTable]:
    """The table of a `csv` or `csv.gz` file; raises Rejected with every ragged row, or with the first invalid text."""
    source = _Source(path, file_format, limits, roles, consumed)
    spool = work / "text.arrow"
    try:
        names, rows = source.spool(spool, Parsing(QUICK_BLOCK, threads()))
    except Rejected as fault:
        if fault is source.text_fault:
            raise
        # Several threads do not count rows, and a row that is longer than a small block may fit into a large one.
        names, rows = source.spool(spool, EXACT)
    if not rows:
        raise Rejected(reason("the file has a header and no rows"))
    with pa.memory_map(str(spool)) as mapped:
        table = pa.ipc.open_file(mapped).read_all().slice(0, rows)
        yield TextTable(table, tuple(names), {name: position for position, name in enumerate(names)})


@dataclass(slots=True)
class _Source:
    """A file that may be parsed twice."""

    path: Path
    file_format: str
    limits: Limits
    roles: Sequence[str | None]
    consumed: Callable[[float], None]
    text_fault: Rejected | None = None  # does not depend on how the text is parsed
    furthest: float = 0.0

    def spool(self, spool: Path, how: Parsing) -> tuple[list[str], int]:
        """Parse into an Arrow file; returns the names of the columns and the number of rows."""
        names, delimiter, body = split_header(self._pieces(), limits=self.limits)
        check_names(names, self.roles, limits=self.limits)
        return names, _spool(body, spool, columns=len(names), delimiter=delimiter, limits=self.limits, how=how)

    def _pieces(self) -> Iterator[bytes]:
        try:
            yield from checked_pieces(self.path, self.file_format, limits=self.limits, consumed=self._forward)
        except Rejected as fault:
            self.text_fault = fault
            raise

    def _forward(self, share: float) -> None:
        """Progress never falls."""
        self.furthest = max(self.furthest, share)
        self.consumed(self.furthest)


def _spool(body: Iterator[bytes], spool: Path, *, columns: int, delimiter: str, limits: Limits, how: Parsing) -> int:
    """Parse `body` into an Arrow file of string columns; returns the number of rows, without the END row."""
    ragged: list[Reason] = []
    end = f"\n{END}{delimiter * (columns - 1)}\n".encode()
    schema = pa.schema([(str(position), pa.string()) for position in range(columns)])
    rows, last = 0, None
    with damage_is_a_reason("the file is not sound CSV"), pa.ipc.new_file(str(spool), schema) as writer:
        for batch in _batches(chain(body, [end]), schema.names, delimiter=delimiter, ragged=ragged, how=how):
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


def _batches(
    body: Iterator[bytes], names: list[str], *, delimiter: str, ragged: list[Reason], how: Parsing
) -> Iterator[Any]:
    def note(row: Any) -> str:
        detail = f"the row has {row.actual_columns:,} values, the header {row.expected_columns:,}"
        number = row.number or 0  # several threads do not count
        ragged.append(reason(detail, row=number + 1))  # counted from the first row after the header
        return "skip" if how == EXACT and len(ragged) < MAX_REASONS else "error"

    pa.set_cpu_count(how.threads)
    try:
        yield from pa_csv.open_csv(
            pa.PythonFile(io.BufferedReader(Pieces(body), how.block), mode="r"),
            read_options=pa_csv.ReadOptions(column_names=names, use_threads=how.threads > 1, block_size=how.block),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note),
            convert_options=pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except pa.ArrowInvalid as error:
        if ragged:
            raise Rejected(*ragged) from None
        if "straddling" in str(error):
            detail = f"a row is longer than a block of {how.block:,} bytes: a quote may be opened and never closed"
            raise Rejected(reason(detail)) from None
        raise
