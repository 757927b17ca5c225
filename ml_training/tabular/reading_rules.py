"""What the columns of a file are read by: the options, and what the file as a whole decides."""

from collections.abc import Sequence
from dataclasses import dataclass

from ml_training.domain.file_options import FileOptions
from ml_training.inference.missing_words import MARKS, NO_VALUE
from ml_training.tabular.date_columns import DateOrders
from ml_training.tabular.decimal_mark import DecimalMarks
from ml_training.tabular.table import Table


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
    return ReadingRules(
        options=options,
        decimals=DecimalMarks(table, options),
        dates=DateOrders(table, options),
        missing=missing_words(options),
        marks=MARKS if options.missing_values is None else (),
    )


def missing_words(options: FileOptions) -> Sequence[str]:
    """The words for a missing value in every column of text; the empty cell is always one."""
    return NO_VALUE if options.missing_values is None else ("", *options.missing_values)
