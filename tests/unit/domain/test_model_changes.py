"""What may be said about a model: closed, strict, every reason at once, and nothing is no change."""

from typing import Any

import pytest

from ml_training.domain.errors import Invalid
from ml_training.domain.model_changes import ModelChanges, parse_changes


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, [""]),
        ([], [""]),
        (None, [""]),
        ({"colour": "red"}, ["/colour"]),
        ({"description": None}, ["/description"]),
        ({"description": 7}, ["/description"]),
        ({"description": "x" * 2_001}, ["/description"]),
        ({"tags": None}, ["/tags"]),
        ({"tags": "eu"}, ["/tags"]),
        ({"tags": ["eu", "eu"]}, ["/tags"]),
        ({"tags": [f"t{number}" for number in range(21)]}, ["/tags"]),
        ({"tags": ["eu", "", "-x", "x" * 65, 7]}, ["/tags/1", "/tags/2", "/tags/3", "/tags/4"]),
        ({"aliases": ["a", "a"]}, ["/aliases"]),
        ({"aliases": [f"a{number}" for number in range(11)]}, ["/aliases"]),
        ({"aliases": ["Champion", "1st", "a b", "a\n", "a" * 33, "é"]}, [f"/aliases/{number}" for number in range(6)]),
        ({"aliases": {"a": 1}, "tags": [None], "name": "x"}, ["/aliases", "/name", "/tags/0"]),
    ],
)
def test_what_is_wrong_is_refused_with_every_reason(body: Any, pointers: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        parse_changes(body)
    assert sorted(error.pointer for error in refused.value.errors) == pointers


@pytest.mark.parametrize(
    "body",
    [
        {"description": ""},
        {"description": "ü\n" * 1_000},
        {"tags": []},
        {"tags": ["EU", "2026", "a.b-c_d"]},
        {"aliases": []},
        {"aliases": ["champion", "a" * 32, "a.b-c_0"]},
        {"description": "x", "tags": ["t"], "aliases": ["a"]},
    ],
)
def test_what_is_given_is_set_and_nothing_else(body: dict[str, Any]) -> None:
    changes = parse_changes(body)
    assert changes.model_dump(exclude_unset=True) == body
    assert [field for field in ModelChanges.model_fields if changes.gives(field)] == list(body)
