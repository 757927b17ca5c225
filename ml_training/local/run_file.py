"""`DATA_DIR/run.json`, with which other commands find the running stack, and the lock that allows only one stack."""

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ml_training.client.locate import read_running_stack
from ml_training.local.orphan_guard import GRACE_SECONDS
from ml_training.local.private_file import write_private_file
from ml_training.local.stack_secrets import (
    BROKER_FILE,
    DATABASE_FILE,
    read_secret_url,
    without_password,
    write_secrets,
)

LOCK_FILE = "up.lock"


class AlreadyRunning(Exception):
    """Another stack uses this data directory."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """The URLs of a running stack; `pid` is the process of `ml-training up`."""

    api_url: str
    exporter_url: str
    broker_url: str = field(repr=False)
    database_url: str = field(repr=False)
    pid: int

    @property
    def addresses(self) -> str:
        """What a person opens, a line each, the first thing first."""
        return (
            f"Console  {self.api_url}/console/\nAPI      {self.api_url}/api/v1\nDocs     {self.api_url}/docs\n"
            f"Metrics  {self.exporter_url}/metrics"
        )

    def write(self, path: Path) -> None:
        """Write the file, without passwords; they are in files beside it. Only their owner can read them."""
        write_secrets(path.parent, {"database_url": self.database_url, "broker_url": self.broker_url})
        shown = {"database_url": without_password(self.database_url), "broker_url": without_password(self.broker_url)}
        write_private_file(path, json.dumps({**asdict(self), **shown}, indent=2) + "\n")


def read_run_file(path: Path) -> RunInfo | None:
    """The stack that `path` describes; None when there is no valid file, or when its process no longer runs."""
    try:
        found = RunInfo(**(read_running_stack(path) or {}))
    except TypeError:  # other fields: the file of another version
        return None
    return replace(
        found,
        database_url=read_secret_url(path.with_name(DATABASE_FILE), found.database_url),
        broker_url=read_secret_url(path.with_name(BROKER_FILE), found.broker_url),
    )


@contextmanager
def lock_data_dir(data_dir: Path, *, wait_seconds: float = GRACE_SECONDS + 5.0) -> Iterator[int]:
    """Lock `data_dir` within the context; yields the descriptor that holds the lock. Raises AlreadyRunning.

    After a stack was killed, its guard ends the remaining processes and holds the lock until they are gone; this
    function waits for that.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data_dir / LOCK_FILE).open("a") as file:
        deadline = time.monotonic() + wait_seconds
        while not _try_lock(file.fileno()):
            if (running := read_run_file(data_dir / "run.json")) is not None:
                raise AlreadyRunning(
                    f"process {running.pid} already runs a stack in {data_dir}, its API is {running.api_url}: "
                    "use that one, stop it, or set ML_TRAINING_DATA_DIR to another directory"
                )
            if time.monotonic() > deadline:
                raise AlreadyRunning(f"another stack starts or stops in {data_dir}: try again in a moment")
            time.sleep(0.1)
        yield file.fileno()


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
