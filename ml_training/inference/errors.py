"""What can be wrong with an archive or a table; needs no library, so that callers can name these errors."""

from collections.abc import Sequence
from dataclasses import dataclass


class ArchiveError(ValueError):
    """The bytes are not the archive of a model that this version can read."""


class ExportError(ValueError):
    """The model cannot be written in another format, or would predict something else there."""


class OtherVersionWarning(UserWarning):
    """The model was made by another version of scikit-learn, which does not promise the same predictions."""


@dataclass(frozen=True, slots=True)
class TableProblem:
    """Why a column cannot be used; row: 0-based, the first of `count` cells, None when it is about the column."""

    column: str
    detail: str
    row: int | None = None
    count: int = 0

    def __str__(self) -> str:
        where = "" if self.row is None else f", row {self.row}"
        more = f" ({self.count:,} such cells)" if self.count > 1 else ""
        return f"column {self.column!r}{where}: {self.detail}{more}"


class TableError(ValueError):
    """A table does not fit a model; `problems` lists every reason."""

    def __init__(self, problems: Sequence[TableProblem]) -> None:
        super().__init__("the table does not fit the model: " + "; ".join(map(str, problems)))
        self.problems = tuple(problems)
