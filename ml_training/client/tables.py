"""Writes a table that is in memory to a file that the service reads: Parquet, or CSV where pyarrow is missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ml_training.client.errors import UsageError

ROW_GROUP = 100_000


@contextmanager
def as_file(source: Any, name: str) -> Iterator[Path]:
    """The file of a path, or a temporary one with the rows of a pandas or polars DataFrame or an Arrow table.

    Raises UsageError for a path that is no file, and for a table that cannot be written without a loss.
    """
    if isinstance(source, str | Path):
        path = Path(source).expanduser()
        if not path.is_file():
            raise UsageError(f"there is no file {str(source)!r}")
        yield path
        return
    with TemporaryDirectory(prefix="ml-training-") as directory:
        yield _write(source, Path(directory), name)


def _write(table: Any, directory: Path, name: str) -> Path:
    frame = _with_index(table) if hasattr(table, "to_csv") and hasattr(table, "index") else table
    try:
        return _write_parquet(frame, directory / f"{name}.parquet")
    except ImportError:
        if frame is not table or hasattr(frame, "to_csv"):
            frame.to_csv(directory / f"{name}.csv", index=False)
            return directory / f"{name}.csv"
        raise UsageError("this table needs pyarrow: pip install pyarrow, or write a file and upload its path") from None


def _write_parquet(table: Any, path: Path) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        if hasattr(table, "iloc"):
            arrow = pa.Table.from_pandas(table, preserve_index=False)
        elif hasattr(table, "__arrow_c_stream__"):
            arrow = pa.table(table)
        else:
            raise UsageError("data must be a path, a DataFrame or an Arrow table: pandas.DataFrame(...) makes one")
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise UsageError(f"a column mixes kinds of values, give each column one kind: {error}") from error
    parquet.write_table(arrow, path, row_group_size=ROW_GROUP)
    return path


def _with_index(frame: Any) -> Any:
    """The frame with a named index as columns; an unnamed one that only counts rows is left out."""
    names = [name for name in frame.index.names if name is not None]
    if len(names) == len(frame.index.names):
        return frame.reset_index()
    if not names and frame.index.nlevels == 1 and frame.index.dtype.kind in "iu":
        return frame
    raise UsageError("the frame's index has no name: name it, or drop it with reset_index(drop=True)")
