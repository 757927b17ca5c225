"""Finds the separator, the header and the title lines above it at the start of a text file.

Only the start of the file is looked at for this; every later row must then fit, or is refused by its number.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from ml_training.domain.file_options import FileOptions
from ml_training.domain.limits import Limits
from ml_training.tabular.ingest_result import Rejected, reason
from ml_training.tabular.table_limits import check_columns

HEADER_BYTES = 8 << 20  # 5,000 names of 256 characters of 4 bytes are 5 MiB
SEPARATORS = (",", ";", "\t", "|")
SAMPLE_CHARACTERS = 256 << 10
SAMPLE_RECORDS = 50
MOST_TITLE_ROWS = 20
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)  # Excel's own first line
LIKE_A_VALUE = re.compile(r"[-+(]?\s*(?:[$€£¥]|[A-Z]{3} ?)?\s*[-+]?[.,]?\d.*")
Record = list[str]


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of a text file are laid out.

    `header_row`: its number, None if the file has no header; `first_row`: the number of the first row of values;
    `skipped`: the lines above the header; `warning`: what is odd about the names.
    """

    names: tuple[str, ...]
    separator: str
    header_row: int | None
    first_row: int
    skipped: tuple[str, ...] = ()
    stripped: int = 0
    warning: str | None = None


def read_layout(pieces: Iterator[bytes], options: FileOptions, *, limits: Limits) -> tuple[Layout, Iterator[bytes]]:
    """The layout, and the text after the header; raises Rejected if there is no header, or it is uncertain where.

    The separator is the one that splits the header into the most fields, among those with which the first rows have as
    many fields as the header; at a tie, the first of SEPARATORS. Example: `b"a;b\\n1;2\\n"` gives `a`, `b` and `";"`.
    """
    head = b""
    while len(head) < HEADER_BYTES and (piece := next(pieces, b"")):
        head += piece
    whole = codecs.getincrementaldecoder("utf-8")().decode(head)  # the last character may be incomplete
    text = whole.lstrip("\r\n")
    if not text.strip():
        raise Rejected(reason("the file is empty"))
    skipped_bytes = len(whole) - len(text)
    said = SEPARATOR_LINE.match(text)
    if said is not None:
        text, skipped_bytes = text[said.end() :], skipped_bytes + said.end()
    separators = (options.separator,) if options.separator else (said[1],) if said is not None else SEPARATORS
    layout, used = _layout(text, separators, options, limits=limits)
    if len(head) >= HEADER_BYTES and used == len(text):
        raise Rejected(reason(f"the header is longer than {HEADER_BYTES:,} bytes", row=layout.header_row or 1))
    start = len(whole[: skipped_bytes + used].encode())
    return layout, chain([head[start:]], pieces)


def _layout(text: str, separators: Sequence[str], options: FileOptions, *, limits: Limits) -> tuple[Layout, int]:
    """The layout, and the number of characters before the first row of values."""
    samples = {separator: _sample(text, separator) for separator in separators}
    if options.header_row == 0:
        separator = _best({separator: rows for separator, rows in samples.items() if rows} or samples, {})
        width = len(_first_record(text, separator)[0])
        check_columns(width, limits=limits)
        return Layout(tuple(f"column_{at}" for at in range(1, width + 1)), separator, None, 1), 0
    places = {separator: _header_place(rows, options.header_row) for separator, rows in samples.items()}
    usable = {separator: rows[places[separator] :] for separator, rows in samples.items()}
    separator = _best(usable, places if options.header_row is None else {})
    place = places[separator]
    _refuse_uncertain_title(samples[separator], place, options.header_row)
    start, skipped = _skip(text, separator, place)
    raw, used = _first_record(text[start:], separator)
    if not raw:
        longest = f"a name is longer than {csv.field_size_limit():,} characters"
        detail = f"the header cannot be read: a quote is not closed or is inside a name, or {longest}"
        raise Rejected(reason(detail, row=place + 1))
    check_columns(len(raw), limits=limits)
    names = tuple(name.strip() for name in raw)
    _refuse_spaces(names, usable[separator][1:])
    layout = Layout(
        names=names,
        separator=separator,
        header_row=place + 1,
        first_row=place + 2,
        skipped=skipped,
        stripped=sum(name != stripped for name, stripped in zip(raw, names, strict=True)),
        warning=_odd_names(names),
    )
    return layout, start + used


def _sample(text: str, separator: str) -> list[Record]:
    """The first records; the last one is left out if it may be cut off."""
    lines = io.StringIO(text[:SAMPLE_CHARACTERS], newline="")
    records: list[Record] = []
    try:
        for record in csv.reader(lines, delimiter=separator, strict=True):
            records += [record] if record else []
            if len(records) > SAMPLE_RECORDS:
                break
    except csv.Error:  # normal for a wrong separator: `"a","b"` has no semicolon after the quote
        return records
    is_cut = len(text) > SAMPLE_CHARACTERS and len(records) <= SAMPLE_RECORDS
    return records[:-1] if is_cut and len(records) > 1 else records


