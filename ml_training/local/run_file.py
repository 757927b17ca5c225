"""`DATA_DIR/run.json`, by which the other commands find the running stack, and the lock that keeps it the only one."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from ml_training.local.orphan_guard import GRACE_SECONDS
from ml_training.local.private_file import write_private


class AlreadyRunning(Exception):
    """Another stack owns this data directory."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Where the parts of a running stack answer; `pid` is the process of `ml-training up`."""

    api_url: str
    exporter_url: str
    broker_url: str
    database_url: str
    pid: int

    def write(self, path: Path) -> None:
        """Publish it; readable by its owner only, since the URLs hold passwords."""
        write_private(path, json.dumps(asdict(self), indent=2) + "\n")


def read_run_file(path: Path) -> RunInfo | None:
    """The running stack of `path`; None without one, also when its process was killed and left the file behind."""
    try:
        info = RunInfo(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return info if _is_alive(info.pid) else None


@contextmanager
def only_stack(data_dir: Path, *, patience: float = GRACE_SECONDS + 5.0) -> Iterator[int]:
    """Own `data_dir` meanwhile; yields the descriptor that holds the lock. Raises AlreadyRunning.

    A stack that was killed leaves a guard, which still ends its processes and holds the lock until they are gone:
    that is waited for.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data_dir / "up.lock").open("a") as file:
        deadline = time.monotonic() + patience
        while not _locked(file.fileno()):
            if (running := read_run_file(data_dir / "run.json")) is not None:
                raise AlreadyRunning(
                    f"process {running.pid} already runs a stack in {data_dir}, its API is {running.api_url}: "
                    "use that one, stop it, or set ML_TRAINING_DATA_DIR to another directory"
                )
            if time.monotonic() > deadline:
                raise AlreadyRunning(f"another stack starts or stops in {data_dir}: try again in a moment")
            time.sleep(0.1)
        yield file.fileno()


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
