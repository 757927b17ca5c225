"""Writes the cells of a table in the formats in which users have their data."""

import csv
import gzip
import io
import json
import math
import re
from collections.abc import Callable, Mapping

import openpyxl

Cells = list[str]
Writer = Callable[[Mapping[str, Cells]], tuple[bytes, str]]  # the bytes of the file, and its name
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?", re.ASCII)


def comma_separated(columns: Mapping[str, Cells]) -> tuple[bytes, str]:
    """Plain CSV."""
    return _separated(columns, ","), "data.csv"


def tab_separated(columns: Mapping[str, Cells]) -> tuple[bytes, str]:
    """Packed, with tabs."""
    return gzip.compress(_separated(columns, "\t"), mtime=0), "data.tsv.gz"


def german(columns: Mapping[str, Cells]) -> tuple[bytes, str]:
    """Semicolons, decimal commas and a byte order mark, as German Excel saves CSV."""
    local = {
        name: [cell.replace(".", ",") if NUMBER.fullmatch(cell) else cell for cell in cells]
        for name, cells in columns.items()
    }
    return b"\xef\xbb\xbf" + _separated(local, ";"), "data.csv"


def json_lines(columns: Mapping[str, Cells]) -> tuple[bytes, str]:
    """An object a row; numbers and booleans as such, no value as null."""
    rows = zip(*columns.values(), strict=True)
    lines = [json.dumps(dict(zip(columns, map(_json_value, row), strict=True)), ensure_ascii=False) for row in rows]
    return gzip.compress("\n".join(lines).encode(), mtime=0), "data.jsonl.gz"


def workbook(columns: Mapping[str, Cells]) -> tuple[bytes, str]:
    """A sheet of Excel; numbers as such."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("data")
    sheet.append(list(columns))
    for row in zip(*columns.values(), strict=True):
        sheet.append([_cell(cell) for cell in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue(), "data.xlsx"


def _separated(columns: Mapping[str, Cells], separator: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue().encode()


def _json_value(cell: str) -> object:
    if cell == "":
        return None
    return json.loads(cell) if NUMBER.fullmatch(cell) or cell in ("true", "false") else cell


def _cell(cell: str) -> object:
    if not NUMBER.fullmatch(cell) or not math.isfinite(float(cell)):
        return cell or None
    return int(cell) if cell.lstrip("-").isdigit() else float(cell)
