"""Decides the decimal mark of columns that fit both: by the options, the other columns, or the file's separator."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow.compute as pc
import pyarrow.types as pt

from ml_training.domain.file_options import FileOptions
from ml_training.inference.missing_words import MARKS, NO_VALUE
from ml_training.tabular.ingest_result import Rejected, reason
from ml_training.tabular.number_text import PLAIN_POINT, NumberForms, number_forms
from ml_training.tabular.table import Table
from ml_training.tabular.text_column import TextColumn


@dataclass(slots=True, eq=False)
class DecimalMarks:
    """The decimal marks of a file. `evidence`: the column by which each mark is known, once it was looked for."""

    table: Table
    options: FileOptions
    threads: int = 1
    evidence: Mapping[str, str] | None = None
    used: dict[str, int] = field(default_factory=dict)  # the columns that were read with each mark

    @property
    def forced(self) -> str | None:
        """The mark that the options name."""
        if self.options.decimal is not None:
            return self.options.decimal
        return {",": ".", ".": ","}.get(self.options.thousands or "")

    def mark(self, text: TextColumn, forms: NumberForms) -> tuple[str | None, str]:
        """The decimal mark of a column, and why; None if its values do not have the mark of the options.

        Raises Rejected if both marks fit, give different numbers, and nothing decides.
        """
        if self.forced is not None:
            return (self.forced if forms.own_mark in (None, self.forced) else None), "the options"
        if self.options.thousands == "none" and forms.own_mark is None:
            return ("." if forms.point_or_thousands else ","), "the options"
        if forms.own_mark is not None:
            return forms.own_mark, "its values"
        if not forms.is_unclear:
            return ".", "its values"
        if forms.point_or_thousands and not forms.comma_or_thousands and text.name in self.table.facts.exact_points:
            return ".", "the file stores numbers"
        return self._by_the_file(text, forms)

    def reads_as_written(self, text: TextColumn) -> bool:
        """Whether a column of numbers with points has a decimal point for certain, by its own values."""
        if self.forced is not None:
            return self.forced == "."
        for chunk in text.text.chunks:
            with_point = pc.match_substring(chunk, ".")
            unclear = pc.match_substring_regex(pc.ascii_trim_whitespace(chunk), PLAIN_POINT)
            if pc.any(pc.and_not(with_point, unclear)).as_py():
                return True
        return False

    def _by_the_file(self, text: TextColumn, forms: NumberForms) -> tuple[str, str]:
        evidence = self._evidence()
        if len(evidence) == 1:
            ((mark, column),) = evidence.items()
            return mark, f"the column {column!r}"
        separator = self.table.facts.separator
        if not evidence and separator == ",":
            return ".", "the separator"
        if not evidence and separator == ";" and not forms.point_or_thousands:
            return ",", "the separator"
        raise Rejected(_two_readings(text, evidence, first_row=self.table.first_row))

    def _evidence(self) -> Mapping[str, str]:
        if self.evidence is None:
            found: dict[str, str] = {}
            for name in self.table.names:
                if len(found) < 2 and (mark := self._own_mark(name)) is not None:
                    found.setdefault(mark, name)
            self.evidence = found
        return self.evidence

    def _own_mark(self, name: str) -> str | None:
        values = self.table.column(name)
        if not pt.is_string(values.type) or name in self.table.facts.exact_points:
            return None
        forms = number_forms(TextColumn(name, values, self.threads, (*NO_VALUE, *MARKS)))
        return None if forms is None else forms.own_mark


def _two_readings(text: TextColumn, evidence: Mapping[str, str], *, first_row: int) -> dict[str, str | int | None]:
    ((place, value),) = text.first_rows(lambda part: pc.match_substring_regex(part, "[.,]"), at_most=1)
    digits = "".join(sign for sign in value if sign.isdigit() or sign in ".,")
    point = digits.replace(",", "")
    comma = digits.replace(".", "").replace(",", ".")
    why = "nothing in the file decides"
    if evidence:
        why = "other columns have " + " and ".join(f"{mark!r} ({name!r})" for mark, name in sorted(evidence.items()))
    detail = f"{value!r} is {point} with a decimal point and {comma} with a decimal comma, and {why}"
    return reason(f"{detail}: say decimal=. or decimal=,", row=place + first_row, column=text.name)
