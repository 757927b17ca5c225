"""Reads the text of a CSV file once, in pieces, and checks it: unpacked, UTF-8, no NUL byte, inside the limits."""

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, cast

from ml_training.domain.file_signatures import not_utf8, sniff_text
from ml_training.domain.limits import Limits
from ml_training.tabular.ingest_result import Rejected, reason
from ml_training.tabular.table_limits import check_columns, check_unpacked

PIECE = 1 << 20
HEADER_BYTES = 8 << 20  # 5,000 names of 256 characters of 4 bytes are 5 MiB
DELIMITERS = (",", ";", "\t")
BOM = b"\xef\xbb\xbf"


class Pieces(io.RawIOBase):
    """An iterator of bytes, readable as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """See io.RawIOBase."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Copy as much of the current piece as fits into `buffer`; returns the number of bytes, 0 at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def checked_pieces(
    path: Path, file_format: str, *, limits: Limits, consumed: Callable[[float], None]
) -> Iterator[bytes]:
    """The text of a `csv` or `csv.gz` file without BOM; raises Rejected at the first invalid byte.

    `consumed` is called with the share of the file that has been read, 0 to 1.
    """
    packed = path.stat().st_size
    decoder = codecs.getincrementaldecoder("utf-8")()
    unpacked, line = 0, 1
    with path.open("rb") as raw, _unpacking(raw, file_format) as source:
        while piece := _read(source):
            first, unpacked = unpacked == 0, unpacked + len(piece)
            if first and (problem := sniff_text(piece)):
                raise Rejected(reason(problem))
            check_unpacked(unpacked, packed, limits=limits)
            _check_text(piece, decoder, line=line)
            line += piece.count(b"\n")
            consumed(raw.tell() / packed)
            yield piece.removeprefix(BOM) if first else piece
    if decoder.getstate()[0]:
        raise Rejected(reason("the file ends in the middle of a UTF-8 character: it may be cut off"))


def split_header(pieces: Iterator[bytes], *, limits: Limits) -> tuple[list[str], str, Iterator[bytes]]:
    """The column names, the delimiter, and the text after the header.

    The delimiter is the one of comma, semicolon and tab that splits the header into the most fields; at a tie, the
    first of these three. Spaces around a name are removed. Example: `b"a;b\\n1;2\\n"` gives `["a", "b"]` and `";"`.
    """
    head = b""
    while len(head) < HEADER_BYTES and (piece := next(pieces, b"")):
        head += piece
    text = codecs.getincrementaldecoder("utf-8")().decode(head)  # the last character may be incomplete
    text = text.lstrip("\r\n")
    if not text.strip():
        raise Rejected(reason("the file is empty"))
    found = [(*_first_record(text, delimiter), delimiter) for delimiter in DELIMITERS]
    names, used, delimiter = max(found, key=lambda item: len(item[0]))
    if not names:
        longest = f"a name is longer than {csv.field_size_limit():,} characters"
        detail = f"the header cannot be read: a quote is not closed or is inside a name, or {longest}"
        raise Rejected(reason(detail, row=1))
    check_columns(len(names), limits=limits)
    if len(head) >= HEADER_BYTES and used == len(text):
        raise Rejected(reason(f"the header is longer than {HEADER_BYTES:,} bytes", row=1))
    start = len(head) - len(head.lstrip(b"\r\n")) + len(text[:used].encode())
    return [name.strip() for name in names], delimiter, chain([head[start:]], pieces)


def _first_record(text: str, delimiter: str) -> tuple[list[str], int]:
    """The fields of the first record and its length in characters; no fields if the record is not well-formed."""
    lines = io.StringIO(text, newline="")
    try:
        return next(csv.reader(lines, delimiter=delimiter, strict=True)), lines.tell()
    except csv.Error:  # normal for a wrong delimiter: `"a","b"` has no semicolon after the quote
        return [], 0


def _unpacking(raw: IO[bytes], file_format: str) -> IO[bytes]:
    return cast(IO[bytes], gzip.GzipFile(fileobj=raw, mode="rb")) if file_format == "csv.gz" else raw


def _read(source: IO[bytes]) -> bytes:
    try:
        return source.read(PIECE)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise Rejected(reason(f"the gzip file is damaged: {error}")) from None


def _check_text(piece: bytes, decoder: codecs.IncrementalDecoder, *, line: int) -> None:
    if b"\0" in piece:
        row = line + piece.count(b"\n", 0, piece.index(b"\0"))
        raise Rejected(reason(f"line {row} contains a NUL byte: the file is damaged or not CSV", row=row))
    pending = len(decoder.getstate()[0])
    try:
        decoder.decode(piece)
    except UnicodeDecodeError as error:
        at = max(0, error.start - pending)
        row = line + piece.count(b"\n", 0, at)
        raise Rejected(reason(not_utf8(error.object[error.start], row=row), row=row)) from None
