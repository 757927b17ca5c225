"""Parses the text of a file once, in blocks, into an Arrow file of text columns.

The kind of a column depends on all its values, so the text is kept on disk until the kind is known.

A file is first parsed in small blocks, by several threads where they are granted. When that finds a fault, the file is
parsed again by one thread in large blocks, which says what is wrong, and in which row.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv

from ml_training.domain.file_options import FileOptions
from ml_training.domain.limits import Limits
from ml_training.tabular.column_names import Names, column_names, kept_columns
from ml_training.tabular.csv_text import Pieces
from ml_training.tabular.encodings import NotUtf8
from ml_training.tabular.ingest_result import Reason, Rejected, damage_is_a_reason, reason
from ml_training.tabular.layout import Layout
from ml_training.tabular.ragged_rows import RaggedRows
from ml_training.tabular.table import FileFacts, TextTable
from ml_training.tabular.table_limits import check_cells
from ml_training.tabular.text_source import TextSource, open_source
from ml_training.tabular.total_row import is_total_row, refuse_total_row

BLOCK = 16 << 20  # bytes parsed at a time; a row must end in the same block or in the next one
QUICK_BLOCK = 4 << 20  # pyarrow reads up to 32 blocks ahead of what it has parsed
END = "\0"  # a row added after the last one: an unclosed quote would swallow it; checked text never contains it


@dataclass(frozen=True, slots=True)
class Parsing:
    """How a file is parsed: in blocks of `block` bytes, by `threads` threads."""

    block: int
    threads: int


EXACT = Parsing(BLOCK, threads=1)


@dataclass(frozen=True, slots=True)
class _Spooled:
    """What is in the Arrow file: the rows, and above them what the layout says."""

    layout: Layout
    names: Names
    rows: int


@contextmanager
def open_csv(
    path: Path,
    file_format: str,
    *,
    options: FileOptions,
    limits: Limits,
    work: Path,
    roles: Sequence[str | None],
    consumed: Callable[[float], None],
    threads: Callable[[], int],
) -> Iterator[TextTable]:
    """The table of a text file or workbook; raises Rejected with every ragged row, or with the first invalid text."""
    source = open_source(path, file_format, options=options, limits=limits, consumed=consumed)
    spool = work / "text.arrow"
    try:
        spooled = _parsed(source, spool, roles, threads)
    except NotUtf8 as fault:
        guess = source.windows_1252()
        if guess is None:
            raise
        try:
            spooled = _parsed(guess, spool, roles, threads)
        except Rejected as other:
            # What is not Windows-1252 either is refused with the byte that is not UTF-8.
            raise fault if other is guess.text_fault else other from None
        source = guess
    if not spooled.rows:
        raise Rejected(reason("the file has a header and no rows"))
    with pa.memory_map(str(spool)) as mapped:
        table = pa.ipc.open_file(mapped).read_all().slice(0, spooled.rows)
        yield _text_table(table, spooled, source, roles)


def _parsed(source: TextSource, spool: Path, roles: Sequence[str | None], threads: Callable[[], int]) -> _Spooled:
    try:
        return _spool(source, spool, roles, Parsing(QUICK_BLOCK, threads()))
    except Rejected as fault:
        if fault is source.text_fault:
            raise
        # Several threads do not count rows, and a row that is longer than a small block may fit into a large one.
        return _spool(source, spool, roles, EXACT)


def _spool(source: TextSource, spool: Path, roles: Sequence[str | None], how: Parsing) -> _Spooled:
    """Parse into an Arrow file of string columns."""
    layout, body = source.open()
    names = column_names(layout.names, roles, source.options, limits=source.limits)
    columns = len(layout.names)
    ragged = RaggedRows(columns, layout.first_row)
    end = f"\n{END}{layout.separator * (columns - 1)}\n".encode()
    schema = pa.schema([(str(position), pa.string()) for position in range(columns)])
    rows, last = 0, None
    with damage_is_a_reason("the file is not sound CSV"), pa.ipc.new_file(str(spool), schema) as writer:
        for batch in _batches(chain(body, [end]), schema.names, separator=layout.separator, ragged=ragged, how=how):
            rows += batch.num_rows
            check_cells(rows - 1, columns, limits=source.limits)
            if batch.num_rows:
                last = batch.column(0)[batch.num_rows - 1].as_py()
                writer.write_batch(batch)
    if last != END:
        raise Rejected(*ragged.reasons(rows), _never_closed(rows + ragged.total + layout.first_row - 1))
    if ragged:
        raise Rejected(*ragged.reasons(rows - 1))
    return _Spooled(layout, names, rows - 1)


def _never_closed(row: int) -> Reason:
    return reason("a quote is opened in or before this row and never closed", row=row)


def _batches(
    body: Iterator[bytes], names: list[str], *, separator: str, ragged: RaggedRows, how: Parsing
) -> Iterator[Any]:
    def note(row: Any) -> str:
        is_noted = ragged.add(row.actual_columns, row.number or 0)  # several threads do not count
        return "skip" if how == EXACT and is_noted else "error"

    pa.set_cpu_count(how.threads)
    try:
        yield from pa_csv.open_csv(
            pa.PythonFile(io.BufferedReader(Pieces(body), how.block), mode="r"),
            read_options=pa_csv.ReadOptions(column_names=names, use_threads=how.threads > 1, block_size=how.block),
            parse_options=pa_csv.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=note),
            convert_options=pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except pa.ArrowInvalid as error:
        if ragged:
            raise Rejected(*ragged.reasons(0)) from None
        if "straddling" in str(error):
            detail = f"a row is longer than a block of {how.block:,} bytes: a quote may be opened and never closed"
            raise Rejected(reason(detail)) from None
        raise


def _text_table(table: pa.Table, spooled: _Spooled, source: TextSource, roles: Sequence[str | None]) -> TextTable:
    """The table without the columns and rows that are dropped."""
    layout, options = spooled.layout, source.options
    positions, dropped = kept_columns(table, spooled.names, options)
    gone = [
        reason("there is no such column in the file", column=role) for role in roles if role not in (None, *positions)
    ]
    if gone:
        raise Rejected(*gone)
    if options.total_row != "keep" and (word := is_total_row(table)) is not None:
        row = table.num_rows + layout.first_row - 1
        if options.total_row is None:
            refuse_total_row(word, row=row)
        dropped.append({"row": row, "why": f"it begins with {word!r}, and total_row is drop"})
        table = table.slice(0, table.num_rows - 1)
    facts = _facts(source, layout, spooled.names)
    exact = frozenset(name for name, at in positions.items() if at in source.exact_points)
    return TextTable(table, positions, replace(facts, dropped=tuple(dropped), exact_points=exact), layout.first_row)


def _facts(source: TextSource, layout: Layout, names: Names) -> FileFacts:
    return replace(
        source.facts(),
        separator=layout.separator if source.has_separator else None,
        header_row=layout.header_row,
        header_warning=layout.warning,
        stripped_names=layout.stripped,
        skipped=layout.skipped,
        renamed=names.renamed or None,
    )
