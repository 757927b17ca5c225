"""What every story gets: the checkout to measure, a directory, the databases, and the sizes of this run."""

import fcntl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.support.postgres import postgres_server
from tools.bench.figures import Row
from tools.bench.service import Checkout

T = TypeVar("T")
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a story; `quick` asks for sizes that take a minute or two, `huge` for those that need hours."""

    checkout: Checkout
    directory: Path  # empty; for this story alone
    databases: Sequence[str]  # of NAMES
    quick: bool
    huge: bool
    say: Callable[[str], None]
    lock: Path | None = None

    def size(self, full: T, quick: T) -> T:
        """`full`, or `quick` in a quick run."""
        return quick if self.quick else full

    @contextmanager
    def timing(self) -> Iterator[None]:
        """A block whose time is measured: it holds the lock, for which other benchmarks of the machine wait."""
        if self.lock is None:
            yield
            return
        with self.lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


@dataclass(frozen=True, slots=True)
class Story:
    """One comparison with a floor; `name` chooses it on the command line and never changes."""

    name: str
    title: str
    how: str
    measure: Callable[[Run], Sequence[Row]]


@contextmanager
def database_settings(kind: str) -> Iterator[Mapping[str, str]]:
    """The settings for a database of this kind: nothing for SQLite, a new PostgreSQL server with fsync otherwise."""
    if kind == "sqlite":
        yield {}
        return
    with postgres_server(fsync=True) as server:
        yield {"database_url": server.url()}
