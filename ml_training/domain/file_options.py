"""How the user says that a file is to be read, where that must not be guessed; None means: find out from the file."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from ml_training.domain.errors import FieldError
from ml_training.domain.file_formats import JSON_FORMATS, TEXT_FORMATS
from ml_training.domain.spec_fields import Spec

SEPARATOR_NAMES = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|", "bar": "|"}
THOUSANDS_NAMES = {"": "none", " ": "space", "apostrophe": "'", "comma": ",", "point": "."}
MOST_WORDS = 50
LONGEST_WORD = 64


def _renamed(names: dict[str, str]) -> BeforeValidator:
    """Accept a name beside the character itself: a tab is hard to type into a form."""
    return BeforeValidator(lambda value: names.get(value, value) if isinstance(value, str) else value)


def _words(value: Any) -> Any:
    """A form sends `NA,-999`; a stored spec has the list. The empty cell is always missing."""
    words = [word.strip() for word in value.split(",")] if isinstance(value, str) else value
    return tuple(word for word in words if word != "") if isinstance(words, list | tuple) else words


def _digits(value: Any) -> Any:
    """A form sends text."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6 else value


Separator = Annotated[Literal[",", ";", "\t", "|"], _renamed(SEPARATOR_NAMES)]
Decimal = Annotated[Literal[".", ","], _renamed({"point": ".", "comma": ","})]
Thousands = Annotated[Literal["none", ",", ".", "space", "'"], _renamed(THOUSANDS_NAMES)]
Encoding = Literal[
    "utf-8",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-15",
    "cp437",
    "cp850",
    "mac-roman",
    "shift-jis",
    "euc-kr",
    "big5",
    "gb18030",
]
DateFormat = Literal[
    "iso",
    "day_first",
    "month_first",
    "year_first",
    "month_name",
    "year",
    "epoch_seconds",
    "epoch_milliseconds",
    "integer",
]
Word = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_WORD)]
Words = Annotated[tuple[Word, ...], BeforeValidator(_words), Field(max_length=MOST_WORDS)]


class FileOptions(Spec):
    """The reading options of an upload, all optional; the values are closed lists."""

    separator: Separator | None = Field(
        None, description="between two values of a line; also comma, semicolon, tab, pipe"
    )
    decimal: Decimal | None = Field(None, description="the decimal mark of numbers")
    thousands: Thousands | None = Field(None, description="the mark between groups of three digits")
    encoding: Encoding | None = Field(None, description="of a text file")
    date_format: DateFormat | None = Field(
        None, description="of dates that can be read in two ways, or of whole numbers"
    )
    sheet: Annotated[str, StringConstraints(min_length=1, max_length=31)] | None = Field(
        None, description="the sheet of a workbook; the first one by default"
    )
    missing_values: Words | None = Field(
        None, description="the words that mean a missing value, with commas between them, in place of the known ones"
    )
    index_column: Literal["keep", "drop"] | None = Field(None, description="a first column without a name")
    duplicate_columns: Literal["refuse", "rename"] | None = Field(None, description="columns that have the same name")
    header_row: Annotated[int, Field(ge=0, le=1_000), BeforeValidator(_digits)] | None = Field(
        None, description="the row with the names, blank lines not counted; 0: the file has none"
    )
    total_row: Literal["keep", "drop"] | None = Field(
        None, description="a last row that looks like a sum of the others"
    )

    def errors_for(self, file_format: str) -> list[FieldError]:
        """The options that mean nothing for a file of that format."""
        apply = _APPLY[_family(file_format)]
        given = self.model_dump(exclude_none=True)
        return [
            FieldError(f"/{name}", f"does not apply to a {file_format} file: leave it out")
            for name in given
            if name not in apply
        ]


_VALUES = frozenset({"decimal", "thousands", "date_format", "missing_values"})
_TABLE = _VALUES | {"index_column", "duplicate_columns", "header_row", "total_row"}
_APPLY = {
    "text": _TABLE | {"separator", "encoding"},
    "json": _VALUES | {"encoding"},
    "xlsx": _TABLE | {"sheet"},
    "typed": frozenset({"date_format"}),
}


def _family(file_format: str) -> str:
    if file_format in TEXT_FORMATS:
        return "text"
    if file_format in JSON_FORMATS:
        return "json"
    return "xlsx" if file_format == "xlsx" else "typed"
