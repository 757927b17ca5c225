"""A user's table becomes the matrix that the service makes of the same file, or the reason why not is named."""

import math
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ml_training.domain.limits import Limits
from ml_training.domain.states import TaskKind
from ml_training.inference.columns import ColumnKind
from ml_training.inference.matrix import LARGEST, MatrixReader
from ml_training.inference.model_table import ModelTable, TableError, read_table
from ml_training.inference.schema import FeatureSchema, PredictionSchema, Window
from ml_training.selection.index import SelectionIndex
from ml_training.tabular.ingest import read_table as ingest

PLANS = FeatureSchema("plan", ColumnKind.CATEGORY, ("a", "b", "ü 🟣"))
AGE = FeatureSchema("age", ColumnKind.INTEGER)
SIZE = FeatureSchema("size", ColumnKind.NUMBER)
NEW_YEAR = datetime.fromisoformat("2026-01-01")
MEMBER = FeatureSchema("member", ColumnKind.BOOLEAN)


def schema(*features: FeatureSchema, **fields: Any) -> PredictionSchema:
    return PredictionSchema(TaskKind.BINARY, (False, True), features, **fields)


def matrix(table: ModelTable, wanted: PredictionSchema) -> np.ndarray[Any, Any]:
    return MatrixReader(table, wanted.features).read(np.arange(table.rows))


def read(table: Any, *features: FeatureSchema, **fields: Any) -> np.ndarray[Any, Any]:
    wanted = schema(*features)
    return matrix(read_table(table, wanted, **fields), wanted)


def one(cells: Any, feature: FeatureSchema) -> list[float]:
    """The matrix column of one feature, None for missing."""
    return [None if math.isnan(x) else x for x in read({feature.name: cells}, feature)[:, 0].tolist()]


def ingested(directory: Path, frame: pd.DataFrame, form: str, **roles: str) -> SelectionIndex:
    path = directory / f"data.{form}"
    frame.to_csv(path, index=False) if form == "csv" else frame.to_parquet(path, index=False)
    target = directory / "index"
    target.mkdir()
    result = ingest(path, form, limits=Limits(), directory=target, **roles)
    assert result.index is not None, result.reasons
    return result.index


def ugly(rows: int = 300) -> pd.DataFrame:
    """Every kind with missing values, huge numbers, weird names, two groups and times that repeat."""
    random = np.random.default_rng(5)

    def holes(values: Any) -> list[Any]:
        return [None if random.random() < 0.1 else value for value in values]

    sizes = random.normal(size=rows) * 10.0 ** random.integers(-3, 40, rows)
    return pd.DataFrame(
        {
            "size in m²": pd.Series(holes(sizes), dtype="float64"),
            "age": random.integers(18, 90, rows),
            "visits,total": pd.array(holes(random.integers(0, 9, rows)), dtype="Int64"),
            "member": pd.array(holes(random.random(rows) < 0.5), dtype="boolean"),
            'plan "x"': pd.array(holes(random.choice(["a", "b", "ü 🟣", "d"], rows)), dtype="str"),
            "when": pd.to_datetime(holes(NEW_YEAR + timedelta(hours=int(h)) for h in random.integers(0, 99, rows))),
            "who": holes(random.choice(["eins", "zwei"], rows)),
        }
    )


def features_of(index: SelectionIndex) -> tuple[FeatureSchema, ...]:
    plain = [
        FeatureSchema(name, index.kind(name), index.categories(name)[:-1])
        for name in ("size in m²", "age", "visits,total", "member", 'plan "x"')
    ]
    windows = [
        FeatureSchema(f"{source} {statistic} {rows}", ColumnKind.NUMBER, window=Window(source, rows, statistic))
        for source in ("size in m²", "age", "visits,total")
        for statistic in ("mean", "std", "change", "momentum")
        for rows in (2, 5)
    ]
    return (*plain, *windows)


