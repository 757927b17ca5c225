"""Finds out the encoding of a text file, and converts its text to UTF-8 piece by piece.

UTF-8 is checked to the last byte. UTF-16 shows itself by its byte order mark or by its zeros. What is neither may be
Windows-1252, the usual encoding of Western European files; every piece is then checked for signs of other encodings.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ml_training.domain.file_signatures import utf_16
from ml_training.tabular.ingest_result import Rejected, reason

UTF_8 = "utf-8"
WINDOWS_1252 = "windows-1252"
UTF_8_BOM = codecs.BOM_UTF8
# Windows' own versions, which contain the others.
CODECS = {"shift-jis": "cp932", "euc-kr": "cp949"}
LETTER = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff"
QUOTES = "\u0192\u201a\u201e\u2026\u2020\u2021\u02c6\u2030\u2039\u201c\u201d\u2022\u02dc\u2122\u203a\u20ac"
SIGNS = f"\u00a1-\u00bf\u0160\u0161\u017d\u017e\u0178{QUOTES}"
# Read as Windows-1252, text in another encoding has a sign inside a word (Mac, DOS, Polish), words of accented letters
# only (Cyrillic, Greek, Chinese), or an accented capital before each sign (UTF-8).
FOREIGN = re.compile(
    f"[{LETTER}][{SIGNS}][{LETTER}\u00a1-\u00bf\u0160\u0161\u017d\u017e\u0178]"
    "|[\u00c0-\u00cf\u00d1-\u00dd\u00df-\u00ef\u00f1-\u00fd\u00ff]{3}"  # not the letters of Icelandic
    "|[^\\W\\d_][\u00d7\u00f7][^\\W\\d_]"
    f"|[\u00c2-\u00c5\u00d0\u00d1\u00e2][{SIGNS}\u0081\u008d\u008f\u0090\u009d]"
)
EXAMPLE = re.compile(r"\w*[\u0080-\uffff]\w*")


def guessed_encoding(head: bytes) -> str:
    """UTF-16 if the first bytes show it, else UTF-8, which the whole file must then be."""
    return utf_16(head) or UTF_8


def skip_bom(piece: bytes) -> bytes:
    """The first piece of a file in UTF-8, without its byte order mark."""
    return piece.removeprefix(UTF_8_BOM)


class NotUtf8(Rejected):
    """The text is not UTF-8; another encoding may fit."""


@dataclass(slots=True)
class Transcoder:
    """Converts pieces of a file in `encoding` to UTF-8. `example`: its first word with a character beyond ASCII."""

    encoding: str
    is_guess: bool
    example: str | None = None
    line: int = 1

    @property
    def _codec(self) -> str:
        return CODECS.get(self.encoding, self.encoding)

    def pieces(self, raw: Iterator[bytes]) -> Iterator[bytes]:
        """The same text as UTF-8; raises Rejected at text that is not in the encoding, or shows that it is another."""
        decoder = codecs.getincrementaldecoder(self._codec)()
        is_first = True
        for piece in raw:
            yield self._converted(decoder, piece, is_first=is_first)
            is_first = False
        if rest := self._converted(decoder, b"", is_last=True):
            yield rest

    def _converted(
        self, decoder: codecs.IncrementalDecoder, piece: bytes, *, is_first: bool = False, is_last: bool = False
    ) -> bytes:
        try:
            text = decoder.decode(piece, is_last)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(self._codec, "ignore")
            raise self._refused(f"the bytes {error.object[error.start :][:2].hex(' ')}", before=before) from None
        if is_first:
            text = text.removeprefix("\ufeff")
        if self.is_guess and (found := FOREIGN.search(text)):
            raise self._refused(repr(text[max(0, found.start() - 8) : found.end() + 8]), before=text[: found.start()])
        if self.example is None and not text.isascii() and (word := EXAMPLE.search(text)):
            self.example = word[0][:40]
        self.line += text.count("\n")
        try:
            return text.encode()
        except UnicodeEncodeError:
            raise self._refused("half of a surrogate pair") from None

    def _refused(self, what: str, *, before: str = "") -> Rejected:
        row = self.line + before.count("\n")
        if self.is_guess:
            detail = f"the file is not UTF-8, and does not look like {self.encoding} either ({what} in line {row})"
        else:
            detail = f"{what} in line {row} is not {self.encoding}"
        return Rejected(reason(f"{detail}: save the file as UTF-8, or say its encoding (field encoding)", row=row))
