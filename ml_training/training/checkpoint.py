"""Checkpoints of a training: written now and then, so that another attempt can resume and end with the same model.

Only some models end with the same bytes after a resume: LightGBM and XGBoost without sampling of rows or columns, and
the forests, whose trees do not depend on each other. Every other model starts again from round 0. A checkpoint is
immutable and holds the spec and the versions of the libraries that it belongs to.
"""

import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zipfile import BadZipFile, ZipFile

from ml_training.training.canonical import archive
from ml_training.training.reporter import TrainingReporter

FORMAT_VERSION = 1
MANIFEST, STATE = "manifest.json", "state"
RESUMING = "resuming from a checkpoint"  # in the log of the job
MAX_TIME_SHARE = 0.05  # of the training time may be spent on writing checkpoints


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """What a family needs to resume after `done` rounds or trees.

    state: the model in the library's own format; losses: the learning curve so far; best: iteration and loss of early
    stopping.
    """

    done: int
    state: bytes
    losses: Mapping[str, Sequence[float | None]]
    best: tuple[int, float] | None = None

    def pack(self, origin: Mapping[str, Any]) -> bytes:
        """The checkpoint as one file; `origin`: what it belongs to, the spec and the versions of the libraries."""
        manifest = {
            "format_version": FORMAT_VERSION,
            "origin": origin,
            "done": self.done,
            "losses": self.losses,
            "best": self.best,
        }
        return archive({MANIFEST: json.dumps(manifest).encode(), STATE: self.state})


TakeState = Callable[[Checkpoint], None]


def open_checkpoint(data: bytes, origin: Mapping[str, Any]) -> Checkpoint | None:
    """The checkpoint; None when the file is damaged or of another origin, such as another version of a library."""
    try:
        with ZipFile(io.BytesIO(data)) as source:
            manifest, state = json.loads(source.read(MANIFEST)), source.read(STATE)
    except (BadZipFile, KeyError, ValueError):
        return None
    if manifest["format_version"] != FORMAT_VERSION or manifest["origin"] != json.loads(json.dumps(origin)):
        return None
    best = None if manifest["best"] is None else (int(manifest["best"][0]), float(manifest["best"][1]))
    return Checkpoint(manifest["done"], state, manifest["losses"], best)


class CheckpointWriter:
    """Writes the checkpoints of one fit when the reporter wants one; spends at most `MAX_TIME_SHARE` of the time."""

    def __init__(
        self,
        reporter: TrainingReporter,
        origin: Mapping[str, Any],
        *,
        clock: Callable[[], float],
        at_end: TakeState | None = None,
    ) -> None:
        self._at_end = at_end
        self._reporter = reporter
        self._origin = origin
        self._clock = clock
        self._not_before = clock()

    def write_if_due(self, make: Callable[[], Checkpoint]) -> None:
        """Called after a round: write the checkpoint that `make` returns, if the reporter wants one now."""
        if not self._reporter.wants_checkpoint(affordable=self._clock() >= self._not_before):
            return
        started = self._clock()
        checkpoint = make()
        self._reporter.keep_checkpoint(checkpoint.pack(self._origin), done=checkpoint.done)
        ended = self._clock()
        self._not_before = ended + (ended - started) / MAX_TIME_SHARE

    def write_last(self, make: Callable[[], Checkpoint]) -> None:
        """Called after the last round: pass on the state that `make` returns, if somebody takes it."""
        if self._at_end is not None:
            self._at_end(make())


class NoCheckpointWriter:
    """Writes nothing on the way: for a fit that would not end with the same model after a resume, or one of several."""

    def __init__(self, at_end: TakeState | None = None) -> None:
        self._at_end = at_end

    def write_if_due(self, make: Callable[[], Checkpoint]) -> None:
        """Do nothing."""

    def write_last(self, make: Callable[[], Checkpoint]) -> None:
        """See CheckpointWriter."""
        if self._at_end is not None:
            self._at_end(make())


def new_checkpoint_writer(
    reporter: TrainingReporter, origin: Mapping[str, Any], at_end: TakeState | None = None
) -> CheckpointWriter:
    """A writer that measures with the monotonic clock; at_end: takes the state after the last round."""
    return CheckpointWriter(reporter, origin, clock=time.monotonic, at_end=at_end)
