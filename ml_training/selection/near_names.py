"""Finds the name that a user probably meant."""

from collections.abc import Iterable, Sized
from difflib import get_close_matches

MOST_SEARCHES = 20  # in one answer: a search compares a name with thousands of others


def with_nearest(detail: str, name: str, known: Iterable[str], found_before: Sized = ()) -> str:
    """The detail of an error about an unknown name, with the nearest known one when there is one.

    found_before: the problems that the answer has already; after MOST_SEARCHES nothing is searched.

    >>> with_nearest("there is no column 'plann'", "plann", ["plan", "age"])
    "there is no column 'plann': did you mean 'plan'?"
    """
    if len(found_before) >= MOST_SEARCHES:
        return detail
    by_folded = {candidate.casefold(): candidate for candidate in known}
    found = get_close_matches(name.casefold(), by_folded, n=1)
    return f"{detail}: did you mean {by_folded[found[0]]!r}?" if found else detail
