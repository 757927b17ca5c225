"""Collects everything that is wrong with a request, so that one answer names every reason."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from ml_training.domain.errors import FieldError, Invalid
from ml_training.domain.near_misses import MOST_SEARCHES, did_you_mean


def refusal(pointer: str, detail: str) -> Invalid:
    """The error for a check that can find one problem only."""
    return Invalid(detail, errors=(FieldError(pointer, detail),))


class Problems:
    """The reasons found so far, in the order of the checks.

    >>> problems = Problems()
    >>> problems.add("/features/0", "the data set has no column 'x'")
    >>> problems.raise_if_any("the job cannot run on this data set")
    Traceback (most recent call last):
    ml_training.domain.errors.Invalid: the job cannot run on this data set
    """

    def __init__(self) -> None:
        self._errors: list[FieldError] = []

    def did_you_mean(self, name: str, known: Collection[str]) -> str:
        """What was probably meant by a name, to append to a problem; nothing once there are many problems."""
        return did_you_mean(name, known, quote="'") if len(self) < MOST_SEARCHES else ""

    def __len__(self) -> int:
        return len(self._errors)

    @property
    def pointers(self) -> list[str]:
        """Where the problems are: JSON pointers into the request, in order, repeats included."""
        return [error.pointer for error in self._errors]

    def add(self, pointer: str, detail: str) -> None:
        """Add one reason; `pointer` is a JSON pointer to the field to correct."""
        self._errors.append(FieldError(pointer, detail))

    @contextmanager
    def gather(self) -> Iterator[None]:
        """Add the reasons of an Invalid raised in the block, so that later checks can add theirs.

        What the block should have made does not exist then: call `raise_if_any` before using it.
        """
        try:
            yield
        except Invalid as error:
            self._errors += error.errors

    def raise_if_any(self, message: str) -> None:
        """Raise Invalid with every reason; do nothing when there is none."""
        if self._errors:
            raise Invalid(message, errors=tuple(self._errors))
