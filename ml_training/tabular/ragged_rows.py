"""Collects the rows that have another number of values than the header: one reason for each number of values."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ml_training.tabular.ingest_result import MAX_REASONS, Reason, first_rows, reason


@dataclass(slots=True)
class RaggedRows:
    """`expected`: the number of values in the header; `rows`: the first row numbers for each other number of values."""

    expected: int
    first_row: int
    rows: dict[int, list[int]] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)
    last: int = 0

    def __bool__(self) -> bool:
        return bool(self.counts)

    @property
    def total(self) -> int:
        """How many rows there are."""
        return sum(self.counts.values())

    def add(self, values: int, place: int) -> bool:
        """Note a row, counted from 1 after the header, and its number of values; False if these are too various."""
        if values not in self.counts and len(self.counts) == MAX_REASONS:
            return False
        self.counts[values] = self.counts.get(values, 0) + 1
        self.last = place
        some = self.rows.setdefault(values, [])
        if len(some) < 3:
            some.append(place + self.first_row - 1)
        return True

    def reasons(self, good_rows: int) -> Iterator[Reason]:
        """One reason for each number of values, in the order of the rows."""
        is_note = self.last == good_rows + self.total and self.total <= 5 and good_rows >= self.total
        for values, count in self.counts.items():
            rows = self.rows[values]
            subject = "the row has" if count == 1 else f"{count:,} rows have"
            detail = f"{subject} {values:,} values, the header {self.expected:,}{first_rows(rows, count)}"
            if values == 1 and is_note:
                detail += ": if it is a note below the table, delete it"
            elif values == self.expected + 1 and not good_rows:
                detail += ": the first column may lack a name"
            elif values > self.expected:
                detail += ": put a value that contains the separator in quotes"
            yield reason(detail, row=rows[0])
