"""Remembers refusals and approvals, so that a thousand equal questions cost one look at the data."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from ml_training.domain.errors import FieldError, Invalid

KEPT = 2_000
MOST_REASONS = 20  # a refusal with more is found anew each time: it may take megabytes


class CheckCache:
    """The last answers by question: passed, or Invalid with its few reasons; thread-safe."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[str, tuple[FieldError, ...]] | None] = OrderedDict()

    def ask(self, question: str, check: Callable[[], None]) -> None:
        """Run `check` unless the answer is known; raises the Invalid that it raises, or raised before."""
        with self._lock:
            if question in self._known:
                self._known.move_to_end(question)
                refusal = self._known[question]
                if refusal is not None:
                    raise Invalid(refusal[0], errors=refusal[1])
                return
        try:
            check()
        except Invalid as error:
            if len(error.errors) <= MOST_REASONS:
                self._keep(question, (error.detail, error.errors))
            raise
        self._keep(question, None)

    def _keep(self, question: str, answer: tuple[str, tuple[FieldError, ...]] | None) -> None:
        with self._lock:
            self._known[question] = answer
            while len(self._known) > self._kept:
                self._known.popitem(last=False)
