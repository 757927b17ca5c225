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

ENTRY = "fit-{number}.zip"


class FitStates:
    """Takes the states of the fits of one trial, in their order."""

    def __init__(self) -> None:
        self._taken: list[Checkpoint] = []
        self._fits = 0

    def expect(self, fits: int) -> None:
        """How many fits the trial has."""
        self._fits = fits

    def take(self, state: Checkpoint) -> None:
        """The state of the next fit."""
        self._taken.append(state)

    @property
    def done(self) -> int:
        """The rounds of each fit."""
        return self._taken[0].done if self._taken else 0

    def pack(self, spec: TrainSpec) -> bytes | None:
        """All states as one file; None when a fit has left none, such as one that found no more splits."""
        if not self._fits or len(self._taken) != self._fits:
            return None
        origin = _origin(spec)
        entries = {ENTRY.format(number=number): state.pack(origin) for number, state in enumerate(self._taken)}
        return archive(entries)


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
