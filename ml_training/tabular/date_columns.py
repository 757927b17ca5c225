"""Reads a column of dates that are not ISO 8601: finds its form, and whether the day or the month comes first."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow.compute as pc
import pyarrow.types as pt

from ml_training.domain.file_options import FileOptions
from ml_training.inference.missing_words import MARKS, NO_VALUE
from ml_training.selection.index import DTYPES, ColumnKind, IndexColumn
from ml_training.tabular.convert import Converted, Reading
from ml_training.tabular.date_forms import DateForm, NotDates, date_micros, form_of, order_numbers
from ml_training.tabular.ingest_result import Reason, reason
from ml_training.tabular.table import Table
from ml_training.tabular.text_column import TextColumn

ORDERS = ("day_first", "month_first")


class UnclearDates(Exception):
    """Every date of the column can be read with the day first and with the month first; `example` is (place, text)."""

    def __init__(self, column: str, example: tuple[int, str]) -> None:
        super().__init__(column)
        self.column = column
        self.example = example

    def reason(self, *, first_row: int) -> Reason:
        """Both readings and the remedy."""
        place, _ = self.example
        return reason(f"{self.text()}: say date_format", row=place + first_row, column=self.column)

    def text(self) -> str:
        """Both readings."""
        return (
            f"{self.example[1]!r} is a date with the day first (date_format=day_first) and with the month first "
            "(date_format=month_first), and no value of the file decides"
        )


@dataclass(slots=True, eq=False)
class DateOrders:
    """What the columns of a file say about the order of day and month; `evidence`: the order by the form's name."""

    table: Table
    options: FileOptions
    threads: int = 1
    evidence: dict[str, set[str]] = field(default_factory=dict)

    def order(
        self, form: DateForm, own: set[str], column: str, example: Callable[[], tuple[int, str]]
    ) -> tuple[str, str]:
        """The order in a column whose values allow the orders in `own`, and why; raises NotDates and UnclearDates."""
        wanted = self.options.date_format
        if not own or (wanted in ORDERS and wanted not in own):
            raise NotDates
        if wanted in ORDERS:
            return str(wanted), "the options"
        if len(own) == 1:
            return next(iter(own)), "its values"
        if form.name not in self.evidence:
            self.evidence[form.name] = self._evidence(form)
        if len(self.evidence[form.name]) == 1:
            return next(iter(self.evidence[form.name])), "another column"
        raise UnclearDates(column, example())

    def _evidence(self, form: DateForm) -> set[str]:
        found: set[str] = set()
        for name in self.table.names:
            values = self.table.column(name)
            if pt.is_string(values.type):
                text = TextColumn(name, values, self.threads, (*NO_VALUE, *MARKS))
                first = text.first_value()
                if first is not None and form.fits(first):
                    orders = possible_orders(text, form)
                    found |= orders if len(orders) == 1 else set()
        return found


def possible_orders(text: TextColumn, form: DateForm) -> set[str]:
    """The orders that all values of a column allow: both if they mean the same in both."""
    first = second = 0
    differ = False
    try:
        for high, other, different in text.parts(lambda part: order_numbers(part, form)):
            first, second, differ = max(first, high), max(second, other), differ or different
    except NotDates:
        return set()
    if not differ:
        return {"day_first"}
    orders = {"day_first"} if second <= 12 else set()
    return orders | ({"month_first"} if first <= 12 else set())


def dates_from_text(text: TextColumn, first: str, orders: DateOrders) -> Converted | None:
    """The column as times; None if it has no form of dates that fits all its values; raises UnclearDates."""
    form = form_of(first)
    wanted = orders.options.date_format
    if form is None or wanted in ("iso", "year", "epoch_seconds", "epoch_milliseconds", "integer"):
        return None
    try:
        date_format, why = form.date_format, "its values"
        if date_format is None:
            own = possible_orders(text, form)
            date_format, why = orders.order(form, own, text.name, lambda: _differing(text))
        elif wanted not in (None, date_format, *(ORDERS if date_format != "day_first" else ())):
            return None
        chosen = date_format
        values = text.filled(DTYPES[ColumnKind.TIME], lambda part: date_micros(part, form, date_format=chosen))
    except NotDates:
        return None
    reading = Reading({"date_format": date_format, "form": form.name, "by": why}, dict(text.words))
    return Converted(IndexColumn(text.name, ColumnKind.TIME, values), reading=reading)


def _differing(text: TextColumn) -> tuple[int, str]:
    """The first date whose day and month differ."""
    pattern = "^0?([0-9]{1,2})[-/]0?([0-9]{1,2})[-/].*$"

    def differs(part: object) -> object:
        return pc.not_equal(
            pc.replace_substring_regex(part, pattern, r"\1"), pc.replace_substring_regex(part, pattern, r"\2")
        )

    return text.first_rows(differs, at_most=1)[0]
