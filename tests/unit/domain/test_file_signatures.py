"""The first bytes of an upload tell a file of the wrong kind, without the libraries that read it."""

import gzip

import pytest

from ml_training.domain.file_signatures import SNIFF_BYTES, sniff

CSV = b"a,b\n1,2\n"


@pytest.mark.parametrize(
    ("head", "file_format"),
    [
        (CSV, "csv"),
        (b"\xef\xbb\xbf" + CSV, "csv"),
        ("größe,年龄\n".encode(), "csv"),
        ("größe".encode()[:4], "csv"),  # cut in the middle of a character
        (("x" + "ä" * SNIFF_BYTES).encode()[:SNIFF_BYTES], "csv"),
        (gzip.compress(CSV, mtime=0), "csv.gz"),
        (gzip.compress(CSV, mtime=0)[:12], "csv.gz"),
        (gzip.compress(CSV * 1_000_000, mtime=0)[:SNIFF_BYTES], "csv.gz"),
        (b"PAR1\x15\x04", "parquet"),
        (b"ARROW1\0\0", "feather"),
        (b"PK\x03\x04\x14\0", "xlsx"),
        ("a,b\n".encode("utf-16"), "csv"),
        ("a,b\n1,2\n".encode("utf-16-le"), "csv"),  # without a byte order mark
        ("Größe\n".encode("latin-1"), "csv"),  # its encoding is found out when all of it is read
        (b'{"a": 1}\n', "jsonl"),
        (b'{"a": 1}\n', "csv"),
    ],
)
def test_what_may_be_that_format_is_let_through(head: bytes, file_format: str) -> None:
    assert sniff(head, file_format) is None


@pytest.mark.parametrize(
    ("head", "file_format", "word"),
    [
        (b"", "csv", "empty"),
        (b"", "parquet", "empty"),
        (b"\x89PNG\r\n\x1a\n\0\0", "csv", "PNG"),
        (b"\xff\xd8\xff\xe0", "csv", "JPEG"),
        (b"%PDF-1.7", "csv", "PDF"),
        (b"PK\x03\x04\x14\0", "csv", "Excel"),
        (gzip.compress(CSV, mtime=0), "csv", "end its name in .gz"),
        (b"PAR1\x15\x04", "csv", ".parquet"),
        (b"ARROW1\0\0", "csv", ".feather"),
        (b'[\n {"a": 1},', "csv", "JSON array"),
        (b'[{"a": 1}]', "jsonl", "JSON array"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "xlsx", ".xlsx without a password"),
        (CSV, "xlsx", "not an Excel workbook"),
        (b"FEA1....", "feather", "version 1"),
        (b"\xff\xff\xff\xff\x10\0", "feather", "Arrow stream"),
        (CSV, "feather", "ARROW1"),
        (b"BZh91AY", "csv", "bzip2"),
        (b"a,b\n1,\0\n", "csv", "NUL"),
        (CSV, "csv.gz", "end its name in .csv"),
        (b"\x1f\x8b\x08\x00" + b"\xff" * 30, "csv.gz", "damaged"),
        (gzip.compress(b"\x89PNG\r\n", mtime=0), "csv.gz", "PNG"),
        (CSV, "parquet", "PAR1"),
        (b"PARE....", "parquet", "encrypted"),
    ],
)
def test_what_is_evidently_something_else_is_named(head: bytes, file_format: str, word: str) -> None:
    reason = sniff(head, file_format)
    assert reason is not None
    assert word in reason


def test_a_bomb_is_not_unpacked_beyond_its_head() -> None:
    assert sniff(gzip.compress(b"a,b\n" + b"1,2\n" * 5_000_000, mtime=0), "csv.gz") is None
