"""Says how a file was read: `parsing` and `warnings` of the profile, as JSON values."""

from collections.abc import Iterable, Mapping
from typing import Any

from ml_training.domain.dataset_warnings import MOST_WARNINGS, WarningCode, warning
from ml_training.domain.file_options import FileOptions
from ml_training.tabular.convert import Converted
from ml_training.tabular.table import FileFacts

PARSING = "/profile/parsing"
INTERNAL = ("leading_zeros", "unclear_dates", "integers")  # these are warnings


def column_parsing(converted: Converted, nulls: int, rows: int) -> dict[str, Any] | None:
    """What was decided about a column, by how many values, and which words were missing values; None: nothing."""
    reading = converted.reading
    decided = {name: value for name, value in reading.decided.items() if name not in INTERNAL}
    words = {word: count for word, count in sorted(reading.words.items()) if word}
    if not decided and not words:
        return None
    report: dict[str, Any] = {"name": converted.column.name, **decided, "values": rows - nulls}
    return report | ({"missing": words} if words else {})


def file_parsing(facts: FileFacts, columns: Iterable[Mapping[str, Any] | None], options: FileOptions) -> dict[str, Any]:
    """What the user said and what was decided about the file, and about each column where anything was decided."""
    known = [dict(column) for column in columns if column is not None]
    marks = {name: sorted({column[name] for column in known if name in column}) for name in ("decimal", "thousands")}
    report: dict[str, Any] = {"format": facts.file_format}
    report |= {
        name: value
        for name, value in {
            "options": options.model_dump(mode="json", exclude_none=True),
            "encoding": facts.encoding,
            "separator": facts.separator,
            "header_row": facts.header_row,
            "sheet": facts.sheet,
            "sheets": list(facts.sheets),
            "decimal": _only(marks["decimal"]),
            "thousands": _only(marks["thousands"]),
            "skipped": list(facts.skipped),
            "dropped": [dict(item) for item in facts.dropped],
            "renamed": dict(facts.renamed or {}),
            "stripped_names": facts.stripped_names,
        }.items()
        if value
    }
    return report | {"columns": known}


def file_warnings(facts: FileFacts, parsing: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is odd about the file as a whole."""
    found = []
    if facts.encoding_example is not None:
        detail = (
            f"the text is not UTF-8 and is read as {facts.encoding}, for example {facts.encoding_example!r}: "
            "if that is wrong, say the encoding"
        )
        found.append(warning(WarningCode.GUESSED_ENCODING, f"{PARSING}/encoding", detail))
    if facts.header_warning is not None:
        found.append(warning(WarningCode.ODD_HEADER, f"{PARSING}/header_row", facts.header_warning))
    columns = [column for column in parsing["columns"] if column.get("decimal")]
    if len({column["decimal"] for column in columns}) > 1:
        by_comma = [column["name"] for column in columns if column["decimal"] == ","]
        detail = f"columns have a decimal comma ({', '.join(map(repr, by_comma[:5]))}) beside others with a point"
        found.append(warning(WarningCode.MIXED_DECIMAL_MARKS, f"{PARSING}/columns", detail))
    return found


def at_most(warnings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first warnings: a file may have thousands of columns."""
    return warnings[:MOST_WARNINGS]


def _only(values: list[str]) -> str | None:
    return values[0] if len(values) == 1 else None
