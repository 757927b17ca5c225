"""Tables in memory become files without a loss, or are refused with the remedy."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from ml_training.client import UsageError
from ml_training.client.tables import as_file


def written(table: object) -> pd.DataFrame:
    with as_file(table, "x") as file:
        assert file.suffix == ".parquet"
        return parquet.read_table(file).to_pandas()


def test_a_frame_keeps_its_types_and_loses_only_a_row_number() -> None:
    frame = pd.DataFrame(
        {
            "number": [1.5, np.nan, 3.0],
            "whole": pd.array([1, None, 2**60], dtype="Int64"),
            "text": ["a", None, "ü"],
            "day": pd.to_datetime(["2026-01-01", None, "2026-01-03"], utc=True),
            "yes": [True, False, True],
        }
    )
    found = written(frame[frame["yes"]])
    assert list(found.columns) == list(frame.columns)
    assert found["whole"].tolist() == [1, 2**60]
    assert found["text"].tolist() == ["a", "ü"]
    assert str(found["day"].dtype).startswith("datetime64")


def test_a_named_index_is_a_column_and_an_unnamed_one_is_refused() -> None:
    frame = pd.DataFrame({"x": [1, 2]}, index=pd.Index(["a", "b"], name="customer"))
    assert list(written(frame).columns) == ["customer", "x"]
    with pytest.raises(UsageError, match="reset_index"):
        written(frame.rename_axis(None))


def test_an_arrow_table_is_written_as_it_is_and_equal_tables_give_equal_bytes() -> None:
    table = pa.table({"x": [1, 2], "y": ["a", "b"]})
    assert written(table)["y"].tolist() == ["a", "b"]
    with as_file(table, "x") as first, as_file(table, "x") as second:
        assert first.read_bytes() == second.read_bytes()


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mixes kinds of values"):
        written(pd.DataFrame({"x": [1, "a", object()]}))
    with pytest.raises(UsageError, match="path, a DataFrame or an Arrow table"):
        written([1, 2])
    with pytest.raises(UsageError, match=r"there is no file .*nowhere\.csv"), as_file(tmp_path / "nowhere.csv", "x"):
        pass


def test_without_pyarrow_a_frame_is_written_as_csv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with as_file(pd.DataFrame({"x": [1, 2], "y": ["a", "b,c"]}), "z") as file:
        assert (file.name, file.read_text(encoding="utf-8")) == ("z.csv", 'x,y\n1,a\n2,"b,c"\n')
    with pytest.raises(UsageError, match="pip install pyarrow"), as_file(object(), "z"):
        pass
