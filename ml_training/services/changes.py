"""What has changed in the caller's project since a client last asked."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ml_training.db import changes, job_lists
from ml_training.domain.changes import Change, Position, RunningJob
from ml_training.domain.errors import FieldError, Invalid, Unavailable
from ml_training.services.resources import Resources

MOST_CHANGES = 1_000  # rows that one answer tells; the next one begins behind them
MOST_RUNNING = 200
LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class News:
    """The things that have changed, the position behind them, and how far the RUNNING jobs are.

    reset: the client's position is not known (any more): it must load everything again, after it has kept `position`.
    """

    items: Sequence[Change]
    position: Position
    reset: bool
    running: Sequence[RunningJob]


def parse_position(text: str | None) -> Position | None:
    """The position that a client shows as `after`; raises Invalid. One of another database is well-formed."""
    if text is None:
        return None
    position = Position.read(text)
    if position is None:
        raise Invalid("wrong query", errors=(FieldError("/after", "use the next of the answer before"),))
    return position


def read_news(resources: Resources, after: Position | None) -> News:
    """The next changes behind `after`; None: only the position now. Raises Unavailable."""
    database = resources.database
    with database.read() as connection:
        up_to = changes.settled(connection)
    with database.read() as connection:
        running = job_lists.running_progress(connection, limit=MOST_RUNNING)
        if after is not None and changes.is_known(connection, after):
            page = changes.read_changes(connection, after, up_to=up_to, limit=MOST_CHANGES)
            return News(page.items, page.position, False, running)
        position = changes.newest_position(connection, up_to=up_to)
    if position is None:
        raise Unavailable("this project was made a moment ago: try again", retry_after=1)
    return News((), position, after is not None, running)


def wait_for_news(resources: Resources, after: Position, *, seconds: float) -> News:
    """The next changes as soon as there are some, or what `read_news` says after `seconds`; holds its thread."""
    deadline = time.monotonic() + seconds
    while True:
        found = read_news(resources, after)
        left = deadline - time.monotonic()
        if found.items or found.reset or left <= 0:
            return found
        time.sleep(min(LOOK_SECONDS, left))
