"""Kills a process (-9) at a chosen step of a chosen write to its bucket, from outside, through the proxy before it."""

import os
import signal
import threading
from concurrent.futures import Future

from tests.support.s3_proxy import CutConnection, Step

WRITES = ("PUT", "POST", "DELETE")
IDENTITY = "/identity"  # of the storage: written once, before there are jobs
START_SECONDS = 60.0


class PutKiller:
    """Watches a proxy; the `nth` write of the process is its last. Afterwards nothing of it arrives any more."""

    def __init__(self, nth: int, step: Step) -> None:
        self.victim: Future[int] = Future()  # its process id
        self.killed_at = ""  # the write, once it was killed
        self._nth, self._step = nth, step
        self._begun = 0
        self._number = threading.local()  # of the write that this thread of the proxy serves
        self._lock = threading.Lock()

    def watch(self, method: str, path: str, step: Step) -> None:
        """See Watch of the proxy."""
        if self.killed_at and step is not Step.ANSWERED:
            raise CutConnection
        if method not in WRITES or path.endswith(IDENTITY):
            return
        if step is Step.BEGUN:
            with self._lock:
                self._begun += 1
                self._number.own = self._begun
        if self._number.own == self._nth and step is self._step:
            self.killed_at = f"{method} {path}"
            os.kill(self.victim.result(START_SECONDS), signal.SIGKILL)
            raise CutConnection
