"""The verdict on an uploaded file: a value, because a bad file is an answer and not a fault."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ml_training.selection.index import SelectionIndex

MAX_REASONS = 50
Reason = dict[str, str | int | None]
Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestVerdict:
    """Either an index with its profile, or at most MAX_REASONS reasons why there is none.

    A reason is {"row", "column", "detail"}. Rows are counted as a spreadsheet shows them, blank lines left out: the
    header of a CSV file is row 1, the first row of a Parquet file is row 1. None: not about a single row or column.
    """

    index: SelectionIndex | None = None
    rows: int | None = None
    columns: int | None = None
    profile: dict[str, Any] | None = None
    reasons: tuple[Reason, ...] = ()


class Rejected(Exception):
    """The file cannot be used; raised inside this package only and turned into a verdict."""

    def __init__(self, *reasons: Reason) -> None:
        super().__init__(f"{len(reasons)} reasons")
        self.reasons = reasons[:MAX_REASONS]


def reason(detail: str, *, row: int | None = None, column: str | None = None) -> Reason:
    """One thing that is wrong with a file."""
    return {"row": row, "column": column, "detail": detail}


@contextmanager
def damage_is_a_reason(what: str) -> Iterator[None]:
    """What Arrow cannot read becomes a reason; a failing disk, memory or interrupt stays a fault."""
    try:
        yield
    except (MemoryError, pa.ArrowCancelled):
        raise
    except OSError as error:
        if error.errno is not None:  # the operating system's; Arrow's own about damaged files have none
            raise
        raise Rejected(reason(_told(what, error))) from None
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise Rejected(reason(_told(what, error))) from None


def _told(what: str, error: Exception) -> str:
    return f"{what}: {str(error).splitlines()[0][:200]}"