FORMS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "frame": lambda frame: frame,
    "columns in another order, and more of them": lambda frame: frame.assign(more="x")[[*list(frame)[::-1], "more"]],
    "Arrow table": pa.Table.from_pandas,
    "Arrow table with dictionaries": lambda frame: pa.table(
        {
            name: pa.array(frame[name], from_pandas=True).dictionary_encode()
            if frame[name].dtype == "str"
            else pa.array(frame[name], from_pandas=True)
            for name in frame
        }
    ),
    "Arrow batch": lambda frame: pa.RecordBatch.from_pandas(frame),
    "frame over Arrow": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "frame of categories": lambda frame: frame.astype({'plan "x"': "category", "who": "category"}),
    "frame of objects": lambda frame: frame.astype(object),
    "dict of columns": lambda frame: {name: frame[name] for name in frame},
    "dict of lists": lambda frame: {name: frame[name].tolist() for name in frame},
    "dict of arrays": lambda frame: {name: frame[name].to_numpy() for name in frame},
    "list of dicts": lambda frame: frame.to_dict("records"),
    "times with a zone": lambda frame: frame.assign(
        when=frame["when"].dt.tz_localize("UTC").dt.tz_convert("Asia/Kolkata")
    ),
    "times as text": lambda frame: frame.assign(when=frame["when"].dt.strftime("%Y-%m-%d %H:%M")),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("file", ["csv", "parquet"])
def test_every_form_of_a_table_gives_the_matrix_of_the_service(tmp_path: Path, file: str, form: str) -> None:
    frame = ugly()
    index = ingested(tmp_path, frame, file, time_column="when", group_column="who")
    wanted = schema(*features_of(index), grouped=True, time_column="when", group_column="who")
    theirs = MatrixReader(index, wanted.features).read(np.arange(index.rows))
    np.testing.assert_array_equal(matrix(read_table(FORMS[form](frame), wanted), wanted), theirs)


def test_a_csv_file_read_by_pandas_gives_the_matrix_of_the_service(tmp_path: Path) -> None:
    index = ingested(tmp_path, ugly(), "csv", time_column="when", group_column="who")
    wanted = schema(*features_of(index), grouped=True, time_column="when", group_column="who")
    theirs = MatrixReader(index, wanted.features).read(np.arange(index.rows))
    as_text = pd.read_csv(tmp_path / "data.csv", dtype=str)
    for frame in (pd.read_csv(tmp_path / "data.csv"), as_text, as_text.astype(object).where(as_text.notna(), None)):
        np.testing.assert_array_equal(matrix(read_table(frame, wanted), wanted), theirs)


def test_missing_cells_of_every_form_are_missing() -> None:
    forms = [None, float("nan"), np.nan, np.float32("nan"), pd.NA, pd.NaT, np.datetime64("NaT"), Decimal("NaN")]
    for feature in (PLANS, AGE, SIZE, MEMBER):
        assert one(forms, feature) == [None] * len(forms)
    assert one([np.inf, -np.inf, 10**400, "1e999"], SIZE) == [None] * 4


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (
            [1, 2.5, Decimal("0.1"), "31", " -1.5e3 ", "NA", np.int8(3), np.float32(0.5)],
            [1, 2.5, 0.1, 31, -1500, None, 3, 0.5],
        ),
        ([1e300, -1e300], [LARGEST, -LARGEST]),
        (np.array([2**63 + 1025], dtype=np.uint64), [float(2**63 + 1025)]),
        ([2**80], [2.0**80]),
    ],
)
def test_numbers(cells: Any, expected: list[float | None]) -> None:
    assert one(cells, SIZE) == expected


def test_booleans_are_also_zero_and_one_and_words() -> None:
    assert one([True, np.False_, 1, 0.0, "true", "FALSE", None], MEMBER) == [1, 0, 1, 0, 1, 0, None]
    assert one(np.array([0.0, 1.0, np.nan]), MEMBER) == [0, 1, None]


