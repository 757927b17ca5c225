"""Files as people have them, each with what must become of it; `docs/files.md` shows the table.

`python -m tests.support.real_files` writes the table into the page.
"""

import gzip
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.feather

PAGE = Path(__file__).parents[2] / "docs" / "files.md"
START, END = "<!-- the table is written by tests/support/real_files.py -->\n", "<!-- end of the table -->\n"
Values = dict[str, list[Any]]
D31 = "2012-12-31T00:00:00Z"


@dataclass(frozen=True)
class Refused:
    """A refusal: where, and words of the reason."""

    row: int | None
    column: str | None
    words: str


@dataclass(frozen=True)
class RealFile:
    """`outcome`: the first values of each column, or the refusal; `warned`: the codes of the warnings, in any order."""

    name: str
    data: bytes
    outcome: Values | Refused
    suffix: str = ".csv"
    form: Mapping[str, str] = field(default_factory=dict)  # roles and options
    warned: frozenset[str] = frozenset()
    shown: str = ""

    def line(self) -> str:
        """Its row of the table in the page."""
        fields = ", ".join(f"`{name}={value}`" for name, value in self.form.items())
        what = f"{self.name}{f' ({fields})' if fields else ''}"
        shown = self.shown or self.data.decode().removeprefix("\ufeff")
        cells = shown.replace("\r", "").replace("\t", "→").replace("|", "\\|").strip("\n").split("\n")
        sample = "<br>".join(f"`{cell}`" for cell in cells[:4] if cell)
        if isinstance(self.outcome, Refused):
            places = [f"row {self.outcome.row}" if self.outcome.row else "", self.outcome.column or ""]
            place = ", ".join(filter(None, places))
            result = f"refused{f' ({place})' if place else ''}: {self.outcome.words}"
        else:
            result = ", ".join(f"{name}: {_shown(values)}" for name, values in self.outcome.items())
        warned = f"; warns `{'`, `'.join(sorted(self.warned))}`" if self.warned else ""
        return f"| {what} | {sample} | {result}{warned} |".replace("\u00a0", " ").replace("\u202f", " ")


def _shown(values: list[Any]) -> str:
    first = next((value for value in values if value is not None), None)
    if isinstance(first, str) and first.endswith("Z"):
        return first.removesuffix("T00:00:00Z").removesuffix("Z")
    return f"`{first!r}`" if isinstance(first, str) else str(first).lower() if isinstance(first, bool) else f"{first}"


def workbook(
    *rows: list[Any], title: list[list[Any]] | None = None, sheet: str = "Data", formula: bool = False
) -> bytes:
    """A workbook with a sheet of notes behind the sheet of rows."""
    book = openpyxl.Workbook()
    cells = book.active
    assert cells is not None
    cells.title = sheet
    for row in [*(title or []), *rows]:
        cells.append(row)
    if formula:
        cells["B3"] = "=B2*2"
    book.create_sheet("Notes").append(["nothing here"])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def feather(**columns: Any) -> bytes:
    """A Feather file."""
    buffer = io.BytesIO()
    pyarrow.feather.write_feather(pa.table(columns), buffer, compression="zstd")
    return buffer.getvalue()


def text(rows: str, encoding: str = "utf-8") -> bytes:
    """Encoded text."""
    return rows.encode(encoding)


