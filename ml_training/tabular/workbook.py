"""Reads a sheet of an Excel workbook as the text of a CSV file, row by row, so that a large sheet is not in memory."""

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import ParseError

from ml_training.domain.limits import Limits
from ml_training.tabular.ingest_result import Rejected, reason
from ml_training.tabular.table_limits import check_cells, check_columns, check_unpacked

ROWS_AT_A_TIME = 1_000
SHARED_STRINGS = 512 << 20  # bytes of XML: openpyxl keeps these texts in memory
# A formula whose value the program that wrote the file did not store: openpyxl would read an empty cell.
NO_RESULT = re.compile(
    rb'<c\b[^>]*?\br="([A-Z]{1,3}\d{1,7})"[^>]*>\s*<f\b(?:[^>]*/>|[^>]*>[^<]*</f>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>'
)
OVERLAP = 64 << 10
DAMAGED = (KeyError, ValueError, TypeError, ParseError, zipfile.BadZipFile, EOFError, IndexError)


@contextmanager
def damaged_workbook() -> Iterator[None]:
    """Turn what openpyxl raises at a damaged workbook into a reason."""
    try:
        yield
    except DAMAGED as error:
        raise Rejected(reason(f"the workbook is damaged or not .xlsx: {str(error)[:120]}")) from None


def check_archive(path: Path, *, limits: Limits) -> None:
    """Raise Rejected if the archive unpacks to too much; zipfile reads no more of a member than its entry says."""
    with damaged_workbook(), zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        check_unpacked(sum(info.file_size for info in infos), path.stat().st_size, limits=limits)
        strings = sum(info.file_size for info in infos if info.filename.lower().endswith("sharedstrings.xml"))
        if strings > SHARED_STRINGS:
            detail = f"the texts of the workbook have more than {SHARED_STRINGS:,} bytes: save the sheet as CSV"
            raise Rejected(reason(detail))
        if any(info.flag_bits & 1 for info in infos):
            raise Rejected(reason("the workbook has a password: save it without one"))


def sheet_as_csv(
    path: Path, sheet: str | None, *, limits: Limits, consumed: Callable[[float], None], numbers: set[int]
) -> Iterator[bytes]:
    """The rows of a sheet as CSV, blank rows left out.

    `numbers` gets the positions of the columns in which a fraction is stored as a number, not as text.
    """
    with path.open("rb") as file, _opened(file) as book:
        cells = book[_chosen(book.sheetnames, sheet)]
        if not hasattr(cells, "reset_dimensions"):
            raise Rejected(reason(f"the sheet {cells.title!r} is a chart: name a sheet with rows (field sheet)"))
        with damaged_workbook():
            _check_formulas(path, cells)
            cells.reset_dimensions()  # the size that the file states may be wrong
        yield from _encoded(_rows(cells, limits=limits, numbers=numbers), limits=limits, consumed=consumed)


def sheet_names(path: Path) -> list[str]:
    """The sheets of a workbook; raises Rejected if it cannot be read."""
    with path.open("rb") as file, _opened(file) as book:
        return list(book.sheetnames)


@contextmanager
def _opened(file: IO[bytes]) -> Iterator[Any]:
    import openpyxl  # here: a tenth of what a worker loads, and few files are workbooks

    with damaged_workbook():
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
    try:
        yield book
    finally:
        book.close()


def _chosen(names: Sequence[str], sheet: str | None) -> str:
    if sheet is None:
        return names[0]
    if sheet not in names:
        raise Rejected(reason(f"there is no sheet {sheet!r}: the workbook has {', '.join(map(repr, names[:20]))}"))
    return sheet


def _rows(cells: Any, *, limits: Limits, numbers: set[int]) -> Iterator[list[str]]:
    with damaged_workbook():
        for row in cells.iter_rows(values_only=True):
            texts = [_text(value) for value in row]
            while texts and texts[-1] == "":
                texts.pop()
            check_columns(len(texts), limits=limits)
            numbers.update(at for at, value in enumerate(row) if isinstance(value, float))
            if texts:
                yield texts


def _encoded(rows: Iterator[list[str]], *, limits: Limits, consumed: Callable[[float], None]) -> Iterator[bytes]:
    """CSV text; short rows are filled up to the width of the widest of the first rows."""
    width, count = 0, 0
    block: list[list[str]] = []
    for row in rows:
        block.append(row)
        if len(block) == ROWS_AT_A_TIME:
            width = width or max(map(len, block))
            count += len(block)
            check_cells(count - 1, width, limits=limits)
            consumed(min(0.9, count * width / 10_000_000))  # a sheet does not say how many rows it has
            yield _csv(block, width)
            block = []
    yield _csv(block, width or max(map(len, block), default=0))


def _csv(rows: list[list[str]], width: int) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows(row + [""] * (width - len(row)) for row in rows)
    return buffer.getvalue().encode("utf-8", "replace").replace(b"\0", b"?")


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, datetime):
        return _rounded(value).isoformat(" ") if value.time() != time() else value.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value.total_seconds()) if isinstance(value, timedelta) else str(value)


def _rounded(moment: datetime) -> datetime:
    """To the millisecond: Excel stores times as fractions of a day."""
    milliseconds = round(moment.microsecond / 1_000)
    return moment.replace(microsecond=0) + timedelta(milliseconds=milliseconds)


def _check_formulas(path: Path, cells: Any) -> None:
    """Raise Rejected if the result of a formula is not stored in the file."""
    found, first, rest = 0, "", b""
    with zipfile.ZipFile(path) as archive, archive.open(cells._worksheet_path.lstrip("/")) as source:
        while piece := source.read(1 << 20):
            text = rest + piece
            end = text.rfind(b"</c>") + 4
            matches = NO_RESULT.findall(text[:end]) if b"<f" in text else []
            found += len(matches)
            first = first or (matches[0].decode() if matches else "")
            rest = text[end:][-OVERLAP:]
    if found:
        detail = f"{found:,} formulas have no stored result, first in cell {first}: open and save the workbook in Excel"
        raise Rejected(reason(detail, row=int(re.sub(r"\D", "", first))))
