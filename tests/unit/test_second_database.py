"""Which of the tests that run on both databases `make test` leaves to `make rest`."""

from dataclasses import dataclass, field
from typing import cast

import pytest

from tests.support.second_database import mark_second_database


@dataclass
class Item:
    """Stands for a collected test."""

    nodeid: str
    markers: list[str] = field(default_factory=list)

    def add_marker(self, marker: pytest.MarkDecorator) -> None:
        self.markers.append(marker.name)


def left_out(*nodeids: str) -> set[str]:
    """The ids of those that are marked."""
    items = [Item(nodeid) for nodeid in nodeids]
    mark_second_database(cast(list[pytest.Item], items))
    return {item.nodeid for item in items if item.markers == ["second_database"]}


def test_one_of_each_pair_is_left_out_and_it_is_not_always_the_same_database() -> None:
    pairs = [[f"a.py::test_{number}[{kind}-x]" for kind in ("sqlite", "postgresql")] for number in range(40)]
    marked = left_out(*(nodeid for pair in pairs for nodeid in pair))
    assert all(len(marked & set(pair)) == 1 for pair in pairs)
    assert 10 < sum("sqlite" in nodeid for nodeid in marked) < 30
    assert marked == left_out(*(nodeid for pair in reversed(pairs) for nodeid in pair)), "each machine chooses alike"


@pytest.mark.parametrize(
    "nodeids",
    [
        ["a.py::test_a", "a.py::test_b[x]"],
        ["a.py::test_a[postgresql]"],
        ["a.py::test_a[sqlite-1]", "a.py::test_a[postgresql-2]"],
        ["a.py::test_a[sqlite-postgresql]", "a.py::test_a[postgresql-sqlite]"],
        ["a.py::test_a[sqlite]", "b.py::test_a[postgresql]"],
    ],
)
def test_a_test_without_a_twin_on_the_other_database_stays(nodeids: list[str]) -> None:
    assert left_out(*nodeids) == set()
