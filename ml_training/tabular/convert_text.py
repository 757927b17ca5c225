"""Converts a column of text into a column of the index: infers its kind, then fills its values part by part.

A column gets the first kind that fits all its values, in this order: integer, number, boolean (true or false), time,
number with marks (`1.234,50 €`), date, category. Spaces around a value are ignored, and the words in `NO_VALUE` are
missing values; those in `MARKS` are missing values in columns of numbers, booleans and times.

Example: `1, 2, 3` is an integer column, `1, , 3` and `1, 2.5` are number columns, `1, two` is a category column.
`007` is no number: its zeros would be lost.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ml_training.selection.array_parts import parts
from ml_training.selection.index import DTYPES, ColumnKind, IndexColumn
from ml_training.tabular.convert import MOST_CATEGORIES, Converted, Reading, from_codes, no_values
from ml_training.tabular.date_columns import UnclearDates, dates_from_text
from ml_training.tabular.number_text import number_forms, plain_numbers
from ml_training.tabular.parse_times import time_parser
from ml_training.tabular.reading_rules import ReadingRules
from ml_training.tabular.text_column import TextColumn

FIRST_ROWS = 100
UNIFIED_WORDS = 200_000  # of the parts' own dictionaries: with more, the parts get one that they share


class LeadingZeros(Exception):
    """A whole number begins with a zero: it is a code, such as a postal code."""


def from_text(text: TextColumn, rules: ReadingRules, *, keep: bool = False) -> Converted:
    """Infer the kind of a column and convert it; `keep`: keep categories that look like free text.

    Raises Rejected if its numbers can be read in two ways, and nothing decides.
    """
    if text.first_value() is None:
        for _ in text.parts(len):  # counts the words
            pass
        return replace(no_values(text.name, len(text)), reading=Reading({}, dict(text.words)))
    decided: dict[str, Any] = {}
    try:
        for candidate in (text, text.with_missing((*text.missing, *rules.marks))):
            if (converted := _typed(candidate, rules)) is not None:
                return converted
    except LeadingZeros:
        decided = {"leading_zeros": True}
    except UnclearDates as unclear:
        decided = {"unclear_dates": unclear.text()}
    converted = _categories(text, keep=keep)
    return replace(converted, reading=Reading(decided, dict(text.words)))


def _typed(text: TextColumn, rules: ReadingRules) -> Converted | None:
    """The column as numbers, booleans or times; None if it is none of them."""
    first = text.first_value()
    if first is None:
        return None
    for convert in (integers, lambda text: _points(text, rules), _booleans):
        try:
            converted = convert(text)
        except pa.ArrowInvalid:
            continue
        if converted is not None:
            return replace(converted, reading=replace(converted.reading, words=dict(text.words)))
    return times_from_text(text, first) or numbers_with_marks(text, rules) or dates_from_text(text, first, rules.dates)


def times_from_text(text: TextColumn, first: str) -> Converted | None:
    """The column as times of ISO 8601; None if one of its values is not such a time. `first`: its first value."""
    parser = time_parser(first)
    if parser is None:
        return None
    try:
        times = text.filled(DTYPES[ColumnKind.TIME], parser)
    except pa.ArrowInvalid:
        return None
    return Converted(IndexColumn(text.name, ColumnKind.TIME, times), reading=Reading({}, dict(text.words)))


def numbers_with_marks(text: TextColumn, rules: ReadingRules) -> Converted | None:
    """The column as numbers with marks; None if they are not numbers; raises Rejected if they have two readings."""
    forms = number_forms(text)
    if forms is None:
        return None
    words = dict(text.words)
    mark, why = rules.decimals.mark(text, forms)
    if mark is None:
        return None
    plain = text.changed(lambda part: plain_numbers(part, mark))
    try:
        converted = integers(plain)
    except pa.ArrowInvalid:
        converted = _numbers(plain)
    return replace(converted, reading=Reading(forms.decided(mark, why), words))


def integers(text: TextColumn) -> Converted:
    """Integers, or numbers when one of them is missing; raises ArrowInvalid, or LeadingZeros for codes."""
    missing: list[tuple[int, NDArray[np.uint8]]] = []  # the rows of a part, and a bit for each of them
    has_codes = False

    def convert(part: Any) -> Any:
        whole = _cast(part, pa.int64())
        nulls = whole.is_null().to_numpy(zero_copy_only=False)
        return whole.fill_null(0).to_numpy(zero_copy_only=False), nulls, _has_leading_zeros(part)

    values, at = np.empty(len(text), dtype=np.int64), 0
    for part, nulls, is_code in text.parts(convert):
        values[at : at + len(part)] = part
        at += len(part)
        missing.append((len(part), np.packbits(nulls)))
        has_codes = has_codes or is_code
    if has_codes:
        raise LeadingZeros
    if not any(bits.any() for _, bits in missing):
        return Converted(IndexColumn(text.name, ColumnKind.INTEGER, values))
    numbers = values.view(np.float64)  # in the same memory
    for whole, number in zip(parts(values), parts(numbers), strict=True):
        number[:] = whole.astype(np.float64)
    at = 0
    for count, bits in missing:
        numbers[at : at + count][np.unpackbits(bits, count=count).astype(np.bool_)] = np.nan
        at += count
    return Converted(IndexColumn(text.name, ColumnKind.NUMBER, numbers))


def _cast(part: Any, kind: Any) -> Any:
    """`part.cast(kind)`, but the first values go first: it makes an error of every value that does not fit."""
    part[:FIRST_ROWS].cast(kind)
    return part.cast(kind)


def _has_leading_zeros(part: Any) -> bool:
    zero = pc.starts_with(part, "0")
    # `0x1F` is a number in hexadecimal.
    return bool(pc.any(zero).as_py()) and bool(pc.any(pc.match_substring_regex(part.filter(zero), "^0[0-9]")).as_py())


def _points(text: TextColumn, rules: ReadingRules) -> Converted | None:
    """Numbers as a parser reads them, if it is certain that their points are decimal points."""
    converted = _numbers(text)
    if rules.decimals.reads_as_written(text):
        return converted
    forms = number_forms(text)
    if forms is None:  # such as infinity
        return converted if rules.decimals.forced != "," else None
    mark, why = rules.decimals.mark(text, forms)
    if mark == ".":
        return replace(converted, reading=Reading(forms.decided(mark, why) if forms.with_point else {}))
    return None  # read again, as numbers with marks


def _numbers(text: TextColumn) -> Converted:
    infinite = 0
    values, at = np.empty(len(text), dtype=np.float64), 0
    for part in text.parts(lambda part: _cast(part, pa.float64()).to_numpy(zero_copy_only=False)):
        these = values[at : at + len(part)]
        these[:] = part
        at += len(part)
        beyond = np.isinf(these)
        these[beyond] = np.nan
        infinite += int(np.count_nonzero(beyond))
    return Converted(IndexColumn(text.name, ColumnKind.NUMBER, values), infinite=infinite)


def _booleans(text: TextColumn) -> Converted:
    def convert(part: Any) -> Any:
        return _cast(part, pa.bool_()).cast(pa.int8()).fill_null(-1).to_numpy(zero_copy_only=False)

    return Converted(IndexColumn(text.name, ColumnKind.BOOLEAN, text.filled(DTYPES[ColumnKind.BOOLEAN], convert)))


def _categories(text: TextColumn, *, keep: bool) -> Converted:
    encoded: list[Any] | None = []  # None: it has too many distinct texts, and only missing values are still counted
    words, most, nulls = 0, UNIFIED_WORDS, 0
    for part in text.parts(lambda part: part.dictionary_encode()):
        nulls += part.null_count
        if encoded is None:
            continue
        encoded.append(part)
        words += len(part.dictionary)
        if words > most:
            encoded = _unified(encoded)
            words = 0 if encoded is None else len(encoded[0].dictionary)
            most = 2 * words + UNIFIED_WORDS
    encoded = None if encoded is None else _unified(encoded)
    if encoded is None:
        return Converted(IndexColumn(text.name, ColumnKind.TEXT, None), text_nulls=nulls)
    return from_codes(text.name, pa.chunked_array(encoded), keep=keep)


def _unified(encoded: list[Any]) -> list[Any] | None:
    """The parts with one dictionary; None if there are too many distinct texts, or they do not fit into one array."""
    try:
        unified: list[Any] = pa.chunked_array(encoded).unify_dictionaries().chunks
    except pa.ArrowCapacityError:
        return None
    return unified if len(unified[0].dictionary) <= MOST_CATEGORIES else None
