"""Dates as people write them, beside ISO 8601: the forms, and their values as microseconds since the epoch in UTC.

A column has one form. Years have four digits: what 03/04/05 means cannot be known. A time without a zone is UTC. A
month without a day is its first day. Examples: `31.12.2012 14:00`, `12/31/2012 2:00 PM`, `5 Jan 2020`, `Mar-2018`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ml_training.selection.index import TIME_MISSING
from ml_training.tabular.month_names import MONTHS

FIRST_YEAR, LAST_YEAR = 1500, 2500  # numbers beyond are no years
TIME = (
    "(?:(?:T|,? )(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    "(?:[ \u202f]?(?P<half>[AaPp])\\.?[Mm]\\.?)?(?: Uhr)?)?"
)
WORD = "(?P<word>[A-Za-z\u00c0-\u024f]{3,12})"
WEEKDAY = "(?:[A-Za-z\u00c0-\u024f]{2,10}\\.?,? )?"
YEAR, MONTH, DAY = "(?P<year>[0-9]{4})", "(?P<month>[0-9]{1,2})", "(?P<day>[0-9]{1,2})"
FIRST, SECOND = "(?P<first>[0-9]{1,2})", "(?P<second_number>[0-9]{1,2})"


@dataclass(frozen=True, slots=True)
class DateForm:
    """A way to write dates. `date_format`: its name in the options; None: day first or month first, see the values."""

    name: str
    pattern: str
    date_format: str | None

    def fits(self, text: str) -> bool:
        """Whether one text looks like it."""
        return re.match(self.pattern, text) is not None


def _numbers(mark: str) -> DateForm:
    shown = mark.strip("[]")
    return DateForm(f"1{shown}2{shown}2020", f"^{FIRST}{mark}{SECOND}{mark}{YEAR}{TIME}$", None)


FORMS = (
    DateForm("31.12.2020", f"^{DAY}[.] ?{MONTH}[.] ?{YEAR}{TIME}$", "day_first"),
    _numbers("/"),
    _numbers("-"),
    DateForm("2020/12/31", f"^{YEAR}/{MONTH}/{DAY}{TIME}$", "year_first"),
    DateForm("2020.12.31", f"^{YEAR}[.]{MONTH}[.]{DAY}{TIME}$", "year_first"),
    DateForm("2020-1-5", f"^{YEAR}-{MONTH}-{DAY}{TIME}$", "year_first"),
    DateForm("2020-12", f"^{YEAR}[-/]{MONTH}$", "year_first"),
    DateForm("12/2020", f"^{MONTH}[/.]{YEAR}$", "month_first"),
    DateForm(
        "5 Jan 2020",
        f"^{WEEKDAY}{DAY}(?:[.]|st|nd|rd|th)?[ -](?:de |of )?{WORD}[.]?,?[ -](?:de )?{YEAR}{TIME}$",
        "month_name",
    ),
    DateForm("Jan 5, 2020", f"^{WEEKDAY}{WORD}[.]? {DAY}(?:st|nd|rd|th)?,? {YEAR}{TIME}$", "month_name"),
    DateForm("Mar-2018", f"^{WORD}[.]?[ -/]{YEAR}$", "month_name"),
    DateForm("2018-Mar-31", f"^{YEAR}[ -]{WORD}(?:[ -]{DAY})?$", "month_name"),
)
LIKE_A_DATE = "|".join((r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ].*)?$", *(form.pattern for form in FORMS))).replace(
    "?P<", "?:<"
)
LIKE_A_DATE = re.sub(r"\?:<\w+>", "?:", LIKE_A_DATE)


class NotDates(Exception):
    """A value of the column is not a date of the form."""


def form_of(text: str) -> DateForm | None:
    """The form of one text; None if it is not a date of any of them."""
    return next((form for form in FORMS if form.fits(text)), None)


def order_numbers(part: Any, form: DateForm) -> tuple[int, int, bool]:
    """The largest first and second number of a part, and whether they differ in a row; raises NotDates."""
    found = _fields(part.drop_null(), form)
    if not len(found):
        return 0, 0, False
    first, second = _integers(found.field("first")), _integers(found.field("second_number"))
    return int(first.max()), int(second.max()), bool((first != second).any())


def date_micros(part: Any, form: DateForm, *, date_format: str) -> NDArray[np.int64]:
    """int64 microseconds, TIME_MISSING for null; raises NotDates at a value that is not a date of the form."""
    micros = np.full(len(part), TIME_MISSING, dtype=np.int64)
    present = part.is_valid().to_numpy(zero_copy_only=False)
    found = _fields(part.drop_null(), form)
    if len(found):
        micros[present] = _moments(found, date_format)
    return micros


def _fields(part: Any, form: DateForm) -> Any:
    found = pc.extract_regex(part, form.pattern)
    if found.null_count:
        raise NotDates
    return found


def _moments(found: Any, date_format: str) -> NDArray[np.int64]:
    fields = {found.type.field(at).name: found.field(at) for at in range(found.type.num_fields)}
    if "first" in fields:
        day, month = ("first", "second_number") if date_format == "day_first" else ("second_number", "first")
        fields |= {"day": fields[day], "month": fields[month]}
    years = _integers(fields["year"])
    months = _months(fields["word"]) if "word" in fields else _integers(fields["month"])
    days = _integers(fields["day"], default="1") if "day" in fields else np.ones(len(years), dtype=np.int64)
    _require((years >= FIRST_YEAR) & (years <= LAST_YEAR) & (months >= 1) & (months <= 12) & (days >= 1) & (days <= 31))
    month_starts = ((years - 1970) * 12 + months - 1).astype("M8[M]")
    dates = month_starts.astype("M8[D]") + (days - 1)
    _require(dates.astype("M8[M]") == month_starts)  # 31 April would be 1 May
    moments: NDArray[np.int64] = dates.astype("M8[us]").astype(np.int64) + _time_of_day(fields)
    return moments


def _time_of_day(fields: Mapping[str, Any]) -> Any:
    if "hour" not in fields:
        return 0
    hours, minutes, seconds = (_integers(fields[name]) for name in ("hour", "minute", "second"))
    half = np.asarray(pc.utf8_upper(fields["half"]).to_pylist(), dtype=object)
    has_half = half != ""
    _require(np.where(has_half, (hours >= 1) & (hours <= 12), hours <= 23) & (minutes <= 59) & (seconds <= 59))
    hours = np.where(has_half, hours % 12 + 12 * (half == "P"), hours)
    fraction = _integers(pc.utf8_slice_codeunits(pc.utf8_rpad(fields["fraction"], 6, "0"), 0, 6))
    return ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + fraction


def _integers(text: Any, default: str = "0") -> NDArray[np.int64]:
    filled = pc.if_else(pc.equal(text, ""), default, text)
    return np.asarray(filled.cast(pa.int64()).to_numpy(zero_copy_only=False))


def _months(words: Any) -> NDArray[np.int64]:
    encoded = pc.utf8_lower(words).dictionary_encode()
    numbers = np.array([MONTHS.get(word, 0) for word in encoded.dictionary.to_pylist()], dtype=np.int64)
    months: NDArray[np.int64] = numbers[encoded.indices.to_numpy(zero_copy_only=False)]
    return months


def _require(is_right: Any) -> None:
    if not np.all(is_right):
        raise NotDates
