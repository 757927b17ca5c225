"""A lock that is held while a database is migrated: a worker that starts then loads first, and waits for it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK_FILE = "migration.lock"


@contextmanager
def migration_lock(data_dir: Path) -> Iterator[None]:
    """Hold the lock of a data directory within the context; the kernel drops it if this process is killed."""
    with (data_dir / LOCK_FILE).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # a process that was just forked may still have its copy open


def wait_for_migration(data_dir: Path) -> None:
    """Return once no migration runs that holds the lock."""
    with suppress(FileNotFoundError), (data_dir / LOCK_FILE).open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
