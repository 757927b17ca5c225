"""The index gives back what was written, and refuses what would mislead later."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_training.selection.index import ColumnKind, IndexColumn, SelectionIndex, is_missing, recode, write_index
from ml_training.selection.preview import preview

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
UGLY = ['na"me, "', "späť 🎲", "tab\tnew\nline", "../../etc/passwd"]


@pytest.fixture
def mixed(make_index: Callable[..., SelectionIndex]) -> SelectionIndex:
    return make_index(
        {
            "number": [1.5, None, -0.0],
            "integer": [2**62, -1, 0],
            "boolean": [True, None, False],
            "category": ["b", None, "ä"],
            "time": [NOON, None, datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)],
            "text": ColumnKind.TEXT,
            "empty": ColumnKind.NUMBER,
        },
        time_column="time",
        group_column="category",
    )


def test_every_kind_is_read_back_as_it_was_written(mixed: SelectionIndex) -> None:
    assert mixed.rows == 3
    assert mixed.names == ("number", "integer", "boolean", "category", "time", "text", "empty")
    assert [mixed.kind(name).value for name in mixed.names[:6]] == list(mixed.names[:6])
    assert mixed.categories("category") == ("b", "ä")
    assert mixed.categories("number") == ()
    assert (mixed.time_column, mixed.phase_column, mixed.group_column) == ("time", None, "category")
    assert mixed.values("integer").tolist() == [2**62, -1, 0]
    assert mixed.values("category").tolist() == [0, -1, 1]
    assert [mixed.nulls(name) for name in mixed.names] == [1, 0, 1, 1, 1, 0, 3]
    assert "number" in mixed
    assert "nothing" not in mixed


@pytest.mark.parametrize("kind", ["number", "integer", "boolean", "category", "time"])
def test_missing_values_are_where_they_were(mixed: SelectionIndex, kind: str) -> None:
    missing = is_missing(mixed.values(kind), mixed.kind(kind))
    assert missing.tolist() == [False, kind != "integer", False]


def test_values_are_mapped_and_cannot_be_changed(mixed: SelectionIndex) -> None:
    values = mixed.values("number")
    assert isinstance(values, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 2.0


def test_free_text_has_no_values(mixed: SelectionIndex) -> None:
    with pytest.raises(ValueError, match="free text"):
        mixed.values("text")


def test_column_names_never_become_file_names(make_index: Callable[..., SelectionIndex]) -> None:
    index = make_index({name: [float(number)] for number, name in enumerate(UGLY)})
    assert index.names == tuple(UGLY)
    assert [index.values(name)[0] for name in UGLY] == [0.0, 1.0, 2.0, 3.0]
    assert sorted(file.name for file in index.directory.iterdir())[:2] == ["00000.npy", "00001.npy"]


def test_equal_data_gives_equal_bytes(make_index: Callable[..., SelectionIndex]) -> None:
    first, second = (make_index({"x": [1.0, None], "c": ["b", "a"]}).directory for _ in range(2))
    assert {f.name: f.read_bytes() for f in first.iterdir()} == {f.name: f.read_bytes() for f in second.iterdir()}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([IndexColumn("a", ColumnKind.NUMBER, np.zeros(2))], "one value for each of 3 rows"),
        ([IndexColumn("a", ColumnKind.NUMBER, np.zeros(3, np.float32))], "must be float64"),
        ([IndexColumn("a", ColumnKind.NUMBER, np.array([0, np.inf, 0]))], "infinite"),
        ([IndexColumn("a", ColumnKind.CATEGORY, np.array([0, 1, 2], np.int32), ("x", "y"))], "without a category"),
        ([IndexColumn("a", ColumnKind.INTEGER, None)], "has no values"),
        ([IndexColumn("a", ColumnKind.NUMBER, np.zeros(3))] * 2, "two columns"),
    ],
)
def test_a_column_that_would_mislead_is_refused(tmp_path: Path, columns: list[IndexColumn], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_index(tmp_path, columns, rows=3)


def test_a_format_of_another_version_is_refused(mixed: SelectionIndex) -> None:
    manifest = mixed.directory / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"version":2', '"version":3'))
    with pytest.raises(ValueError, match="format 3"):
        SelectionIndex.open(mixed.directory)


def test_codes_are_carried_over_to_other_categories() -> None:
    codes = np.array([0, 1, 2, -1], dtype=np.int32)
    assert recode(codes, ("a", "b", "c"), ("c", "x", "a")).tolist() == [2, -1, 0, -1]
    assert recode(codes[3:], (), ()).tolist() == [-1]


def test_the_preview_shows_the_first_rows_as_json(mixed: SelectionIndex) -> None:
    rows: list[dict[str, Any]] = preview(mixed, 2)
    assert rows == [
        {
            "number": 1.5,
            "integer": 2**62,
            "boolean": True,
            "category": "b",
            "time": "2026-01-31T12:00:00Z",
            "empty": None,
        },
        {"number": None, "integer": -1, "boolean": None, "category": None, "time": None, "empty": None},
    ]
    assert preview(mixed, 10)[2]["time"] == "1969-12-31T23:59:59.999999Z"


def test_selection_needs_numpy_only() -> None:
    program = (
        "import sys, ml_training.selection.plan, ml_training.selection.preview, ml_training.domain.file_signatures\n"
    )
    shown = subprocess.run([sys.executable, "-c", program + "print(*sys.modules)"], capture_output=True, check=True)
    loaded = set(shown.stdout.decode().split())
    assert "numpy" in loaded
    assert not loaded & {"pandas", "sklearn", "lightgbm", "pyarrow", "scipy", "flask", "celery", "sqlalchemy", "redis"}
