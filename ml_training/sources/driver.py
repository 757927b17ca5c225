"""The interface of a database that queries run on; each kind has a module that implements it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ml_training.domain.query_columns import QueryRows
from ml_training.sources.rows_file import QueryLimits


class RunQuery(Protocol):
    """Writes the rows of one SELECT to a file, sorted by all columns."""

    def __call__(
        self,
        url: str,
        query: str,
        path: Path,
        *,
        limits: QueryLimits,
        should_stop: Callable[[], bool],
        arrived: Callable[[int], None],
    ) -> QueryRows:
        """should_stop: asked ten times a second; the query is then ended at its server, and this raises
        SourceUnavailable. arrived: called with the number of rows so far; what it raises ends the query too.

        Raises SourceRefused for what the user or the operator must change, SourceUnavailable for what passes by itself.
        """


@dataclass(frozen=True, slots=True)
class Driver:
    """How one kind of database is used. check: connects, and runs nothing; raises as `run_query`."""

    run_query: RunQuery
    check: Callable[[str], None]
