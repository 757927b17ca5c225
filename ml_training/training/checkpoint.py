"""Where a training stood: kept now and then, so that another worker can go on and end with the very same model.

Only where that holds: LightGBM without any sampling of rows or columns, and the forests, whose trees do not depend on
each other. Everything else starts again from round 0. A checkpoint is immutable and says itself what it is of.
"""

import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zipfile import BadZipFile, ZipFile

from ml_training.training.canonical import archive
from ml_training.training.reporter import Reporter

FORMAT_VERSION = 1
MANIFEST, STATE = "manifest.json", "state"
MOST_SHARE = 0.05  # of the time may go into keeping


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """What a family needs to go on after `done` rounds or trees.

    state: the library's own form; losses: the learning curve so far; best: iteration and loss of early stopping.
    """

    done: int
    state: bytes
    losses: Mapping[str, Sequence[float | None]]
    best: tuple[int, float] | None = None

    def pack(self, origin: Mapping[str, Any]) -> bytes:
        """One file; `origin` says of what: the spec, the data and the versions of the libraries."""
        manifest = {
            "format_version": FORMAT_VERSION,
            "origin": origin,
            "done": self.done,
            "losses": self.losses,
            "best": self.best,
        }
        return archive({MANIFEST: json.dumps(manifest).encode(), STATE: self.state})


def open_checkpoint(data: bytes, origin: Mapping[str, Any]) -> Checkpoint | None:
    """The checkpoint, or None when it is of something else, such as another version of a library, or no checkpoint."""
    try:
        with ZipFile(io.BytesIO(data)) as source:
            manifest, state = json.loads(source.read(MANIFEST)), source.read(STATE)
    except (BadZipFile, KeyError, ValueError):
        return None
    if manifest["format_version"] != FORMAT_VERSION or manifest["origin"] != json.loads(json.dumps(origin)):
        return None
    best = None if manifest["best"] is None else (int(manifest["best"][0]), float(manifest["best"][1]))
    return Checkpoint(manifest["done"], state, manifest["losses"], best)


class Keeper:
    """Keeps checkpoints of one fit, when the reporter wants one and as rarely as their cost demands."""

    def __init__(self, reporter: Reporter, origin: Mapping[str, Any], *, clock: Callable[[], float]) -> None:
        self._reporter = reporter
        self._origin = origin
        self._clock = clock
        self._not_before = clock()

    def offer(self, make: Callable[[], Checkpoint]) -> None:
        """After a round: keep what `make` gives, if it is time; before the job is handed back it always is."""
        if not self._reporter.wants_checkpoint(affordable=self._clock() >= self._not_before):
            return
        started = self._clock()
        checkpoint = make()
        self._reporter.keep_checkpoint(checkpoint.pack(self._origin), done=checkpoint.done)
        ended = self._clock()
        self._not_before = ended + (ended - started) / MOST_SHARE


class NoKeeper:
    """Keeps nothing: of a fit that could not go on and end the same."""

    def offer(self, make: Callable[[], Checkpoint]) -> None:
        """Nothing."""


def new_keeper(reporter: Reporter, origin: Mapping[str, Any]) -> Keeper:
    """A keeper by the monotonic clock."""
    return Keeper(reporter, origin, clock=time.monotonic)
