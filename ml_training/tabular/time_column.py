"""Reads the time column of a data set: times in text, in the types of the file, or as whole numbers."""

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from ml_training.selection.index import NUMERIC, ColumnKind, IndexColumn, is_missing
from ml_training.tabular.convert import Converted, Reading, from_typed, no_values
from ml_training.tabular.convert_text import LeadingZeros, integers, times_from_text
from ml_training.tabular.date_columns import UnclearDates, dates_from_text
from ml_training.tabular.date_forms import NotDates, date_micros, form_of
from ml_training.tabular.ingest_result import Reason, first_rows, reason
from ml_training.tabular.integer_times import times_from_numbers
from ml_training.tabular.parse_times import LIKE_A_TIME, rows_without_time
from ml_training.tabular.reading_rules import ReadingRules
from ml_training.tabular.table import Table
from ml_training.tabular.text_column import TextColumn

EXAMPLE = "2026-01-31T12:00:00Z"
SHOWN = 3
NUMBER = re.compile(r"[+-]?[0-9]+(?:[.][0-9]*)?(?:[eE][+-]?[0-9]+)?")


def time_column(
    table: Table, name: str, values: Any, rules: ReadingRules, reasons: list[Reason], threads: int
) -> Converted:
    """The column as times; otherwise a column without values, and why, in `reasons`."""
    if pt.is_dictionary(values.type):
        values = values.cast(pa.string())
    if pt.is_string(values.type):
        text = TextColumn(name, values, threads, (*rules.missing, *rules.marks))
        converted = _from_text(table, text, rules, reasons)
    elif values.null_count == len(values):
        converted = no_values(name, table.rows)
    else:
        converted = from_typed(name, values)
    if converted is None:
        return no_values(name, table.rows)
    if converted.column.kind in NUMERIC and not _is_empty(converted):
        converted = _from_numbers(table, converted, rules, reasons)
    if _is_empty(converted):
        if not any(item["column"] == name for item in reasons):
            reasons.append(reason("the time column has no values", column=name))
    elif converted.column.kind is not ColumnKind.TIME:
        detail = f"the time column contains {values.type}: store timestamps, or text such as {EXAMPLE}"
        reasons.append(reason(detail, column=name))
    return converted


def _is_empty(converted: Converted) -> bool:
    column = converted.column
    return column.values is None or bool(is_missing(column.values, column.kind).all())


def _from_text(table: Table, text: TextColumn, rules: ReadingRules, reasons: list[Reason]) -> Converted | None:
    first = text.first_value()
    if first is None:
        return no_values(text.name, table.rows)
    try:
        if (times := times_from_text(text, first) or dates_from_text(text, first, rules.dates)) is not None:
            return times
        return _whole_numbers(text)
    except UnclearDates as unclear:
        reasons.append(unclear.reason(first_row=table.first_row))
        return None
    except pa.ArrowInvalid:
        reasons.append(_not_times(table, text, first))
        return None


def _whole_numbers(text: TextColumn) -> Converted:
    try:
        return integers(text)
    except LeadingZeros:
        raise pa.ArrowInvalid("codes") from None
    except pa.ArrowInvalid:
        numbers = text.filled(np.dtype(np.float64), lambda part: part.cast(pa.float64()).to_numpy(zero_copy_only=False))
        if np.isinf(numbers).any():
            raise
        return Converted(IndexColumn(text.name, ColumnKind.NUMBER, numbers))


def _from_numbers(table: Table, converted: Converted, rules: ReadingRules, reasons: list[Reason]) -> Converted:
    column = converted.column
    if column.values is None:  # cannot be: only text has no values
        return converted
    micros, date_format, wrong = times_from_numbers(column.values, rules.options.date_format)
    if len(wrong):
        rows = [int(place) + table.first_row for place in wrong[:SHOWN]]
        example = column.values[wrong[0]]
        subject = f"{example} is" if len(wrong) == 1 else f"{len(wrong):,} numbers such as {example} are"
        detail = f"{subject} not in the range of times with date_format={date_format}{first_rows(rows, len(wrong))}"
        reasons.append(reason(f"{detail}: say another date_format", row=rows[0], column=column.name))
        return no_values(column.name, table.rows)
    by = "the options" if rules.options.date_format == date_format else "its values"
    reading = Reading({"date_format": date_format, "by": by}, converted.reading.words)
    return Converted(IndexColumn(column.name, ColumnKind.TIME, micros), reading=reading)


def _not_times(table: Table, text: TextColumn, first: str) -> Reason:
    """One reason for all values that are not times like the first one that is."""
    form = None if LIKE_A_TIME.match(first) else form_of(first)
    if NUMBER.fullmatch(first) and (count := _others(text)):
        places = [place for place, _ in text.first_rows(_is_no_number, at_most=SHOWN)]
        what = f"a number such as {first!r}, the first one"
    elif form is None:
        places, count = rows_without_time(text.cleaned(), at_most=SHOWN)
        what = f"a time such as {EXAMPLE} (with a zone in all rows or in none)"
    else:
        places, count = _rows_without(text, lambda part: date_micros(part, form, date_format=_order(form.date_format)))
        what = f"a date such as {first!r}, the first one"
    whole = text.cleaned()
    shown = ", ".join(f"{whole[place].as_py()[:40]!r} in row {place + table.first_row:,}" for place in places)
    rows = [place + table.first_row for place in places]
    if not places:  # the options exclude the form
        return reason(f"{first!r} is not a date of the given date_format", row=None, column=text.name)
    if count == 1:
        return reason(f"{shown.rpartition(' in row ')[0]} is not {what}", row=rows[0], column=text.name)
    detail = f"{count:,} values are not {what}: {'first ' if count > len(places) else ''}{shown}"
    return reason(detail, row=rows[0], column=text.name)


def _others(text: TextColumn) -> int:
    return sum(text.parts(lambda part: int(pc.sum(_is_no_number(part)).as_py() or 0)))


def _is_no_number(part: Any) -> Any:
    return pc.invert(pc.match_substring_regex(part, f"^(?:{NUMBER.pattern})$"))


def _order(date_format: str | None) -> str:
    return date_format or "day_first"


def _rows_without(text: TextColumn, convert: Any) -> tuple[list[int], int]:
    """The first places at which `convert` raises NotDates, and their number; by bisection of each part."""
    found: list[int] = []
    count, at = 0, 0
    for part in text.parts(lambda part: part):
        spans = [(0, len(part))]
        while spans:
            start, stop = spans.pop()
            try:
                convert(part.slice(start, stop - start))
            except NotDates:
                if stop - start == 1:
                    count += 1
                    found += [at + start] if len(found) < SHOWN else []
                else:
                    middle = (start + stop) // 2
                    spans += [(middle, stop), (start, middle)]
        at += len(part)
    return found, count
