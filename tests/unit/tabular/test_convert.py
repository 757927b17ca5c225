"""Which kind a column gets, and what happens to values that do not fit."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_training.domain.limits import Limits
from ml_training.tabular.ingest_result import IngestResult

Ingest = Callable[..., IngestResult]
NOON = "2026-01-31T12:00:00Z"


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["1", "-2", "70"], "integer", [1, -2, 70]),
        (["1", "-2", "007"], "category", ["1", "-2", "007"]),
        (["9223372036854775807", "-9223372036854775808"], "integer", [2**63 - 1, -(2**63)]),
        (["9223372036854775808", "1"], "number", [float(2**63), 1.0]),
        (["1", "", "3"], "number", [1.0, None, 3.0]),
        (["1", "NA", "n/a"], "number", [1.0, None, None]),
        (["1.5", "1e3", "+2", " .5 "], "number", [1.5, 1000.0, 2.0, 0.5]),
        (["1.5", "inf", "-Infinity", "1e999"], "number", [1.5, None, None, None]),
        (["NaN", "null", "", "None"], "number", [None] * 4),
        (["true", "FALSE", "", "True"], "boolean", [True, False, None, True]),
        (["0", "1", "1"], "integer", [0, 1, 1]),
        (["yes", "no", "", "yes"], "category", ["yes", "no", None, "yes"]),
        (["1", "two", "3.5"], "category", ["1", "two", "3.5"]),
        (["1,5", "2,5"], "number", [1.5, 2.5]),
        (["ä", "z", "A"], "category", ["ä", "z", "A"]),
        ([NOON, "", "2026-01-31T14:00:00+02:00"], "time", [NOON, None, NOON]),
        (["2026-01-31", "2026-01-31 12:00"], "time", ["2026-01-31T00:00:00Z", NOON]),
        (
            ["2026-01-31T12:00:00.123456789", "1969-12-31"],
            "time",
            ["2026-01-31T12:00:00.123456Z", "1969-12-31T00:00:00Z"],
        ),
        (["2026-01-31", "2026-02-30"], "category", ["2026-01-31", "2026-02-30"]),
        ([NOON, "2026-01-31T12:00:00"], "category", [NOON, "2026-01-31T12:00:00"]),
        (["12:00:00", "13:00:00"], "category", ["12:00:00", "13:00:00"]),
        (["2026", "2027"], "integer", [2026, 2027]),
        (["0000-01-01", "9999-12-31"], "time", [None, "9999-12-31T00:00:00Z"]),
        (['"=HYPERLINK(1)"', "@SUM"], "category", ["=HYPERLINK(1)", "@SUM"]),
    ],
)
def test_a_column_is_what_all_its_values_can_be(
    ingest: Ingest, columns: Callable[..., dict[str, list[Any]]], cells: list[str], kind: str, values: list[Any]
) -> None:
    text = "x,end\n" + "".join(f'"{cell}",1\n' if "," in cell else f"{cell},1\n" for cell in cells)
    profile = ingest(text).profile
    assert profile is not None
    assert profile["columns"][0]["kind"] == kind
    assert columns(text)["x"] == values


def test_one_odd_value_in_the_last_row_changes_the_whole_column(columns: Callable[..., dict[str, list[Any]]]) -> None:
    text = "a,b,c\n" + "1,2,true\n" * 200_000
    assert {type(values[0]) for values in columns(text).values()} == {int, bool}
    found = columns(text + "1.5,x,1\n")
    assert [type(values[0]) for values in found.values()] == [float, str, bool]


def test_many_different_texts_are_free_text_and_their_column_is_not_kept(ingest: Ingest) -> None:
    rows = [f"{number},name {number},c{number % 900},{'x' * 1_025 if number == 7 else 'y'}" for number in range(1_500)]
    result = ingest("id,name,city,essay\n" + "\n".join(rows))
    assert result.profile is not None
    assert [column["kind"] for column in result.profile["columns"]] == ["integer", "text", "category", "text"]
    assert result.profile["columns"][1] == {
        "name": "name",
        "kind": "text",
        "nulls": 0,
        "distinct": 1_500,
        "min": None,
        "max": None,
    }


def test_a_group_column_may_have_a_name_for_every_row(ingest: Ingest) -> None:
    rows = "".join(f"name {number},{number}\n" for number in range(1_500))
    result = ingest("who,x\n" + rows, group_column="who")
    assert result.index is not None
    assert len(result.index.categories("who")) == 1_500


@pytest.mark.parametrize(
    ("cells", "row", "word"),
    [
        (["2026-01-31", "soon"], 3, "'soon'"),
        (["soon", "2026-01-31"], 2, "'soon'"),
        ([NOON, "2026-01-31T12:00:00"], 3, "zone in all rows or in none"),
        (["2026-01-31", "2026-02-30", ""], 3, "'2026-02-30'"),
        (["1769860800", "1e9", "one"], 4, "'one' is not a number such as '1769860800'"),
        (["001", "002"], 2, "'001'"),
        (["", "NA"], None, "no values"),
        (["0000-01-01"], None, "no values"),
    ],
)
def test_a_time_column_contains_times_or_names_the_wrong_row(
    refused: Callable[..., list[tuple[Any, Any, str]]], cells: list[str], row: int | None, word: str
) -> None:
    found = refused("t,x\n" + "".join(f"{cell},1\n" for cell in cells), time_column="t")
    assert found[0][:2] == (row, "t")
    assert word in found[0][2]


def test_wrong_times_are_counted_and_the_first_are_named(refused: Callable[..., list[tuple[Any, Any, str]]]) -> None:
    rows = ["x" if number % 1_000 == 7 else "2026-01-31" for number in range(20_000)]
    ((row, column, detail),) = refused("t,x\n" + "".join(f"{cell},1\n" for cell in rows), time_column="t")
    assert (row, column) == (9, "t")
    assert detail.startswith("20 values are not a time such as")
    assert detail.endswith("first 'x' in row 9, 'x' in row 1,009, 'x' in row 2,009")
    assert len(refused("t,x\n" + "never,1\n" * 200, time_column="t")) == 1


@pytest.mark.parametrize(
    ("cells", "word"),
    [
        (["1.5", "2"], "fractions"),
        (["true", "false"], "boolean"),
        (["2026-01-31", "2026-02-01"], "time"),
        (["", ""], "no values"),
        ([str(number) for number in range(1_001)], "1,001 different phases"),
        ([f"p{number}" for number in range(1_001)], "1,001 different phases"),
    ],
)
def test_a_phase_column_needs_whole_numbers_or_text(
    refused: Callable[..., list[tuple[Any, Any, str]]], cells: list[str], word: str
) -> None:
    ((_, column, detail),) = refused("p,x\n" + "".join(f"{cell},1\n" for cell in cells), phase_column="p")
    assert column == "p"
    assert word in detail


def test_phases_and_groups_may_be_missing_in_some_rows(ingest: Ingest) -> None:
    result = ingest("p,g,x\n1,a,1\n,,2\n2,b,3\n", phase_column="p", group_column="g")
    assert result.profile is not None
    assert result.profile["rows_per_phase"] == [{"phase": 1, "rows": 1}, {"phase": 2, "rows": 1}]


def test_reasons_of_several_columns_come_together(refused: Callable[..., list[tuple[Any, Any, str]]]) -> None:
    found = refused("t,p,g\nx,1.5,true\n", time_column="t", phase_column="p", group_column="g")
    assert [column for _, column, _ in found] == ["t", "p", "g"]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_numbers_survive_to_the_last_bit(
    columns: Callable[..., dict[str, list[Any]]], values: list[float | None]
) -> None:
    text = "x,end\n0.5,1\n" + "".join(f"{'' if value is None else repr(value)},1\n" for value in values)
    assert columns(text)["x"][1:] == values


def test_limits_are_the_published_ones() -> None:
    limits = Limits()
    assert (limits.columns, limits.cells, limits.unpack_ratio) == (5_000, 200_000_000, 100)
