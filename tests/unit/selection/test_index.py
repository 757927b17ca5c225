"""The index gives back what was written, and refuses what would mislead later."""

import mmap
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest

from ml_training.domain.targets import RuleTarget
from ml_training.selection.index import DTYPES, ColumnKind, IndexColumn, SelectionIndex, is_missing, recode
from ml_training.selection.index_writer import write_index
from ml_training.selection.preview import preview
from ml_training.selection.target_values import read_target, target_pointer
from tests.support.old_index import write_format_2

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
    for values in (mixed.values("number"), mixed.values("integer"), mixed.stored("number")):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 2.0
    assert isinstance(mixed.stored("number").base.obj, mmap.mmap)


def test_free_text_has_no_values(mixed: SelectionIndex) -> None:
    with pytest.raises(ValueError, match="free text"):
        mixed.values("text")


def test_column_names_never_become_file_names(make_index: Callable[..., SelectionIndex]) -> None:
    index = make_index({name: [float(number)] for number, name in enumerate(UGLY)})
    assert index.names == tuple(UGLY)
    assert [index.values(name)[0] for name in UGLY] == [0.0, 1.0, 2.0, 3.0]
    assert [file.name for file in index.directory.iterdir()] == ["index.npz"]
    assert sorted(np.load(index.directory / "index.npz").files)[:2] == ["00000", "00001"]


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


def test_a_format_of_another_version_is_refused(mixed: SelectionIndex, tmp_path: Path) -> None:
    file = mixed.directory / "index.npz"
    file.write_bytes(file.read_bytes().replace(b'"version":3', b'"version":4'))
    with pytest.raises(ValueError, match="format 4"):
        SelectionIndex.open(mixed.directory)
    write_format_2(tmp_path, mixed)
    manifest = tmp_path / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"version": 2', '"version": 1'))
    with pytest.raises(ValueError, match="format 1"):
        SelectionIndex.open(tmp_path)


def test_an_index_of_the_older_format_gives_the_same_values(mixed: SelectionIndex, tmp_path: Path) -> None:
    old = write_format_2(tmp_path, mixed)
    assert old.columns.keys() == mixed.columns.keys()
    for name in ("number", "integer", "boolean", "category", "time", "empty"):
        assert old.stored(name).dtype == DTYPES[old.kind(name)]
        assert old.values(name).dtype == mixed.values(name).dtype
        assert np.array_equal(old.values(name), mixed.values(name), equal_nan=old.kind(name) is ColumnKind.NUMBER)
        assert old.categories(name) == mixed.categories(name)
    assert preview(old, 3) == preview(mixed, 3)
    first, second = old.history(), mixed.history()
    for field in ("order", "starts", "times"):
        assert np.array_equal(getattr(first, field), getattr(second, field))


@pytest.mark.parametrize("cut", [1, 60, 400, 10**6])
def test_a_cut_file_is_refused(mixed: SelectionIndex, cut: int) -> None:
    file = mixed.directory / "index.npz"
    file.write_bytes(file.read_bytes()[:-cut])
    with pytest.raises(ValueError, match=r"not an index|empty"):
        SelectionIndex.open(mixed.directory)


NUMBERS = [  # values, and the type that loses nothing
    ([0.5, None, -2.0], "float32"),
    ([0.1], "float64"),
    ([float(np.float32(0.1))], "float32"),
    ([2.0**24 + 1], "float64"),
    ([1e39], "float64"),
    ([1e-46], "float64"),
    ([-128, 127], "int8"),
    ([128], "int16"),
    ([-32_769], "int32"),
    ([2**31], "int64"),
    ([-(2**63), 2**63 - 1], "int64"),
]


@pytest.mark.parametrize(("values", "expected"), NUMBERS)
def test_a_column_has_the_narrowest_type_that_loses_nothing(
    make_index: Callable[..., SelectionIndex], values: list[Any], expected: str
) -> None:
    index = make_index({"x": values})
    assert index.stored("x").dtype == expected
    assert index.values("x").dtype == ("float64" if isinstance(values[0], float) else "int64")
    wanted = np.array([np.nan if value is None else value for value in values], dtype=index.values("x").dtype)
    assert index.values("x").tobytes() == wanted.tobytes()


@pytest.mark.parametrize(("count", "expected"), [(2, "int8"), (128, "int8"), (129, "int16"), (40_000, "int32")])
def test_codes_have_the_narrowest_type_that_loses_nothing(
    make_index: Callable[..., SelectionIndex], count: int, expected: str
) -> None:
    texts = [f"{number:05}" for number in range(count)]
    index = make_index({"c": [*texts, None]})
    assert index.stored("c").dtype == expected
    assert index.values("c").dtype == np.int32
    assert index.values("c").tolist() == [*range(count), -1]


def test_a_rule_compares_in_the_type_of_the_kind(make_index: Callable[..., SelectionIndex]) -> None:
    single = float(np.float32(0.1))  # slightly above 0.1, and equal to it as a float32
    index = make_index({"x": [single, 0.0], "y": [0.0, 1.0]})
    assert index.stored("x").dtype == np.float32
    target = RuleTarget(column="x", operator=">", value=0.1)
    found = read_target(index, target, mask=np.ones(2, dtype=np.bool_), pointer=target_pointer)
    assert found.values.tolist() == [1, 0]


def test_every_array_begins_at_a_multiple_of_64_bytes(mixed: SelectionIndex) -> None:
    places = mixed.arrays.manifest["arrays"].values()
    assert places
    assert all(offset % 64 == 0 for _, offset, _ in places)
    with ZipFile(mixed.directory / "index.npz") as archive:
        assert archive.testzip() is None


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