def test_categories_are_codes_of_the_model_and_unseen_ones_are_counted() -> None:
    table = read_table({"plan": ["b", "new", None, "a", "", "new"]}, schema(PLANS))
    assert matrix(table, schema(PLANS))[:, 0].tolist()[:1] == [1.0]
    assert one(["b", "new", None, "a", ""], PLANS) == [1, None, None, 0, None]
    assert (table.unseen, table.missing) == ({"plan": 3}, {"plan": 1})


@pytest.mark.parametrize(
    ("cells", "feature", "said"),
    [
        (
            [1, 2],
            PLANS,
            "1 is a number, and the model has learned categories as text: read the column as text (2 such cells)",
        ),
        (np.array([1.5, np.nan]), PLANS, "1.5 is a number"),
        (["a", True], PLANS, "row 1: True is a boolean"),
        (["a", " b"], PLANS, "row 1: ' b' has spaces around a category that the model knows: strip them"),
        (["a", ["b"]], PLANS, "row 1: ['b'] is a value"),
        (["1,234"], SIZE, "'1,234' is not a plain number such as 1234.5"),
        (["61.5%", "$3"], SIZE, "(2 such cells)"),
        ([True, False], SIZE, "True is a boolean, and the model has learned numbers (2 such cells)"),
        (np.array([True, False]), SIZE, "True is a boolean, and the model has learned numbers (2 such cells)"),
        ([1j], SIZE, "1j is not a number"),
        (pd.to_datetime(["2026-01-01"]), SIZE, "is not a number"),
        ([pd.Timedelta(1)], SIZE, "is not a number"),
        ([2], MEMBER, "2 is not true or false"),
        (["yes"], MEMBER, "'yes' is not true or false"),
        (np.zeros((2, 2)), SIZE, "each cell must be one value"),
    ],
)
def test_a_cell_that_does_not_fit_is_named_with_its_row(cells: Any, feature: FeatureSchema, said: str) -> None:
    with pytest.raises(TableError) as caught:
        read({feature.name: cells}, feature)
    assert said in str(caught.value)
    assert f"column {feature.name!r}" in str(caught.value)


def test_everything_that_is_wrong_is_said_at_once_with_the_nearest_names() -> None:
    frame = pd.DataFrame({"Age ": [1], "sizes": [1.0], "plan": [1]})
    with pytest.raises(TableError) as caught:
        read(frame, AGE, SIZE, PLANS, MEMBER)
    assert [problem.column for problem in caught.value.problems] == ["age", "size", "plan", "member"]
    assert "column 'age': is not in the table: did you mean 'Age '?" in str(caught.value)
    assert "did you mean 'sizes'?" in str(caught.value)


def test_a_name_that_occurs_twice_is_refused() -> None:
    frame = pd.DataFrame([[1.0, 2.0]], columns=["size", "size"])
    with pytest.raises(TableError, match="2 columns have this name"):
        read(frame, SIZE)


def test_a_column_that_is_not_there_is_missing_only_where_the_caller_says_so() -> None:
    found = read([{"age": 3}, {}], AGE, PLANS, absent_is_missing=True)
    np.testing.assert_array_equal(found, [[3.0, np.nan], [np.nan, np.nan]])
    with pytest.raises(TableError, match="column 'plan': is not in the table"):
        read([{"age": 3}], AGE, PLANS)


@pytest.mark.parametrize("table", [np.zeros((2, 2)), [[1, 2]], "age", None, pd.Series([1])])
def test_a_table_without_names_is_refused(table: Any) -> None:
    with pytest.raises(TypeError, match="a table with named columns is needed"):
        read(table, AGE)


def test_columns_of_two_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="different lengths: 1, 2"):
        read({"age": [1], "size": [1.0, 2.0]}, AGE)


def test_no_rows_are_no_rows() -> None:
    assert read(pd.DataFrame({"age": [], "plan": []}), AGE, PLANS).shape == (0, 2)


