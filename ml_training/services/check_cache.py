"""Caches feasibility checks, so that a thousand equal specs cost one look at the data."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from ml_training.domain.errors import FieldError, Invalid
from ml_training.domain.memory.facts import MemoryEstimate, TrainingFacts
from ml_training.domain.memory.jobs import ModelFacts
from ml_training.domain.warnings import JobWarning

CACHED_CHECKS = 2_000
MAX_CACHED_ERRORS = 20  # a result with more is not cached: it may take megabytes


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What a job runs on: labelled rows, splits (TRAIN only), features (of a COMPARE those of all models), classes.

    purged: how many rows all splits of a TRAIN leave out because they are too near to the held-out ones.
    """

    rows: int
    folds: int | None
    features: int
    classes: int | None
    purged: int | None = None


@dataclass(frozen=True, slots=True)
class Feasibility:
    """The columns of the job row that the check found in the data and the models, and what it depends on.

    index_key: the stored index of the data set, None when the spec names none; excluded: the `exclude_features` of the
    stored spec, None to leave them as they are; training, models, output_columns: what the memory of a TRAIN, or of any
    other job, depends on; memory_bytes: the estimate, which is not cached because it depends on the parameters too;
    is_cached: data set or models may have been deleted since the check.
    """

    model_type: str
    phases_count: int
    index_key: str | None
    facts: JobFacts
    training: TrainingFacts | None = None
    models: tuple[ModelFacts, ...] = ()
    output_columns: int = 0
    largest: MemoryEstimate | None = None  # of the trials of a TUNE
    warnings: tuple[JobWarning, ...] = ()
    excluded: tuple[str, ...] | None = None
    memory_bytes: int | None = None
    is_cached: bool = False


@dataclass(frozen=True, slots=True)
class _Refusal:
    detail: str
    errors: tuple[FieldError, ...]


class CheckCache:
    """The last results by key: passed, or Invalid with its errors; thread-safe, least recently used out first."""

    def __init__(self, size: int = CACHED_CHECKS) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._results: OrderedDict[str, Feasibility | _Refusal] = OrderedDict()

    def passed(self, key: str) -> Feasibility | None:
        """The result of a check that has passed; None when it has not, or is not known."""
        found = self._find(key)
        return replace(found, is_cached=True) if isinstance(found, Feasibility) else None

    def run(self, key: str, check: Callable[[], Feasibility]) -> Feasibility:
        """Run `check` unless its result is cached; raises the Invalid that it raises, or raised before."""
        found = self._find(key)
        if isinstance(found, _Refusal):
            raise Invalid(found.detail, errors=found.errors)
        if found is not None:
            return found
        try:
            found = check()
        except Invalid as error:
            if len(error.errors) <= MAX_CACHED_ERRORS:
                self._store(key, _Refusal(error.detail, error.errors))
            raise
        self._store(key, found)
        return found

    def forget(self, keys: Collection[str]) -> None:
        """Check again the next time."""
        with self._lock:
            for key in keys:
                self._results.pop(key, None)

    def _find(self, key: str) -> Feasibility | _Refusal | None:
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
            return self._results.get(key)

    def _store(self, key: str, result: Feasibility | _Refusal) -> None:
        with self._lock:
            self._results[key] = result
            while len(self._results) > self._size:
                self._results.popitem(last=False)
