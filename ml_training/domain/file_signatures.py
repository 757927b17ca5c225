"""Checks the first bytes of an upload, so that a file of another format is refused before it is stored."""

import re
import zlib

from ml_training.domain.file_formats import GZIP as GZIP_SUFFIX

SNIFF_BYTES = 1 << 16
GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
ZIP = b"PK\x03\x04"
OLD_EXCEL = b"\xd0\xcf\x11\xe0"
UTF_16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
JSON_ARRAY = re.compile(rb"\s*\[\s*[\[{]")
KNOWN_BINARIES = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"%PDF": "a PDF document",
    ZIP: "a ZIP archive or an Excel workbook: name a workbook .xlsx, and unpack an archive",
    OLD_EXCEL: "an Excel workbook of the old kind: save it as .xlsx",
    GZIP: "gzip-compressed: end its name in .gz",
    b"BZh": "compressed with bzip2: compress it with gzip, or not at all",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: compress it with gzip, or not at all",
    PARQUET: "a Parquet file: name the file .parquet",
    b"ARROW1": "an Arrow file: name the file .feather",
    b"SQLite format 3": "a SQLite database: export the table as CSV",
}
JSON_ARRAY_REFUSED = (
    "the file is a JSON array: write one object a line (JSON lines), "
    'for example with pandas: to_json(path, orient="records", lines=True)'
)


def sniff(head: bytes, file_format: str) -> str | None:
    """Why the file that starts with `head` cannot be of that format; None when it may be.

    `head` is the first SNIFF_BYTES bytes, or the whole file when that is shorter.
    """
    if not head:
        return "the file is empty"
    if file_format == "parquet":
        return _sniff_parquet(head)
    if file_format == "feather":
        return _sniff_feather(head)
    if file_format == "xlsx":
        return _sniff_workbook(head)
    return _sniff_gzip(head) if file_format.endswith(GZIP_SUFFIX) else sniff_text(head)


def sniff_text(head: bytes) -> str | None:
    """Why these first bytes are not those of a text file in a known encoding."""
    for magic, what in KNOWN_BINARIES.items():
        if head.startswith(magic):
            return f"the file is not CSV but {what}"
    if b"\0" in head and utf_16(head) is None:
        return "the file is not CSV: it contains NUL bytes"
    return JSON_ARRAY_REFUSED if JSON_ARRAY.match(head) else None


def utf_16(head: bytes) -> str | None:
    """The encoding if the text is UTF-16: by its byte order mark, or by the zeros beside ASCII characters."""
    if head[:2] in UTF_16:
        return UTF_16[head[:2]]
    pairs = len(head) // 2
    for name, zeros, others in (("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])):
        if pairs and zeros.count(0) > 0.4 * pairs and not others.count(0):
            return name
    return None


def not_utf8(byte: int, *, row: int) -> str:
    """The error message for a byte that is not UTF-8; `row` is the line, counted from 1."""
    return (
        f"byte 0x{byte:02X} in line {row} is not UTF-8: save the file as UTF-8, or say its encoding "
        "(encoding=windows-1252, for example)"
    )


def _sniff_parquet(head: bytes) -> str | None:
    if head.startswith(b"PARE"):
        return "the Parquet file is encrypted: store it without encryption"
    return None if head.startswith(PARQUET) else "the file is not Parquet: it does not start with PAR1"


def _sniff_feather(head: bytes) -> str | None:
    if head.startswith(b"FEA1"):
        return "the file is Feather of version 1: write it again as version 2"
    if head.startswith(b"\xff\xff\xff\xff"):
        return "the file is an Arrow stream: write it as an Arrow file (Feather version 2)"
    return None if head.startswith(b"ARROW1") else "the file is not Feather: it does not start with ARROW1"


def _sniff_workbook(head: bytes) -> str | None:
    if head.startswith(OLD_EXCEL):
        return "the workbook is of the old kind (.xls) or has a password: save it as .xlsx without a password"
    return None if head.startswith(ZIP) else "the file is not an Excel workbook: name a text file .csv"


def _sniff_gzip(head: bytes) -> str | None:
    if not head.startswith(GZIP):
        return "the file is not gzip-compressed: end its name in .csv, .tsv or .jsonl"
    try:
        text = zlib.decompressobj(wbits=31).decompress(head, SNIFF_BYTES)
    except zlib.error:
        return "the gzip file is damaged: compress it again"
    return sniff_text(text)
