"""Runs a part in a process of its own, and says what it does; the process ends with this object, however it hangs."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

import psutil

from ml_training.cluster.failures import Failure
from ml_training.cluster.part import Part

CHUNK = 1 << 16
MODULE = "ml_training.cluster.fit_part"
PROJECT = Path(__file__).parents[2]  # of an image that copies the code and installs nothing


class PartProcess:
    """A context manager around the process of one part."""

    def __init__(self, part: Part, *, threads: int) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="ml-training-part-")
        self._model = Path(self._directory.name) / "model.txt"
        path = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH", "")]))
        # A session of its own: signals to the group of the cluster worker are not for it.
        self._process = subprocess.Popen(
            [sys.executable, "-m", MODULE, str(self._model)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )
        self._watched = psutil.Process(self._process.pid)
        self._rest = b""
        self._failure: dict[str, str] | None = None
        self.say(part.to_json())
        self.say({"threads": threads})

    def __enter__(self) -> "PartProcess":
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                cast(BinaryIO, pipe).close()
        self._directory.cleanup()

    def say(self, order: Mapping[str, Any] | None = None) -> None:
        """Give an order; without one: the part is still wanted."""
        pipe = cast(BinaryIO, self._process.stdin)
        with suppress(OSError):  # it has ended: `heard` says so
            pipe.write(b"" if order is None else json.dumps(dict(order)).encode())
            pipe.write(b"\n")
            pipe.flush()

    def heard(self, *, within: float) -> list[dict[str, Any]] | None:
        """What the process has said, waiting for the first line up to `within` seconds; None once it has ended."""
        pipe = cast(BinaryIO, self._process.stdout)
        if not select.select([pipe], [], [], within)[0]:
            return []
        data = os.read(pipe.fileno(), CHUNK)
        if not data:
            self._process.wait()
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        messages = [json.loads(line) for line in lines]
        for message in messages:
            if "failure" in message:
                self._failure = message
        return messages

    def work_done(self) -> float:
        """A number that rises while the process computes, reads or writes, and does not while it waits for others."""
        with suppress(psutil.Error):
            times = self._watched.cpu_times()
            return float(times.user + times.system) + _bytes_moved(self._watched) / 1e7
        return 0.0

    def memory(self) -> int:
        """Bytes of memory that are the process's own."""
        with suppress(psutil.Error):
            found = self._watched.memory_info()
            return int(found.rss - getattr(found, "shared", 0))
        return 0

    def result(self) -> dict[str, Any]:
        """What became of a process that has ended: `model`, or `failure` with `detail`."""
        status = self._process.returncode
        if self._failure is not None:
            return self._failure
        if status != 0:
            how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
            return {"failure": Failure.LOST.value, "detail": f"the process of a part ended with {how}"}
        return {"model": self._model.read_bytes() if self._model.exists() else None}


def _bytes_moved(process: psutil.Process) -> int:
    try:
        counted = process.io_counters()
    except (psutil.Error, AttributeError):  # macOS does not count them
        return 0
    return int(counted.read_bytes + counted.write_chars)
