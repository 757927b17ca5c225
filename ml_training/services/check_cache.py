"""Caches feasibility checks, so that a thousand equal specs cost one look at the data."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from ml_training.domain.errors import FieldError, Invalid

CACHED_CHECKS = 2_000
MAX_CACHED_ERRORS = 20  # a result with more is not cached: it may take megabytes


class CheckCache:
    """The last results by key: passed, or Invalid with its errors; thread-safe, least recently used out first."""

    def __init__(self, size: int = CACHED_CHECKS) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._results: OrderedDict[str, tuple[str, tuple[FieldError, ...]] | None] = OrderedDict()

    def run(self, key: str, check: Callable[[], None]) -> None:
        """Run `check` unless its result is cached; raises the Invalid that it raises, or raised before."""
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
                refusal = self._results[key]
                if refusal is not None:
                    raise Invalid(refusal[0], errors=refusal[1])
                return
        try:
            check()
        except Invalid as error:
            if len(error.errors) <= MAX_CACHED_ERRORS:
                self._store(key, (error.detail, error.errors))
            raise
        self._store(key, None)

    def _store(self, key: str, result: tuple[str, tuple[FieldError, ...]] | None) -> None:
        with self._lock:
            self._results[key] = result
            while len(self._results) > self._size:
                self._results.popitem(last=False)
