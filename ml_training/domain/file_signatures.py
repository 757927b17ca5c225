"""A look at the first bytes of an upload, so that a file of the wrong kind is refused before it is stored."""

import codecs
import zlib

SNIFF_BYTES = 1 << 16
GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
ENCRYPTED_PARQUET = b"PARE"
KNOWN_BINARIES = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive or an Excel workbook: export it as CSV",
    GZIP: "gzip-compressed: name the file .csv.gz",
    PARQUET: "a Parquet file: name the file .parquet",
    b"\xff\xfe": "UTF-16 text: save it as UTF-8",
    b"\xfe\xff": "UTF-16 text: save it as UTF-8",
}


def sniff(head: bytes, file_format: str) -> str | None:
    """Why the file that starts with `head` cannot be of that format; None when it may be.

    `head` is the first SNIFF_BYTES bytes, or the whole file when that is shorter.
    """
    if not head:
        return "the file is empty"
    if file_format == "parquet":
        return _sniff_parquet(head)
    if file_format == "csv.gz":
        return _sniff_gzip(head)
    return sniff_text(head)


def sniff_text(head: bytes) -> str | None:
    """Why these first bytes are not those of a CSV file in UTF-8."""
    for magic, what in KNOWN_BINARIES.items():
        if head.startswith(magic):
            return f"the file is not CSV but {what}"
    if b"\0" in head:
        return "the file is not CSV: it holds NUL bytes"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # a character may be cut at the end
    except UnicodeDecodeError as error:
        return not_utf8(head[error.start], row=head.count(b"\n", 0, error.start) + 1)
    return None


def not_utf8(byte: int, *, row: int) -> str:
    """The reason against a byte that is not UTF-8; `row` is the line, counted from 1."""
    return (
        f"byte 0x{byte:02X} in line {row} is not UTF-8: save the file as UTF-8 "
        "(it may be Latin-1 or Windows-1252: iconv -f WINDOWS-1252 -t UTF-8)"
    )


def _sniff_parquet(head: bytes) -> str | None:
    if head.startswith(ENCRYPTED_PARQUET):
        return "the Parquet file is encrypted: store it without encryption"
    return None if head.startswith(PARQUET) else "the file is not Parquet: it does not start with PAR1"


def _sniff_gzip(head: bytes) -> str | None:
    if not head.startswith(GZIP):
        return "the file is not gzip-compressed: name it .csv"
    try:
        text = zlib.decompressobj(wbits=31).decompress(head, SNIFF_BYTES)
    except zlib.error:
        return "the gzip file is damaged: compress it again"
    return sniff_text(text)
