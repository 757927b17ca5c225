"""What a client learns about changes: which things have changed, and up to where it knows all of them."""

import re
from dataclasses import dataclass
from typing import Self

POSITION = re.compile(r"([0-9a-f]{1,15})\.([0-9a-f]{1,15})")
MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Position:
    """A row of the table of changes, named by its number and its time.

    A client that shows one knows all changes up to it. When there is no such row the client knows nothing: it was
    removed, or the database is an older one than the client has seen, whose new rows get the same numbers again, but
    not the same times.
    """

    number: int
    microseconds: int

    @classmethod
    def of(cls, number: int, at: float) -> Self:
        """The position of a row; at: its time in Unix seconds."""
        return cls(number, round(at * MICROSECONDS))

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The position that a client shows; None when no service has made it."""
        found = POSITION.fullmatch(text)
        return None if found is None else cls(int(found[1], 16), int(found[2], 16))

    def __str__(self) -> str:
        return f"{self.number:x}.{self.microseconds:x}"


@dataclass(frozen=True, slots=True)
class Change:
    """The last change of one thing; seq rises with each change of the same thing."""

    kind: str
    id: int
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningJob:
    """How far a RUNNING job is; what is no change, since it moves all the time."""

    id: int
    attempt: int
    progress: float
    progress_message: str
    eta_seconds: float | None