WHEN = {"time_column": "t"}
GERMAN = "Preis;Menge;Tag\n1.234,50;1,5;31.12.2012\n99,00;2,25;01.02.2013\n"
TIMES: tuple[tuple[str, list[str], list[str] | Refused], ...] = (
    ("ISO dates", ["2012-12-31", "2013-02-01"], [D31, "2013-02-01T00:00:00Z"]),
    (
        "ISO times with a zone",
        ["2012-12-31T12:00:00+02:00", "2013-02-01T00:00:00Z"],
        ["2012-12-31T10:00:00Z", "2013-02-01T00:00:00Z"],
    ),
    (
        "German dates with a time",
        ["31.12.2012 14:00", "01.02.2013 09:30"],
        ["2012-12-31T14:00:00Z", "2013-02-01T09:30:00Z"],
    ),
    (
        "American dates with a time",
        ["12/31/2012 2:00 PM", "02/01/2013 12:30 AM"],
        ["2012-12-31T14:00:00Z", "2013-02-01T00:30:00Z"],
    ),
    ("British dates", ["31/12/2012", "01/02/2013"], [D31, "2013-02-01T00:00:00Z"]),
    ("dates with year and slashes", ["2012/12/31", "2013/02/01"], [D31, "2013-02-01T00:00:00Z"]),
    ("month and year", ["Mar-2018", "Apr-2018"], ["2018-03-01T00:00:00Z", "2018-04-01T00:00:00Z"]),
    ("month names", ["5 Jan 2020", "6 Mai 2020"], ["2020-01-05T00:00:00Z", "2020-05-06T00:00:00Z"]),
    ("years", ["1935", "1936"], ["1935-01-01T00:00:00Z", "1936-01-01T00:00:00Z"]),
    ("seconds since 1970", ["1356912000", "1356998400"], [D31, "2013-01-01T00:00:00Z"]),
    ("milliseconds since 1970", ["1356912000000", "1356998400000"], [D31, "2013-01-01T00:00:00Z"]),
    ("dates without marks", ["20121231", "20130201"], [D31, "2013-02-01T00:00:00Z"]),
    (
        "day or month first",
        ["03/04/2025", "05/06/2025"],
        Refused(
            2,
            "t",
            "'03/04/2025' is a date with the day first (date_format=day_first) and with the month first",
        ),
    ),
    (
        "dates of two forms",
        ["2012-12-31", "31.12.2012"],
        Refused(3, "t", "'31.12.2012' is not a time such as 2026-01-31T12:00:00Z"),
    ),
    (
        "a day that does not exist",
        ["30.04.2013", "31.04.2013"],
        Refused(3, "t", "'31.04.2013' is not a date such as '30.04.2013'"),
    ),
    ("years of two digits", ["31.12.12", "01.02.13"], Refused(2, "t", "2 values are not a time such as")),
)
FILES = [
    RealFile("plain", text("a,b\n1,2.5\n3,4\n"), {"a": [1, 3], "b": [2.5, 4.0]}),
    RealFile(
        "German Excel",
        text(GERMAN),
        {"Preis": [1234.5, 99.0], "Menge": [1.5, 2.25], "Tag": [D31, "2013-02-01T00:00:00Z"]},
    ),
    RealFile("Swiss", text("CHF;x\n1'234.50;a\n99.00;b\n"), {"CHF": [1234.5, 99.0], "x": ["a", "b"]}),
    RealFile(
        "French, narrow spaces",
        text("prix;x\n1\u202f234,50 €;a\n99,00 €;b\n"),
        {"prix": [1234.5, 99.0], "x": ["a", "b"]},
    ),
    RealFile("Swedish", text("pris;x\n1 234,50 kr;a\n99,00 kr;b\n"), {"pris": [1234.5, 99.0], "x": ["a", "b"]}),
    RealFile("Brazilian", text("preço;x\nR$ 1.234,50;a\nR$ 99,00;b\n"), {"preço": [1234.5, 99.0], "x": ["a", "b"]}),
    RealFile(
        "American",
        text('price,share\n"$1,234.50",61.5%\n-$99.00,3%\n'),
        {"price": [1234.5, -99.0], "share": [61.5, 3.0]},
    ),
    RealFile("Indian", text('amount,x\n"12,34,567.50",a\n"99.00",b\n'), {"amount": [1234567.5, 99.0], "x": ["a", "b"]}),
    RealFile("bookkeeping", text('amount,x\n"(1,234.50)",a\n99.00,b\n'), {"amount": [-1234.5, 99.0], "x": ["a", "b"]}),
    RealFile("thousands in a comma file", text('n,x\n"1,234",a\n"2,345",b\n'), {"n": [1234, 2345], "x": ["a", "b"]}),
    RealFile(
        "decimal commas in a semicolon file", text("n;x\n1,234;a\n2,345;b\n"), {"n": [1.234, 2.345], "x": ["a", "b"]}
    ),
    RealFile("decided by another column", text("n;x\n1.234;0,5\n2.345;1,25\n"), {"n": [1234, 2345], "x": [0.5, 1.25]}),
    RealFile(
        "point or thousands",
        text("n;x\n1.234;a\n2.345;b\n"),
        Refused(2, "n", "'1.234' is 1.234 with a decimal point and 1234 with a decimal comma"),
    ),
    RealFile(
        "point or thousands, said",
        text("n;x\n1.234;a\n2.345;b\n"),
        {"n": [1234, 2345], "x": ["a", "b"]},
        form={"decimal": ","},
    ),
    RealFile(
        "comma or thousands",
        text("n\tx\n1,234\ta\n2,345\tb\n"),
        Refused(2, "n", "'1,234' is 1234 with a decimal point and 1.234 with a decimal comma"),
        ".tsv",
    ),
    RealFile(
        "two currencies",
        text("price,x\n$5.00,a\n€6.00,b\n"),
        {"price": ["$5.00", "€6.00"], "x": ["a", "b"]},
        warned=frozenset({"looks_numeric"}),
    ),
    RealFile(
        "a word among numbers",
        text("n,x\n1.5,a\n2.5,b\nmany,c\n"),
        {"n": ["1.5", "2.5", "many"], "x": ["a", "b", "c"]},
        warned=frozenset({"looks_numeric"}),
    ),
    RealFile(
        "missing marks",
        text("n,t,x\n1,-,a\n-,2012-12-31,b\n?,n/a,--\n#N/A,.,c\n"),
        {"n": [1.0, None, None, None], "t": [None, D31, None, None], "x": ["a", "b", "--", "c"]},
        warned=frozenset({"constant_column", "missing_mark"}),
    ),
    RealFile(
        "-999 for a missing value",
        text("n,x\n1,NA\n-999,b\n"),
        {"n": [1.0, None], "x": ["NA", "b"]},
        form={"missing_values": "-999"},
        warned=frozenset({"constant_column"}),
    ),
    RealFile(
        "leading zeros",
        text("zip,n\n00501,1\n10001,2\n"),
        {"zip": ["00501", "10001"], "n": [1, 2]},
        warned=frozenset({"leading_zeros"}),
    ),
    RealFile(
        "large whole numbers",
        text("id,n\n9007199254740993,1\n9007199254740992,2\n"),
        {"id": [9007199254740993, 9007199254740992], "n": [1, 2]},
    ),
    RealFile(
        "large whole numbers, one missing",
        text("id,n\n9007199254740993,1\n,2\n5,3\n"),
        {"id": [9007199254740992.0, None, 5.0], "n": [1, 2, 3]},
        warned=frozenset({"rounded_integers"}),
    ),
    RealFile("true and false", text("b,n\nTRUE,1\nfalse,2\n"), {"b": [True, False], "n": [1, 2]}),
    RealFile("yes, ja, nein", text("b,n\nja,1\nnein,2\n"), {"b": ["ja", "nein"], "n": [1, 2]}),
    RealFile("pandas' index", text(",a\n0,5\n1,6\n"), {"a": [5, 6]}),
    RealFile("row names of R", text('"","a"\n"1",5\n"2",6\n'), {"a": [5, 6]}),
    RealFile("an index of words", text(",a\nx,5\ny,6\n"), {"index": ["x", "y"], "a": [5, 6]}),
    RealFile("separators at the end", text("a,b,\n1,2,\n3,4,\n"), {"a": [1, 3], "b": [2, 4]}),
    RealFile("a column without a name", text("a,,b\n1,2,3\n4,5,6\n"), Refused(None, None, "column 2 has no name")),
    RealFile(
        "two equal names",
        text("carat,carat,b\n1,2,3\n"),
        Refused(None, "carat", "2 columns have this name: rename 'carat'"),
    ),
    RealFile(
        "two equal names, renamed",
        text("carat,carat,b\n1,2,3\n4,5,6\n"),
        {"carat": [1, 4], "carat_2": [2, 5], "b": [3, 6]},
        form={"duplicate_columns": "rename"},
    ),
    RealFile("blanks around names", text(" a , b \n1,2\n3,4\n"), {"a": [1, 3], "b": [2, 4]}),
    RealFile("a title above", text("Sales of 2024\n\na,b\n1,2\n3,4\n"), {"a": [1, 3], "b": [2, 4]}),
    RealFile(
        "a title from Excel",
        text("Sales of 2024,,\nname,n,m\nx,1,2\ny,3,4\n"),
        {"name": ["x", "y"], "n": [1, 3], "m": [2, 4]},
    ),
    RealFile(
        "a title above words",
        text("Staff\nname,town\nAnn,Bonn\nBob,Kiel\n"),
        Refused(1, None, "row 1 ('Staff') has fewer values than row 2"),
    ),
    RealFile("the line `sep=;`", text("sep=;\na;b\n1;2\n3;4\n"), {"a": [1, 3], "b": [2, 4]}),
    RealFile(
        "a total below", text("name,n\nx,2\ny,4\nTotal,6\n"), Refused(4, None, "the last row begins with 'Total'")
    ),
    RealFile(
        "a total below, dropped",
        text("name,n\nx,2\ny,4\nTotal,6\n"),
        {"name": ["x", "y"], "n": [2, 4]},
        form={"total_row": "drop"},
    ),
    RealFile(
        "a note below",
        text("a,b\n1,2\n3,4\nSource: the web\n"),
        Refused(4, None, "the row has 1 values, the header 2: if it is a note below the table, delete it"),
    ),
    RealFile(
        "a comma in a value",
        text("a,b\n1,x\n2,y,z\n"),
        Refused(3, None, "the row has 3 values, the header 2: put a value that contains the separator in quotes"),
    ),
    RealFile(
        "no header",
        text("5.1,3.5\n4.9,3.0\n4.7,3.2\n"),
        {"5.1": [4.9, 4.7], "3.5": [3.0, 3.2]},
        warned=frozenset({"odd_header"}),
    ),
    RealFile(
        "no header, said",
        text("5.1,3.5\n4.9,3.0\n"),
        {"column_1": [5.1, 4.9], "column_2": [3.5, 3.0]},
        form={"header_row": "0"},
    ),
    RealFile("separated by spaces", text("a b\n1 2\n3 4\n"), Refused(1, None, "seem to be separated by spaces")),
    RealFile("tabs in a .csv file", text("a\tb\n1\tx y\n2\tz\n"), {"a": [1, 2], "b": ["x y", "z"]}),
    RealFile("bars", text("a|b\n1|2\n3|4\n"), {"a": [1, 3], "b": [2, 4]}, ".txt"),
    RealFile(
        "CRLF and quoted line breaks",
        text('a,b\r\n1,"x\r\ny"\r\n2,"a ""b"""\r\n'),
        {"a": [1, 2], "b": ["x\r\ny", 'a "b"']},
    ),
    RealFile("UTF-8 with a mark", text("\ufeffgröße,b\n1,2\n3,4\n"), {"größe": [1, 3], "b": [2, 4]}),
    RealFile("UTF-16", text("größe,b\n1,2\n3,4\n", "utf-16"), {"größe": [1, 3], "b": [2, 4]}, shown="größe,b\n1,2"),
    RealFile(
        "UTF-16, big-endian, tabs",
        text("größe\tb\n1\t2\n3\t4\n", "utf-16-be"),
        {"größe": [1, 3], "b": [2, 4]},
        ".txt",
        shown="größe→b\n1→2",
    ),
    RealFile(
        "Windows-1252",
        text("größe,b\n1,naïve: 5 €\n3,x\n", "windows-1252"),
        {"größe": [1, 3], "b": ["naïve: 5 €", "x"]},
        shown="größe,b\n1,naïve: 5 €",
        warned=frozenset({"guessed_encoding"}),
    ),
    RealFile(
        "DOS text",
        text("größe,b\n1,2\n", "cp850"),
        Refused(1, None, "byte 0x94 in line 1 is not UTF-8"),
        shown="größe,b\n1,2",
    ),
    RealFile(
        "DOS text, said",
        text("größe,b\n1,2\n3,4\n", "cp850"),
        {"größe": [1, 3], "b": [2, 4]},
        form={"encoding": "cp850"},
        shown="größe,b\n1,2",
    ),
    RealFile(
        "gzip", gzip.compress(text("a,b\n1,2\n3,4\n"), mtime=0), {"a": [1, 3], "b": [2, 4]}, ".csv.gz", shown="a,b\n1,2"
    ),
    RealFile(
        "JSON lines",
        text('{"a": 1, "b": "x"}\n{"a": 2.5, "c": true}\n{"c": false, "b": null}\n'),
        {"a": [1.0, 2.5, None], "b": ["x", None, None], "c": [None, True, False]},
        ".jsonl",
        warned=frozenset({"constant_column"}),
    ),
    RealFile("JSON lines named .csv", text('{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n'), {"a": [1, 2], "b": ["x", "y"]}),
    RealFile("a JSON array", text('[{"a": 1}, {"a": 2}]'), Refused(None, None, "the file is a JSON array"), ".jsonl"),
    RealFile("nested JSON", text('{"a": 1}\n{"a": {"b": 2}}\n'), Refused(2, "a", "the value is a object"), ".jsonl"),
    RealFile(
        "Excel",
        workbook(
            ["name", "n", "day"],
            ["x", 1.5, datetime(2012, 12, 31, tzinfo=UTC).replace(tzinfo=None)],
            ["y", 2, date(2013, 2, 1)],
        ),
        {"name": ["x", "y"], "n": [1.5, 2.0], "day": [D31, "2013-02-01T00:00:00Z"]},
        ".xlsx",
        shown="name, n, day\nx, 1.5, 31/12/2012",
    ),
    RealFile(
        "Excel with a title",
        workbook(["name", "n"], ["x", 1.234], ["y", 2.345], title=[["Report"], []]),
        {"name": ["x", "y"], "n": [1.234, 2.345]},
        ".xlsx",
        shown="Report\nname, n\nx, 1.234",
    ),
    RealFile(
        "Excel, another sheet",
        workbook(["a"], [1]),
        Refused(None, None, "there is no sheet 'Sales': the workbook has 'Data', 'Notes'"),
        ".xlsx",
        form={"sheet": "Sales"},
        shown="a\n1",
    ),
    RealFile(
        "Excel, a formula without a result",
        workbook(["name", "n"], ["x", 1], ["y", 2], formula=True),
        Refused(3, None, "1 formulas have no stored result, first in cell B3"),
        ".xlsx",
        shown="name, n\nx, 1\ny, =B2*2",
    ),
    RealFile(
        "Excel named .csv",
        workbook(["a"], [1]),
        Refused(None, None, "a ZIP archive or an Excel workbook: name a workbook .xlsx"),
        shown="a\n1",
    ),
    RealFile(
        "Feather",
        feather(a=[1, 2], b=["x", None], t=pa.array([date(2012, 12, 31), None])),
        {"a": [1, 2], "b": ["x", None], "t": [D31, None]},
        ".feather",
        shown="a, b, t\n1, x, 2012-12-31",
        warned=frozenset({"constant_column"}),
    ),
    *(
        RealFile(
            name,
            text("t,n\n" + "".join(f"{cell},{at}\n" for at, cell in enumerate(cells))),
            outcome if isinstance(outcome, Refused) else {"t": outcome, "n": [0, 1]},
            form=WHEN,
        )
        for name, cells, outcome in TIMES
    ),
]


def table() -> str:
    """The table of the page."""
    return "| file | its first lines | what is read |\n|---|---|---|\n" + "".join(f"{file.line()}\n" for file in FILES)


def main() -> None:
    """Write the table into the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(START)
    PAGE.write_text(before + START + table() + END + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    main()
