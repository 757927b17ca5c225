"""What the columns of a file are read by: the options, and what the file as a whole decides."""

from collections.abc import Sequence
from dataclasses import dataclass

from ml_training.domain.file_options import FileOptions
from ml_training.tabular.date_columns import DateOrders
from ml_training.tabular.decimal_mark import DecimalMarks
from ml_training.tabular.table import Table
from ml_training.tabular.text_column import MARKS, NO_VALUE


@dataclass(frozen=True, slots=True, eq=False)
class ReadingRules:
    """`missing`: the words for a missing value; `marks`: those that mean one in columns of numbers and times only."""

    options: FileOptions
    decimals: DecimalMarks
    dates: DateOrders
    missing: Sequence[str]
    marks: Sequence[str]

    def use_threads(self, threads: int) -> None:
        """Set how many threads look at other columns."""
        self.decimals.threads = self.dates.threads = threads


def reading_rules(table: Table, options: FileOptions) -> ReadingRules:
    """The rules for a file; the words of the options replace all known ones."""
    said = options.missing_values
    return ReadingRules(
        options=options,
        decimals=DecimalMarks(table, options),
        dates=DateOrders(table, options),
        missing=NO_VALUE if said is None else ("", *said),
        marks=MARKS if said is None else (),
    )
