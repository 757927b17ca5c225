"""Reads a text file once, in pieces, and checks it: unpacked, in a known encoding, no NUL byte, inside the limits."""

import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, cast

from ml_training.domain.file_formats import GZIP
from ml_training.domain.file_signatures import not_utf8, sniff_text
from ml_training.domain.limits import Limits
from ml_training.tabular.encodings import UTF_8, NotUtf8, Transcoder, guessed_encoding, skip_bom
from ml_training.tabular.ingest_result import Rejected, reason
from ml_training.tabular.table_limits import check_unpacked

PIECE = 1 << 20


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


def first_bytes(path: Path, file_format: str) -> bytes:
    """The start of a text file, unpacked; raises Rejected if it shows another kind of file."""
    with path.open("rb") as raw, _unpacking(raw, file_format) as source:
        head = _read(source)
    if head and (problem := sniff_text(head)):
        raise Rejected(reason(problem))
    return head


def checked_pieces(
    path: Path, file_format: str, *, limits: Limits, consumed: Callable[[float], None], text: Transcoder
) -> Iterator[bytes]:
    """The text of a file as UTF-8 without BOM; raises Rejected at the first invalid byte.

    `consumed` is called with the share of the file that has been read, 0 to 1.
    """
    raw = _unpacked_pieces(path, file_format, limits=limits, consumed=consumed)
    yield from _utf8_pieces(raw) if text.encoding == UTF_8 else _without_nul(text.pieces(raw))


def plain_text(head: bytes, encoding: str | None) -> Transcoder:
    """How the text of a file that starts with `head` is read first: as the user said, else as it looks."""
    return Transcoder(encoding or guessed_encoding(head), is_guess=False)


def _unpacked_pieces(
    path: Path, file_format: str, *, limits: Limits, consumed: Callable[[float], None]
) -> Iterator[bytes]:
    packed, unpacked = path.stat().st_size, 0
    with path.open("rb") as raw, _unpacking(raw, file_format) as source:
        while piece := _read(source):
            unpacked += len(piece)
            check_unpacked(unpacked, packed, limits=limits)
            consumed(raw.tell() / packed)
            yield piece


def _utf8_pieces(raw: Iterator[bytes]) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, is_first = 1, True
    for piece in raw:
        _check_text(piece, decoder, line=line)
        line += piece.count(b"\n")
        yield skip_bom(piece) if is_first else piece
        is_first = False
    if decoder.getstate()[0]:
        raise Rejected(reason("the file ends in the middle of a UTF-8 character: it may be cut off"))


def _without_nul(pieces: Iterator[bytes]) -> Iterator[bytes]:
    line = 1
    for piece in pieces:
        _check_nul(piece, line=line)
        line += piece.count(b"\n")
        yield piece


def _unpacking(raw: IO[bytes], file_format: str) -> IO[bytes]:
    return cast(IO[bytes], gzip.GzipFile(fileobj=raw, mode="rb")) if file_format.endswith(GZIP) else raw


def _read(source: IO[bytes]) -> bytes:
    try:
        return source.read(PIECE)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise Rejected(reason(f"the gzip file is damaged: {error}")) from None


def _check_text(piece: bytes, decoder: codecs.IncrementalDecoder, *, line: int) -> None:
    _check_nul(piece, line=line)
    pending = len(decoder.getstate()[0])
    try:
        decoder.decode(piece)
    except UnicodeDecodeError as error:
        at = max(0, error.start - pending)
        row = line + piece.count(b"\n", 0, at)
        raise NotUtf8(reason(not_utf8(error.object[error.start], row=row), row=row)) from None


def _check_nul(piece: bytes, *, line: int) -> None:
    if b"\0" in piece:
        row = line + piece.count(b"\n", 0, piece.index(b"\0"))
        raise Rejected(reason(f"line {row} contains a NUL byte: the file is damaged or not CSV", row=row))
