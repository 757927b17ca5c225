"""Keeps the sweepers from removing objects while this process copies what rows name."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from ml_training.db.engine import Database
from ml_training.db.sweep_holds import hold_sweeps, release_hold, renew_hold
from ml_training.domain.errors import Unavailable

HOLD_SECONDS = 900.0  # when this process was killed, the sweepers remove again after this time
RENEW_SECONDS = 60.0


class HoldLost(Exception):
    """The hold has ended before its work: the process was frozen, or the database away, for a quarter of an hour."""


class Hold:
    """A hold that a thread renews; `check` before saying that the copy is whole."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._holder = uuid.uuid4().hex
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="hold", daemon=True)

    def begin(self) -> None:
        """From the return on no object is removed that a row names now or later."""
        with self._database.write() as connection:
            hold_sweeps(connection, self._holder, seconds=HOLD_SECONDS)
        self._thread.start()

    def check(self) -> None:
        """Raise HoldLost unless the sweepers have waited all the time; raises Unavailable."""
        with self._database.write() as connection:
            if not renew_hold(connection, self._holder, seconds=HOLD_SECONDS):
                raise HoldLost("objects may have been removed while they were copied: start again")

    def end(self) -> None:
        """Let the sweepers remove again; raises Unavailable, and then they do so after HOLD_SECONDS."""
        self._stop.set()
        self._thread.join()
        with self._database.write() as connection:
            release_hold(connection, self._holder)

    def _renew(self) -> None:
        while not self._stop.wait(RENEW_SECONDS):
            try:
                with self._database.write() as connection:
                    if not renew_hold(connection, self._holder, seconds=HOLD_SECONDS):
                        return  # `check` says so
            except Unavailable:
                continue


@contextmanager
def held_sweeps(database: Database) -> Iterator[Hold]:
    """No object that a row names is removed in the block."""
    hold = Hold(database)
    hold.begin()
    try:
        yield hold
    finally:
        hold.end()
