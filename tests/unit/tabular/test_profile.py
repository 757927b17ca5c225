"""The profile says what is in the data, as JSON, and stays small."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml_training.domain.limits import Limits
from ml_training.domain.sample_datasets import SAMPLES
from ml_training.selection.index import ColumnKind
from ml_training.tabular.ingest import read_table
from ml_training.tabular.ingest_result import IngestResult
from ml_training.tabular.sample_files import write_sample

TABLE = """when,stage,n,x,flag,empty
2026-01-01,late,3,1.5,true,
2026-01-02,early,1,inf,,
2026-01-11,late,2,-2.5,false,
,,2,,true,
"""


@pytest.fixture
def profile(ingest: Callable[..., IngestResult]) -> Callable[..., dict[str, Any]]:
    def run(text: str, **options: Any) -> dict[str, Any]:
        result = ingest(text, **options)
        assert result.profile is not None, result.reasons
        json.dumps(result.profile, allow_nan=False)
        return result.profile

    return run


def test_every_column_is_described(profile: Callable[..., dict[str, Any]]) -> None:
    found = profile(TABLE, time_column="when", phase_column="stage")
    assert found["rows"] == 4
    spreads = ("histogram", "most_frequent")
    facts = [{name: value for name, value in column.items() if name not in spreads} for column in found["columns"]]
    assert [tuple(column.values()) for column in facts] == [
        ("when", "time", 1, 3, "2026-01-01T00:00:00Z", "2026-01-11T00:00:00Z"),
        ("stage", "category", 1, 2, "early", "late"),
        ("n", "integer", 0, 3, 1, 3),
        ("x", "number", 2, 2, -2.5, 1.5, 1),
        ("flag", "boolean", 1, 2, False, True),
        ("empty", "number", 4, 0, None, None),
    ]
    assert list(facts[3]) == ["name", "kind", "nulls", "distinct", "min", "max", "infinite"]


def test_every_column_says_how_its_values_are_spread(profile: Callable[..., dict[str, Any]]) -> None:
    when, stage, n, x, flag, empty = profile(TABLE, time_column="when", phase_column="stage")["columns"]
    assert n["histogram"] == {"edges": [1, 2, 3, 4], "counts": [1, 2, 1]}
    assert (len(x["histogram"]["edges"]), x["histogram"]["edges"][0], x["histogram"]["edges"][-1]) == (21, -2.5, 1.5)
    assert x["histogram"]["counts"] == [1, *[0] * 18, 1]
    assert (when["histogram"]["edges"][0], when["histogram"]["edges"][-1]) == (when["min"], when["max"])
    assert sum(when["histogram"]["counts"]) == 3
    assert stage["most_frequent"] == [{"value": "late", "rows": 2}, {"value": "early", "rows": 1}]
    assert flag["most_frequent"] == [{"value": True, "rows": 2}, {"value": False, "rows": 1}]
    assert empty.keys().isdisjoint({"histogram", "most_frequent"})


def test_rows_over_time_and_per_phase_add_up(profile: Callable[..., dict[str, Any]]) -> None:
    found = profile(TABLE, time_column="when", phase_column="stage")
    assert found["time_range"] == {"start": "2026-01-01T00:00:00Z", "end": "2026-01-11T00:00:00Z"}
    assert len(found["rows_over_time"]) <= 100
    assert found["rows_over_time"][0] == {"start": "2026-01-01T00:00:00Z", "rows": 1}
    assert sum(bucket["rows"] for bucket in found["rows_over_time"]) == 3
    assert found["rows_per_phase"] == [{"phase": "early", "rows": 1}, {"phase": "late", "rows": 2}]


@pytest.mark.parametrize("times", [["2026-01-01"], ["2026-01-01"] * 5, ["0001-01-01", "9999-12-31"]])
def test_any_span_of_time_has_its_buckets(profile: Callable[..., dict[str, Any]], times: list[str]) -> None:
    found = profile("t,x\n" + "".join(f"{time},1\n" for time in times), time_column="t")
    assert 1 <= len(found["rows_over_time"]) <= 100
    assert sum(bucket["rows"] for bucket in found["rows_over_time"]) == len(times)


def test_without_roles_there_is_nothing_about_time_and_phase(profile: Callable[..., dict[str, Any]]) -> None:
    found = profile("a,b\n1,2\n")
    assert (found["time_range"], found["rows_over_time"], found["rows_per_phase"]) == (None, None, None)


def test_distinct_values_are_counted_up_to_a_cap(profile: Callable[..., dict[str, Any]]) -> None:
    rows = "".join(f"{number},{number % 10_000},{number % 10_001}\n" for number in range(30_000))
    found = profile("all,at,above\n" + rows)
    assert [column["distinct"] for column in found["columns"]] == [None, 10_000, None]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_what_it_says(name: str, tmp_path: Path) -> None:
    sample, (index, again) = SAMPLES[name], (tmp_path / "index", tmp_path / "again.csv")
    index.mkdir()
    for path in (tmp_path / "sample.csv", again):
        write_sample(name, path)
    assert again.read_bytes() == (tmp_path / "sample.csv").read_bytes()
    roles = {role: getattr(sample, role) for role in ("time_column", "phase_column", "group_column")}
    result = read_table(again, "csv", limits=Limits(), directory=index, **roles)
    assert result.index is not None, result.reasons
    assert (result.rows, result.columns) == (sample.rows, sample.columns)
    assert result.profile is not None
    target = result.profile["columns"][-1]
    assert target["name"] == sample.target
    assert (target["distinct"] <= 20) == (sample.task == "classification")
    others = [column for column in result.index.names if column not in {sample.target, "model", *roles.values()}]
    assert {result.index.kind(column) for column in others} <= {ColumnKind.NUMBER, ColumnKind.INTEGER}


def test_an_unknown_sample_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        write_sample("load_svmlight_file", tmp_path / "x.csv")
