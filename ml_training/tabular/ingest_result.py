"""The result of reading an uploaded file: a value, because a bad file is a normal result and not a fault."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ml_training.selection.index import SelectionIndex

MAX_REASONS = 50
Reason = dict[str, str | int | None]
IngestProgress = Callable[[float, str], None]  # the share of the work that is done, 0 to 1, and what is being done


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestResult:
    """Either an index with its profile, or at most MAX_REASONS reasons why there is none.

    Rows are numbered as a spreadsheet shows them, without blank lines: row 1 is the header of a CSV file, or the first
    row of a Parquet file. A row or column of None means that the reason is not about a single one. Example of a reason:
    `{"row": 3, "column": None, "detail": "the row has 1 values, the header 2"}`.
    """

    index: SelectionIndex | None = None
    rows: int | None = None
    columns: int | None = None
    profile: dict[str, Any] | None = None
    reasons: tuple[Reason, ...] = ()


class Rejected(Exception):
    """The file cannot be used. Raised inside this package only; `read_table` turns it into an IngestResult."""

    def __init__(self, *reasons: Reason) -> None:
        super().__init__(f"{len(reasons)} reasons")
        self.reasons = reasons[:MAX_REASONS]


def reason(detail: str, *, row: int | None = None, column: str | None = None) -> Reason:
    """One thing that is wrong with a file."""
    return {"row": row, "column": column, "detail": detail}


def first_rows(rows: Sequence[int], count: int) -> str:
    """`, first in rows 4, 9, 17`: where something is that occurs `count` times; nothing if it occurs once."""
    if count < 2:
        return ""
    listed = ", ".join(f"{row:,}" for row in rows)
    return f", first in rows {listed}" if count > len(rows) else f", in rows {listed}"


@contextmanager
def damage_is_a_reason(what: str) -> Iterator[None]:
    """Turn what Arrow cannot read into a reason; a failing disk, lack of memory or an interrupt stays a fault."""
    try:
        yield
    except (MemoryError, pa.ArrowCancelled):
        raise
    except OSError as error:
        if error.errno is not None:  # from the operating system; Arrow's errors about damaged files have none
            raise
        raise Rejected(reason(_first_line(what, error))) from None
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise Rejected(reason(_first_line(what, error))) from None


def _first_line(what: str, error: Exception) -> str:
    return f"{what}: {str(error).splitlines()[0][:200]}"