WINDOW = FeatureSchema("age mean", ColumnKind.NUMBER, window=Window("age", 2, "mean"))


def test_windows_need_a_time_column_and_the_group_column_that_they_were_trained_with() -> None:
    table = {"age": [1, 3, 10], "day": ["2026-01-01", "2026-01-02", "2026-01-03"], "shop": ["a", "a", "b"]}
    old = schema(WINDOW, grouped=True)
    with pytest.raises(TableError) as caught:
        read_table(table, old)
    assert "give time_column" in str(caught.value)
    assert "give group_column" in str(caught.value)
    found = read_table(table, old, time_column="day", group_column="shop")
    assert matrix(found, old)[:, 0].tolist() == [1.0, 2.0, 10.0]
    named = schema(WINDOW, grouped=True, time_column="day", group_column="shop")
    assert matrix(read_table(table, named), named)[:, 0].tolist() == [1.0, 2.0, 10.0]
    with pytest.raises(TableError, match="column 'shop': is not in the table"):
        read_table({name: table[name] for name in ("age", "day")}, named)


BERLIN = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("moments", "groups", "said"),
    [
        ([NEW_YEAR, NEW_YEAR.replace(tzinfo=UTC)], ["a", "a"], "give all of them a zone, or none"),
        (["31.12.2012", "1.1.2013"], ["a", "a"], "'31.12.2012' is not a time"),
        ([1, 2], ["a", "a"], "1 is not a time"),
        (["2026-01-01"] * 2, ["a", " a"], "' a' can be read in two ways"),
        (["2026-01-01"] * 2, ["a", "none"], "'none' can be read in two ways"),
        (["2026-01-01"] * 2, ["1", 1], "is of another type than the groups before"),
        (["2026-01-01"] * 2, [1.5, 2.0], "1.5 is not a group"),
    ],
)
def test_times_and_groups_that_can_be_read_in_two_ways_are_refused(moments: Any, groups: Any, said: str) -> None:
    wanted = schema(WINDOW, grouped=True, time_column="when", group_column="who")
    with pytest.raises(TableError) as caught:
        read_table({"age": [1, 2], "when": moments, "who": groups}, wanted)
    assert said in str(caught.value)


def test_times_in_another_zone_and_unit_are_the_same_moments() -> None:
    wanted = schema(WINDOW, time_column="when")
    utc = ["2026-01-01T12:00:00", "2026-01-01T11:00:00", None, "1960-01-01T00:00:00"]
    forms: list[Any] = [
        utc,
        [None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC).astimezone(BERLIN) for text in utc],
        *(np.array(utc, dtype=f"datetime64[{unit}]") for unit in ("s", "ms", "us", "ns", "h")),
        pd.to_datetime(pd.Series(utc), utc=True).dt.tz_convert("America/New_York"),
        pa.chunked_array([pd.to_datetime(pd.Series(utc)).astype("datetime64[us]")]),
    ]
    for moments in forms:
        table = read_table({"age": [8, 4, 2, 6], "when": moments}, wanted)
        np.testing.assert_array_equal(matrix(table, wanted)[:, 0], [6.0, 5.0, np.nan, 6.0])


def test_times_that_no_calendar_has_are_missing() -> None:
    wanted = schema(WINDOW, time_column="when")
    table = read_table({"age": [8, 4], "when": np.array([2**40, 0], dtype="datetime64[s]")}, wanted)
    np.testing.assert_array_equal(matrix(table, wanted)[:, 0], [np.nan, 4.0])


def test_pandas_reading_a_category_as_missing_is_a_warning() -> None:
    countries = FeatureSchema("country", ColumnKind.CATEGORY, ("DE", "NA"))
    with pytest.warns(UserWarning, match="keep_default_na=False"):
        one(["DE", None], countries)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert one(["DE", "NA"], countries) == [0, 1]
