"""Finds the name that a user probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches


def with_nearest(detail: str, name: str, known: Iterable[str]) -> str:
    """The detail of an error about an unknown name, with the nearest known one when there is one.

    >>> with_nearest("there is no column 'plann'", "plann", ["plan", "age"])
    "there is no column 'plann': did you mean 'plan'?"
    """
    by_folded = {candidate.casefold(): candidate for candidate in known}
    found = get_close_matches(name.casefold(), by_folded, n=1)
    return f"{detail}: did you mean {by_folded[found[0]]!r}?" if found else detail
