"""The states of all fits of a trial after its last round, so that another trial continues each of them with more."""

import io
from collections.abc import Mapping, Sequence
from typing import Any
from zipfile import BadZipFile, ZipFile

from ml_training.domain.halving import NAME
from ml_training.domain.specs import TrainSpec, spec_json
from ml_training.training.canonical import archive
from ml_training.training.checkpoint import Checkpoint, open_checkpoint
from ml_training.training.versions import versions

MOST_BYTES = 32 * 2**20  # of a trial: more could be too much beside what its memory was estimated at
ENTRY = "fit-{number}.zip"


class FitStates:
    """Takes the states of the fits of one trial, in their order; none at all when they are larger than MOST_BYTES."""

    def __init__(self, spec: TrainSpec) -> None:
        self.done = 0  # the rounds of each fit
        self._origin = _origin(spec)
        self._taken: list[bytes] = []
        self._fits = 0
        self._bytes = 0

    def expect(self, fits: int) -> None:
        """How many fits the trial has."""
        self._fits = fits

    def take(self, state: Checkpoint) -> None:
        """The state of the next fit."""
        packed = state.pack(self._origin)
        self.done = state.done
        self._bytes += len(packed)
        self._taken.append(packed)
        if self._bytes > MOST_BYTES:
            self._taken = []

    def pack(self) -> bytes | None:
        """All states as one file; None when a fit has left none, such as one that found no more splits."""
        if not self._fits or len(self._taken) != self._fits:
            return None
        return archive({ENTRY.format(number=number): packed for number, packed in enumerate(self._taken)})


def open_states(data: bytes, spec: TrainSpec, *, fits: int) -> Sequence[Checkpoint] | None:
    """The states of a trial that differs from `spec` in nothing but its rounds; None when they are of another one."""
    origin = _origin(spec)
    try:
        with ZipFile(io.BytesIO(data)) as source:
            found = [open_checkpoint(source.read(ENTRY.format(number=number)), origin) for number in range(fits)]
    except (BadZipFile, KeyError, ValueError):
        return None
    states = [state for state in found if state is not None]
    return states if len(states) == fits else None


def _origin(spec: TrainSpec) -> Mapping[str, Any]:
    body = spec_json(spec)
    params = {name: value for name, value in body["params"].items() if name != NAME}
    return {"spec": {**body, "params": params}, "versions": versions()}