def _best(samples: dict[str, list[Record]], places: dict[str, int]) -> str:
    def fit(separator: str) -> tuple[bool, bool, int]:
        rows = samples[separator]
        width = len(rows[0]) if rows else 0
        is_table = width > 1 and all(len(row) == width for row in rows)
        return is_table, places.get(separator, 0) == 0, width

    return max(samples, key=fit)  # the first one at a tie


def _header_place(rows: list[Record], header_row: int | None) -> int:
    """How many records are above the header: lines with a single value above rows with several."""
    if header_row is not None:
        return header_row - 1
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows[: MOST_TITLE_ROWS + 1]]
    place = next((number for number, count in enumerate(filled) if count > 1), 0)
    if place == 0 or len(rows) < place + 2:
        return 0
    width = len(rows[place])
    below = [row for row in rows[place + 1 :] if sum(bool(cell.strip()) for cell in row) > 1]
    if not rows[0][0].strip() or not below or any(len(row) != width for row in below):
        return 0  # `,x` is the header of an index and a column
    # `a,` may be a header that lacks a name.
    return place if len(rows[0]) < width or _is_header(rows[place], below) else 0


def _refuse_uncertain_title(rows: list[Record], place: int, header_row: int | None) -> None:
    """Lines are skipped only above what is certainly a header: names above values of another kind."""
    if place == 0 or header_row is not None:
        return
    if not _is_header(rows[place], rows[place + 1 :]):
        detail = (
            f"row 1 ({_short(rows[0])}) has fewer values than row {place + 1}: if it is a title, delete it or say "
            f"header_row={place + 1}; if it is the header, the other rows have too many values"
        )
        raise Rejected(reason(detail, row=1))


def _is_header(record: Record, below: list[Record]) -> bool:
    """Whether a record is a header for certain: distinct names, and a column in which only the name is no value."""
    names = [name.strip() for name in record]
    return len(set(names)) == len(names) and any(
        name and not LIKE_A_VALUE.fullmatch(name) and _are_values([row[at] for row in below if len(row) > at])
        for at, name in enumerate(names)
    )


def _are_values(cells: list[str]) -> bool:
    present = [cell.strip() for cell in cells if cell.strip()]
    return bool(present) and sum(LIKE_A_VALUE.fullmatch(cell) is not None for cell in present) > 0.7 * len(present)


def _skip(text: str, separator: str, place: int) -> tuple[int, tuple[str, ...]]:
    """Where the header starts, and the records above it as text."""
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=separator, strict=True)
    skipped: list[str] = []
    start = 0
    try:
        while len(skipped) < place:
            record = next(reader)
            skipped += [_short(record)] if record else []
            start = lines.tell()
    except (csv.Error, StopIteration):
        detail = f"the file has no row {place + 1} that could be the header: header_row is too large"
        raise Rejected(reason(detail, row=place + 1)) from None
    rest = text[start:]
    return start + len(rest) - len(rest.lstrip("\r\n")), tuple(skipped)


def _first_record(text: str, separator: str) -> tuple[Record, int]:
    """The fields of the first record and its length in characters; no fields if the record is not well-formed."""
    lines = io.StringIO(text, newline="")
    try:
        return next(csv.reader(lines, delimiter=separator, strict=True)), lines.tell()
    except (csv.Error, StopIteration):
        return [], 0


def _refuse_spaces(names: Sequence[str], below: list[Record]) -> None:
    """A table whose columns are separated by spaces would become one column of text."""
    if len(names) != 1 or not below or any(len(row) != 1 for row in below):
        return
    words, rows = names[0].split(), [row[0].split() for row in below if row[0].strip()]
    if len(words) < 2 or not rows or any(len(row) != len(words) for row in rows):
        return
    if any(
        not LIKE_A_VALUE.fullmatch(word) and _are_values([row[at] for row in rows]) for at, word in enumerate(words)
    ):
        detail = f"the columns ({', '.join(words[:5])}) seem to be separated by spaces: separate them by commas or tabs"
        raise Rejected(reason(detail, row=1))


def _odd_names(names: Sequence[str]) -> str | None:
    numbers = [name for name in names if LIKE_A_VALUE.fullmatch(name)]
    if len(numbers) < len(names) or list(names) == [str(at) for at in range(len(names))]:
        return None
    return f"all names look like values ({', '.join(numbers[:3])}): if the file has no header, say header_row=0"


def _short(record: Record) -> str:
    return repr(" ".join(cell.strip() for cell in record if cell.strip())[:60])
