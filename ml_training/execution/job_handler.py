"""What a handler hands over when the work is done: how to store the result, in the terminal transaction."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from ml_training.execution.transitions import AttemptFence


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """`store` writes the one result row and returns its id; every file it names is in storage already."""

    store: Callable[[Connection, AttemptFence], int]
    rows_used: int
