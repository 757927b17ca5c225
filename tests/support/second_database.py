"""Marks the tests that run on both databases: `make test` takes each on one of them, `make rest` on the other."""

from collections.abc import Iterable
from zlib import crc32

import pytest

KINDS = ("sqlite", "postgresql")


def mark_second_database(items: Iterable[pytest.Item]) -> None:
    """Give one of each pair of tests, which differ in the database only, the marker `second_database`.

    Which one depends on the name of the test alone, so that every machine chooses alike and each database gets half.
    """
    kinds_of: dict[str, dict[str, list[pytest.Item]]] = {}
    for item in items:
        name, kind = _split(item.nodeid)
        if kind is not None:
            kinds_of.setdefault(name, {}).setdefault(kind, []).append(item)
    for name, by_kind in kinds_of.items():
        if len(by_kind) == len(KINDS):
            for item in by_kind[KINDS[crc32(name.encode()) % 2]]:
                item.add_marker(pytest.mark.second_database)


def _split(nodeid: str) -> tuple[str, str | None]:
    """The id without the kind of database among its parameters, and the kind; None when it names none, or both."""
    name, bracket, parameters = nodeid.partition("[")
    parts = parameters.removesuffix("]").split("-")
    kinds = [part for part in parts if part in KINDS]
    if not bracket or len(kinds) != 1:
        return nodeid, None
    return f"{name}[{'-'.join(part for part in parts if part not in KINDS)}]", kinds[0]
