"""Refuses objects and lists that are too large before they are validated: that takes a second of CPU for a megabyte."""

from collections.abc import Iterator

from ml_training.domain.errors import FieldError
from ml_training.domain.json_pointers import pointer_to

MOST_MEMBERS = 64  # of an object in a spec; the largest ones have half as many
MOST_FIELDS = 2_000  # of the spec itself: each unknown one is named
MOST_ITEMS = 20_000  # four times the usual limit of columns


def large_objects(spec: object) -> tuple[FieldError, ...]:
    """An error for a spec with too many fields, and for each object and list in it with too many members or items.

    What is in a list is not looked at: rows have a member for each column, and all other lists hold no objects.
    """
    return tuple(FieldError(pointer_to(*path), detail) for path, detail in _large(spec, ()))


def _large(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    most = MOST_MEMBERS if path else MOST_FIELDS
    if isinstance(value, dict) and len(value) > most:
        yield path, f"has {len(value):,} members: at most {most:,} are read"
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _large(item, (*path, name))
    elif isinstance(value, list) and len(value) > MOST_ITEMS:
        yield path, f"has {len(value):,} items: at most {MOST_ITEMS:,} are read"
