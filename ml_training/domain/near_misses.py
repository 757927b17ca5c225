"""Finds what was probably meant by a name that is not known; bounded, since both come from users."""

from collections.abc import Collection
from difflib import get_close_matches

MOST_SEARCHES = 20  # in the errors of one request: a search compares a name with thousands of others
MOST_KNOWN = 1_000  # names to compare with; equal letters are found among any number
LONGEST = 64  # characters of a name: comparing two of them takes quadratic time
LEAST_INSIDE = 3  # characters: auc is in roc_auc
CUTOFF = 0.7  # of difflib: num_leafs and num_leaves are 0.84 alike, age and target 0.44


def near_miss(name: str, known: Collection[str]) -> str | None:
    """The known name that was probably meant.

    That is one that differs in case, blanks and punctuation only, else the only one that contains it, else the most
    alike one.
    """
    plain, inside = _plain(name), []
    for candidate in known if plain else ():
        if (other := _plain(candidate)) == plain:
            return candidate
        if len(plain) >= LEAST_INSIDE and plain in other:
            inside.append(candidate)
    if len(inside) == 1:
        return inside[0]
    if len(name) > LONGEST or len(known) > MOST_KNOWN:
        return None
    by_lower = {candidate.lower(): candidate for candidate in known if len(candidate) <= LONGEST}
    found = get_close_matches(name.lower(), by_lower, n=1, cutoff=CUTOFF)
    return by_lower[found[0]] if found else None


def did_you_mean(name: str, known: Collection[str], *, quote: str = '"') -> str:
    """A question to append to a message; empty when nothing is near."""
    found = near_miss(name, known)
    return "" if found is None or found == name else f": did you mean {quote}{found}{quote}?"


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name)).casefold()
