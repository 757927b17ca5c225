"""Recognises a row of sums below a table, which would count as one more example."""

import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ml_training.tabular.ingest_result import Rejected, reason

WORDS = (
    "(grand |sub)?totals?|sum|summe|gesamt(summe)?|insgesamt|zusammen|totale|totaal|total général|total general|somme"
    "|suma|soma|razem|итого|всего|average|mean|mittelwert|durchschnitt|media|média|promedio|moyenne|合计|合計"
)
TOTAL = re.compile(rf"({WORDS})\s*:?", re.IGNORECASE)


def is_total_row(table: pa.Table) -> str | None:
    """The word by which the last row is recognised: its first value, which no row above has; None: a usual row."""
    if table.num_rows < 2:
        return None
    last = table.num_rows - 1
    for values in table.columns:
        word = values[last].as_py().strip()
        if word:
            return word if TOTAL.fullmatch(word) and not _occurs(values.slice(0, last), word) else None
    return None


def refuse_total_row(word: str, *, row: int) -> None:
    """Raise Rejected with the remedy."""
    detail = (
        f"the last row begins with {word!r} and seems to sum up the others: "
        "delete it, or say total_row=drop, or total_row=keep if it is a row like the others"
    )
    raise Rejected(reason(detail, row=row))


def _occurs(values: Any, word: str) -> bool:
    lower = word.lower()
    return any(
        pc.any(pc.equal(pc.utf8_lower(pc.ascii_trim_whitespace(chunk)), lower)).as_py() for chunk in values.chunks
    )
